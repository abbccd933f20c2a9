"""Mapping folders: find them, read them, and say what is wrong with them (docs/mappings.md).

After this module nobody sees a `dict` of TOML or JSON: a folder is a `Mapping`, its tables are `loader.csvw` tables.
"""

from __future__ import annotations

import importlib.resources
import re
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

from loader.csvw.dialect import is_text_encoding
from loader.csvw.metadata import read_metadata
from loader.csvw.report import Report
from loader.entry import Entry, read_entry
from loader.errors import MisuseError, Problem, ProblemsError
from loader.gate.policy import REFERENCE, STRICTEST, Policy, check_policy_columns, read_policy
from loader.restrictions import restrictions
from loader.source_toml import Source
from loader.toml import has_control_characters

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from collections.abc import Mapping as Dictionary

    from loader.csvw.metadata import Table
    from loader.uris import Uris

METADATA_SUFFIX: Final = ".csv-metadata.json"
CODES: Final = "codes"
MAX_VERSION: Final = 9999
FREQUENCIES: Final = ("monthly", "quarterly", "annual", "irregular", "never")
_SLUG: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_FILE_KEYS: Final = ("pattern", "url", "encoding", "sheet", "header_row", "left_out")
_EDITION: Final = re.compile(r"[0-9]{4}(-[0-9]{2}(-[0-9]{2})?|-[0-9]{4})?")


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """Published files a folder reads: a name or glob, where the publisher has them, and their encoding."""

    pattern: str
    url: str | None
    encoding: str
    sheet: str | None = None
    """Sheet of a workbook that is read; the only visible one with data unless told."""
    header_row: int | None = None
    """Row of the header, from 1; the first that is not blank unless told."""
    left_out: tuple[str, ...] = ()
    """Headers that ask for personal data, of columns that no table has; source.toml gives the reason of each."""
    policy: Policy = STRICTEST
    """What the gate asks of the folder's tables."""


@dataclass(frozen=True, slots=True)
class Description:
    """What `source.toml` says of a dataset or code list."""

    title: str
    description: str
    publisher: str
    licence: str
    landing_page: str | None
    keywords: tuple[str, ...]
    edition: str | None
    """Edition of the shipped table: a year, financial year, month or day; None for code lists."""
    edition_column: str | None
    """Column whose latest value names the edition of a table read from published files."""
    version: int
    issued: date | None
    frequency: str | None
    is_sample: bool
    notes: str | None
    shipped_note: str | None
    """How the shipped table differs from what the published files give, if it does."""
    entry: Entry
    """What only catalogues need."""


@dataclass(frozen=True, slots=True)
class TableMapping:
    """One table of a folder: its CSV, its metadata document, and the CSVW description read from it."""

    name: str
    csv: Path
    document: Path
    table: Table


@dataclass(frozen=True, slots=True)
class Mapping:
    """A mapping folder, read."""

    name: str
    folder: Path
    is_code_list: bool
    description: Description
    files: tuple[PublishedFile, ...]
    main: TableMapping
    others: tuple[TableMapping, ...]
    policy: Policy
    """What the gate asks of the folder's tables."""

    @property
    def tables(self) -> tuple[TableMapping, ...]:
        """All tables, the main one last: an observation's codes are described before it."""
        return (*self.others, self.main)

    @property
    def tidy(self) -> Path | None:
        """The tidy step, if the folder has one."""
        path = self.folder / "tidy.py"
        return path if path.is_file() else None

    @property
    def components(self) -> Path | None:
        """Turtle declaring components only this dataset uses, if any."""
        path = self.folder / "components.ttl"
        return path if path.is_file() else None

    @property
    def organisations(self) -> Path | None:
        """Names of payees that a person has found to be organisations, if the folder keeps a list."""
        path = self.folder / "organisations.txt"
        return path if path.is_file() else None

    @property
    def queries(self) -> tuple[Path, ...]:
        """Example queries, by name."""
        return tuple(sorted((self.folder / "queries").glob("*.rq")))


def packaged_mappings() -> Path:
    """Find the folder of mappings that comes with this project, relative to where we are if it is below."""
    path = Path(str(importlib.resources.files("mappings")))
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def find_folders(root: Path | None) -> dict[str, Path]:
    """Find mapping folders by name: datasets as `name`, code lists as `codes/name`, sorted, code lists first.

    Code lists that come with the project are always there; those of `root` add to them or replace them.
    """
    packaged = packaged_mappings()
    root = packaged if root is None else root
    if not root.is_dir():
        message = f"no folder of mappings at {root}"
        raise MisuseError(message)
    folders: dict[str, Path] = {}
    for place in dict.fromkeys((packaged, root)):
        folders |= {f"{CODES}/{path.name}": path for path in _folders_in(place / CODES)}
    datasets = {path.name: path for path in _folders_in(root) if path.name != CODES}
    both = sorted(name for name in datasets if f"{CODES}/{name}" in folders)
    if both:
        message = f"{', '.join(both)}: a dataset and a code list cannot have one name; rename one of the folders"
        raise MisuseError(message)
    return dict(sorted(folders.items())) | dict(sorted(datasets.items()))


