"""Errors and warnings met on the way, collected in the order they were found."""

from __future__ import annotations

from loader.errors import Problem, ProblemsError

LIMIT = 100


class Report:
    """What a run has found so far: errors (the input is refused) and warnings (the input is used all the same).

    Keeps the first `limit` of each and counts the rest. `strict` makes a validator of it: what a converter
    only warns of ("validators MUST raise an error, other processors MUST generate a warning") becomes an error.
    """

    def __init__(self, *, strict: bool = False, limit: int = LIMIT) -> None:
        self.strict = strict
        self.limit = limit
        self.errors: list[Problem] = []
        self.warnings: list[Problem] = []
        self.errors_left_out = 0
        self.warnings_left_out = 0

    def error(self, problem: Problem) -> None:
        """Record something that makes the input invalid."""
        if len(self.errors) < self.limit:
            self.errors.append(problem)
        else:
            self.errors_left_out += 1

    def warn(self, problem: Problem) -> None:
        """Record something the specifications tell us to repair and go on."""
        if len(self.warnings) < self.limit:
            self.warnings.append(problem)
        else:
            self.warnings_left_out += 1

    def invalid(self, problem: Problem) -> None:
        """Record what is an error to a validator and a warning to a converter."""
        if self.strict:
            self.error(problem)
        else:
            self.warn(problem)

    def clear(self) -> None:
        """Forget everything, to look again."""
        self.errors.clear()
        self.warnings.clear()
        self.errors_left_out = self.warnings_left_out = 0

    def problems(self) -> list[Problem]:
        """Return the errors kept, with a last one that counts those left out."""
        if not self.errors_left_out:
            return self.errors
        where = self.errors[-1].where.partition(":")[0]
        return [*self.errors, Problem("CSVW-MORE", where, f"and {self.errors_left_out} more")]

    def all_warnings(self) -> list[Problem]:
        """Return the warnings kept, with a last one that counts those left out."""
        if not self.warnings_left_out:
            return self.warnings
        where = self.warnings[-1].where.partition(":")[0]
        return [*self.warnings, Problem("CSVW-MORE", where, f"and {self.warnings_left_out} more")]

    def raise_errors(self) -> None:
        """Raise `ProblemsError` with all errors, if there are any."""
        if self.errors:
            raise ProblemsError(self.problems())
