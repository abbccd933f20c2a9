"""Work out what a reader can know of suppressed cells: intervals by linear programming (docs/audit.md).

A reader knows that every total is the sum of its parts and that no count is below zero. From this and the published
figures follows, for each suppressed cell, a smallest and a largest value it can have. Where the two lie closer together
than the threshold of the dataset, the cell is as good as published.

    figures, groups ─▶ equations ─▶ elimination ─▶ components ─▶ one linear program each ─▶ leaks
"""

from __future__ import annotations

import math
import time
from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import highspy
import numpy as np
import polars as pl

from loader.gate.equations import TOLERANCE, set_up

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from loader.gate.counts import Figures
    from loader.gate.equations import System

AUDIT_S: Final = 120.0
"""Seconds for one measure of a table; an audit that takes longer fails."""
_TOURS: Final = 12
"""Random objectives tried before cells are taken one by one; most cells turn out to be safe in these."""


@dataclass(frozen=True, slots=True)
class Group:
    """A code of a dimension and the codes that it is the total of."""

    dimension: str
    total: str
    parts: tuple[str, ...]
    is_partial: bool = False
    """True if the code list has parts that the table never shows, so the parts may be less than the total."""


@dataclass(frozen=True, slots=True)
class Need:
    """How wide the interval of a suppressed cell must be, in the unit of the table."""

    width: float
    share: float = 0.0
    """Share of the larger end that the width must be, for amounts."""

    def is_met(self, low: float, high: float) -> bool:
        """Say whether an interval is wide enough; a wider one then is, too."""
        wanted = max(self.width, self.share * max(abs(low), abs(high)) if math.isfinite(high - low) else 0.0)
        return high - low >= wanted - TOLERANCE


@dataclass(frozen=True, slots=True)
class Leak:
    """A cell that may have no value outside an interval; how it is known."""

    key: tuple[str, ...]
    line: int | None
    low: float
    high: float
    totals: tuple[str, ...]


@dataclass(slots=True)
class Findings:
    """What an audit of one measure found."""

    intervals: list[Leak] = field(default_factory=list)
    """Suppressed cells with what can be known about them: those too narrow, or all if all were asked for."""
    rests: list[str] = field(default_factory=list)
    """Totals that exceed their published parts by a small count."""
    broken: list[tuple[str, ...]] = field(default_factory=list)
    """Totals that are not the sum of their parts, whatever suppressed cells are: each alone or several together."""
    undecided: int = 0
    """Suppressed cells that time ran out for."""
    hidden: int = 0
    """Suppressed cells looked at."""


def audit(figures: Figures, groups: Sequence[Group], need: Need | None, *, limit_s: float = AUDIT_S) -> Findings:
    """Find suppressed cells whose interval is narrower than needed; with None, the interval of every one."""
    found = Findings()
    if not groups or figures.rows.is_empty():
        return found
    system = set_up(figures, groups)
    checked = _check_alone(system, need, found)
    work = _Elimination(system, checked)
    work.run()
    found.broken += [tuple(map(system.name, sorted(numbers))) for numbers in work.broken]
    judged = _judged(system)
    found.hidden = len(judged)
    results = _Results(system, figures, need, work, found)
    deadline = time.monotonic() + limit_s
    for cell in judged:
        if not work.is_open(cell) or not work.open_equations(cell):
            results.note(cell, work.low[cell], work.high[cell], work.because.get(cell, frozenset()))
    for equations in work.components(judged):
        _solve(equations, work, judged, results, deadline)
    found.intervals.sort(key=lambda leak: leak.key)
    return found


def _judged(system: System) -> dict[int, bool]:
    """Give the cells that must not be known; True for those that may be known to be nil.

    A missing total that is the sum of published parts tells nothing new, so missing totals are not among them.
    """
    totals = system.entries.filter(pl.col("coefficient") == -1)["cell"].unique()
    held = system.cells.filter(pl.col("is_hidden") | (pl.col("is_absent") & ~pl.col("cell").is_in(totals.implode())))
    involved = held.filter(pl.col("cell").is_in(system.entries["cell"].unique().implode()) | pl.col("is_hidden"))
    return dict(involved.select("cell", "is_absent").iter_rows())