def _folders_in(root: Path) -> list[Path]:
    if not root.is_dir():
        return []
    return [path for path in root.iterdir() if path.is_dir() and any(path.glob(f"*{METADATA_SUFFIX}"))]


def select(folders: Dictionary[str, Path], names: Sequence[str]) -> dict[str, Path]:
    """Keep the datasets named, and every code list; all folders if none is named."""
    unknown = [name for name in names if name not in folders and f"{CODES}/{name}" not in folders]
    if unknown:
        datasets = ", ".join(name for name in folders if not name.startswith(f"{CODES}/"))
        message = f"no mapping is called {', '.join(unknown)}; there are: {datasets}"
        raise MisuseError(message)
    if not names:
        return dict(folders)
    return {name: path for name, path in folders.items() if name.startswith(f"{CODES}/") or name in names}


def read_mapping(name: str, folder: Path, uris: Uris) -> Mapping:
    """Read one folder. Raises ProblemsError with everything wrong in `source.toml` and the metadata documents."""
    is_code_list = name.startswith(f"{CODES}/")
    name = name.removeprefix(f"{CODES}/")
    problems: list[Problem] = []
    if not _SLUG.fullmatch(name):
        hint = "use lower-case letters, digits and single hyphens: the name becomes part of addresses"
        problems.append(Problem("MAP-01", str(folder), f"'{name}' cannot be the name of a folder", hint))
    source = Source(folder / "source.toml", problems)
    description = _read_description(source, is_code_list=is_code_list)
    files = tuple(_read_files(source))
    tables = [_read_table(path, name, uris, problems, is_code_list=is_code_list) for path in _documents(folder)]
    found = {table.name: table for table in tables if table is not None}
    is_single = len(found) == 1 == len(tables)
    main = next(iter(found.values())) if is_single else found.get(name)
    if main is None and len(found) == len(tables):
        message = f"no table is called {name}, as the folder is"
        hint = f"name the main table {name}.csv and its mapping {name}{METADATA_SUFFIX}"
        problems.append(Problem("MAP-02", str(folder), message, hint))
    policy = _read_policy(source, found.values(), is_code_list=is_code_list)
    if main is not None and description.edition_column is not None:
        _check_edition_column(source, description.edition_column, main)
    source.note_unknown()
    if problems or main is None:
        raise ProblemsError(problems)
    others = tuple(table for table in found.values() if table is not main)
    files = tuple(replace(file, policy=policy) for file in files)
    return Mapping(name, folder, is_code_list, description, files, main, others, policy)


def _check_edition_column(source: Source, name: str, main: TableMapping) -> None:
    names = [column.name for column in main.table.columns if not column.virtual]
    if name not in names:
        message = f"edition_column: the table has no column '{name[:60]}'"
        source.note("MAP-05", message, f"use one of {', '.join(names)}")


def _read_policy(source: Source, tables: Iterable[TableMapping], *, is_code_list: bool) -> Policy:
    """Read the policy of a folder (docs/gate.md). A code list without one is reference; a dataset must have one."""
    table = source.get("policy", dict, '{ kind = "counts" }')
    if table is None and (is_code_list or "policy" in source.table or not source.table):
        return Policy(REFERENCE)  # of a code list; else what is wrong with the file has been noted
    policy, problems = read_policy(table, str(source.path))
    columns = {table.name: [column.name for column in table.table.columns if not column.virtual] for table in tables}
    source.problems += problems or check_policy_columns(policy, columns, str(source.path))
    return policy


def _documents(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"*{METADATA_SUFFIX}"))


def _read_table(
    document: Path, name: str, uris: Uris, problems: list[Problem], *, is_code_list: bool
) -> TableMapping | None:
    """Read one metadata document as the site publishes it; None if it has problems, which are noted."""
    address = uris.folder_document(name, is_code_list=is_code_list, file=document.name)
    table_name = document.name.removesuffix(METADATA_SUFFIX)
    report = Report()
    try:
        group = read_metadata(document.read_bytes(), base_url=address, report=report, load=_refuse_to_load)
    except ProblemsError as error:
        problems += [_placed(problem, document) for problem in error.problems]
        return None
    except OSError as error:
        problems.append(Problem("FILE-05", str(document), f"cannot be read: {error.strerror}"))
        return None
    # What CSVW lets pass with a warning is a mistake in a mapping: nobody would see the warning again.
    if report.warnings:
        problems += [_placed(warning, document) for warning in report.warnings]
        return None
    expected = uris.folder_document(name, is_code_list=is_code_list, file=f"{table_name}.csv")
    if len(group.tables) != 1 or group.tables[0].url != expected:
        message = "the document must describe one table, the CSV file beside it"
        problems.append(Problem("MAP-03", str(document), message, f'set "url": "{table_name}.csv"'))
        return None
    if found := list(restrictions(group.tables[0], document)):
        problems += found
        return None
    return TableMapping(table_name, document.with_name(f"{table_name}.csv"), document, group.tables[0])


