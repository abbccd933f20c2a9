"""Scaffolding: what columns are taken for, what is written, and what bad tables are told."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING

import pytest

from loader.errors import MisuseError, ProblemsError
from loader.recognise import period_of
from loader.scaffold import scaffold
from loader.sheet import canonical, column_name

if TYPE_CHECKING:
    from pathlib import Path


class Made:
    """What `dwpld new` said and wrote."""

    def __init__(self, folder: Path, report: str) -> None:
        self.folder = folder
        self.report = report

    def lines(self, name: str = "") -> list[str]:
        return (self.folder / f"{name or self.folder.name}.csv").read_text("utf-8").splitlines()

    def columns(self) -> dict[str, dict[str, object]]:
        document = json.loads((self.folder / f"{self.folder.name}.csv-metadata.json").read_text("utf-8"))
        return {column["name"]: column for column in document["tableSchema"]["columns"]}

    def components(self) -> str:
        path = self.folder / "components.ttl"
        return path.read_text("utf-8") if path.exists() else ""

    def source(self) -> dict[str, object]:
        return tomllib.loads((self.folder / "source.toml").read_text("utf-8"))


def make(tmp_path: Path, table: str, name: str = "my-data") -> Made:
    path = tmp_path / "table.csv"
    path.write_text(table, "utf-8")
    mappings = tmp_path / "mappings"
    return Made(mappings / name, "\n".join(scaffold(name, path, mappings, show=False)))


def refuse(tmp_path: Path, table: bytes) -> str:
    path = tmp_path / "table.csv"
    path.write_bytes(table)
    with pytest.raises(ProblemsError) as caught:
        list(scaffold("my-data", path, tmp_path / "mappings", show=False))
    assert not (tmp_path / "mappings" / "my-data").exists()
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1,234.50", "1234.5"),
        ("£3", "3"),
        ("-£1.20", "-1.2"),
        ("(1,000)", "-1000"),
        ("14.7%", "14.7"),
        ("842.0", "842"),
        ("−5", "-5"),
        ("-0", "0"),
        (".5", "0.5"),
        ("12,34", None),
        ("1,2o4", None),
        ("(5", None),
        ("", None),
        ("£", None),
    ],
)
def test_numbers_get_their_canonical_form(text: str, number: str | None) -> None:
    assert canonical(text) == number


@pytest.mark.parametrize(
    ("text", "notation"),
    [
        ("2018-05", "2018-05"),
        ("May 2025", "2025-05"),
        ("April 2014", "2014-04"),
        ("Sept-19", "2019-09"),
        ("Q2 2018", "2018-Q2"),
        ("2018 Q2", "2018-Q2"),
        ("2014/15", "2014-2015"),
        ("2014-15", "2014-2015"),
        ("1999/00", "1999-2000"),
        ("2014 to 2015", "2014-2015"),
        ("2014/16", ""),
        ("Maybe 2025", ""),
        ("2014", ""),
    ],
)
def test_periods_are_read_as_they_are_written(text: str, notation: str) -> None:
    assert period_of(text) == notation


def test_short_years_need_their_neighbours_to_be_financial_years() -> None:
    assert period_of("2011-12") == "2011-12"
    assert period_of("2011-12", short_years=True) == "2011-2012"


@pytest.mark.parametrize(
    ("title", "name"), [("Area name", "area_name"), ("% of total", "percent_of_total"), ("£m", "pounds_m"), ("—", "")]
)
def test_column_names_are_snake_case(title: str, name: str) -> None:
    assert column_name(title) == name


def test_codes_and_one_measure_that_is_declared(tmp_path: Path) -> None:
    made = make(tmp_path, 'Area,Month,Households\nE06000001,2025-05,"1,000"\nE06000002,2025-05,20\n')
    assert made.lines() == ["Area,Month,Households", "E06000001,2025-05,1000", "E06000002,2025-05,20"]
    columns = made.columns()
    assert columns["area"]["propertyUrl"] == "../../def/dimension/area"
    assert columns["area"]["valueUrl"] == "http://statistics.data.gov.uk/id/statistical-geography/{area}"
    assert columns["month"]["propertyUrl"] == "../../def/dimension/period"
    assert columns["month"]["valueUrl"] == "http://reference.data.gov.uk/id/month/{month}"
    assert columns["households"]["propertyUrl"] == "../../def/measure/households"
    assert columns["unit"]["valueUrl"] == "../../def/unit/household"
    assert made.source()["edition"] == "2025-05"
    assert made.source()["frequency"] == "monthly"
    assert "2 of 2 values are codes of the list 'area'" in made.report


def test_labels_get_a_column_of_codes(tmp_path: Path) -> None:
    made = make(tmp_path, 'Local authority,Year,People\n"Bristol, City of",2014/15,5\nHartlepool,2014/15,6\n')
    assert made.lines()[1] == 'E06000023,"Bristol, City of",2014-2015,2014/15,5'
    assert made.columns()["local_authority"]["suppressOutput"] is True
    assert made.source()["edition"] == "2014-2015"


def test_near_misses_are_named_with_their_lines(tmp_path: Path) -> None:
    rows = "".join(f"{name},2025-05,1\n" for name in ("Barnet", "Bexley", "Brent", "Camden", "Neverland"))
    made = make(tmp_path, f"Area,Period,People\n{rows}")
    assert "4 of 5 values of 'area' are of the list 'area'; not: 'Neverland' (line 6)" in made.report
    assert made.lines()[5] == ",Neverland,2025-05,1"


def test_areas_of_other_kinds_are_described_in_the_folder(tmp_path: Path) -> None:
    table = "area_code,area_name,period,people\nE02001259,Old Trafford,2019-01,8\nE02001260,Gorse Hill,2019-01,9\n"
    made = make(tmp_path, table)
    assert made.lines("my-data-areas") == ["Code,Label,Order", "E02001259,Old Trafford,1", "E02001260,Gorse Hill,2"]
    assert "follows from 'area_code'" in made.report


def test_unknown_texts_become_a_dimension_of_their_own(tmp_path: Path) -> None:
    groups = ("Under 5", "5 and over", "Not known", "Total")
    rows = "".join(f"2025-{month:02},{group},{month}\n" for month in range(1, 5) for group in groups)
    made = make(tmp_path, f"Month,Duration group,Claimants\n{rows}")
    assert made.lines("duration-group")[1:3] == ["under-5,Under 5,1", "5-and-over,5 and over,2"]
    assert made.columns()["duration_group_code"]["valueUrl"] == "../../def/concept/duration-group/{duration_group_code}"
    assert "<def/dimension/duration-group> a rdf:Property, qb:DimensionProperty, qb:CodedProperty" in made.components()
    assert "<def/concept-scheme/duration-group> a skos:ConceptScheme" in made.components()


def test_markers_become_codes_and_blank_rows_are_left_out(tmp_path: Path) -> None:
    made = make(tmp_path, "Month,People\n2025-01,..\n2025-02,5\n2025-03,[c]\n2025-04,\n\n2025-05,..\n")
    assert made.lines() == [
        "Month,People,Status,Confidentiality",
        "2025-01,,M,",
        "2025-02,5,,",
        "2025-03,,M,C",
        "2025-05,,M,",
    ]
    assert "required" not in made.columns()["people"]
    for line in (
        "3 markers in place of one",
        "'..', in 2 cells, was taken for 'not available' ([x])",
        "1  row with no figure: blank",
        "1  blank row",
    ):
        assert line in made.report


def test_several_measures_are_melted(tmp_path: Path) -> None:
    made = make(tmp_path, "Month,Households,Amount (£)\n2025-01,10,£5.50\n2025-02,..,6\n")
    assert made.lines() == [
        "Month,Measure,Unit,Value,Status",
        "2025-01,households,household,10,",
        "2025-01,amount-pounds,pound-sterling,5.5,",
        "2025-02,households,household,,M",
        "2025-02,amount-pounds,pound-sterling,6,",
    ]
    assert made.columns()["value"]["propertyUrl"] == "../../def/measure/{measure}"
    assert "2 columns of numbers became 2 measures" in made.report


def test_headers_that_are_periods_become_the_period(tmp_path: Path) -> None:
    made = make(tmp_path, "Group,2012/13,2013/14\nPensions,1,2\nHousing,3,4\n")
    assert made.lines()[1] == "pensions,Pensions,2012-2013,2012/13,1"
    assert "The table looks wide: 2 columns of numbers (2012/13 … 2013/14)" in made.report


def test_measures_named_in_a_column(tmp_path: Path) -> None:
    table = (
        "period,indicator,unit,value\n"
        "April 2021,Claimants,persons,17310\n"
        "April 2021,Claimants as a proportion of residents,persons,14.7\n"
    )
    made = make(tmp_path, table)
    rate = "Claimants as a proportion of residents,persons,claimants-as-a-proportion-of-residents,percent,14.7"
    assert made.lines()[1:] == [
        "2021-04,April 2021,Claimants,persons,claimants,person,17310",
        f"2021-04,April 2021,{rate}",
    ]
    assert "per cent is taken instead" in made.report


def test_a_text_that_tells_rows_apart_becomes_a_dimension(tmp_path: Path) -> None:
    made = make(tmp_path, "Month,Office,People\n2025-01,North,1\n2025-01,South,2\n2025-02,North,3\n")
    assert "needed to tell rows apart" in made.report
    assert "office_code" in made.columns()


def test_rows_that_repeat_are_named(tmp_path: Path) -> None:
    made = make(tmp_path, "Month,People\n2025-01,1\n2025-02,2\n2025-01,3\n")
    assert "1 rows repeat others of the same month (lines 2 and 4); no column tells them apart" in made.report


def test_a_scheme_of_the_same_name_is_not_taken_again(tmp_path: Path) -> None:
    made = make(tmp_path, "Month,Family type,People\n2025-01,Red,1\n2025-01,Blue,2\n")
    assert "<def/dimension/my-data-family-type>" in made.components()
    assert "The list 'family-type' was not used, for it lacks 2 of 2 values: 'Red', 'Blue'" in made.report


def test_show_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("Month,People\n2025-01,1\n", "utf-8")
    shown = "\n".join(scaffold("my-data", path, tmp_path / "mappings", show=True))
    assert "my-data.csv-metadata.json (not written)" in shown
    assert not (tmp_path / "mappings").exists()


def test_a_folder_is_never_overwritten(tmp_path: Path) -> None:
    table = "Month,People\n2025-01,1\n"
    before = make(tmp_path, table).lines()
    with pytest.raises(MisuseError, match="is there already"):
        make(tmp_path, table.replace("1\n", "2\n"))
    assert Made(tmp_path / "mappings" / "my-data", "").lines() == before


@pytest.mark.parametrize("name", ["My Data", "my_data", "codes", "", "a--b", "../x", "é"])
def test_a_name_that_cannot_be(tmp_path: Path, name: str) -> None:
    with pytest.raises(MisuseError):
        make(tmp_path, "Month,People\n2025-01,1\n", name)


def test_no_table(tmp_path: Path) -> None:
    with pytest.raises(MisuseError, match="no table at"):
        list(scaffold("my-data", tmp_path / "none.csv", tmp_path, show=True))


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (b"", "FILE-01"),
        (b" \n\n", "FILE-01"),
        (b"Month,People\n", "a header and no rows"),
        (b"PK\x03\x04abc", "looks like a workbook"),
        ("Month,People\n2025-01,1\n".encode("utf-16"), "looks like a text in UTF-16"),
        (b"Month,\0\n", "looks like binary data"),
        (b"Month,Caf\xe9\n2025-01,1\n", "table.csv:1: byte 0xE9 is not valid UTF-8: the file looks like Windows-1252"),
        (b"Month,People\n2025-01,1,2\n", "table.csv:2: 3 cells; the header has 2"),
        (b"Month,People\n2025-01\n", "table.csv:2: 1 cells; the header has 2"),
        (b'Month,People\n2025-01,"1\n', "table.csv:2: the row cannot be read"),
        (b"Month,People,people\n2025-01,1,2\n", "column 3: the header 'people' also stands over column 2"),
        (b"Month,People,,x\n2025-01,1,2,3\n", "column 3 has no header"),
        (b",,\n,Title,\nMonth,People,x\n", "so it is no header row"),
        (b"Month;People\n2025-01;1\n", "separated by semicolons"),
        (b"Month,Name\n2025-01,a\n", "no column of numbers"),
        (b"Month,People\n2025-01,..\n2025-02,5x\n", "no column of numbers"),
        (b"People\n1\n2\n", "nothing tells the rows apart"),
    ],
)
def test_tables_that_cannot_be_read(tmp_path: Path, table: bytes, told: str) -> None:
    assert told in refuse(tmp_path, table)


def test_a_letter_in_a_number(tmp_path: Path) -> None:
    rows = "".join(f"20{year}-01,{year}\n" for year in range(10, 30))
    told = refuse(tmp_path, f'Month,People\n{rows}2030-01,"1,2o4"\n'.encode())
    assert "table.csv:22, column 'People': '1,2o4' is not a number" in told
    assert "TIDY-02" in told
