from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest

from loader.gate.headers import Asked, asked_by, check_headers
from loader.gate.personal import SHOWN, _clear, check_personal, check_texts
from loader.gate.policy import COUNTS, RECORDS, REFERENCE, Policy
from loader.gate.shapes import SUSPECT, Found, Kind, find_personal, normalised
from loader.persons import why_held

if TYPE_CHECKING:
    from collections.abc import Sequence

    from loader.errors import Problem

LINE = "source line"

# Invented: prefixes that are never issued or made up, telephone numbers that Ofcom keeps for fiction, no real person.
PERSONAL = {
    Kind.NINO: [
        "AB123456C",
        "ab123456c",
        "AB 12 34 56 C",
        "AB 123456 C",
        "AB-12-34-56-C",
        "AB.12.34.56.C",
        "AB/12/34/56/C",
        "AB\u00a012\u00a034\u00a056\u00a0C",
        "AB\t12\t34\t56\tC",
        "AB   12   34   56   C",
        "ＡＢ１２３４５６Ｃ",
        "АВ123456С",  # Cyrillic А, В and С
        "AB١٢٣٤٥٦C",
        "AB12\u200b3456C",
        "AB12\u00ad3456C",
        "AB12345OC",
        "QQ 12 34 56 C",
        "AB 12 34 56",
        "claimant AB123456 rang",
        "NINO: SC123456",
        "letter (AB123456C), sent",
        "TN 01 02 80 F",
    ],
    Kind.EMAIL: [
        "jo@example.org",
        "Jo.O'Neil+1@mail.example.org.uk",
        "write to jo@example.org.",
        "jo＠example.org",
        "jо@example.org",  # Cyrillic о
        "jo @ example . org",
        "jo (at) example dot org",
        "jo [at] example.org",
        "jo at example dot gov dot uk",
    ],
    Kind.PHONE: [
        "07700 900123",
        "07700900123",
        "(020) 7946 0958",
        "020 7946 0958",
        "020-7946-0958",
        "020.7946.0958",
        "0161/496/0000",
        "０２０ ７９４６ ０９５８",
        "+44 20 7946 0958",
        "+44 (0)20 7946 0958",
        "0044 20 7946 0958",
        "+447700900123",
        "0 7 7 0 0 9 0 0 1 2 3",
        "call 01632 960123 after six",
        "tel 20 7946 0958",
        "+33 1 23 45 67 89",
        "+1 (212) 555-0123",
        "07700 900123x12",
    ],
    Kind.BIRTH: [
        "DOB 12/03/1980",
        "date of birth: 12 March 1980",
        "born 12.03.80",
        "d.o.b. 1980-03-12",
        "born on 3rd April 1975",
        "DOB 12031980",
        "Birth date 12-Mar-1980",
        "born March 12, 1980",
    ],
    Kind.BANK: [
        "sort code 20-04-15",
        "Sort Code: 200415",
        "20-04-15 12345678",
        "12345678, 20-04-15",
        "account number 12345678",
        "A/C No. 1234567",
        "GB29 NWBK 6016 1331 9268 19",
    ],
    Kind.POSTCODE: ["SW1A 1AA", "sw1a1aa", "SW1A\u00a01AA", "10 High Street, LS1 4AP", "M1 1AE."],
    Kind.TITLE: [
        "Mr Smith",
        "MR J SMITH",
        "mr smith",
        "Mrs. Jones",
        "Ms Patel",
        "Miss Jones",
        "Dr A Khan",
        "Dr.Khan",
        "Rev. Brown",
        "Sir John Smith",
        "SMITH, MR",
        "SMITH J MR",
        "J SMITH MR",
        "MR\u200bJ SMITH",
        "M\u200bR J SMITH",
        "Ｍｒ Smith",
        "Mr and Mrs Smith",
        "MR GRANT",
    ],
    Kind.TRADING: ["John Smith t/a Smiths", "SMITH T / A CLEANING", "J Smith trading as Smiths", "Smith d/b/a X"],
}

HARMLESS = """
E06000001
E07000223
W92000004
95AA01S1
UKD34
GB-COH-04366849
GB-COH-SC123456
SC123456
BIG FIRM LLP OC303675
PO 123456
INV123456
BG123456C
DF123456C
GB 12 34 56 A
we 250000 a year
paid on 12 34 56
2015047625
5100058947
0004012345
1234567890123
20000
1234567.89
0.12345678901
£1,234,567,890
2010-04
2010-04-19
12-03-13
12/03/2013 14:25
2023-2024
2021/22
http://reference.data.gov.uk/id/month/2010-04
babfe37aabb566fd
C2E935900255B UKVI
Payment 1005042, December 2011
Children born on or after 6 April 2017
Universal Credit @ 5 per cent
meets at gov.uk
at 10.30
SW1A
M15
A4E LTD
1st
45 to 49
Under 25
MR
Mr
MS
MS Office licences
Prof fees
missed appointments
Lord Lieutenants
Sir Benfro
Notre Dame High School
The council tax band D 12345678
Table 20-04-15
""".strip().splitlines()


