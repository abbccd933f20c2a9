"""What `source.toml` says for catalogues is read, and what is wrong with it is said."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from loader.catalogue import contact_of, disagreements, series_of
from loader.entry import THEMES, Contact, Series
from loader.errors import ProblemsError
from loader.mapping import read_mapping
from loader.uris import Uris
from tests.integration import tiny

if TYPE_CHECKING:
    from pathlib import Path

    from loader.mapping import Mapping

CONTACT = '[contact]\nname = "Statistics team"\nemail = "team@example.org"\n'
SERIES = '[series]\nname = "tables"\ntitle = "Tables"\n'


def read(root: Path, before: str = "", after: str = "") -> Mapping:
    folder = tiny.write_mapping(root) / "tiny"
    source = folder / "source.toml"
    source.write_text(f"{before}\n{source.read_text('utf-8')}\n{after}", "utf-8")
    return read_mapping("tiny", folder, Uris("http://example.org"))


def test_everything_is_read(tmp_path: Path) -> None:
    before = 'themes = ["society"]\nareas = ["K03000001"]\nnext_release = 2030-01-08\ncovers = "2012-04-01/2014-03-31"'
    entry = read(tmp_path, before, CONTACT + SERIES).description.entry
    assert entry.contact == Contact("Statistics team", "team@example.org", None)
    assert entry.series == Series("tables", "Tables", "Tables")
    assert entry.themes == ("society",)
    assert entry.areas == ("K03000001",)
    assert entry.next_release == date(2030, 1, 8)
    assert entry.covers == (date(2012, 4, 1), date(2014, 3, 31))


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ('themes = ["astrology"]', "", "'astrology' is not known in 'themes'"),
        ('areas = ["Leeds"]', "", "no code of an area"),
        ('covers = "2014-01-01/2013-01-01"', "", "no first and last day"),
        ('covers = "2014-02-30/2015-01-01"', "", "no first and last day"),
        ('covers = "2014"', "", "no first and last day"),
        ('next_release = "soon"', "", "'next_release'"),
        ("", CONTACT.replace("@", " at "), "email of the contact"),
        ("", '[contact]\nemail = "team@example.org"\n', "'name' is missing"),
        ("", CONTACT + 'phone = "0"\n', "'phone' is not known"),
        ("", SERIES.replace('"tables"', '"A/B"'), "cannot be part of an address"),
        ("", '[series]\nname = "tables"\n', "'title' is missing"),
    ],
)
def test_what_is_wrong_is_said(before: str, after: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(ProblemsError) as raised:
        read(tmp_path, before, after)
    (problem,) = raised.value.problems
    assert problem.code == "MAP-05"
    assert words in problem.message


def test_what_recurs_is_a_series_without_saying_so(tmp_path: Path) -> None:
    mapping = read(tmp_path)
    assert series_of(mapping) == Series("tiny", mapping.description.title, mapping.description.description)
    source = mapping.folder / "source.toml"
    source.write_text(source.read_text("utf-8").replace('"monthly"', '"irregular"'), "utf-8")
    assert series_of(read_mapping("tiny", mapping.folder, Uris("http://example.org"))) is None


def test_the_publisher_is_asked_where_no_team_is_named(tmp_path: Path) -> None:
    mapping = read(tmp_path)
    assert contact_of(mapping, "The publisher") == Contact("The publisher", None, mapping.description.publisher)


def test_two_datasets_say_the_same_of_a_series_and_of_a_contact(tmp_path: Path) -> None:
    one = read(tmp_path / "one", after=CONTACT + SERIES)
    same = read(tmp_path / "same", after=CONTACT + SERIES)
    assert list(disagreements([one, same])) == []
    other = read(tmp_path / "other", after=(CONTACT + SERIES).replace("team@", "unit@").replace('"Tables"', '"Others"'))
    found = list(disagreements([one, other]))
    assert [problem.code for problem in found] == ["MAP-12", "MAP-12"]
    assert "the series 'tables'" in found[0].message
    assert "the contact 'statistics-team'" in found[1].message


def test_every_theme_has_a_topic_and_a_theme_of_its_own(root: Path) -> None:
    described = (root / "ontology/authorities.ttl").read_text("utf-8")
    assert len(THEMES) == 14
    for topic, code in THEMES.values():
        assert f"%5Btopic%5D={topic.replace(' ', '+')}>" in described
        assert f"theme:{code} a" in described
