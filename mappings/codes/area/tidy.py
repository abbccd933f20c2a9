"""Merge the published lists of areas into one table: an area a row, by its Office for National Statistics code.

Each file is known by its header. The first file that names an area gives its row; later files add dates, successors or
Welsh names to it, and their rows are reported as such.
"""

from __future__ import annotations

import contextlib
import json
import re
import tomllib
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime, timedelta
from importlib import resources
from typing import TYPE_CHECKING, Final

import polars as pl

from loader.errors import ProblemsError
from loader.tidying import read_rows, read_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from loader.tidying import TidyReport

GSS_CODE: Final = re.compile(r"[EKNSW]\d{8}")
CODES_BEGIN: Final = date(2009, 1, 1)
"""All areas were given new codes on this day, so as a first day it says nothing about the area."""

COUNTRY_OF_LETTER: Final = {"E": "E92000001", "N": "N92000002", "S": "S92000003", "W": "W92000004"}
TYPE_OF_ENTITY: Final = {
    "K02": "country-group",
    "K03": "country-group",
    "K04": "country-group",
    "E92": "country",
    "N92": "country",
    "S92": "country",
    "W92": "country",
    "E12": "region",
    "E10": "county",
    "E06": "local-authority",
    "E07": "local-authority",
    "E08": "local-authority",
    "E09": "local-authority",
    "N09": "local-authority",
    "S12": "local-authority",
    "W06": "local-authority",
}
TYPES: Final = (*dict.fromkeys(TYPE_OF_ENTITY.values()), "constituency-2010", "constituency-2024")
ALREADY_LISTED: Final = "adds to an area that another file lists"
OTHER_AREA: Final = "another kind of area"
FETCH_AGAIN: Final = "fetch the published file again"
WELSH_ALREADY: Final = frozenset({"Caerfyrddin"})
"""Constituencies with a Welsh name only: the lookup gives a translation into English as the Welsh name."""


@dataclass(frozen=True, slots=True)
class Area:
    """One row of the table, its fields in the order of the columns; dates in ISO form, blank where not known."""

    notation: str
    label: str
    label_cy: str = ""
    type: str = ""
    also_type: str = ""
    entity: str = ""
    parent: str = ""
    county: str = ""
    start: str = ""
    end: str = ""
    status: str = "live"
    successors: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a published file: its line and its cells by normalised header."""

    line: int
    cells: dict[str, str]

    def __getitem__(self, name: str) -> str:
        return self.cells.get(name, "")


@dataclass(slots=True)
class Areas:
    """The table while it is being merged, and the report of the file being read."""

    report: TidyReport
    by_code: dict[str, Area] = field(default_factory=dict)
    listed_in: dict[str, str] = field(default_factory=dict)
    """The file that an area's row is from, by code."""

    def add(self, row: Row, area: Area) -> None:
        """Take a new area, with its entity and (unless given) type from its code; report one that is there already."""
        code, place = area.notation, str(row.line)
        kind = area.type or TYPE_OF_ENTITY.get(code[:3], "")
        if not GSS_CODE.fullmatch(code):
            self.report.problem("TIDY-04", place, f"'{code}' is no area code", "give nine characters, like E06000001")
        elif not area.label:
            self.report.problem("TIDY-04", place, f"{code} has no name", "give the area's name")
        elif self.listed_in.get(code) == self.report.file:
            self.report.problem("TIDY-08", place, f"{code} is listed twice", "take one of the two rows out")
        elif code in self.by_code:
            self.report.skip(row.line, ALREADY_LISTED)
        elif not kind:
            self.report.skip(row.line, OTHER_AREA)
        else:
            self.by_code[code] = replace(area, entity=code[:3], type=kind)
            self.listed_in[code] = self.report.file

    def region(self, name: str) -> str:
        """Give the code of the region of that name, or a blank."""
        known = {"eastern": "E12000006"}
        known |= {area.label.casefold(): code for code, area in self.by_code.items() if area.type == "region"}
        return known.get(name.casefold(), "")


def tidy_all(paths: Sequence[Path], reports: Sequence[TidyReport]) -> pl.LazyFrame:
    """Merge all published files, each recognised by its header, into one table ordered by type and code."""
    tables = _read_all(paths, reports)
    _check_complete(tables, reports)
    areas = Areas(reports[0])
    for kind in KINDS:
        for table in tables:
            if table.kind is kind:
                areas.report = table.report
                kind.merge(table.rows, areas)
    _apply_changes(areas)
    _check_links(areas, reports[0])
    ordered = sorted(areas.by_code.values(), key=lambda area: (TYPES.index(area.type), area.notation))
    columns = [column.name for column in fields(Area)]
    return pl.LazyFrame({name: [str(getattr(area, name)) for area in ordered] for name in columns}).select(
        pl.all().cast(pl.String).replace("", None)
    )