def table(*cells: str | None, name: str = "note") -> pl.DataFrame:
    return pl.DataFrame({name: list(cells), LINE: range(2, len(cells) + 2)}, schema={name: pl.String, LINE: pl.Int64})


def check(rows: pl.DataFrame, policy: Policy | None = None, reviewed: Sequence[str] = ()) -> list[Problem]:
    return list(check_personal(rows, policy or Policy(RECORDS), "table.csv", LINE, reviewed=reviewed))


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in PERSONAL.items() for text in texts])
def test_personal_data_stop_the_build_and_are_not_repeated(kind: Kind, text: str) -> None:
    problems = [problem for problem in check(table("nothing here", text)) if f"like {kind}" in problem.message]
    assert [problem.where for problem in problems] == ["table.csv:3, column 'note'"]
    mask = problems[0].message.rpartition(": ")[2]
    assert sum(letter.isalnum() for letter in mask) <= 2
    assert list(check_texts([("sheet 'Notes', cell A1", text)]))


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_resembles_personal_data_passes(text: str) -> None:
    assert not check(table(text))


@pytest.mark.parametrize("text", [*HARMLESS, *(text for texts in PERSONAL.values() for text in texts)])
def test_the_fast_step_misses_nothing(text: str) -> None:
    normal = normalised(pl.Series([text]))
    assert not list(find_personal(normal[0], is_free=True)) or normal.str.contains(SUSPECT)[0]


def test_free_text_needs_no_more_than_the_number() -> None:
    assert not check(table("SC123456"))
    assert check(table("SC123456"), Policy(RECORDS, free_text_columns=("note",)))


@pytest.mark.parametrize(
    ("found", "masked"),
    [
        (Found(Kind.NINO, "AB123456C"), "AB#######"),
        (Found(Kind.PHONE, "07700 900123"), "07### ######"),
        (Found(Kind.TRADING, "t/a"), "#/#"),
        (Found(Kind.EMAIL, "someone.with.a.long.name@example.org"), "so#####.####.#.####.####"),
    ],
)
def test_masks(found: Found, masked: str) -> None:
    assert found.masked == masked


def test_many_are_counted() -> None:
    problems = check(table(*(f"AB{number:06d}C" for number in range(100))))
    assert len(problems) == SHOWN + 1
    assert problems[-1].message == "and 80 more cells like these"


def test_a_very_long_list_ends_the_search() -> None:
    problems = check(table(*(f"AB{number:06d}C" for number in range(5_000))))
    assert problems[-1].message.startswith("and at least 980")


def test_office_postcodes_are_declared() -> None:
    rows = table("SW1A 1AA", name="postcode")
    assert {problem.code for problem in check(rows)} == {"GATE-10", "GATE-17"}
    assert not check(rows, Policy(RECORDS, office_columns=("postcode",)))
    other = table("SW1A 1AA, 020 7946 0958", name="postcode")
    assert [problem.code for problem in check(other, Policy(RECORDS, office_columns=("postcode",)))] == ["GATE-14"]


def test_a_reviewed_number_passes_and_hides_no_other() -> None:
    policy = Policy(RECORDS, reviewed={"+44 20 7946 0958": "the public helpline"})
    assert not check(table("call 020 7946 0958"), policy)
    assert [problem.code for problem in check(table("call 020 7946 0958 or 07700 900123"), policy)] == ["GATE-14"]


def test_a_review_frees_no_number_of_a_person() -> None:
    assert check(table("AB123456C"), Policy(RECORDS, reviewed={"AB123456C": "a reason"}))


PAYEES = Policy(RECORDS, supplier_columns=("payee_name",))


@pytest.mark.parametrize("name", ["JOHN LEWIS PLC", "LEEDS CITY COUNCIL", "J SMITH LTD", "TRAINING SERVICES UK"])
def test_organisations_pass(name: str) -> None:
    assert not check(table(name, name="payee_name"), PAYEES)


@pytest.mark.parametrize(
    "name", ["MR J SMITH", "J SMITH", "MR J SMITH LTD", "SMITH & SON", "CLUB LTD T/A J SMITH", "ＭＲ J SMITH PLC"]
)
def test_payees_who_may_be_persons_are_held_and_not_named(name: str) -> None:
    problems = check(table(name, name="payee_name"), PAYEES, reviewed=["mr j smith"])
    assert [problem.code for problem in problems] == ["GATE-19"]
    assert "SMITH" not in str(problems[0])


