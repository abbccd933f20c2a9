"""What can be wrong, said to the person who must fix it.

    DwpldError
    ├── MisuseError          the command itself cannot be carried out (exit 2)
    └── ProblemsError        inputs have problems (exit 1); carries every Problem found

A `Problem` names one thing to fix and where. Checks collect problems and raise once, so that a publisher sees
all of them together; they stop early only where reading cannot go on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing a publisher must fix, and where.

    `where` reads `file:line, column 'name'` as far as these are known; `code` has a heading in docs/errors.md.
    """

    code: str
    where: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        lines = f"{self.where}: {self.message}  [{self.code}]"
        return f"{lines}\n  fix: {self.hint}" if self.hint else lines


class DwpldError(Exception):
    """Base of everything this project raises on purpose; its text is meant for people."""


class MisuseError(DwpldError):
    """The command cannot be carried out as asked: an unknown dataset, a missing folder, a busy port."""


class ProblemsError(DwpldError):
    """Inputs have problems; nothing was written. `problems` is never empty."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))
