"""Write down the names of payees that are held, for a person to review: `dwpld held` (docs/persons.md).

The names may be persons'. They are read from published files, and go only into files that nobody else can read, in a
directory that the user names; never into a mapping folder, a release, a report or a message.
"""

from __future__ import annotations

import os
import shlex
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from loader.errors import MisuseError
from loader.mapping import CODES, find_folders, packaged_mappings, read_mapping, select
from loader.persons import review_key, why_held
from loader.release import CURRENT
from loader.sources import find_published, run_tidy, step_of
from loader.uris import DEFAULT_BASE, Uris

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import polars as pl

    from loader.mapping import Mapping
    from loader.tidying import HeldName

LINES_SHOWN: Final = 10
_HEADER: Final = """\
# Payees of {dataset} that are held: nobody has found yet that they are organisations. Some may be persons.
# Keep this file to yourself, and delete it when you are done.
#
# Look at each name, and in the published file if need be. If it is plainly an organisation's, remove the number sign
# and the space before it. If in doubt, leave it: what is held can be published later, what is published cannot be taken
# back. Then add those lines, and no others, to the folder of the dataset:
#
#     grep -v '^#' {file} >> {organisations}
#
# {counts}.

"""


def some(count: int, thing: str) -> str:
    """Say how many there are of a thing."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


@dataclass(slots=True)
class _Payee:
    """All rows held for one name, however it is written."""

    name: str
    rows: list[HeldName] = field(default_factory=list)

    @property
    def is_reviewable(self) -> bool:
        return why_held(self.name, {review_key(self.name)}) is None

    def line(self) -> str:
        """Give the line of the list of organisations, commented out."""
        reasons = ", ".join(dict.fromkeys(row.row.reason.removeprefix("payee held: ") for row in self.rows))
        amounts = [row.row.amount for row in self.rows if row.row.amount is not None]
        rows = some(len(self.rows), "row")
        what = f"{rows}, {sum(amounts):,}" if amounts else rows
        return f"# {self.name}  # {reasons}; {what}; {self.places()}"

    def places(self) -> str:
        """Name file and lines of the first rows."""
        lines: dict[str, list[str]] = {}
        for row in self.rows[:LINES_SHOWN]:
            lines.setdefault(row.file, []).append(str(row.row.line))
        more = f" and {len(self.rows) - LINES_SHOWN:,} more" if len(self.rows) > LINES_SHOWN else ""
        return "; ".join(f"{file}:{','.join(numbers)}" for file, numbers in lines.items()) + more


def review(datasets: Sequence[str], sources: Path, mappings: Path | None, out: Path | None) -> Iterator[str]:
    """Say for each dataset how many names are held, and write them to `out`; without it, nothing is written.

    Raises MisuseError if `out` is in a folder of mappings or in a release, or has a file for the dataset already.
    """
    if out is not None:
        _check_place(out, [packaged_mappings(), *([mappings] if mappings is not None else [])])
    folders = select(find_folders(mappings), datasets)
    is_found = False
    for name, folder in folders.items():
        if name.startswith(f"{CODES}/"):
            continue
        mapping = read_mapping(name, folder, Uris(DEFAULT_BASE))
        files = find_published(mapping, sources) if mapping.policy.supplier_columns else []
        if not files:
            continue
        is_found = True
        held: list[HeldName] = []
        frame, _ = run_tidy(step_of(mapping), files, mapping.folder, held)
        yield from _reviewed(mapping, frame, held, out)
    if not is_found:
        message = f"no published file of a dataset that names payees is below {sources}"
        raise MisuseError(message)


def _check_place(out: Path, roots: Sequence[Path]) -> None:
    real = out.resolve()
    if any(real.is_relative_to(root.resolve()) for root in roots):
        message = f"{out} is in a folder of mappings: held names may be persons' and must not lie there"
        raise MisuseError(message)
    places = (real, *real.parents)
    if any((place / "manifest.json").exists() or (place / CURRENT).is_symlink() for place in places):
        message = f"{out} is where releases are kept: held names may be persons' and must not lie there"
        raise MisuseError(message)


def _reviewed(mapping: Mapping, frame: pl.DataFrame, held: Sequence[HeldName], out: Path | None) -> Iterator[str]:
    payees: dict[str, _Payee] = {}
    for row in held:
        name = " ".join(row.name.replace("#", " ").split())
        if name:
            payees.setdefault(review_key(name), _Payee(name)).rows.append(row)
    columns = mapping.policy.of_table(mapping.main.name).supplier_columns
    names = (name for column in columns if column in frame.columns for name in frame[column].unique().drop_nulls())
    published = set(map(review_key, names))
    candidates = sorted((payee for payee in payees.values() if payee.is_reviewable), key=lambda payee: payee.name)
    counts = f"{len(payees):,} of {len(published | payees.keys()):,} names held, in {some(len(held), 'row')}"
    yield f"{mapping.name}: {counts}"
    never = Counter(row.row.reason for payee in payees.values() if not payee.is_reviewable for row in payee.rows)
    never.update(row.row.reason for row in held if not row.name.strip())
    for reason, rows in never.most_common():
        yield f"{mapping.name}: not to be reviewed: {some(rows, 'row')}: {reason}"
    if out is None or not candidates:
        yield f"{mapping.name}: to be reviewed: {some(len(candidates), 'name')}"
        return
    path = out / f"{mapping.name}.txt"
    target = mapping.folder / "organisations.txt"
    places = {"file": shlex.quote(str(path)), "organisations": shlex.quote(str(target))}
    header = _HEADER.format(dataset=mapping.name, counts=counts, **places)
    _write(path, header + "".join(f"{payee.line()}\n" for payee in candidates))
    yield f"{mapping.name}: to be reviewed: {some(len(candidates), 'name')}, in {path}"


def _write(path: Path, text: str) -> None:
    """Write a file that only its owner can read."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        message = f"{path} is there already; move it away first: somebody may be reviewing it"
        raise MisuseError(message) from None
    except OSError as error:
        message = f"cannot write {path}: {error.strerror}"
        raise MisuseError(message) from error
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text)