def test_a_reviewed_organisation_passes() -> None:
    assert check(table("UKVI", name="payee_name"), PAYEES)
    assert not check(table("UKVI", name="payee_name"), PAYEES, reviewed=["ukvi"])


@pytest.mark.parametrize(
    "name",
    """
    JOHN LEWIS PLC|MR J SMITH LTD|M'R SMITH LTD|T.A. LTD|X LTD C/O J SMITH|TRADING AS LTD|X_MR LTD|DBA LTD|CARE OF LTD
    SMITH|MR. LTD|LTD|Ｘ LTD|J SMITH LIMITED|T-A LTD|C.O LTD|DAME SMITH INC|CAPT PLC
    """.replace("\n", "|").split("|"),
)
def test_the_fast_look_at_payees_lets_nobody_pass(name: str) -> None:
    assert not _clear(pl.Series([name]))[0] or why_held(name) is None


@pytest.mark.parametrize(
    ("header", "asked"),
    [
        ("Surname", Asked.PERSON),
        (" first_name ", Asked.PERSON),
        ("Date of Birth", Asked.PERSON),
        ("DOB", Asked.PERSON),
        ("NINO (last 4)", Asked.PERSON),
        ("National Insurance number", Asked.PERSON),
        ("National insurance", Asked.PERSON),
        ("ni_number", Asked.PERSON),
        ("claimantName", Asked.PERSON),
        ("Name of claimant", Asked.PERSON),
        ("Claimant", Asked.PERSON),
        ("Claim reference", Asked.PERSON),
        ("Customer Ref No", Asked.PERSON),
        ("Sort Code", Asked.PERSON),
        ("Account Number", Asked.PERSON),
        ("Ｓｕｒｎａｍｅ", Asked.PERSON),
        ("Sur\u200bname", Asked.PERSON),
        ("Email", Asked.CONTACT),
        ("Contact E-mail", Asked.CONTACT),
        ("Contact Phone", Asked.CONTACT),
        ("Mobile", Asked.CONTACT),
        ("Home Address 1", Asked.ADDRESS),
        ("address", Asked.ADDRESS),
        ("Full postcode", Asked.POSTCODE),
        ("Postal Code", Asked.POSTCODE),
        ("Name", Asked.NAME),
        ("Payee name", Asked.SUPPLIER),
        ("MCH.Merchant Name", Asked.SUPPLIER),
        ("Supplier", Asked.SUPPLIER),
    ],
)
def test_headers_that_ask_for_something(header: str, asked: Asked) -> None:
    assert asked_by(header) is asked


@pytest.mark.parametrize(
    "header",
    """
    Area name|Local authority name|Name in Welsh|Name of Organisation|Expense type|Claimants|Number of claimants|Age|NI
    Telephone claims|Claims made by telephone|Area address|Postcode district|National Insurance Fund expenditure|Births
    Year of birth|Merchant category code
    """.replace("\n", "|").split("|"),
)
def test_headers_of_things_and_counts_pass(header: str) -> None:
    assert asked_by(header) is None


def test_a_personal_header_stops_the_build_though_its_column_is_empty() -> None:
    problems = check(table(None, None, name="surname"))
    assert [(problem.code, problem.where) for problem in problems] == [("GATE-10", "table.csv, column 'surname'")]


def test_titles_are_read_as_well_as_column_names() -> None:
    rows = table("x", name="column")
    problems = check_personal(rows, Policy(RECORDS), "table.csv", LINE, titles={"column": "Date of birth"})
    assert [problem.where for problem in problems] == ["table.csv, column 'Date of birth'"]


def test_a_policy_says_what_a_header_does_not() -> None:
    assert check(table("x", name="name"))
    assert not check(table("x", name="name"), Policy(RECORDS, name_columns=("name",)))
    assert not check(table("x", name="name"), Policy(REFERENCE))
    assert not list(check_headers(["Code", "Name"], "table.csv"))
    assert list(check_headers(["Supplier"], "table.csv"))
    assert not list(check_headers(["Supplier"], "table.csv", PAYEES))
    assert list(check_headers(["E-mail"], "table.csv", Policy(RECORDS, name_columns=("E-mail",))))


def test_personal_data_in_a_header_are_not_repeated() -> None:
    problems = list(check_headers(["Area", "Claimant name: MR J SMITH AB123456C"], "table.csv"))
    assert {problem.code for problem in problems} == {"GATE-10", "GATE-12", "GATE-18"}
    assert not any("SMITH" in str(problem) or "123456" in str(problem) for problem in problems)


def test_nothing_is_found_in_nothing() -> None:
    assert not check(table())
    assert not check(table(None))
    assert not check(pl.DataFrame({LINE: []}, schema={LINE: pl.Int64}), Policy(COUNTS))
