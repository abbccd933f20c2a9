"""Addresses of this site."""

from __future__ import annotations

import pytest

from loader.errors import MisuseError
from loader.uris import Uris, slug


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Single, no child dependant", "single-no-child-dependant"),
        ("Pension, Disability & Carers", "pension-disability-and-carers"),
        ("Ynys Môn", "ynys-mon"),
        ("Carer's Allowance", "carers-allowance"),
        ("  --  ", ""),
        ("£25,000", "25-000"),
    ],
)
def test_slug(text: str, expected: str) -> None:
    assert slug(text) == expected


@pytest.mark.parametrize("base", ["http://h", "https://data.example.org", "http://127.0.0.1:8000/linked"])
def test_a_base_may_have_a_path_and_loses_its_last_slash(base: str) -> None:
    assert Uris.of(f"{base}/").base == base
    assert Uris.of(base).dataset("x").value == f"{base}/data/x"


@pytest.mark.parametrize(
    "base", ["", "data.example.org", "ftp://h", "http://", "http://h?x", "http://h#x", "http://h/<b>"]
)
def test_what_cannot_be_a_base_is_refused(base: str) -> None:
    with pytest.raises(MisuseError, match="cannot be a base"):
        Uris.of(base)


def test_every_kind_of_address() -> None:
    uris = Uris("http://h")
    assert uris.version("d", "2025-05", 2).value == "http://h/data/d/editions/2025-05/versions/2"
    assert uris.structure("d").value == "http://h/data/d/structure"
    assert uris.component("d", "area").value == "http://h/data/d/component/area"
    assert uris.scheme("area").value == "http://h/def/concept-scheme/area"
    assert uris.folder_document("d", is_code_list=False, file="d.csv") == "http://h/data/d/d.csv"
    assert uris.folder_document("l", is_code_list=True, file="l.csv") == "http://h/def/concept-scheme/l/l.csv"


def test_unsafe_characters_are_encoded() -> None:
    assert Uris("http://h").node("data/a b<c>").value == "http://h/data/a%20b%3Cc%3E"