def _check_alone(system: System, need: Need | None, found: Findings) -> pl.DataFrame:
    """Check each equation by itself; give those that can hold: equation, is_partial.

    Parts that the table never shows count as nil if a total of their group is the sum of the others somewhere.
    """
    sums = system.sums
    partial = [number for number, group in enumerate(system.groups) if group.is_partial]
    # The slack is larger than the tolerance where a figure is not 0: nothing is learned from a sum of zeros.
    is_closed = (pl.col("least") == pl.col("most")) & (pl.col("least").abs() <= pl.col("slack"))
    is_closed &= pl.col("slack") > TOLERANCE
    complete = sums.filter(is_closed)["group"].unique()
    is_partial = pl.col("group").is_in(partial) & ~pl.col("group").is_in(complete.implode())
    sums = sums.with_columns(is_partial.alias("is_partial"))
    fails = (pl.col("least") > pl.col("slack")) | ((pl.col("most") < -pl.col("slack")) & ~pl.col("is_partial"))
    found.broken += [(system.name(number),) for number in sums.filter(fails)["equation"]]
    if need is not None:
        rest = sums.filter(
            pl.col("is_partial")
            & (pl.col("least") == pl.col("most"))
            & (-pl.col("most")).is_between(pl.col("slack"), need.width - TOLERANCE)
        )
        found.rests += [system.name(number) for number in rest["equation"]]
    return sums.filter(~fails).select("equation", "is_partial")


class _Elimination:
    """Finds cells step by step as a reader would: an equation with one unknown gives it away."""

    def __init__(self, system: System, equations: pl.DataFrame) -> None:
        self.low = array("d", system.cells["low"].to_numpy().tobytes())
        self.high = array("d", system.cells["high"].to_numpy().tobytes())
        self.partial: set[int] = set(equations.filter("is_partial")["equation"])
        self.because: dict[int, frozenset[int]] = {}
        """By cell found, the equations that it follows from."""
        self.broken: list[frozenset[int]] = []
        self.entries: dict[int, list[tuple[int, int]]] = {}
        """By equation with an unknown, its cells and their coefficients."""
        self.of_cell: dict[int, list[int]] = {}
        unknown = system.cells.filter(pl.col("low") < pl.col("high")).select("cell")
        entries = system.entries.join(equations, on="equation", maintain_order="left")
        live = entries.join(entries.join(unknown, on="cell").select("equation").unique(), on="equation", how="semi")
        for equation, cell, coefficient in live.select("equation", "cell", "coefficient").iter_rows():
            self.entries.setdefault(equation, []).append((cell, coefficient))
            self.of_cell.setdefault(cell, []).append(equation)

    def is_open(self, cell: int) -> bool:
        return self.low[cell] < self.high[cell]

    def open_equations(self, cell: int) -> list[int]:
        return [number for number in self.of_cell.get(cell, ()) if number in self.entries]

    def run(self) -> None:
        """Fix every cell that an equation leaves one value for, and take equations that are used up away."""
        waiting = list(self.entries)
        while waiting:
            number = waiting.pop()
            if number not in self.entries:
                continue
            found = self.fixed_by(number)
            if found is None:
                continue
            reasons = self.reasons(number)
            for cell, value in found.items():
                self.low[cell] = self.high[cell] = value
                self.because[cell] = reasons
                waiting += self.of_cell[cell]
            del self.entries[number]

    def reasons(self, number: int) -> frozenset[int]:
        """Give an equation, and those that its cells were found from."""
        parts = (self.because[cell] for cell, _ in self.entries[number] if cell in self.because)
        return frozenset({number}).union(*parts)

    def fixed_by(self, number: int) -> dict[int, float] | None:
        """Give the values of the unknowns that an equation leaves no choice for; None if it leaves a choice."""
        unknown = [(cell, sign) for cell, sign in self.entries[number] if self.is_open(cell)]
        rest = -self.known(number)
        slack = TOLERANCE + 1e-13 * sum(
            abs(self.low[cell]) for cell, _ in self.entries[number] if not self.is_open(cell)
        )
        least = sum(self.low[cell] if sign > 0 else -self.high[cell] for cell, sign in unknown)
        most = sum(self.high[cell] if sign > 0 else -self.low[cell] for cell, sign in unknown)
        is_partial = number in self.partial
        if least > rest + slack or (most < rest - slack and not is_partial):
            self.broken.append(self.reasons(number))
            return {}
        if least >= rest - slack and math.isfinite(least):
            return {cell: self.low[cell] if sign > 0 else self.high[cell] for cell, sign in unknown}
        if is_partial:
            return None
        if most <= rest + slack and math.isfinite(most):
            return {cell: self.high[cell] if sign > 0 else self.low[cell] for cell, sign in unknown}
        if len(unknown) == 1:
            ((cell, sign),) = unknown
            return {cell: rest * sign}
        return None

    def known(self, number: int) -> float:
        """Give the sum of what is known in an equation."""
        return math.fsum(self.low[cell] * sign for cell, sign in self.entries[number] if not self.is_open(cell))

    def components(self, judged: Iterable[int]) -> Iterator[list[int]]:
        """Yield the equations that share unknowns, set by set, where an unknown is judged."""
        seen: set[int] = set()
        for start in judged:
            waiting = [number for number in self.open_equations(start) if number not in seen and self.is_open(start)]
            if not waiting:
                continue
            seen.update(waiting)
            together: list[int] = []
            while waiting:
                number = waiting.pop()
                together.append(number)
                for cell, _ in self.entries[number]:
                    if self.is_open(cell):
                        more = [other for other in self.open_equations(cell) if other not in seen]
                        seen.update(more)
                        waiting += more
            yield sorted(together)


