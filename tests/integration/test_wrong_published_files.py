"""A published file that is not what it should be ends in problems that name it, never in a traceback or in silence."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from loader.build import Plan, check
from loader.errors import ProblemsError
from loader.mapping import find_folders, read_mapping
from loader.persons import reviewed_in
from loader.progress import LogWatcher
from loader.sources import find_published, load_tidy, run_tidy, step_of
from loader.uris import DEFAULT_BASE, Uris
from tests.integration import tiny

if TYPE_CHECKING:
    from collections.abc import Callable

    from loader.errors import Problem

FILES = {
    "payments-over-25k": "spend/dwp-payments-november10.csv",
    "procurement-card": "gpc/dwp_epcs_july_2025.csv",
    "universal-credit-households": "statxplore/uc_la_households.xlsx",
    "universal-credit-households-family-type": "statxplore/api_table_uc_households_region_month_familytype.json",
    "housing-benefit-claimants": "statxplore/api_table_hb_new_constituency_age_2018-11.json",
    "benefit-expenditure": "expenditure/1a-2023.csv",
    "benefit-caseloads": "expenditure/1c-2023.csv",
    "children-low-income": "statxplore/children_relative_low_income_la.csv",
}
TEXT = {name: path for name, path in FILES.items() if path.endswith(".csv")}


def problems_of(dataset: str, path: str, data: bytes, folder: Path) -> list[Problem]:
    """Run the tidy step of a dataset on some bytes under the published file's name."""
    (folder / Path(path).name).write_bytes(data)
    mapping = read_mapping(dataset, find_folders(None)[dataset], Uris(DEFAULT_BASE))
    with pytest.raises(ProblemsError) as caught:
        run_tidy(step_of(mapping), find_published(mapping, folder), mapping.folder)
    assert all(problem.where.startswith(Path(path).name) for problem in caught.value.problems), caught.value
    assert all(problem.message for problem in caught.value.problems)
    return list(caught.value.problems)


RUBBISH: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "blank": lambda _: b" \r\n \r\n",
    "binary": lambda _: bytes(range(256)) * 20,
    "picture": lambda _: b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00",
    "web page": lambda _: b"<!DOCTYPE html>\n<html><head><title>404</title></head><body>Not found</body></html>\n",
    "half of it": lambda data: data[: len(data) // 2] if data[:2] in {b"PK", b"{\r", b"{\n"} else b"a,b\n1,2\n",
    "utf-16": lambda data: data.decode("latin-1").encode("utf-16"),
}


@pytest.mark.parametrize("rubbish", RUBBISH)
@pytest.mark.parametrize("dataset", FILES)
def test_rubbish_is_refused(shared: Path, tmp_path: Path, dataset: str, rubbish: str) -> None:
    data = (shared / "data" / FILES[dataset]).read_bytes()
    assert problems_of(dataset, FILES[dataset], RUBBISH[rubbish](data), tmp_path)


def replaced(data: bytes, pattern: bytes, replacement: bytes) -> bytes:
    changed, count = re.subn(pattern, replacement, data)
    assert count, f"{pattern!r} is not in the file"
    return changed


@pytest.mark.parametrize(
    ("dataset", "pattern", "replacement", "code", "words"),
    [
        ("payments-over-25k", rb'"48,230\.00"', b'"48,23O.00"', "TIDY-02", "48,23O.00"),
        ("payments-over-25k", rb"01/11/2010", b"31/11/2010", "TIDY-03", "31/11/2010"),
        ("payments-over-25k", rb"05/11/2010", b"05/12/2010", "TIDY-03", "month"),
        ("payments-over-25k", rb"Supplier", b"Paid to", "TIDY-01", "upplier"),
        ("procurement-card", rb",4025,", b",4o25,", "TIDY-02", "4o25"),
        ("procurement-card", rb"18/08/2025", b"18/18/2025", "TIDY-03", "18/18/2025"),
        ("children-low-income", rb"Hartlepool", b"Hartlepol", "TIDY-04", "Hartlepool"),
        ("children-low-income", rb"21807", b"2l807", "TIDY-02", "2l807"),
        ("benefit-expenditure", rb'"3,124 "', b'"3,1z4 "', "TIDY-02", "3,1z4"),
        ("benefit-expenditure", rb"Attendance Allowance", b"Attendence Allowance", "TIDY-05", "Attendence"),
        ("benefit-caseloads", rb"1949/50", b"1949/5o", "TIDY-03", "1949/5o"),
        ("housing-benefit-claimants", rb"E14000554", b"E14999554", "TIDY-04", "E14999554"),
        ("universal-credit-households-family-type", rb"36393\.0", b'"x"', "TIDY-02", "x"),
    ],
)
def test_one_wrong_cell_is_named(
    shared: Path, tmp_path: Path, dataset: str, pattern: bytes, replacement: bytes, code: str, words: str
) -> None:
    data = replaced((shared / "data" / FILES[dataset]).read_bytes(), pattern, replacement)
    problems = problems_of(dataset, FILES[dataset], data, tmp_path)
    assert code in {problem.code for problem in problems}, problems
    assert any(words in str(problem) for problem in problems), problems


@pytest.mark.parametrize("dataset", TEXT)
def test_a_byte_of_another_encoding_is_named(shared: Path, tmp_path: Path, dataset: str) -> None:
    data = (shared / "data" / FILES[dataset]).read_bytes()
    line_end = b"\r" if b"\n" not in data else b"\n"
    lines = data.split(line_end)
    lines[5] = lines[5][:-3] + b"\x81" + lines[5][-3:]  # valid neither in UTF-8 nor in cp1252
    problems = problems_of(dataset, FILES[dataset], line_end.join(lines), tmp_path)
    assert problems[0].code == "FILE-03"
    assert problems[0].where.partition(":")[2].startswith("6")


def test_problems_of_several_files_come_together(shared: Path, tmp_path: Path) -> None:
    for name, old, new in (("november10", b'"48,230.00"', b'"48,23O.00"'), ("june11", b"29,501,800", b"29,5O1,800")):
        data = (shared / f"data/spend/dwp-payments-{name}.csv").read_bytes()
        (tmp_path / f"dwp-payments-{name}.csv").write_bytes(data.replace(old, new, 1))
    problems = check(Plan(datasets=("payments-over-25k",), sources=tmp_path), LogWatcher())
    assert {problem.where.partition(":")[0] for problem in problems} == {
        "dwp-payments-november10.csv",
        "dwp-payments-june11.csv",
    }


def test_a_tidy_step_that_is_no_python_is_a_problem_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "tidy.py"
    path.write_text("import polars\ndef tidy(path, report:\n", "utf-8")
    with pytest.raises(ProblemsError) as caught:
        load_tidy(path, "broken")
    assert [(problem.code, problem.where) for problem in caught.value.problems] == [("MAP-06", f"{path}:2")]


def test_a_compressed_table_is_refused(tmp_path: Path) -> None:
    mappings = tiny.write_mapping(tmp_path)
    table = mappings / "tiny" / "tiny.csv"
    table.write_bytes(gzip.compress(table.read_bytes()))
    problems = check(Plan(datasets=("tiny",), mappings=mappings), LogWatcher())
    assert [(problem.code, problem.where) for problem in problems] == [("FILE-02", str(table))]


def test_a_list_of_organisations_that_is_not_utf_8_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "organisations.txt"
    path.write_bytes(b"ACME PLC\nCAF\xc9 LTD\n")
    with pytest.raises(ProblemsError) as caught:
        reviewed_in(path)
    assert [(problem.code, problem.where) for problem in caught.value.problems] == [("FILE-03", f"{path}:2")]
