"""Which things a published table is about, in its own order, a page at a time.

The store gives the observations of a dataset in no order that means anything to people, and takes seconds to sort a
hundred thousand of them. The published table has an order, and its CSVW metadata says which address each row has.
"""

from __future__ import annotations

import csv
import json
import re
from itertools import islice
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urljoin

from endpoint.site import node

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pyoxigraph import NamedNode

VARIABLE: Final = re.compile(r"\{(\+?)([A-Za-z0-9_.%]+)\}")
RESERVED: Final = ":/?#[]@!$&'()*+,;=%"


def row_subjects(table: Path, metadata: Path, address: str, start: int, count: int) -> list[NamedNode] | None:
    """Give the subjects of some rows of a table; `start` counts from 0, and `address` is where the table is published.

    None if the metadata does not say it in the plain way: one `aboutUrl` for the whole row, made of columns.
    """
    try:
        document = json.loads(metadata.read_text(encoding="utf-8"))
        schema = document["tableSchema"]
        about = schema.get("aboutUrl") or document.get("aboutUrl")
        names = [column["name"] for column in schema["columns"] if not column.get("virtual")]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    if not isinstance(about, str) or "{" in VARIABLE.sub("", about):
        return None
    if not {name for _, name in VARIABLE.findall(about)} <= set(names):
        return None
    found = [node(urljoin(address, expand(about, cells))) for cells in _cells(table, names, start, count)]
    return [subject for subject in found if subject is not None]


def _cells(table: Path, names: list[str], start: int, count: int) -> Iterator[dict[str, str]]:
    with table.open(encoding="utf-8-sig", newline="") as lines:
        for row in islice(csv.reader(lines), start + 1, start + 1 + count):
            yield dict(zip(names, row, strict=False))


def expand(template: str, cells: Mapping[str, str]) -> str:
    """Expand the simple and reserved variables of a URI template (RFC 6570 §3.2.2, §3.2.3)."""

    def value(match: re.Match[str]) -> str:
        return quote(cells.get(match[2], ""), safe=RESERVED if match[1] else "")

    return VARIABLE.sub(value, template)
