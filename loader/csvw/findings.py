"""What is found wrong in one file of data, said with file, line, column and clause."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from loader.errors import Problem

if TYPE_CHECKING:
    from loader.csvw.report import Report

MODEL: Final = "Tabular Data Model"


class UnreadableError(Exception):
    """The file cannot be read on; what is wrong has been reported."""


@dataclass(frozen=True, slots=True)
class Findings:
    """Reports on one file, `file` being its name as shown to people."""

    report: Report
    file: str

    def cell(self, line: int, column: str, code: str, message: str, hint: str = "") -> None:
        """Report a cell: an error to a validator, a warning to a converter."""
        self.report.invalid(Problem(code, f"{self.file}:{line}, column {column!r}", message, hint))

    def row(self, line: int, code: str, message: str, hint: str = "") -> None:
        """Report a row: an error to a validator, a warning to a converter."""
        self.report.invalid(Problem(code, f"{self.file}:{line}", message, hint))

    def warn(self, line: int, code: str, message: str, hint: str = "") -> None:
        """Warn of a row whatever the mode."""
        self.report.warn(Problem(code, f"{self.file}:{line}", message, hint))

    def stop(self, line: int, code: str, message: str, hint: str = "") -> UnreadableError:
        """Report what ends the reading, and return the exception to raise."""
        self.report.error(Problem(code, f"{self.file}:{line}" if line else self.file, message, hint))
        return UnreadableError()
