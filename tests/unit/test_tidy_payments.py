"""The tidy steps of payments over £25,000 and of procurement card payments, on small files made for the purpose."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

from loader.errors import ProblemsError
from loader.mapping import packaged_mappings
from loader.persons import supplier_id
from loader.sources import load_tidy
from loader.tidying import LeftOut, TidyReport

if TYPE_CHECKING:
    from types import ModuleType

HEADER = "Departmental Family,Entity,Date,Expense Type,Expense Area,Supplier ,Transaction Number,Amount"
LATER = f"{HEADER},Category,Sub-Category,Micro-Category ,SME?,Sector"
LINE = "DWP,Corporate,19/04/2010,TRAVEL,GROUP FINANCE,ACME LTD,441902"
CARD = (
    "Line Number ,Posting Date ,MCH.Merchant Category Code (MCC),MCH.Merchant Name,FIN.Transaction Amount,Description"
)


def step(dataset: str) -> ModuleType:
    return load_tidy(packaged_mappings() / dataset / "tidy.py", dataset)


@pytest.fixture(scope="module")
def payments() -> ModuleType:
    return step("payments-over-25k")


@pytest.fixture(scope="module")
def card() -> ModuleType:
    return step("procurement-card")


def tidied(
    module: ModuleType, folder: Path, *lines: str, name: str = "dwp-payments-x.csv"
) -> tuple[pl.DataFrame, TidyReport]:
    """Tidy a file of these lines; what is raised as problems is in the report."""
    path = folder / name
    path.write_bytes("\r\n".join(lines).encode("cp1252"))
    report = TidyReport(name, "cp1252", Path(str(module.__file__)).parent)
    try:
        return module.tidy(path, report).collect(), report
    except ProblemsError as error:
        report.problems = list(error.problems)
        return pl.DataFrame(), report


def problems(report: TidyReport) -> list[tuple[str, str]]:
    return [(problem.code, problem.where.partition(":")[2]) for problem in report.problems]


# Payments over £25,000


def test_a_line_becomes_a_row_of_codes_and_canonical_values(payments: ModuleType, tmp_path: Path) -> None:
    accounts = '"Pension, Disability Carers Services",03-Dec-11, Fees  & FINES,F&C'
    cells = f'DWP,{accounts},ACME  LTD,2023,"-£1,234",A & B,C,D,NO,TSO'
    frame, report = tidied(payments, tmp_path, LATER, cells)
    assert report.problems == []
    assert frame.to_dicts() == [
        {
            "month": "2011-12",
            "reference": "2023",
            "line": "1",
            "payer": "pension-disability-carers-services",
            "payer_name": "Pension, Disability Carers Services",
            "payee": supplier_id("Acme Ltd"),
            "payee_name": "ACME LTD",
            "date": "2011-12-03",
            "expense_type": "fees-and-fines",
            "expense_type_label": "Fees & FINES",
            "expense_area": "f-and-c",
            "expense_area_label": "F&C",
            "procurement_category": "a-and-b.c.d",
            "category": "A & B",
            "sub_category": "C",
            "micro_category": "D",
            "sme": "no",
            "sector": "tso",
            "source_line": "2",
            "amount": "-1234",
        }
    ]


def test_columns_a_month_does_not_have_are_blank(payments: ModuleType, tmp_path: Path) -> None:
    frame, _ = tidied(payments, tmp_path, HEADER, f"{LINE},1")
    assert frame.select("procurement_category", "category", "sub_category", "micro_category", "sme", "sector").row(
        0
    ) == ((None,) * 6)


def test_columns_are_found_by_header_in_any_order_and_a_second_header_counts(
    payments: ModuleType, tmp_path: Path
) -> None:
    frame, report = tidied(
        payments,
        tmp_path,
        "Payments,,",
        "AMOUNT, supplier,transaction   number,date,ENTITY,expense area,Expense Type,",
        "1,ACME LTD,7,01/04/2010,Corporate,AREA,TYPE,",
        "Entity,Date,Account Group Desc,Level 3 Description,Supplier,Transaction Number,Amount",
        "Corporate,02/04/2010,TYPE,AREA,ACME LTD,7,2",
    )
    assert frame.select("date", "expense_type", "expense_area", "line", "amount", "source_line").rows() == [
        ("2010-04-01", "type", "area", "1", "1", "3"),
        ("2010-04-02", "type", "area", "2", "2", "5"),
    ]
    assert (report.rows_read, report.skipped) == (3, [LeftOut(4, "repeated header row")])


def test_rows_that_are_no_payments_are_reported(payments: ModuleType, tmp_path: Path) -> None:
    frame, report = tidied(
        payments,
        tmp_path,
        HEADER,
        f'{LINE},"1,000.50"',
        ",,,,,,,,,",
        "",
        ',,,,,,,"365,327,383.02"',
        "Total,,,,,,,5",
        ",,,,WWEG EMPLOYMENT PROGRAMMES",
        "DWP,Corporate,19/04/2010,TRAVEL",
        ",,,,WWEG,,,",
    )
    assert frame["amount"].to_list() == ["1000.5"]
    assert report.problems == []
    assert report.skipped == [
        LeftOut(3, "blank row"),
        LeftOut(4, "blank row"),
        LeftOut(5, "total row", Decimal("365327383.02")),
        LeftOut(6, "total row", Decimal(5)),
        LeftOut(7, "truncated row"),
        LeftOut(8, "truncated row"),
        LeftOut(9, "truncated row"),
    ]
    assert report.rows_read == len(frame) + len(report.skipped) + len(report.held)


def test_lines_are_numbered_before_payees_are_held(payments: ModuleType, tmp_path: Path) -> None:
    person = LINE.replace("ACME LTD", "MR J SMITH")
    frame, report = tidied(payments, tmp_path, HEADER, f"{person},1", f"{LINE},2", f"{LINE},3", f"{person},-4.50")
    assert frame.select("line", "amount").rows() == [("2", "2"), ("3", "3")]
    assert report.held == [
        LeftOut(2, "payee held: title of a person", Decimal(1)),
        LeftOut(5, "payee held: title of a person", Decimal("-4.5")),
    ]


def test_a_line_without_payee_is_held(payments: ModuleType, tmp_path: Path) -> None:
    _, report = tidied(payments, tmp_path, HEADER, LINE.replace("ACME LTD", "") + ",1")
    assert [(row.line, row.reason) for row in report.held] == [(2, "payee held: no name")]


@pytest.mark.parametrize("kind", ["ACCESS TO WORK", "Access  to work", "SPECIAL PAYMENTS EXTRA STATUTORY"])
def test_a_payment_for_one_person_is_held_unless_its_payee_is_reviewed(
    payments: ModuleType, tmp_path: Path, kind: str
) -> None:
    line = LINE.replace("TRAVEL", kind)
    frame, report = tidied(
        payments, tmp_path, HEADER, f"{line},1", line.replace("ACME LTD", "REMPLOY") + ",2", f"{LINE},3"
    )
    assert frame["payee_name"].to_list() == ["REMPLOY", "ACME LTD"]
    assert report.held == [LeftOut(2, "payee held: payment for a single person, and payee not reviewed", Decimal(1))]


@pytest.mark.parametrize("text", ["", "#N/A", "-"])
def test_what_is_not_stated_has_a_code(payments: ModuleType, tmp_path: Path, text: str) -> None:
    frame, _ = tidied(payments, tmp_path, HEADER, LINE.replace("TRAVEL", text).replace("GROUP FINANCE", text) + ",1")
    stated = frame.select("expense_type", "expense_type_label", "expense_area", "expense_area_label")
    assert stated.row(0) == ("not-stated", "Not stated in the published file") * 2


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("75,127.50", "75127.5"),
        ("£29,501,800", "29501800"),
        ("-£1,234", "-1234"),
        ("£-1,234.00", "-1234"),
        ("100", "100"),
        ("-0.00", "0"),
        ("0.05", "0.05"),
        ("1234567.10", "1234567.1"),
    ],
)
def test_amounts_are_written_in_canonical_form(payments: ModuleType, text: str, canonical: str) -> None:
    amount = payments.amount_of(text)
    assert payments.canonical(amount) == canonical
    assert Decimal(canonical) == amount


@pytest.mark.parametrize("text", ["", "1,23", "12,34.5", "1.2.3", "1o0", "--1", "-£-1", "(5)", "£", "1e3", "١٢", "$5"])
def test_what_is_no_amount_is_refused(payments: ModuleType, text: str) -> None:
    assert payments.amount_of(text) is None


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("19/04/2010", date(2010, 4, 19)),
        ("1/4/2010", date(2010, 4, 1)),
        ("03-Apr-12", date(2012, 4, 3)),
        ("3-APR-2012", date(2012, 4, 3)),
        ("31/04/2010", None),
        ("04/19/2010", None),
        ("19/04/10", None),
        ("03-Avr-12", None),
        ("", None),
    ],
)
def test_dates(payments: ModuleType, text: str, day: date | None) -> None:
    assert payments.date_of(text) == day


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (f"{LINE},12o", ("TIDY-02", "3, column 'Amount'")),
        (f"{LINE},", ("TIDY-02", "3, column 'Amount'")),
        (LINE.replace("19/04", "31/04") + ",1", ("TIDY-03", "3, column 'Date'")),
        (LINE.replace("19/04", "19/05") + ",1", ("TIDY-03", "3, column 'Date'")),
        (LINE.replace("Corporate", "") + ",1", ("TIDY-06", "3, column 'Entity'")),
        (LINE.replace("441902", "44 19") + ",1", ("TIDY-06", "3, column 'Transaction Number'")),
        (f"{LINE},1,,,,,stray", ("TIDY-06", "3")),
        (f"{LINE},1,,,,MAYBE,", ("TIDY-05", "3, column 'SME?'")),
        (f"{LINE},1,,,,,Royal", ("TIDY-05", "3, column 'Sector'")),
        ("DWP,,,,,ACME LTD,,5", ("TIDY-03", "3, column 'Date'")),
        (",,,,,,,x", ("TIDY-02", "3, column 'Amount'")),
    ],
)
def test_a_cell_that_cannot_be_read_is_a_problem_with_its_place(
    payments: ModuleType, tmp_path: Path, cells: str, expected: tuple[str, str]
) -> None:
    header = LATER.replace(",SME?,Sector", "") if "stray" in cells else LATER
    _, report = tidied(payments, tmp_path, header, f"{LINE},1", cells, f"{LINE},2")
    assert expected in problems(report)


def test_a_long_cell_is_not_repeated(payments: ModuleType, tmp_path: Path) -> None:
    _, report = tidied(payments, tmp_path, HEADER, f"{LINE},1", f"{LINE},paid to somebody who has a name of his own")
    assert [problem.message for problem in report.problems] == ["the cell cannot be read"]


def test_all_problems_of_a_file_are_collected(payments: ModuleType, tmp_path: Path) -> None:
    bad = [f"{LINE},x{number}" for number in range(5)]
    _, report = tidied(payments, tmp_path, HEADER, *bad, LINE.replace("19/04/2010", "soon") + ",1")
    assert [code for code, _ in problems(report)] == ["TIDY-03"] + ["TIDY-02"] * 5


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([HEADER.replace("Supplier ", "Payee"), f"{LINE},1"], [("TIDY-01", "1, column 'Payee'"), ("TIDY-01", "1")]),
        ([f"{HEADER},Postcode", f"{LINE},1,X"], [("TIDY-01", "1, column 'Postcode'")]),
        ([f"{HEADER},Amount", f"{LINE},1,2"], [("TIDY-01", "1, column 'Amount'")]),
        (["a,b"] * 30, [("TIDY-01", "")]),
        (["a,b"], [("TIDY-01", "")]),
        ([HEADER], [("TIDY-06", "")]),
        ([""], [("FILE-01", "")]),
        (["\0PK"], [("FILE-02", "1")]),
        ([HEADER, f'{LINE},"1', *[f"{LINE},1"] * 5], [("TIDY-06", "2"), ("TIDY-02", "2, column 'Amount'")]),
        ([HEADER, f'{LINE},"1', *[f"{LINE},1"] * 3000], [("TIDY-06", "2"), ("TIDY-02", "2, column 'Amount'")]),
    ],
)
def test_files_that_are_not_as_published_are_refused(
    payments: ModuleType, tmp_path: Path, lines: list[str], expected: list[tuple[str, str]]
) -> None:
    assert problems(tidied(payments, tmp_path, *lines)[1]) == expected


def test_bytes_outside_the_encoding_are_refused(payments: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "dwp-payments-x.csv"
    path.write_bytes(HEADER.encode() + b"\r\n\x81\x8d")
    with pytest.raises(ProblemsError, match="FILE-03"):
        payments.tidy(path, TidyReport(path.name, "cp1252"))


def test_companions_describe_what_occurs_under_its_most_frequent_name(payments: ModuleType, tmp_path: Path) -> None:
    shouted = LINE.replace("ACME LTD", "Acme Ltd.").replace("TRAVEL", "Travel")
    frame, _ = tidied(
        payments,
        tmp_path,
        LATER,
        f"{shouted},1,A,B,C,YES,Public",
        f"{LINE},2,A,B,,NO,Private",
        f"{LINE},3,A,,,NO,Private",
    )
    tables = payments.companions(frame)
    assert tables["suppliers"].rows() == [(frame["payee"][0], "ACME LTD")]
    assert tables["payers"].rows() == [("corporate", "Corporate")]
    assert tables["expense-types"].rows() == [("travel", "TRAVEL")]
    assert tables["expense-areas"].rows() == [("group-finance", "GROUP FINANCE")]
    assert tables["procurement-categories"].rows() == [("a", "A", None), ("a.b", "B", "a"), ("a.b.c", "C", "a.b")]
    assert tables["transactions"].rows() == [("2010-04", "441902", "Payment 441902, April 2010")]


# Procurement card


@pytest.fixture
def card_file(card: ModuleType, tmp_path: Path) -> tuple[pl.DataFrame, TidyReport]:
    return tidied(
        card,
        tmp_path,
        CARD,
        "epcs 1,18/08/2025,9399,C2E935900255B UKVI,4025,VISA",
        'A2B 12,45875,5399,AMAZON  RF8598GL4,"£1,749.50","X1, for somebody"',
        "A2B 13,45875,5999,MR J SMITH,600.10,TOOLS",
        ",,,,,",
        "Total,,,,6374.60,",
        "A2B 14",
        name="dwp_epcs_july_2025.csv",
    )


def test_card_payments(card_file: tuple[pl.DataFrame, TidyReport]) -> None:
    frame, report = card_file
    assert report.problems == []
    assert frame.drop("payee").rows() == [
        (
            "2025-07",
            "epcs-1",
            "2025-08",
            "2025-08-18",
            "9399",
            *("Government services not listed elsewhere", "UKVI", "2", "4025"),
        ),
        (
            "2025-07",
            "a2b-12",
            "2025-08",
            "2025-08-06",
            "5399",
            *("General merchandise not listed elsewhere", "AMAZON", "3", "1749.5"),
        ),
    ]
    assert report.held == [LeftOut(4, "payee held: title of a person", Decimal("600.1"))]
    assert report.skipped == [
        LeftOut(5, "blank row"),
        LeftOut(6, "total row", Decimal("6374.6")),
        LeftOut(7, "truncated row"),
    ]
    assert report.rows_read == len(frame) + len(report.skipped) + len(report.held)


def test_descriptions_of_purchases_and_order_numbers_are_nowhere(card_file: tuple[pl.DataFrame, TidyReport]) -> None:
    text = card_file[0].write_csv()
    assert not any(part in text for part in ("VISA", "somebody", "RF8598GL4", "C2E935900255B"))


@pytest.mark.parametrize(
    ("text", "merchant"),
    [
        ("TOOLS4TRADE", "TOOLS4TRADE"),
        ("ONE4ALL", "ONE4ALL"),
        ("C2C-ONLINE.CO.UK", "C2C-ONLINE.CO.UK"),
        ("EVANSCYCLES (WARESHOP2", "EVANSCYCLES (WARESHOP2"),
        ("AMZN 123ABCD45 UK", "AMZN UK"),
    ],
)
def test_names_are_cleaned_of_reference_numbers_only(card: ModuleType, text: str, merchant: str) -> None:
    assert card.merchant_of(text) == merchant


@pytest.mark.parametrize(
    ("stem", "month"),
    [
        ("dwp_epcs_july_2025", "2025-07"),
        ("DWP_EPCS_December_2024", "2024-12"),
        ("dwp_epcs_2025", None),
        ("dwp_epcs_juli_2025", None),
    ],
)
def test_the_month_of_a_return_is_in_the_name_of_its_file(card: ModuleType, stem: str, month: str | None) -> None:
    assert card.month_of_return(stem) == month


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([CARD, "epcs 1,18/08/2025,9398,ARGOS,1,"], [("TIDY-05", "2, column 'Merchant Category Code'")]),
        ([CARD, "epcs 1,18.08.2025,9399,ARGOS,1,"], [("TIDY-03", "2, column 'Posting Date'")]),
        ([CARD, "epcs 1,18/08/2025,9399,ARGOS,l,"], [("TIDY-02", "2, column 'Transaction Amount'")]),
        ([CARD, ",18/08/2025,9399,ARGOS,1,"], [("TIDY-06", "2, column 'Line Number'")]),
        (
            [CARD, "epcs 1,18/08/2025,9399,ARGOS,1,", "EPCS  1,18/08/2025,9399,ARGOS,1,"],
            [("TIDY-08", "3, column 'Line Number'")],
        ),
        ([CARD.replace("MCH.Merchant Name", "Shop"), "epcs 1"], [("TIDY-01", "1, column 'Shop'"), ("TIDY-01", "1")]),
        ([f"{CARD},Cardholder", "epcs 1"], [("TIDY-01", "1, column 'Cardholder'")]),
        (["a,b"] * 30, [("TIDY-01", "")]),
        (["a,b"], [("TIDY-06", "")]),
        ([CARD], [("TIDY-06", "")]),
    ],
)
def test_card_files_that_are_not_as_published_are_refused(
    card: ModuleType, tmp_path: Path, lines: list[str], expected: list[tuple[str, str]]
) -> None:
    assert problems(tidied(card, tmp_path, *lines, name="dwp_epcs_july_2025.csv")[1]) == expected


def test_a_card_file_without_month_in_its_name_is_refused(card: ModuleType, tmp_path: Path) -> None:
    assert problems(tidied(card, tmp_path, CARD, name="dwp_epcs_new.csv")[1]) == [("TIDY-03", "")]
