"""Rewrite the tables that a mapping folder ships, from published files, through its own tidy step."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from loader.errors import MisuseError
from loader.mapping import CODES, find_folders, read_mapping
from loader.sources import companions, find_published, run_tidy, step_of, write_tables
from loader.uris import DEFAULT_BASE, Uris

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_ROWS = 5000


def ship(dataset: str, sources: Path, mappings: Path | None, *, show: bool) -> Iterator[str]:
    """Write the shipped tables of a folder; yield a line for each. With `show`, only say what would be written.

    `shipped()` of the tidy step cuts the main table down, if it has one. Raises MisuseError for more than 5,000 rows.
    """
    folders = find_folders(mappings)
    name = dataset if dataset in folders else f"{CODES}/{dataset}"
    if name not in folders:
        message = f"no mapping is called {dataset}"
        raise MisuseError(message)
    mapping = read_mapping(name, folders[name], Uris(DEFAULT_BASE))
    files = find_published(mapping, sources)
    if not files:
        patterns = ", ".join(file.pattern for file in mapping.files) or "it names none"
        message = f"no published file of {dataset} below {sources} ({patterns})"
        raise MisuseError(message)
    step = step_of(mapping)
    frame, readings = run_tidy(step, files, mapping.folder)
    if hasattr(step, "shipped"):
        frame = step.shipped(frame)
    if frame.height > MAX_ROWS:
        message = f"{frame.height:,} rows are too many to ship; cut them down in shipped() of {mapping.tidy}"
        raise MisuseError(message)
    for reading in readings:
        left_out = len(reading.left_out)
        yield f"{reading.record.path}: {reading.rows_read:,} rows read, {left_out:,} left out"
    with tempfile.TemporaryDirectory() as directory:
        tables = {mapping.main.name: frame} | companions(step, frame)
        for path in write_tables(mapping, tables, Path(directory)).values():
            target = mapping.folder / path.name
            data = path.read_bytes()
            yield f"{target}: {len(data):,} bytes{' (not written)' if show else ''}"
            if not show:
                target.write_bytes(data)
