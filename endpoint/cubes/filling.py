"""Ask the columns for the rows of each block, no more and no wider than the query needs them, and put them in."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from endpoint.cubes.aggregates import compress
from endpoint.cubes.counting import count, sole
from endpoint.cubes.refusal import RefusalError
from endpoint.cubes.rewrite import names_of_query, parts_of
from endpoint.cubes.syntax import Query, Values

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from endpoint.cubes.rewrite import Rewriter
    from endpoint.cubes.stars import Block
    from endpoint.cubes.syntax import Element, Expression, Group

MAX_ROWS: Final = 300_000
MAX_INNER_ROWS: Final = 10_000
"""Rows that the engine may go through for each solution of what is around them."""


class Filler:
    """Fills the blocks of one query."""

    def __init__(self, rewriter: Rewriter, root: Query) -> None:
        self.rewriter = rewriter
        self.root = root
        self.asked: list[tuple[Block, str, int]] = []
        """Each block, its SQL and how many rows it gave."""

    def fill(self) -> None:
        """Fill every block."""
        for query in list(queries_in(self.root)):
            counted = count(query, self.root, self.rewriter)
            if counted is not None:
                self.asked.append((*counted, 1))
                continue
            compressed = compress(query, self.root)
            if compressed is not None:
                answered, names, sql = compressed
                answered.values = self.values(answered.block, names, sql)
        for query in queries_in(self.root):
            cut(query)
        limits = {id(block): limit for query in queries_in(self.root) for block, limit in limited(query)}
        for answered in self.rewriter.found:
            if answered.values is None:
                names = self.used(answered.block)
                answered.values = self.values(
                    answered.block, names, self.sql(answered.block, names), limits.get(id(answered.block))
                )

    def used(self, block: Block) -> list[str]:
        """Give the variables of a block that anything else mentions."""
        counts = Counter(names_of_query(self.root))
        return [name for name in block.variables if counts[name] > 1]

    def sql(self, block: Block, names: Sequence[str]) -> str:
        """Write a block in SQL."""
        for outer in block.outer:
            narrow(block, outer)
        text = block.relation(names)
        return f"SELECT DISTINCT * FROM ({text})" if block.is_set else text

    def values(self, block: Block, names: Sequence[str], sql: str, limit: int | None = None) -> Values:
        """Give the rows of a block as VALUES. Raises RefusalError if they are too many."""
        most = MAX_INNER_ROWS if block.is_inner else MAX_ROWS
        row = " || ' ' || ".join(f"v{number}" for number in range(len(names))) or "''"
        enough = most + 1 if limit is None else min(limit, most + 1)
        text = f"SELECT count(*), string_agg('(' || {row} || ')', ' ') FROM ({sql} LIMIT {enough})"
        ((found, data),) = self.rewriter.columns.rows(text)
        self.asked.append((block, sql, int(str(found))))
        if int(str(found)) > most:
            raise too_many_rows(block, most)
        return Values(tuple(names), str(data or ""))


def too_many_rows(block: Block, most: int) -> RefusalError:
    """Refuse a block that is too large."""
    cubes = [cube.record for cube in block.cubes]
    named = " and ".join(cube.name for cube in cubes[:3]) + (" and others" if len(cubes) > 3 else "")
    reason = f"it needs more than {most:,} rows of {named} one by one"
    hint = "say which period, area or other code is meant, count or sum instead of listing, or add a LIMIT"
    return RefusalError(reason, hint, tuple(f"dumps/{cube.name}.nq.gz" for cube in cubes))


def narrow(block: Block, outer: Block) -> None:
    """Keep the rows of a block that something around it can be joined with."""
    shared = [n for n in block.variables if n in outer.variables and n not in block.optional | outer.optional]
    for name in shared:
        values = " UNION ALL ".join(branch.select([f"{branch.values[name].text} AS v"]) for branch in outer.branches)
        if values:
            found = (
                branch.where(f"{branch.values[name].text} IN (SELECT v FROM ({values}))") for branch in block.branches
            )
            block.branches = [branch for branch in found if branch is not None]
        else:
            block.branches = []


def limited(query: Query) -> Iterator[tuple[Block, int]]:
    """Give the block of a query that is nothing else, and the number of rows that are enough of it."""
    answered = sole(query.where)
    if query.limit is None or query.is_aggregate or query.order_by or query.values is not None or answered is None:
        return
    if answered.block.is_set == (query.duplicates == "DISTINCT") and query.form in {"SELECT", "CONSTRUCT"}:
        yield answered.block, query.limit + (query.offset or 0)


def cut(query: Query) -> None:
    """Keep of a block that is nothing else what comes first, if the query sorts by numbers and then wants few rows."""
    answered = sole(query.where)
    if query.limit is None or query.is_aggregate or not query.order_by or query.values is not None or answered is None:
        return
    block, order = answered.block, query.order_by[0]
    numbers = [name for name in order.variables if name in block.variables and name not in block.optional]
    is_plain = [word for word in order.words if word not in {"ASC", "DESC"}] == [] and not order.groups
    is_plain = is_plain and all(part.text in "()" for part in order.tokens if part.kind not in {"word", "variable"})
    if not is_plain or len(numbers) != 1 or answered.stored or block.is_set or query.form != "SELECT":
        return
    if all(branch.values[numbers[0]].is_number for branch in block.branches):
        block.top = (numbers[0], "DESC" if "DESC" in order.words else "ASC", query.limit + (query.offset or 0))


def queries_in(part: Element | Group | Expression) -> Iterator[Query]:
    """Give all queries in a part of a query, itself if it is one, before those within them."""
    if isinstance(part, Query):
        yield part
        yield from queries_in(part.where)
        for expression in part.expressions:
            yield from queries_in(expression)
    for inner in parts_of(part):
        yield from queries_in(inner)
