"""A whole file through its model for a look only: what would be delivered, what rejected, and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from connectors.api import Block, Converted, Converter, SourceReader
from connectors.errors import JobError, RowCode
from connectors.rejects import shown_column

__all__ = [
    "MAX_EXAMPLES",
    "MAX_PROBLEMS",
    "BlockChecker",
    "CheckReport",
    "Example",
    "Problem",
    "ReferenceChecker",
    "Tally",
    "check_source",
]

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


class BlockChecker(Protocol):
    """Finds out what would become of a block's rows. For one thread at a time."""

    def check(self, block: Block, tally: Tally) -> None:
        """Add all rows of a block to `tally`."""


def check_source(
    reader: SourceReader, checker: BlockChecker, *, should_stop: Callable[[], bool] = lambda: False
) -> CheckReport:
    """Check what is left of an open file and return what came of it. Blocking; the reader stays open.

    `should_stop` is asked before each block. A file that breaks off is reported as far as it goes.
    """
    tally = Tally()
    try:
        while not should_stop():
            block = reader.read_block()
            if block is None:
                tally.report.complete = True
                break
            checker.check(block, tally)
    except JobError as error:
        tally.report.error = error
    return tally.report


class ReferenceChecker:
    """The BlockChecker on a converter."""

    def __init__(self, converter: Converter) -> None:
        self._converter = converter

    def check(self, block: Block, tally: Tally) -> None:
        tally.add(self._converter.convert(block))


class Tally:
    """Sums rows up, and the errors of rejects by column (as it is shown) and code, in the file's order."""

    def __init__(self) -> None:
        self.report = CheckReport()
        self._problems: dict[tuple[str | None, RowCode], Problem] = {}

    def add(self, converted: Converted) -> None:
        """Add rows with all that is known of them."""
        self.add_rows(len(converted.records), len(converted.rejects))
        for reject in converted.rejects:
            for error in reject.errors:
                problem = self._count(shown_column(error), error.code, 1)
                if problem is not None and len(problem.examples) < MAX_EXAMPLES:
                    problem.examples.append(Example(reject.row, reject.line, error.message))

    def wants(self, column: str | None, code: RowCode) -> bool:
        """Whether the next reject with such an error may be an example, so that only `add` is right."""
        problem = self._problems.get((column, code))
        if problem is None:
            return len(self._problems) < MAX_PROBLEMS
        return len(problem.examples) < MAX_EXAMPLES

    def add_rows(self, valid: int, rejected: int) -> None:
        """Add the numbers of rows alone."""
        self.report.rows += valid + rejected
        self.report.rejected += rejected

    def add_errors(self, column: str | None, code: RowCode, count: int) -> None:
        """Add errors that are not wanted as examples; their rows are added with `add_rows`."""
        self._count(column, code, count)

    def _count(self, column: str | None, code: RowCode, count: int) -> Problem | None:
        problem = self._problem(column, code)
        if problem is None:
            self.report.unlisted += count
        else:
            problem.count += count
        return problem

    def _problem(self, column: str | None, code: RowCode) -> Problem | None:
        found = self._problems.get((column, code))
        if found is None and len(self._problems) < MAX_PROBLEMS:
            found = self._problems[column, code] = Problem(column, code)
            self.report.problems.append(found)
        return found
