"""Ask the columns for the rows of each block, no more and no wider than the query needs them, and put them in."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from endpoint.cubes.aggregates import compress
from endpoint.cubes.columns import SUBJECT
from endpoint.cubes.cost import refuse_pairs
from endpoint.cubes.counting import count, sole
from endpoint.cubes.distinct import different
from endpoint.cubes.refusal import RefusalError
from endpoint.cubes.rewrite import names_of_query, parts_of
from endpoint.cubes.stars import Block, Given
from endpoint.cubes.syntax import Answered, Expression, Query, Values, Var

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from endpoint.cubes.columns import Columns
    from endpoint.cubes.rewrite import Rewriter
    from endpoint.cubes.stars import Branch
    from endpoint.cubes.syntax import Element, Group

MAX_ROWS: Final = 300_000
MAX_INNER_ROWS: Final = 10_000
"""Rows that the engine may go through for each solution of what is around them."""
MAX_SQL: Final = 30_000
"""More SQL than this takes longer to plan than it saves."""


class Filler:
    """Fills the blocks of one query."""

    def __init__(self, rewriter: Rewriter, root: Query) -> None:
        self.rewriter = rewriter
        self.root = root
        self.asked: list[tuple[Block, str, int]] = []
        """Each block, its SQL and how many rows it gave."""

    def fill(self) -> None:
        """Fill every block."""
        scopes = list(scopes_in(self.root, self.root))
        for query, scope in scopes:
            counted = count(query, scope, self.rewriter)
            if counted is not None:
                self.asked.append((*counted, 1))
                continue
            for answered, names, sql in compress(query, scope, self.rewriter.columns):
                answered.values = self.values(answered.block, names, sql)
        for query, _ in scopes:
            cut(query, self.rewriter.columns)
        limits = {id(block): limit for query, _ in scopes for block, limit in limited(query)}
        homes = {id(one): scope for query, scope in scopes for one in answered_in(query.where)}
        for answered in self.rewriter.found:
            if answered.values is None:
                names = self.used(answered, homes.get(id(answered), self.root))
                limit = limits.get(id(answered.block))
                answered.values = self.some(answered.block, names, limit) or self.values(
                    answered.block, names, self.sql(answered.block, names, limit), limit
                )
        refuse_pairs(self.root, {id(block): rows for block, _, rows in self.asked})

    def used(self, answered: Answered, scope: Query) -> list[str]:
        """Give the variables of a block that anything else mentions."""
        counts = Counter(names_of_query(scope))
        return [name for name in answered.block.variables if counts[name] > 1]

    def sql(self, block: Block, names: Sequence[str], limit: int | None = None) -> str:
        """Write a block in SQL."""
        for outer in block.outer:
            if isinstance(outer, Block):
                narrow(block, outer)
        return different(block, names, limit, is_compared=limit is not None) if block.is_set else block.relation(names)

    def some(self, block: Block, names: Sequence[str], limit: int | None) -> Values | None:
        """Give so many rows of a block, from one branch after another; None if that is not all there is to do."""
        if limit is None or limit > MAX_ROWS or block.is_set or block.is_inner or len(block.branches) < 2:
            return None
        rows: list[str] = []
        texts: list[str] = []
        for branch in block.branches:
            text = replace(block, branches=[branch]).relation(names)
            texts.append(text)
            rows += self.rewriter.columns.texts(f"SELECT {row_of(names)} FROM ({text} LIMIT {limit - len(rows)})")
            if len(rows) >= limit:
                break
        self.asked.append((block, " UNION ALL ".join(texts), len(rows)))
        return Values(tuple(names), " ".join(rows))

    def values(self, block: Block, names: Sequence[str], sql: str, limit: int | None = None) -> Values:
        """Give the rows of a block as VALUES. Raises RefusalError if they are too many."""
        most = MAX_INNER_ROWS if block.is_inner else MAX_ROWS
        enough = most + 1 if limit is None else min(limit, most + 1)
        text = f"SELECT count(*), string_agg({row_of(names)}, ' ') FROM ({sql} LIMIT {enough})"
        ((found, data),) = self.rewriter.columns.rows(text)
        self.asked.append((block, sql, int(str(found))))
        if int(str(found)) > most:
            if block.is_inner and self.is_given(block):
                return self.values(block, names, self.sql(block, names, limit), limit)
            raise too_many_rows(block, most)
        return Values(tuple(names), str(data or ""))

    def is_given(self, block: Block) -> bool:
        """Keep the rows that patterns of the store around a block can be joined with; tell whether there were any."""
        given = [one for one in block.outer if isinstance(one, Given)]
        for one in given:
            for name in set(one.variables) & set(block.variables) - block.optional:
                limit = f"LIMIT {MAX_INNER_ROWS + 1}"
                where = f"{self.rewriter.dataset} WHERE {{ {one.text} }}"
                terms = self.rewriter.stored.terms(f"SELECT DISTINCT ?{name} {where} {limit}")
                if len(terms) <= MAX_INNER_ROWS:
                    block.restrict(name, terms)
        block.outer = tuple(one for one in block.outer if not isinstance(one, Given))
        return bool(given)


def row_of(names: Sequence[str]) -> str:
    """Write a row of VALUES, as SQL."""
    row = " || ' ' || ".join(f"v{number}" for number in range(len(names))) or "''"
    return f"'(' || {row} || ')'"


def too_many_rows(block: Block, most: int) -> RefusalError:
    """Refuse a block that is too large."""
    cubes = [cube.record for cube in block.cubes]
    named = " and ".join(cube.name for cube in cubes[:3]) + (" and others" if len(cubes) > 3 else "")
    reason = f"it needs more than {most:,} rows of {named} one by one"
    hint = "say which period, area or other code is meant, count or sum instead of listing, or add a LIMIT"
    return RefusalError(reason, hint, tuple(f"/dumps/{cube.name}.nq.gz" for cube in cubes))


def narrow(block: Block, outer: Block) -> None:
    """Keep the rows of a block that something around it can be joined with."""
    shared = [n for n in block.variables if n in outer.variables and n not in block.optional | outer.optional]
    for name in shared:
        values = " UNION ALL ".join(branch.select([f"{branch.values[name].text} AS v"]) for branch in outer.branches)
        if len(values) * len(block.branches) > MAX_SQL:
            continue
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


def cut(query: Query, columns: Columns) -> None:
    """Keep of a block that is nothing else what comes first, if the query sorts and then wants few rows."""
    answered = sole(query.where)
    if query.limit is None or query.is_aggregate or not query.order_by or query.values is not None or answered is None:
        return
    block, order = answered.block, query.order_by[0]
    names = [name for name in order.variables if name in block.variables and name not in block.optional]
    is_plain = [word for word in order.words if word not in {"ASC", "DESC"}] == [] and not order.groups
    is_plain = is_plain and all(part.text in "()" for part in order.tokens if part.kind not in {"word", "variable"})
    if not is_plain or len(names) != 1 or block.is_set or query.form != "SELECT":
        return
    keys = [sort_key(branch, names[0], columns) for branch in block.branches]
    known = tuple(key for key in keys if key is not None)
    if len(known) == len(keys):
        direction = "DESC" if "DESC" in order.words else "ASC"
        block.top = (known, direction, query.limit + (query.offset or 0))


def sort_key(branch: Branch, name: str, columns: Columns) -> str | None:
    """Give SQL that sorts the values of a variable as the engine does; None for literals that are no numbers."""
    value = branch.values[name]
    if value.is_number:
        return value.sql
    for term, alias in branch.subjects:
        if term == Var(name):
            return f"{alias}.{SUBJECT}"
    other = branch.where(f"NOT starts_with({value.sql}, '<')") or branch
    if columns.rows(f"{other.select([])} LIMIT 1"):
        return None
    return f"substr({value.sql}, 2, length({value.sql}) - 2)"


def scopes_in(part: Element | Group | Expression, root: Query) -> Iterator[tuple[Query, Query]]:
    """Give all queries in a part of a query, itself if it is one, before those within them, and the scope of each.

    What a subquery does not select is seen in it alone; but within EXISTS everything around may be put in, so the scope
    there is the whole query.
    """
    if isinstance(part, Query):
        yield part, root if part is root else part
        yield from scopes_in(part.where, root)
        for expression in part.expressions:
            yield from ((query, root) for query, _ in scopes_in(expression, root))
    is_inner = isinstance(part, Expression)
    for inner in parts_of(part):
        yield from ((query, root if is_inner else scope) for query, scope in scopes_in(inner, root))


def answered_in(part: Element | Group | Expression) -> Iterator[Answered]:
    """Give the blocks in a part of a query, but not those of subqueries."""
    if isinstance(part, Answered):
        yield part
    for inner in parts_of(part):
        yield from answered_in(inner)
