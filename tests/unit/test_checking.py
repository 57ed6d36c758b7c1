"""The check of a whole file: counts, first examples, and how it ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from connectors.api import Block, Converted, Position, Record, Reject, RowError
from connectors.checking import MAX_PROBLEMS, CheckReport, ReferenceChecker, check_source
from connectors.errors import JobCode, JobError, RowCode

AT = Position()
GOOD = Record(1, None, b"{}")
BROKEN = JobError(JobCode.PARQUET_INVALID, "page `3` is broken", "write it again")


@dataclass(frozen=True)
class Rows:
    converted: Converted
    start: Position = AT
    end: Position = AT


class ScriptedReader:
    """Gives one block for each Converted, raises a JobError that comes in between."""

    columns = ("a",)

    def __init__(self, *steps: Converted | JobError) -> None:
        self._steps: Iterator[Converted | JobError] = iter(steps)

    def read_block(self) -> Block | None:
        step = next(self._steps, None)
        if isinstance(step, JobError):
            raise step
        return None if step is None else Rows(step)

    def snapshot(self) -> Position:
        return AT

    def close(self) -> None:
        raise AssertionError("the reader is its owner's to close")


class Converting:
    def convert(self, block: Block) -> Converted:
        assert isinstance(block, Rows)
        return block.converted


def bad(row: int, *errors: tuple[str | None, RowCode, str]) -> Reject:
    return Reject(row, row + 1, row * 10, tuple(RowError(*error) for error in errors), b"x", 1)


def check(*steps: Converted | JobError) -> CheckReport:
    return check_source(ScriptedReader(*steps), ReferenceChecker(Converting()))


def test_counts_and_the_first_examples_by_column_and_code() -> None:
    many = [bad(n, ("age", RowCode.TYPE, f"`x{n}` is not an integer")) for n in range(2, 9)]
    report = check(
        Converted([GOOD, GOOD], [bad(1, ("id", RowCode.REQUIRED, "none"), ("age", RowCode.RANGE, "big"))]),
        Converted([GOOD], many),
        Converted([], [bad(9, (None, RowCode.COLUMN_COUNT, "two"))]),
    )
    assert report.to_json() == {
        "rows": 12,
        "valid": 3,
        "rejected": 9,
        "complete": True,
        "error": None,
        "problems": [
            {
                "column": "id",
                "code": "REQUIRED",
                "count": 1,
                "examples": [{"row": 1, "line": 2, "message": "none"}],
            },
            {
                "column": "age",
                "code": "RANGE",
                "count": 1,
                "examples": [{"row": 1, "line": 2, "message": "big"}],
            },
            {
                "column": "age",
                "code": "TYPE",
                "count": 7,
                "examples": [
                    {"row": n, "line": n + 1, "message": f"`x{n}` is not an integer"} for n in range(2, 7)
                ],
            },
            {
                "column": None,
                "code": "COLUMN_COUNT",
                "count": 1,
                "examples": [{"row": 9, "line": 10, "message": "two"}],
            },
        ],
        "unlisted": 0,
    }


def test_a_file_without_rows_is_valid() -> None:
    report = check()
    assert (report.rows, report.valid, report.complete, report.problems) == (0, 0, True, [])


def test_a_file_that_breaks_off_is_reported_as_far_as_it_goes() -> None:
    report = check(Converted([GOOD], []), BROKEN, Converted([GOOD], []))
    assert (report.rows, report.complete) == (1, False)
    assert report.to_json()["error"] == {
        "code": "PARQUET_INVALID",
        "message": "page `3` is broken",
        "hint": "write it again",
    }


def test_a_check_can_be_stopped_before_each_block() -> None:
    answers = iter([False, False, True])
    reader = ScriptedReader(*[Converted([GOOD], [])] * 9)
    report = check_source(reader, ReferenceChecker(Converting()), should_stop=lambda: next(answers))
    assert (report.rows, report.complete, report.error) == (2, False, None)


def test_what_is_listed_is_bounded() -> None:
    errors = [(f"c{n}", RowCode.TYPE, "m") for n in range(MAX_PROBLEMS + 50)]
    rejects = [bad(row, *errors[row * 70 : row * 70 + 70]) for row in range(5)]
    report = check(Converted([], [*rejects, bad(6, errors[0], errors[-1])]))
    assert MAX_PROBLEMS == 300
    assert [problem.column for problem in report.problems] == [f"c{n}" for n in range(300)]
    assert report.problems[0].count == 2
    assert report.unlisted == 51


def test_long_names_are_cut() -> None:
    long = "n" * 100_000
    report = check(Converted([], [bad(1, (long, RowCode.TYPE, "m")), bad(2, (long, RowCode.TYPE, "m"))]))
    [problem] = report.problems
    assert (problem.column, problem.count) == ("n" * 200, 2)