@dataclass(frozen=True, slots=True)
class _Results:
    """Takes what is known about cells, and keeps what is too much."""

    system: System
    figures: Figures
    need: Need | None
    work: _Elimination
    found: Findings

    def whole(self, low: float, high: float) -> tuple[float, float]:
        """Take the whole numbers in an interval."""
        if not self.figures.is_whole:
            return low, high
        return float(np.ceil(low - TOLERANCE)), float(np.floor(high + TOLERANCE))

    def is_safe(self, low: float, high: float) -> bool:
        """Say whether values seen for a cell are far enough apart."""
        return self.need is not None and self.need.is_met(*self.whole(low, high))

    def note(self, cell: int, low: float, high: float, reasons: Iterable[int]) -> None:
        """Keep the interval of a cell if it is too narrow, or if all are asked for."""
        low, high = self.whole(low, high)
        row = self.system.cells.row(cell, named=True)
        is_nil = row["is_absent"] and max(abs(low), abs(high)) <= TOLERANCE
        if self.need is None or not (self.need.is_met(low, high) or is_nil):
            key = tuple(row[name] for name in self.system.dimensions)
            names = tuple(map(self.system.name, sorted(reasons)))
            self.found.intervals.append(Leak(key, row["line"], low, high, names))


class _Program:
    """A linear program over the equations of a component: one model, solved again and again from where it stands."""

    def __init__(self, equations: Sequence[int], work: _Elimination) -> None:
        rows = [[(cell, sign) for cell, sign in work.entries[number] if work.is_open(cell)] for number in equations]
        self.cells = list(dict.fromkeys(cell for row in rows for cell, _ in row))
        self.equations = equations
        self.column = {cell: number for number, cell in enumerate(self.cells)}
        self.totals = np.unique([self.column[cell] for row in rows for cell, sign in row if sign < 0]).astype(np.int64)
        # Cells are counted from their lower ends: sums of large figures would drown the solver's tolerance.
        self.base = np.array([work.low[cell] if math.isfinite(work.low[cell]) else 0.0 for cell in self.cells])
        rest = [
            -math.fsum([work.known(number), *(self.base[self.column[cell]] * sign for cell, sign in row)])
            for number, row in zip(equations, rows, strict=True)
        ]
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = len(self.cells), len(rows)
        model.col_cost_ = np.zeros(len(self.cells))
        model.col_lower_ = np.array([work.low[cell] for cell in self.cells]) - self.base
        model.col_upper_ = np.array([work.high[cell] for cell in self.cells]) - self.base
        model.row_lower_ = np.array(
            [-math.inf if number in work.partial else value for number, value in zip(equations, rest, strict=True)]
        )
        model.row_upper_ = np.array(rest)
        model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        model.a_matrix_.start_ = np.cumsum([0, *map(len, rows)])
        model.a_matrix_.index_ = np.array([self.column[cell] for row in rows for cell, _ in row])
        model.a_matrix_.value_ = np.array([float(sign) for row in rows for _, sign in row])
        self.seen_low = np.full(len(self.cells), math.inf)
        self.seen_high = np.full(len(self.cells), -math.inf)
        self.highs = highspy.Highs()  # type: ignore[no-untyped-call]
        # Primal simplex, without presolve, goes on from the last solution when only the objective changes.
        for option, value in (("output_flag", False), ("threads", 1), ("presolve", "off"), ("simplex_strategy", 4)):
            self.highs.setOptionValue(option, value)
        self.highs.passModel(model)

    def run(self, costs: NDArray[np.float64], seconds: float) -> highspy.HighsModelStatus:
        """Minimise; note the values of every cell in the solution."""
        every = np.arange(len(self.cells), dtype=np.int32)
        self.highs.changeColsCost(len(self.cells), every, costs)
        self.highs.setOptionValue("time_limit", self.highs.getRunTime() + max(seconds, 0.0))
        self.highs.run()
        status = self.highs.getModelStatus()
        if status == highspy.HighsModelStatus.kOptimal:
            values = np.array(self.highs.getSolution().col_value) + self.base
            np.minimum(self.seen_low, values, out=self.seen_low)
            np.maximum(self.seen_high, values, out=self.seen_high)
        return status

    def seen(self, cell: int) -> tuple[float, float]:
        """Give the smallest and largest value that a cell had in any solution."""
        return float(self.seen_low[self.column[cell]]), float(self.seen_high[self.column[cell]])

    def push(self, cell: int, sign: float, seconds: float) -> list[int] | None:
        """Find the smallest value of a cell (largest, if `sign` is -1); give the equations that stop it there.

        None if time ran out.
        """
        costs = np.zeros(len(self.cells))
        column = self.column[cell]
        costs[column] = sign
        status = self.run(costs, seconds)
        if status == highspy.HighsModelStatus.kUnbounded:
            (self.seen_low if sign > 0 else self.seen_high)[column] = -math.inf if sign > 0 else math.inf
            return []
        if status != highspy.HighsModelStatus.kOptimal:
            return None
        duals = self.highs.getSolution().row_dual
        return [number for number, dual in zip(self.equations, duals, strict=True) if abs(dual) > TOLERANCE]

    def tour(self, cells: Sequence[int], draw: np.random.Generator, seconds: float) -> None:
        """Go to a far corner; totals that are unknown themselves are kept down, so that the corner exists."""
        costs = np.zeros(len(self.cells))
        costs[[self.column[cell] for cell in cells]] = draw.uniform(-1.0, 1.0, len(cells))
        costs[self.totals] = float(len(self.cells))
        self.run(costs, seconds)

    def contradiction(self) -> list[int]:
        """Give equations that cannot all hold, after a run that found no solution."""
        _, is_there, ray = self.highs.getDualRay()  # type: ignore[attr-defined]
        if not is_there or ray is None:
            return list(self.equations)
        return [number for number, part in zip(self.equations, ray, strict=True) if abs(part) > TOLERANCE]


