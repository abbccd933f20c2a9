"""Hostile and broken CSV through a build: each table gets exactly these problems, or is published as stated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.hostile.places import NOTED, Place, run, run_small
from tests.integration import tiny

if TYPE_CHECKING:
    from pathlib import Path

GOOD = "\n".join([tiny.HEADER, *tiny.ROWS]) + "\n"
RAW = GOOD.encode()


def rows(*lines: str, header: str = tiny.HEADER) -> bytes:
    return ("\n".join([header, *lines]) + "\n").encode()


def empty_row(line: int, *, columns: tuple[str, ...] = ("period", "households")) -> list[str]:
    return [f"CSVW-WIDTH tiny.csv:{line}", *(f"CSVW-REQUIRED tiny.csv:{line}, column '{name}'" for name in columns)]


def columns_of_header(*names: str) -> list[str]:
    return [f"CSVW-HEADER tiny.csv:1, column '{name}'" for name in names]


CONTROL = ["CSVW-WIDTH tiny.csv:6", "CSVW-CELL tiny.csv:6, column 'area'", *empty_row(6)[1:]]
FILES: dict[str, tuple[bytes, list[str]]] = {
    "empty": (b"", ["CSVW-EMPTY tiny.csv"]),
    "only a byte order mark": (b"\xef\xbb\xbf", ["CSVW-EMPTY tiny.csv"]),
    "header only": (b"Area,Month,Households\n", ["CSVW-EMPTY tiny.csv:1"]),
    "header without line end": (b"Area,Month,Households", ["CSVW-EMPTY tiny.csv:1"]),
    "UTF-16": (GOOD.encode("utf-16"), ["CSVW-BINARY tiny.csv:1"]),
    "UTF-16 without mark": (GOOD.encode("utf-16-le"), ["CSVW-BINARY tiny.csv:1"]),
    "UTF-32": (GOOD.encode("utf-32"), ["CSVW-BINARY tiny.csv:1"]),
    "two byte order marks": (b"\xef\xbb\xbf" * 2 + RAW, columns_of_header("area")),
    "carriage returns only": (RAW.replace(b"\n", b"\r"), ["CSVW-HEADER tiny.csv:1"]),
    "NUL in a cell": (RAW.replace(b"10\n", b"1\x000\n"), ["CSVW-BINARY tiny.csv:2"]),
    "overlong UTF-8": (RAW.replace(b"10\n", b"\xc0\xb1\n"), ["CSVW-ENCODING tiny.csv:2"]),
    "lone surrogate": (RAW.replace(b"10\n", b"\xed\xa0\x80\n"), ["CSVW-ENCODING tiny.csv:2"]),
    "pound sign of cp1252": (RAW.replace(b"10\n", b"\xa310\n"), ["CSVW-ENCODING tiny.csv:2"]),
    "cp1252 in the last line": (RAW + b"E06000002,2025-05,\xa3\n", ["CSVW-ENCODING tiny.csv:6"]),
    "a zip archive": (b"PK\x03\x04" + bytes(300), ["CSVW-BINARY tiny.csv:1"]),
    "a web page": (b"<!DOCTYPE html><html><body>Not found</body></html>", ["CSVW-HEADER tiny.csv:1"]),
    "quote never closed": (
        rows(*tiny.ROWS[:3], 'W06000015,2025-05,"40'),
        ["CSVW-QUOTE tiny.csv:5", "CSVW-QUOTE tiny.csv:5"],
    ),
    "quote that swallows the file": (
        rows('"E06000001,2025-04,10', *tiny.ROWS[1:]),
        ["CSVW-QUOTE tiny.csv:2", "CSVW-QUOTE tiny.csv:2", *empty_row(2)],
    ),
    "text after a quote": (rows('"E06000001"x,2025-04,10'), ["CSVW-QUOTE tiny.csv:2"]),
    "row too short": (rows("E06000001,2025-04"), empty_row(2, columns=("households",))),
    "row too long": (rows("E06000001,2025-04,10,11"), ["CSVW-WIDTH tiny.csv:2"]),
    "delimiter at each row's end": (
        rows(*(f"{row}," for row in tiny.ROWS)),
        [f"CSVW-WIDTH tiny.csv:{line}" for line in range(2, 6)],
    ),
    "header used twice": (RAW.replace(b"Month", b"Area", 1), columns_of_header("period")),
    "header left blank": (RAW.replace(b"Month", b"", 1), columns_of_header("period")),
    "header with a space": (RAW.replace(b"Month", b" Month", 1), columns_of_header("period")),
    "header in lower case": (RAW.replace(b"Month", b"month", 1), columns_of_header("period")),
    "header over two lines": (RAW.replace(b"Area", b'"Ar\nea"', 1), columns_of_header("area")),
    "columns exchanged": (RAW.replace(b"Area,Month", b"Month,Area", 1), columns_of_header("area", "period")),
    "column taken out of the header": (RAW.replace(b",Households", b"", 1), ["CSVW-HEADER tiny.csv:1"]),
    "column more in the header": (
        RAW.replace(b"Households", b"Households,More", 1),
        ["CSVW-HEADER tiny.csv:1", *(f"CSVW-WIDTH tiny.csv:{line}" for line in range(2, 6))],
    ),
    "no header": (rows(*tiny.ROWS[1:], header=tiny.ROWS[0]), columns_of_header("area", "period", "households")),
    "blank line": (rows(tiny.ROWS[0], "", tiny.ROWS[1]), empty_row(3, columns=("area", "period", "households"))),
    "comment": (rows("# provisional", *tiny.ROWS), empty_row(2)),
    "end-of-file character": (RAW + b"\x1a", CONTROL),
    "source line below the table": (RAW + b"Source: DWP\n", empty_row(6)),
    "total row": (rows(*tiny.ROWS, "Total,,100"), ["CSVW-REQUIRED tiny.csv:6, column 'period'"]),
    "thousands without quotes": (rows("E06000001,2025-04,1,000"), ["CSVW-WIDTH tiny.csv:2"]),
    "row repeated": (
        rows(tiny.ROWS[0], tiny.ROWS[0]),
        ["CSVW-PRIMARY-KEY tiny.csv:3, column 'area, period'"],
    ),
    "key repeated after trimming": (
        rows(tiny.ROWS[0], "E06000001, 2025-04,11"),
        ["CSVW-PRIMARY-KEY tiny.csv:3, column 'area, period'"],
    ),
}

# fmt: off
NOT_FIGURES = [
    '"1,000"', "1 000", "1_000", "1e3", "1e999", "NaN", "INF", "-INF", "0x1F", "１０", "٣", "²", "Ⅷ", "10.0",
    "½", "n/a", "10.", "£10", "10%", "(10)", "1O", "\u00a010", "\u200b10", "10\u202e", "true", "=1+1",
    "null", "10;20", "1/2",
]
NOT_PERIODS = [
    "2025-13", "2025-00", "2025-4", "25-04", "2025-04-01", "April 2025", "２０２５-04", "2025-04\u200b", "45748",
    "2025-W4",
]
NOT_LISTED_PERIODS = ["2025-04Z", "0000-01", "-2025-04", "99999-01"]
NOT_AREAS = [
    "../../../etc/passwd", "%2e%2e", "E06000001\u200b", "e06000001", "Е06000001", "> <x> <y>", "http://elsewhere.example/",
    "{area}", "<script>", "\u202eE06000001", "E99999999", '"E06\n000001"', "E06000001 ", "E06000001\u0301",
]
# fmt: on


@pytest.mark.parametrize("name", FILES)
def test_a_broken_table_gets_these_problems(place: Place, name: str) -> None:
    data, expected = FILES[name]
    (place.folder / "tiny.csv").write_bytes(data)
    assert place.try_build() == expected


@pytest.mark.parametrize("figure", NOT_FIGURES)
def test_a_figure_that_is_none_is_named(place: Place, figure: str) -> None:
    (place.folder / "tiny.csv").write_bytes(rows(tiny.ROWS[0], f"W06000015,2025-04,{figure}"))
    assert place.try_build() == ["CSVW-CELL tiny.csv:3, column 'households'"]


@pytest.mark.parametrize(
    ("figure", "code"), [("", "CSVW-REQUIRED"), ("..", "MARK-01"), ("-", "MARK-01"), ("[c]", "MARK-01")]
)
def test_no_figure_is_not_a_figure(place: Place, figure: str, code: str) -> None:
    (place.folder / "tiny.csv").write_bytes(rows(tiny.ROWS[0], f"W06000015,2025-04,{figure}"))
    assert place.try_build() == [f"{code} tiny.csv:3, column 'households'"]


@pytest.mark.parametrize("period", NOT_PERIODS)
def test_a_month_that_does_not_exist_is_named(place: Place, period: str) -> None:
    (place.folder / "tiny.csv").write_bytes(rows(tiny.ROWS[0], f"W06000015,{period},30"))
    assert place.try_build() == ["CSVW-CELL tiny.csv:3, column 'period'"]


@pytest.mark.parametrize("period", NOT_LISTED_PERIODS)
def test_a_month_of_no_list_is_named(place: Place, period: str) -> None:
    (place.folder / "tiny.csv").write_bytes(rows(f"W06000015,{period},30"))
    assert place.try_build() == ["CODE-01 tiny.csv:2, column 'period'"]


@pytest.mark.parametrize("area", NOT_AREAS)
def test_a_code_of_no_list_is_named(place: Place, area: str) -> None:
    (place.folder / "tiny.csv").write_bytes(rows(f"{area},2025-04,30"))
    assert place.try_build() == ["CODE-01 tiny.csv:2, column 'area'"]


@pytest.mark.parametrize("area", [".", ".."])
def test_a_code_is_no_step_in_a_path(place: Place, area: str) -> None:
    (place.folder / "tiny.csv").write_bytes(rows(f"{area},2025-04,30"))
    assert place.try_build() == ["CSVW-TEMPLATE tiny.csv:2, column 'area'"]


ACCEPTED: dict[str, tuple[bytes, set[str]]] = {
    "byte order mark": (b"\xef\xbb\xbf" + RAW, {"10", "20", "30", "40"}),
    "line ends of Windows": (RAW.replace(b"\n", b"\r\n"), {"10", "20", "30", "40"}),
    "line ends mixed": (RAW.replace(b"\n", b"\r\n", 2), {"10", "20", "30", "40"}),
    "no line end": (RAW.rstrip(b"\n"), {"10", "20", "30", "40"}),
    "everything quoted": (b'"Area","Month","Households"\n"E06000001","2025-04","10"\n', {"10"}),
    "spaces around a figure": (rows("E06000001,2025-04,  10 "), {"10"}),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_is_only_unusual_is_published(place: Place, name: str) -> None:
    data, figures = ACCEPTED[name]
    (place.folder / "tiny.csv").write_bytes(data)
    assert place.try_build() == []
    assert {text for text in place.literals() if text.isdigit()} >= figures


NOTES: dict[str, tuple[bytes, list[str]]] = {
    "vertical tab of a word processor": (b"a\x0bb", ["CSVW-CELL tiny.csv:2, column 'note'"]),
    "escape sequence for a terminal": (b"\x1b[31mred", ["CSVW-CELL tiny.csv:2, column 'note'"]),
    "bell": (b"\x07", ["CSVW-CELL tiny.csv:2, column 'note'"]),
    "character that is none": ("\uffff".encode(), ["CSVW-CELL tiny.csv:2, column 'note'"]),
    "quote within a text": (b'5" pipe', ["CSVW-QUOTE tiny.csv:2", "CSVW-QUOTE tiny.csv:2"]),
    "National Insurance number": (b"see AB 12 34 56 C", ["GATE-12 tiny.csv:2, column 'note'"]),
    "the same in full-width characters": ("ＡＢ１２３４５６Ｃ".encode(), ["GATE-12 tiny.csv:2, column 'note'"]),
    "the same with zero-width spaces": ("AB\u200b123456\u200bC".encode(), ["GATE-12 tiny.csv:2, column 'note'"]),
    "e-mail address": (b"ask jo.bloggs@example.org", ["GATE-13 tiny.csv:2, column 'note'"]),
}
TEXTS = [
    'says "so" . <http://x> <http://y>',
    "a\nb",
    "<script>alert(1)</script>",
    "\u202eoverridden",
    "zero\u200bwidth",
    "\\u0041\\",
    "🙂" * 3,
    "{area}",
]


@pytest.mark.parametrize("name", NOTES)
def test_a_text_that_must_not_be_published(place: Place, name: str) -> None:
    text, expected = NOTES[name]
    (place.folder / "tiny.csv-metadata.json").write_text(tiny.metadata(NOTED))
    (place.folder / "tiny.csv").write_bytes(b"Area,Month,Households,Note\nE06000001,2025-04,10," + text + b"\n")
    assert place.try_build() == expected


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_is_published_as_it_is(place: Place, text: str) -> None:
    quoted = text.replace('"', '""')
    (place.folder / "tiny.csv-metadata.json").write_text(tiny.metadata(NOTED))
    (place.folder / "tiny.csv").write_bytes(rows(f'E06000001,2025-04,10,"{quoted}"', header=f"{tiny.HEADER},Note"))
    assert place.try_build() == []
    assert text in place.literals()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b'Area,Note\nx,"' + b"a" * 20_000_000 + b'"\n', "CSVW-SIZE"),
        (b'Area,Note\nx,"' + b"\n" * 20_000_000, "CSVW-SIZE"),
        (b'Area,Note\nx,"' + b'"' * 17_000_000 + b"\n", "CSVW-SIZE"),
        (b"a" * 17_000_000, "CSVW-SIZE"),
    ],
    ids=["cell of 20 MB", "quote over 20 million lines", "17 million quotes", "line of 17 MB"],
)
def test_a_giant_row_takes_little_memory(tmp_path: Path, data: bytes, code: str) -> None:
    (tmp_path / "table.csv").write_bytes(data)
    done = run_small(["validate", str(tmp_path / "table.csv")])
    assert done.returncode == 1
    assert f"[{code}]" in done.stderr


def test_a_cell_in_every_address_makes_no_giant_of_it(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_bytes(b"Area\n" + b"a" * 10_000_000 + b"\n")
    (tmp_path / "table.csv-metadata.json").write_text(
        '{"@context": "http://www.w3.org/ns/csvw", "url": "table.csv", "tableSchema": {"columns": [{"name": "a", '
        '"titles": "Area"}], "aboutUrl": "http://x/' + "{a}" * 600 + '"}}'
    )
    for command in (["validate"], ["convert", "--mode", "minimal"]):
        done = run_small([*command, str(tmp_path / "table.csv")])
        assert (done.returncode, done.stdout) == (1, "")
        assert "table.csv:2: " in done.stderr
        assert "[CSVW-SIZE]" in done.stderr


@pytest.mark.parametrize(("columns", "code"), [(5_000, 0), (100_000, 1)])
def test_many_columns(tmp_path: Path, columns: int, code: int) -> None:
    (tmp_path / "table.csv").write_text(",".join(f"c{n}" for n in range(columns)) + "\n" + "1," * (columns - 1) + "1\n")
    done = run_small(["validate", str(tmp_path / "table.csv")])
    assert done.returncode == code
    assert ("[CSVW-SIZE]" in done.stderr) == bool(code)


NEW: dict[str, tuple[bytes, int, str]] = {
    "empty": (b"", 1, "[FILE-01]"),
    "only a byte order mark": (b"\xef\xbb\xbf", 1, "[FILE-01]"),
    "header only": (b"Area,Figure\n", 1, "[FILE-01]"),
    "UTF-16": (GOOD.encode("utf-16"), 1, "[FILE-02]"),
    "a workbook": (b"PK\x03\x04" + bytes(50), 1, "[FILE-02]"),
    "cp1252": (b"Area,Figure\n\xa31,2\n", 1, "[FILE-03]"),
    "unclosed quote": (b'Area,Figure\n"a,1\nb,2\n', 1, "[TIDY-06]"),
    "header twice": (b"Area,AREA\n1,2\n", 1, "[TIDY-01]"),
    "blank header": (b"Area,,Figure\nx,y,1\n", 1, "[TIDY-01]"),
    "ragged": (b"Area,Figure\nx,1,2\n", 1, "[TIDY-06]"),
    "semicolons": (b"Area;Figure\nx;1\n", 1, "[TIDY-06]"),
    "no figures": (b"Area,Name\nx,y\n", 1, "[TIDY-06]"),
    "a few texts among figures": (
        b"Area,Figure\n" + b"".join(b"a%d,%d\n" % (n, n) for n in range(50)) + b"b,1O\n",
        1,
        "[TIDY-02]",
    ),
    "nothing tells rows apart": (b"Figure\n1\n2\n", 1, "[CUBE-04]"),
    "no such file": (b"", 2, "no table at"),
}


@pytest.mark.parametrize("name", NEW)
def test_a_new_folder_is_not_made_of_rubbish(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data, code, words = NEW[name]
    table = tmp_path / "table.csv"
    if code == 1:
        table.write_bytes(data)
    assert run(["new", "made", str(table), "--mappings", str(tmp_path / "mappings")], monkeypatch) == code
    assert words in capsys.readouterr().err
    assert not (tmp_path / "mappings").exists()
