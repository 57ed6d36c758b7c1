"""A whole file through its model for a look only: what would be delivered, what rejected, and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from connectors.api import Converter, Reject, SourceReader
from connectors.errors import JobError, RowCode
from connectors.rejects import shown_column

__all__ = ["MAX_EXAMPLES", "MAX_PROBLEMS", "CheckReport", "Example", "Problem", "check_source"]

MAX_EXAMPLES = 5
MAX_PROBLEMS = 300


@dataclass(frozen=True, slots=True)
class Example:
    """A row that has a problem. `line` is None for Parquet."""

    row: int
    line: int | None
    message: str

    def to_json(self) -> dict[str, Any]:
        return {"row": self.row, "line": self.line, "message": self.message}


@dataclass(slots=True)
class Problem:
    """What is wrong with `count` rows in one column (None: with the row itself), and the first of them."""

    column: str | None
    code: RowCode
    count: int = 0
    examples: list[Example] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return {
            "column": self.column,
            "code": self.code.value,
            "count": self.count,
            "examples": [example.to_json() for example in self.examples],
        }


@dataclass(slots=True)
class CheckReport:
    """How many rows were read, how many of them are valid, and the problems of the others.

    Each of the first MAX_PROBLEMS pairs of column and code is listed, in the order in which they came;
    `unlisted` counts the errors of all others. `complete` is False where the check was stopped before the
    file's end; `error` is why the file could not be read to it.
    """

    rows: int = 0
    rejected: int = 0
    problems: list[Problem] = field(default_factory=list)
    unlisted: int = 0
    complete: bool = False
    error: JobError | None = None

    @property
    def valid(self) -> int:
        return self.rows - self.rejected

    def to_json(self) -> dict[str, Any]:
        error = self.error
        return {
            "rows": self.rows,
            "valid": self.valid,
            "rejected": self.rejected,
            "complete": self.complete,
            "error": error and {"code": error.code.value, "message": error.message, "hint": error.hint},
            "problems": [problem.to_json() for problem in self.problems],
            "unlisted": self.unlisted,
        }


def check_source(
    reader: SourceReader, converter: Converter, *, should_stop: Callable[[], bool] = lambda: False
) -> CheckReport:
    """Convert what is left of an open file and return what came of it. Blocking; the reader stays open.

    `should_stop` is asked before each block. A file that breaks off is reported as far as it goes.
    """
    tally = _Tally()
    try:
        while not should_stop():
            block = reader.read_block()
            if block is None:
                tally.report.complete = True
                break
            converted = converter.convert(block)
            tally.report.rows += len(converted.records) + len(converted.rejects)
            tally.report.rejected += len(converted.rejects)
            for reject in converted.rejects:
                tally.add(reject)
    except JobError as error:
        tally.report.error = error
    return tally.report


class _Tally:
    """Sums rejects up by column and code."""

    def __init__(self) -> None:
        self.report = CheckReport()
        self._problems: dict[tuple[str | None, RowCode], Problem] = {}

    def add(self, reject: Reject) -> None:
        for error in reject.errors:
            problem = self._problem(shown_column(error), error.code)
            if problem is None:
                self.report.unlisted += 1
                continue
            problem.count += 1
            if len(problem.examples) < MAX_EXAMPLES:
                problem.examples.append(Example(reject.row, reject.line, error.message))

    def _problem(self, column: str | None, code: RowCode) -> Problem | None:
        found = self._problems.get((column, code))
        if found is None and len(self._problems) < MAX_PROBLEMS:
            found = self._problems[column, code] = Problem(column, code)
            self.report.problems.append(found)
        return found
