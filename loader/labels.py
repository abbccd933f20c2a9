"""Find the code of a label in a code list of `mappings/codes/`, for tidy steps.

Labels are compared without regard to letter case, spacing and the kind of apostrophe; there is no guessing.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels of one code list."""

    name: str
    by_code: Mapping[str, str]
    """Preferred label of each code."""
    by_label: Mapping[str, str]
    """Code of each preferred or alternative label, normalised."""
    by_parts: Mapping[frozenset[str], str]
    """Code that is broader than exactly these codes."""
    types: Mapping[str, str]
    """Cell of the column 'Benefit type' for each code; empty texts where the list has no such column."""

    def code(self, label: str) -> str | None:
        """Give the code of a label, or None."""
        return self.by_label.get(normalised(label))

    def group(self, labels: Iterable[str]) -> str | None:
        """Give the code of one label, or the code whose parts are exactly those of several labels; or None."""
        codes = {self.code(label) for label in labels}
        if len(codes) == 1:
            return codes.pop()
        known = frozenset(code for code in codes if code is not None)
        return self.by_parts.get(known) if len(known) == len(codes) else None


def normalised(label: str) -> str:
    """Take out differences of letter case, spacing and apostrophes."""
    return " ".join(label.replace("’", "'").replace("‘", "'").casefold().split())


@cache
def code_list(name: str) -> Labels:
    """Read the code list `mappings/codes/<name>/<name>.csv` of this package; read once."""
    table = resources.files("mappings").joinpath(f"codes/{name}/{name}.csv")
    rows = list(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))
    parts: defaultdict[str, set[str]] = defaultdict(set)
    by_label: dict[str, str] = {}
    for row in rows:
        code = row["Code"]
        parts[row.get("Within", "")].add(code)
        others = row.get("Other label", "")
        by_label |= {normalised(label): code for label in (row["Label"], others) if label}
    return Labels(
        name=name,
        by_code={row["Code"]: row["Label"] for row in rows},
        by_label=by_label,
        by_parts={frozenset(codes): parent for parent, codes in parts.items() if parent},
        types={row["Code"]: row.get("Benefit type", "") for row in rows},
    )
