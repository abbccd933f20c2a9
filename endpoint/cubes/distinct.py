"""The different rows of a block, in SQL that writes terms for different values only."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from endpoint.cubes.stars import Block, Branch


def different(block: Block, names: Sequence[str], limit: int | None = None, *, is_compared: bool = False) -> str:
    """Write the different rows of a block, as `v0`, `v1` and so on; of each branch, no more than a limit.

    The values are data of VALUES, in which a term may be written in two ways, or terms in N-Triples, to be compared.
    """
    parts = [_different(branch, names, limit, is_compared=is_compared) for branch in block.branches]
    if not parts:
        return block.relation(names)
    return parts[0] if len(parts) == 1 else f"SELECT DISTINCT * FROM ({' UNION ALL '.join(parts)})"


def _different(branch: Branch, names: Sequence[str], limit: int | None, *, is_compared: bool) -> str:
    raw = list(dict.fromkeys(branch.values[name].sql for name in names if branch.values[name].constant is None))
    columns = []
    for number, name in enumerate(names):
        value = branch.values[name]
        known = value if value.constant is not None else replace(value, sql=f"r{raw.index(value.sql)}")
        whole = f"coalesce({known.text}, 'UNDEF')" if known.is_optional else known.text
        columns.append(f"{whole if is_compared else known.written} AS v{number}")
    if not raw:
        return f"SELECT {', '.join(columns) or '1'} FROM ({branch.select([])} LIMIT 1)"
    inner = branch.select([f"{sql} AS r{number}" for number, sql in enumerate(raw)])
    ending = "" if limit is None else f" LIMIT {limit}"
    return f"SELECT {', '.join(columns)} FROM (SELECT DISTINCT * FROM ({inner}){ending})"
