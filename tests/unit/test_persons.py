"""Payees: what is published, what is held and why, and what no spelling gets past."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loader.errors import ProblemsError
from loader.mapping import packaged_mappings
from loader.persons import TITLES, Held, read_reviewed, supplier_id, why_held

SPACES = (" ", "  ", "\u00a0", "\u2003", "\u3000", "\t", "\u202f", " \u200b", "\u2800")


@pytest.mark.parametrize(
    "name",
    [
        "JOHN LEWIS PLC",
        "J SMITH LTD",
        "Xerox (UK) Limited",
        "XEROX UK LTD 3W",
        "McKinsey & Company Inc.",
        "DELOITTE LLP",
        "ACACIA DESTINY CIC",
        "MEHLER VARIO SYSTEM GMBH",
        "ADUR DISTRICT COUNCIL",
        "LONDON BOROUGH OF BARNET",
        "CITY OF WESTMINSTER",
        "NHS GRAMPIAN",
        "SHAW TRUST",
        "UNIVERSITY OF EXETER",
        "MINISTRY OF JUSTICE",
        "OFFICE FOR NATIONAL STATISTICS",
        "KING'S COLLEGE HOSPITAL NHS",
        "KINGDOM CREDIT UNION",
        "HM REVENUE & CUSTOMS",
        "SOUTH EAST ENGLAND DEVELOPMENT AGENCY",
        "Training Services UK",
        "ＣＡＰＧＥＭＩＮＩ　ＵＫ　ＰＬＣ",
    ],
)
def test_organisations_are_published(name: str) -> None:
    assert why_held(name) is None


@pytest.mark.parametrize(
    "name",
    [
        "MR J SMITH",
        "Mr. J. Smith",
        "J SMITH (MR)",
        "SMITH, J, MR",
        "MR/MRS SMITH",
        "mr j smith",
        "ＭＲ Ｊ ＳＭＩＴＨ",
        "MR\u00a0J SMITH",
        "MR\u200bJ SMITH",
        "M\u200bR J SMITH",
        "M\u00adR J SMITH",
        "M\u0301R J SMITH",
        "M'R J SMITH",
        "\ufeffMR J SMITH",
        "MR J SMITH LTD",
        "MR\u200bJ SMITH LTD",
        "MR J SMITH T/A SMITH SERVICES LTD",
        "MRS SMITH CONSULTANCY",
        "MISS J DOE",
        "MS DOE",
        "DR J DOE",
        "PROF. DOE",
        "REV J DOE",
        "SIR JOHN DOE",
        "LADY DOE TRUST",
        "DAME JANE DOE COUNCIL",
        "J DOE ESQ",
    ],
)
def test_a_title_always_holds(name: str) -> None:
    assert why_held(name) is Held.TITLE
    assert why_held(name, {"mr j smith", "j smith mr", "mrj smith", "mr j smith ltd"}) is Held.TITLE


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", Held.NO_NAME),
        (" \u200b ", Held.NO_NAME),
        ("-", Held.NO_NAME),
        ("\u041cR J SMITH", Held.SCRIPT),
        ("M\u13a1 J SMITH LTD", Held.SCRIPT),
        ("\u1d0d\u0280 J SMITH LTD", Held.SCRIPT),
        ("J SMITH \u0421OUNCIL", Held.SCRIPT),
        ("J SMITH T/A SMITH COUNCIL", Held.TRADING_AS),
        ("SMITH LTD T/A DOE", Held.TRADING_AS),
        ("SMITH LTD T\\A DOE", Held.TRADING_AS),
        ("SMITH LTD T.A. DOE", Held.TRADING_AS),
        ("SMITH LTD T\u2044A DOE", Held.TRADING_AS),
        ("SMITH LTD TA DOE", Held.TRADING_AS),
        ("SMITH LTD trading as DOE", Held.TRADING_AS),
        ("DOE COUNCIL C/O J SMITH", Held.TRADING_AS),
        ("DOE COUNCIL \u2105 J SMITH", Held.TRADING_AS),
        ("J SMITH", Held.NO_ORGANISATION),
        ("SMITH J", Held.NO_ORGANISATION),
        ("JOHN SMITH", Held.NO_ORGANISATION),
        ("MRJ SMITH", Held.NO_ORGANISATION),
        ("M R SMITH", Held.NO_ORGANISATION),
        ("SMITH & SON", Held.NO_ORGANISATION),
        ("SMITH SA", Held.NO_ORGANISATION),
        ("JOHN SMITH SERVICES", Held.NO_ORGANISATION),
        ("SMITH ASSOCIATES", Held.NO_ORGANISATION),
        ("SMITH CONSULTANCY", Held.NO_ORGANISATION),
        ("DAVID COLLEGE", Held.NO_ORGANISATION),
        ("JANE DOE SCHOOL", Held.NO_ORGANISATION),
        ("DOE CHAMBERS", Held.NO_ORGANISATION),
        ("J SMITH TRUST", Held.NO_ORGANISATION),
        ("J. SMITH UNIVERSITY", Held.NO_ORGANISATION),
        ("THE UK", Held.NO_ORGANISATION),
        ("JOHNSMITH.CO.UK", Held.NO_ORGANISATION),
        ("4025", Held.NO_ORGANISATION),
    ],
)
def test_names_that_show_no_organisation_are_held(name: str, reason: Held) -> None:
    assert why_held(name) is reason


@given(
    title=st.sampled_from([spelt for title in sorted(TITLES) for spelt in (title, title.upper(), title.title())]),
    gap=st.sampled_from(SPACES),
    order=st.sampled_from(["{title}{gap}J{gap}SMITH", "J{gap}SMITH{gap}{title}", "SMITH,{gap}{title},{gap}J"]),
    mark=st.sampled_from(["", ".", ",", ":", ")"]),
    end=st.sampled_from(["", " LTD", " COUNCIL", " SERVICES"]),
)
def test_no_spelling_of_a_title_passes(title: str, gap: str, order: str, mark: str, end: str) -> None:
    name = order.format(title=title + mark, gap=gap) + end
    assert why_held(name, {"j smith", "smith j"}) is Held.TITLE


@given(st.text(max_size=40))
def test_every_text_is_decided(name: str) -> None:
    assert why_held(name) in {None, *Held}


def test_a_reviewed_name_passes_in_any_spelling() -> None:
    reviewed = read_reviewed("# companies\n\nRemploy  # employer of disabled people\n", "list")
    assert why_held("REMPLOY") is Held.NO_ORGANISATION
    assert why_held("  rémploy.", reviewed) is None
    assert why_held("REMPLOY SMITH", reviewed) is Held.NO_ORGANISATION


def test_a_payment_for_one_person_needs_a_reviewed_payee() -> None:
    name = "JOHN SMITH ACME TAXIS LTD"
    assert why_held(name) is None
    assert why_held(name, for_one_person=True) is Held.NOT_REVIEWED
    assert why_held(name, read_reviewed(name, "list"), for_one_person=True) is None
    assert why_held("J SMITH", for_one_person=True) is Held.NO_ORGANISATION


def test_a_list_with_a_title_is_refused_and_the_name_is_not_repeated() -> None:
    with pytest.raises(ProblemsError) as caught:
        read_reviewed("REMPLOY\nMR J SMITH\n\u041cOTABILITY\nCLUB 24 LTD T/A VENTURA\n", "organisations.txt")
    assert [(problem.code, problem.where) for problem in caught.value.problems] == [
        ("TIDY-05", "organisations.txt:2"),
        ("TIDY-05", "organisations.txt:3"),
        ("TIDY-05", "organisations.txt:4"),
    ]
    assert "SMITH" not in str(caught.value)


@pytest.mark.parametrize(
    "dataset", sorted(path.parent.name for path in packaged_mappings().glob("*/organisations.txt"))
)
def test_the_lists_that_come_with_the_project_are_needed_and_in_order(dataset: str) -> None:
    path = packaged_mappings() / dataset / "organisations.txt"
    text = path.read_text("utf-8")
    names = [name for line in text.splitlines() if (name := line.partition("#")[0].strip())]
    assert read_reviewed(text, path.name)
    assert [name for name in names if why_held(name, for_one_person=True) is None] == []
    assert names == sorted(set(names))


def test_a_supplier_keeps_its_identifier_over_case_spaces_and_a_full_stop() -> None:
    spellings = ("TNG BUSINESS SUPPORT LTD", "Tng  Business Support Ltd.", "TNG\u00a0BUSINESS SUPPORT LTD ")
    assert {supplier_id(spelling) for spelling in spellings} == {"68e8e74fe17f8a38"}
    assert supplier_id("TNG BUSINESS SUPPORT") != supplier_id(spellings[0])