def _refuse_to_load(url: str) -> bytes:
    message = "a mapping is one document, which refers to no other"
    raise ProblemsError([Problem("MAP-03", url[:200], message, "write the schema into the document")])


def _placed(problem: Problem, document: Path) -> Problem:
    """Name the file of a problem found in a metadata document, whose place is a JSON path."""
    place = problem.where if str(document) in problem.where else f"{document}: {problem.where}"
    return Problem(problem.code, place, problem.message, problem.hint)


def _read_description(source: Source, *, is_code_list: bool) -> Description:
    edition = source.get("edition", str, '"2025-05"')
    if edition is None and not is_code_list and source.table:
        source.note("MAP-05", "'edition' is missing", 'add edition = "2025-05" (a year, month or day)')
    if edition is not None and not _is_edition(edition):
        source.note("MAP-05", f"edition '{edition}' is no year, month or day", 'write for instance edition = "2025-05"')
    frequency = source.get("frequency", str, '"monthly"')
    if frequency is not None and frequency not in FREQUENCIES:
        source.note("MAP-05", f"frequency '{frequency}' is not known", f"use one of {', '.join(FREQUENCIES)}")
    return Description(
        title=source.need("title", '"Households on Universal Credit"'),
        description=source.need("description", '"""What is counted, for whom."""'),
        publisher=_address(source, "publisher"),
        licence=_address(source, "licence"),
        landing_page=source.address("landing_page"),
        keywords=source.texts("keywords"),
        edition=edition,
        edition_column=source.get("edition_column", str, '"month"'),
        version=_version(source),
        issued=source.get("issued", date, "2025-07-15"),
        frequency=frequency,
        is_sample=bool(source.get("sample", bool, "true", default=False)),
        notes=source.get("notes", str, '"…"'),
        shipped_note=source.get("shipped_note", str, '"…"'),
        entry=Entry() if is_code_list else read_entry(source),
    )


def _is_edition(text: str) -> bool:
    """Say whether a text is a year, financial year, month or day of the calendar."""
    if not _EDITION.fullmatch(text):
        return False
    if len(text) in (4, 9):
        return True
    try:
        date.fromisoformat(text if len(text) == 10 else f"{text}-01")
    except ValueError:
        return False
    return True


def _version(source: Source) -> int:
    version = source.get("version", int, "1", 1) or 0
    if not 1 <= version <= MAX_VERSION:
        source.note("MAP-05", f"'version' is not a number from 1 to {MAX_VERSION:,}", "write for instance version = 2")
    return version


def _address(source: Source, key: str) -> str:
    value = source.need(key, '"https://…"')
    return (source.address(key) or "") if value else ""


def _read_files(source: Source) -> Iterable[PublishedFile]:
    for entry in source.get("files", list, "[[files]]", []) or []:
        if not isinstance(entry, dict):
            source.note("MAP-05", "'files' is not a list of tables", 'start each with [[files]] and give pattern = "…"')
            continue
        table = Source(source.path, source.problems, entry)
        for key in sorted(entry.keys() - set(_FILE_KEYS)):
            table.note("MAP-05", f"the key '{key}' is not known in [[files]]", f"use one of {', '.join(_FILE_KEYS)}")
        encoding = table.get("encoding", str, '"cp1252"', "utf-8") or "utf-8"
        if not is_text_encoding(encoding):
            table.note("MAP-05", f"'{encoding[:60]}' is not a known encoding", "write utf-8, or cp1252 for older files")
        pattern = table.need("pattern", '"*.csv"')
        if pattern and not _is_pattern(pattern):
            message = f"'{pattern[:60]}' is no name or glob of files below --sources"
            table.note("MAP-05", message, 'write for instance pattern = "uc_households*.csv"')
        yield PublishedFile(
            pattern=pattern,
            url=table.address("url"),
            encoding=encoding,
            sheet=table.get("sheet", str, '"Data"'),
            header_row=_header_row(table),
            left_out=_left_out(table),
        )


def _is_pattern(text: str) -> bool:
    """Say whether a glob stays below the folder it is looked for in, and is one."""
    parts = text.replace("\\", "/").split("/")
    is_glob = all(part and part != ".." and ("**" not in part or part == "**") for part in parts)
    return is_glob and not has_control_characters(text)


def _header_row(table: Source) -> int | None:
    row = table.get("header_row", int, "1")
    if row is not None and row < 1:
        table.note("MAP-05", f"header_row {row} is no row: they count from 1", "write for instance header_row = 4")
    return row


def _left_out(table: Source) -> tuple[str, ...]:
    """Give the headers that a person has decided to leave out. Each needs a reason."""
    entries = table.get("left_out", dict, '{ "Contact telephone" = "of offices; in no table" }', {}) or {}
    for header, reason in entries.items():
        if not isinstance(reason, str) or not reason.strip():
            hint = f'write for instance left_out = {{ "{header}" = "why no table has it" }}'
            table.note("MAP-05", f"left_out gives no reason for '{header}'", hint)
    return tuple(entries)