def companions(table: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Derive the table of successions: a row for each area and area that replaces it."""
    successions = (
        table.select("notation", successor=pl.col("successors").str.split(" "))
        .drop_nulls("successor")
        .explode("successor")
    )
    return {"area-successions": successions}


# Reading


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of published file: the headers that tell it, and how its rows are merged."""

    headers: frozenset[str]
    without: frozenset[str]
    merge: Callable[[Sequence[Row], Areas], None]


@dataclass(frozen=True, slots=True)
class Published:
    """One published file, read."""

    kind: Kind
    rows: Sequence[Row]
    report: TidyReport


def _read_all(paths: Sequence[Path], reports: Sequence[TidyReport]) -> list[Published]:
    """Read every file, then raise what is wrong with any of them."""
    tables = []
    for path, report in zip(paths, reports, strict=True):
        with contextlib.suppress(ProblemsError):  # the report keeps the problems
            tables.append(_read(path, report))
    _raise_noted(reports)
    return tables


def _read(path: Path, report: TidyReport) -> Published:
    text = read_text(path, report)
    rows = _json_rows(text, report) if text.lstrip()[:1] in "{[" else _csv_rows(text, report)
    headers = rows[0].cells.keys() if rows else frozenset[str]()
    for kind in KINDS:
        if kind.headers <= headers and not kind.without & headers:
            report.rows_read = len(rows)
            return Published(kind, rows, report)
    message = "the header is of no geography file known here, or no row follows it"
    error = report.stop("TIDY-01", "1", message, "compare the column names with those of the file published before")
    raise error


def _csv_rows(text: str, report: TidyReport) -> list[Row]:
    header_line = text.partition("\n")[0]
    lines = read_rows(text, "\t" if "\t" in header_line else ",")
    _, header = next(lines)
    names = [_normalised(name) for name in header]
    rows = []
    for line, cells in lines:
        if not any(cells):
            continue
        if len(cells) != len(names):
            message = f"{len(cells)} cells where the header has {len(names)}"
            report.problem("TIDY-06", str(line), message, "quote names that have a comma; check for a cut-off line")
            continue
        rows.append(Row(line, dict(zip(names, cells, strict=True))))
    return rows


def _json_rows(text: str, report: TidyReport) -> list[Row]:
    try:
        document: object = json.loads(text)
    except json.JSONDecodeError as error:
        problem = report.stop("TIDY-07", str(error.lineno), f"not JSON: {error.msg}", FETCH_AGAIN)
        raise problem from error
    entries = document.values() if isinstance(document, dict) else []
    if not entries or not all(isinstance(entry, dict) for entry in entries):
        problem = report.stop("TIDY-06", "", "not an object of constituencies", FETCH_AGAIN)
        raise problem
    return [
        Row(number, {_normalised(name): str(value or "") for name, value in entry.items()})
        for number, entry in enumerate(entries, 1)
    ]


def _normalised(header: str) -> str:
    """Give a header in lower case with single hyphens; a constituency header without its year."""
    name = re.sub(r"[\s_-]+", "-", header.strip().casefold())
    return re.sub(r"^(pcon|lad)\d\d(?=cd|nm)", r"\1" if name.startswith("pcon") else r"\g<0>", name)


def _check_complete(tables: Sequence[Published], reports: Sequence[TidyReport]) -> None:
    missing = [kind for kind in KINDS if not any(table.kind is kind for table in tables)]
    for kind in missing:
        message = f"the file with the columns {', '.join(sorted(kind.headers))} is missing"
        reports[0].problem("TIDY-01", "", message, "put all files that source.toml names into the sources")
    _raise_noted(reports)


def _raise_noted(reports: Sequence[TidyReport]) -> None:
    problems = [problem for report in reports for problem in report.problems]
    if problems:
        raise ProblemsError(problems)


def _check_links(areas: Areas, report: TidyReport) -> None:
    """Note areas placed within, or replaced by, areas that no file lists."""
    for area in areas.by_code.values():
        for code in (area.parent, area.county, *area.successors.split()):
            if code and code not in areas.by_code:
                message = f"{area.notation} ({area.label}) refers to {code}, which no file lists"
                report.problem("TIDY-04", "", message, "correct the code, or add the file that lists it")


def _day(text: str, row: Row, report: TidyReport) -> date | None:
    """Read '31/03/2009', '31/03/2009 00:00' or '2009-03-31'; a blank or 'n/a' is no day."""
    if text in ("", "n/a"):
        return None
    for form in ("%d/%m/%Y", "%Y-%m-%d"):
        try:
            return datetime.strptime(text.removesuffix(" 00:00"), form).date()
        except ValueError:
            continue
    report.problem("TIDY-03", str(row.line), f"'{text}' is not a date", "give it as 31/03/2009 or 2009-03-31")
    return None


def _iso(day: date | None) -> str:
    return day.isoformat() if day else ""


# Merging, a function for each kind of file


def _countries(rows: Sequence[Row], areas: Areas) -> None:
    groups = {row["ukcd"]: row["uknm"] for row in rows}
    nested = {row["gbcd"]: row["gbnm"] for row in rows} | {row["ewcd"]: row["ewnm"] for row in rows}
    united_kingdom = next(iter(groups))
    great_britain = next((row["gbcd"] for row in rows if row["gbcd"]), "")
    for row in rows:
        areas.add(row, Area(row["ctrycd"], row["ctrynm"], parent=row["gbcd"] or row["ukcd"]))
    areas.by_code[united_kingdom] = Area(united_kingdom, groups[united_kingdom], type="country-group", entity="K02")
    for code, name in nested.items():
        if code:
            parent = united_kingdom if code == great_britain else great_britain
            areas.by_code[code] = Area(code, name, type="country-group", entity=code[:3], parent=parent)


def _regions(rows: Sequence[Row], areas: Areas) -> None:
    for row in rows:
        areas.add(row, Area(row["rgncd"], row["rgnnm"], parent=row["ctrycd"]))


def _local_authorities(rows: Sequence[Row], areas: Areas) -> None:
    for row in rows:
        area = Area(
            row["ladcd"],
            row["ladnm"],
            parent=row["rgncd"] or row["ctrycd"],
            county=row["utlacd"] if row["utlacd"].startswith("E10") else "",
            status="live" if row["current"].casefold() == "true" else "terminated",
            successors=row["ladcd-active"] if row["ladcd-active"] != row["ladcd"] else "",
        )
        areas.add(row, area)


def _counties(rows: Sequence[Row], areas: Areas) -> None:
    for row in rows:
        areas.add(row, Area(row["utlacd"], row["utlanm"], parent=row["rgncd"] or row["ctrycd"]))


def _history(rows: Sequence[Row], areas: Areas) -> None:
    """Merge an extract of the Code History Database, which has one row for each name an area has had."""
    for row in rows:
        code = row["geogcd"]
        if code.startswith("W20"):
            _welsh_name(row, areas)
            continue
        start, end = _day(row["oper-date"], row, areas.report), _day(row["term-date"], row, areas.report)
        names = [other for other in rows if other["geogcd"] == code]
        ended = all(other["term-date"] for other in names)
        if code not in areas.by_code:
            area = Area(code, row["geognm"], parent=COUNTRY_OF_LETTER.get(code[:1], ""))
            areas.add(row, replace(area, status="terminated" if ended else "live"))
        else:
            areas.report.skip(row.line, ALREADY_LISTED)
        if code in areas.by_code:
            area = areas.by_code[code]
            first = _iso(start) if start and start != CODES_BEGIN and row is _earliest(names) else area.start
            areas.by_code[code] = replace(area, start=first, end=_iso(end) if ended else area.end)


def _earliest(rows: Sequence[Row]) -> Row:
    return min(rows, key=lambda row: row["oper-date"][6:10] + row["oper-date"][3:5] + row["oper-date"][:2])


def _welsh_name(row: Row, areas: Areas) -> None:
    """Give the Welsh name of a registration district to the local authority of the same name and extent."""
    if row["term-date"]:
        areas.report.skip(row.line, OTHER_AREA)
        return
    for code, area in areas.by_code.items():
        if area.entity == "W06" and area.label == row["geognm"]:
            areas.by_code[code] = replace(area, label_cy=row["geognmw"])
            areas.report.skip(row.line, ALREADY_LISTED)
            return
    areas.report.skip(row.line, OTHER_AREA)


def _register(rows: Sequence[Row], areas: Areas) -> None:
    """Merge mySociety's register: successors, former codes, and days the other files do not give."""
    code_of = {row["local-authority-code"]: row["gss-code"] for row in rows}
    for row in rows:
        code = row["gss-code"]
        if code not in areas.by_code:
            areas.report.skip(row.line, OTHER_AREA)
            continue
        areas.report.skip(row.line, ALREADY_LISTED)
        _add_former_codes(row, areas)
        areas.by_code[code] = _with_register(areas.by_code[code], row, code_of, areas)


def _with_register(area: Area, row: Row, code_of: dict[str, str], areas: Areas) -> Area:
    start, end = _day(row["start-date"], row, areas.report), _day(row["end-date"], row, areas.report)
    if end and end.day == 1:
        end -= timedelta(days=1)
    successors = sorted(code_of.get(name.strip(), "") for name in row["replaced-by"].split(",") if name.strip())
    began_with_code = start is not None and start > CODES_BEGIN
    is_placed = not area.parent.startswith("E92")
    alternative_names = row["alt-names"].split(",")
    welsh_name = alternative_names[1] if area.entity == "W06" and len(alternative_names) > 1 else ""
    return replace(
        area,
        label_cy=area.label_cy or welsh_name,
        start=area.start or (_iso(start) if began_with_code else ""),
        end=area.end or _iso(end),
        status="terminated" if end else area.status,
        successors=" ".join(filter(None, successors)) or area.successors,
        parent=area.parent if is_placed else areas.region(row["region"]) or area.parent,
    )


def _add_former_codes(row: Row, areas: Areas) -> None:
    code = row["gss-code"]
    for former in filter(None, (part.strip() for part in row["former-gss-codes"].split(","))):
        if not GSS_CODE.fullmatch(former):
            message = f"'{former}' among the former codes is no area code"
            areas.report.problem("TIDY-04", str(row.line), message, "give nine characters, like S12000009")
        elif former not in areas.by_code:
            current = areas.by_code[code]
            areas.by_code[former] = Area(
                former,
                current.label,
                type=current.type,
                entity=former[:3],
                parent=current.parent,
                status="terminated",
                successors=code,
            )


def _constituencies_2010(rows: Sequence[Row], areas: Areas) -> None:
    for row in rows:
        parent = COUNTRY_OF_LETTER.get(row["pconcd"][:1], "")
        areas.add(row, Area(row["pconcd"], row["pconnm"], type="constituency-2010", parent=parent))


def _constituencies_2024(rows: Sequence[Row], areas: Areas) -> None:
    for row in rows:
        code = row["code"]
        if code in areas.by_code:
            areas.by_code[code] = replace(areas.by_code[code], also_type="constituency-2024")
        parent = areas.region(row["region"]) or COUNTRY_OF_LETTER.get(code[:1], "")
        areas.add(row, Area(code, row["name"], type="constituency-2024", parent=parent))


def _constituencies_in_welsh(rows: Sequence[Row], areas: Areas) -> None:
    for row in rows:
        areas.report.skip(row.line, ALREADY_LISTED)
        area = areas.by_code.get(row["parlcon-2024-gss-code"])
        if area and row["parlcon-2024-name"] not in WELSH_ALREADY:
            areas.by_code[area.notation] = replace(area, label_cy=row["parlcon-2024-name-cy"])


def _entities(rows: Sequence[Row], areas: Areas) -> None:
    """Take the first day of the constituencies of 2010 from the Register of Geographic Codes."""
    for row in rows:
        areas.report.skip(row.line, OTHER_AREA)
        if row["entity-name"] != "Westminster Parliamentary Constituencies":
            continue
        changed = _day(row["date-of-last-instance-change"], row, areas.report)
        start = _iso(changed or _day(row["entity-start-date"], row, areas.report))
        for code, area in areas.by_code.items():
            if area.entity == row["entity-code"] and area.type == "constituency-2010":
                areas.by_code[code] = replace(area, start=start)


def _apply_changes(areas: Areas) -> None:
    """Set the days that changes.toml gives."""
    text = resources.files("mappings").joinpath("codes/area/changes.toml").read_text(encoding="utf-8")
    for change in tomllib.loads(text)["change"]:
        first_day: date = change["date"]
        last_day = first_day - timedelta(days=1)
        for code, area in areas.by_code.items():
            if code in change.get("new", ()) or area.type == change.get("new_type"):
                areas.by_code[code] = replace(area, start=_iso(first_day))
            elif code in change.get("old", ()) or (area.type == change.get("old_type") and not area.also_type):
                areas.by_code[code] = replace(area, end=_iso(last_day), status="terminated")


def _kind(merge: Callable[[Sequence[Row], Areas], None], headers: str, without: str = "") -> Kind:
    return Kind(frozenset(headers.split()), frozenset(without.split()), merge)


KINDS: Final = (
    _kind(_countries, "ctrycd ctrynm ewcd ewnm gbcd gbnm ukcd uknm", "rgncd ladcd utlacd"),
    _kind(_regions, "rgncd rgnnm ctrycd", "ladcd utlacd"),
    _kind(_local_authorities, "ladcd ladnm ladcd-active utlacd rgncd ctrycd current"),
    _kind(_counties, "utlacd utlanm rgncd ctrycd", "ladcd"),
    _kind(_history, "geogcd geognm oper-date term-date"),
    _kind(_register, "local-authority-code gss-code start-date end-date replaced-by region former-gss-codes alt-names"),
    _kind(_constituencies_2010, "pconcd pconnm"),
    _kind(_constituencies_2024, "code name region country"),
    _kind(_constituencies_in_welsh, "parlcon-2024-gss-code parlcon-2024-name parlcon-2024-name-cy"),
    _kind(_entities, "entity-code entity-name date-of-last-instance-change entity-start-date"),
)
"""The kinds of file, in the order they are merged."""
