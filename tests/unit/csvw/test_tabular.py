"""From bytes to rows (Tabular Data Model §8)."""

from __future__ import annotations

from io import BytesIO

import pytest

from loader.csvw.dialect import Dialect
from loader.csvw.findings import Findings, UnreadableError
from loader.csvw.report import Report
from loader.csvw.tabular import RowReader, split_leniently


def read(
    content: bytes | str, dialect: Dialect | None = None, *, strict: bool = False
) -> tuple[list[list[str]], Report]:
    report = Report(strict=strict)
    data = content.encode() if isinstance(content, str) else content
    reader = RowReader(BytesIO(data), dialect or Dialect(header_row_count=0), Findings(report, "t.csv"))
    reader.read_header()
    return [row.cells for row in reader.rows()], report


@pytest.mark.parametrize(
    ("text", "dialect", "rows"),
    [
        ("a,b\r\nc,d", {}, [["a", "b"], ["c", "d"]]),
        ("a,b\n\nc\n", {}, [["a", "b"], [""], ["c"]]),
        ('"a,b","c""d"\n', {}, [["a,b", 'c"d']]),
        ('"a\nb",c\n', {}, [["a\nb", "c"]]),
        ('"a\r\nb",c\r\n', {}, [["a\r\nb", "c"]]),
        ('"",x\n', {}, [["", "x"]]),
        ("a;b\n", {"delimiter": ";"}, [["a", "b"]]),
        ("a||b\n", {"delimiter": "||"}, [["a", "b"]]),
        ("'a,b',c\n", {"quote_char": "'"}, [["a,b", "c"]]),
        ('"a",b\n', {"quote_char": None}, [['"a"', "b"]]),
        ('"a\\"b",c\\,d\n', {"double_quote": False}, [['a"b', "c,d"]]),
        (" a , b \n", {"trim_start": True, "trim_end": True}, [["a", "b"]]),
        (' " a " ,b\n', {"trim_start": True, "trim_end": True}, [[" a ", "b"]]),
        ("#x\na\n", {"comment_prefix": "#"}, [["a"]]),
        ("a,,\n,,\n", {"skip_blank_rows": True}, [["a", "", ""]]),
        ("a,b,c\n", {"skip_columns": 1}, [["b", "c"]]),
        ("a|b|", {"line_terminators": ("|",)}, [["a"], ["b"]]),
        ("\ufeffa\n", {}, [["a"]]),
    ],
)
def test_rows(text: str, dialect: dict[str, str], rows: list[list[str]]) -> None:
    found, report = read(text, Dialect(header_row_count=0, **dialect))  # type: ignore[arg-type]
    assert found == rows
    assert not report.warnings


@pytest.mark.parametrize(
    "encoding", ["utf-16", "utf-16-le", "latin1", "windows-1252", "utf-32", "shift_jis", "gb18030"]
)
def test_encodings(encoding: str) -> None:
    text = "a,b\n" * 3 if encoding == "shift_jis" else "é,ü\n" * 3
    rows, _ = read(text.encode(encoding), Dialect(encoding=encoding, header_row_count=0))
    assert rows == [text[:3].split(",")] * 3


def test_latin1_is_windows_1252_on_the_web() -> None:
    rows, _ = read(b"\x80\n", Dialect(encoding="latin1", header_row_count=0))
    assert rows == [["€"]]


def test_positions() -> None:
    reader = RowReader(BytesIO(b'h\n#c\n"x\ny"\nz\n'), Dialect(comment_prefix="#"), Findings(Report(), "t.csv"))
    reader.read_header()
    assert [(row.number, row.source_number, row.line) for row in reader.rows()] == [(1, 3, 3), (2, 4, 5)]
    assert reader.comments == ["c"]


def test_comments_that_nobody_asked_for_are_warned_of() -> None:
    dialect = Dialect(header_row_count=0, comment_prefix="#", implies_comments=True)
    rows, report = read("#a\nb\n", dialect)
    assert rows == [["b"]]
    assert [problem.code for problem in report.warnings] == ["CSVW-COMMENT"]


def test_bad_bytes_are_replaced_for_a_converter_and_refused_for_a_validator() -> None:
    rows, report = read(b"a\ncaf\xe9\n")
    assert rows == [["a"], ["caf\ufffd"]]
    assert report.warnings[0].where == "t.csv:2"
    with pytest.raises(UnreadableError):
        read(b"a\ncaf\xe9\n", strict=True)


@pytest.mark.parametrize("content", [b"a\n\0\n", b"PK\x03\x04\0\0", b"a\0"])
def test_files_that_are_not_text(content: bytes) -> None:
    with pytest.raises(UnreadableError):
        read(content)


def test_quotes_out_of_place_are_said_and_read_as_the_algorithm_does() -> None:
    rows, report = read('a,x"y"z\n"b"c,d\n')
    assert rows == [["a", "xyz"], ["bc", "d"]]
    assert [problem.where for problem in report.warnings] == ["t.csv:1", "t.csv:2"]
    rows, report = read('a,"b\nc')
    assert report.warnings[0].message.startswith("a quoted cell that begins here never ends")


def test_a_quote_that_never_ends_is_not_read_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loader.csvw.tabular.MAX_ROW_CHARS", 1000)
    with pytest.raises(UnreadableError):
        read('"' + "x\n" * 2000)
    with pytest.raises(UnreadableError):
        read("x" * 3000)


@pytest.mark.parametrize("count", [10**9, 10**12])
def test_more_header_rows_than_there_are(count: int) -> None:
    rows, _ = read("a\nb\n", Dialect(skip_rows=count, header_row_count=count))
    assert rows == []


def test_split_leniently() -> None:
    assert split_leniently('a"b,c"d,e', ",", '"', '"') == ["ab,cd", "e"]
    assert split_leniently("a\\,b,c", ",", '"', "\\") == ["a,b", "c"]