def _solve(
    equations: Sequence[int], work: _Elimination, judged: Container[int], results: _Results, deadline: float
) -> None:
    """Audit the cells of one component."""
    program = _Program(equations, work)
    cells = sorted(cell for cell in program.cells if cell in judged)
    status = program.run(np.zeros(len(program.cells)), deadline - time.monotonic())
    if status == highspy.HighsModelStatus.kInfeasible:
        numbers = frozenset().union(*map(work.reasons, program.contradiction()))
        results.found.broken.append(tuple(map(results.system.name, sorted(numbers))))
        return
    cells = _after_tours(program, cells, results, deadline)
    for position, cell in enumerate(cells):
        if results.is_safe(*program.seen(cell)):
            continue
        least = program.push(cell, 1.0, deadline - time.monotonic())
        most = program.push(cell, -1.0, deadline - time.monotonic())
        if least is None or most is None:
            results.found.undecided += len(cells) - position
            return
        reasons = frozenset().union(*map(work.reasons, {*least, *most}))
        results.note(cell, *program.seen(cell), reasons)


def _after_tours(program: _Program, cells: list[int], results: _Results, deadline: float) -> list[int]:
    """Give the cells that some random corners do not show to be safe; the corners are the same in every run."""
    draw = np.random.default_rng(1)
    for _ in range(_TOURS if results.need is not None else 0):
        program.tour(cells, draw, deadline - time.monotonic())
        left = [cell for cell in cells if not results.is_safe(*program.seen(cell))]
        if not left or len(left) > 0.9 * len(cells):
            return left
        cells = left
    return cells
