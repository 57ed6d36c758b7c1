"""The compiled check finds what the reference finds: counts, problems in their order, examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors import checking
from connectors.api import Position
from connectors.checking import CheckReport, ReferenceChecker, Tally
from connectors.compiled import CompiledChecker
from connectors.csv.compiled import CsvStripMaker, csv_plan
from connectors.csv.reader import CsvBlock, SkippedRow
from connectors.csv.reference import CsvReferenceConverter
from connectors.errors import RowCode
from connectors.headers import NO_HEADERS, OriginHeaders
from connectors.model import PLAIN_CELLS, CellFormat, Outcome, compile_model
from connectors.model.options import RecordHeaders
from connectors.records import RecordLimit
from tests.unit.compiled.both import block, headers
from tests.unit.compiled.counted import CountedConverter
from tests.unit.compiled.hostile import files, schemas


class BothCheckers:
    """A model bound to columns, for both checkers; `converter` counts what the compiled one asks."""

    def __init__(
        self,
        schema: dict[str, Any],
        columns: Sequence[str],
        *,
        cells: CellFormat = PLAIN_CELLS,
        fixed: Sequence[Outcome] = (),
        headers: OriginHeaders = NO_HEADERS,
        max_row_bytes: int = 900_000,
        **strips: int,
    ) -> None:
        rules = compile_model(schema).bind(columns)
        limit = RecordLimit(max_row_bytes, headers)
        plain = CsvReferenceConverter(rules, key=None, limit=limit, cells=cells, fixed=fixed)
        self.converter = CountedConverter(rules, key=None, limit=limit, cells=cells, fixed=fixed)
        self.reference = ReferenceChecker(plain)
        plan = csv_plan(self.converter, headers)
        assert plan is not None
        self.compiled = CompiledChecker(plan, self.converter, CsvStripMaker(plan, self.converter), **strips)

    def check(self, *blocks: CsvBlock) -> CheckReport:
        """Check blocks with both, assert after each that the reports are the same, and return one."""
        expected, actual = Tally(), Tally()
        for each in blocks:
            self.reference.check(each, expected)
            self.compiled.check(each, actual)
            assert actual.report.to_json() == expected.report.to_json()
        return actual.report


NULLS = st.frozensets(st.sampled_from(["", "NA", "null", "é", "0", "x" * 100, " NA"]), max_size=5)
FIXED = [(), ('"x"',), ("2024", None), ("null",), ('"k\\"\\né"',)]


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_any_model_and_any_file(data: st.DataObject) -> None:
    schema = data.draw(schemas())
    columns = tuple(schema["properties"])
    fixed = data.draw(st.sampled_from(FIXED))
    folders = ["year", "month"][: len(fixed)]
    delimiter = data.draw(st.sampled_from([",", ",", ";"]))
    both = BothCheckers(
        schema,
        (*columns, *folders),
        cells=CellFormat(data.draw(NULLS), data.draw(st.booleans())),
        fixed=fixed,
        headers=headers(data.draw(st.sampled_from(RecordHeaders))),
        max_row_bytes=data.draw(st.sampled_from([900_000, 900_000, 60, 200])),
        strip_bytes=data.draw(st.sampled_from([1, 300, 1000, 1 << 20])),
    )
    blocks = []
    for n in range(data.draw(st.integers(1, 4))):
        text = data.draw(files(len(columns), delimiter)) * data.draw(st.sampled_from([1, 1, 2, 7]))
        blocks.append(block(text, delimiter.encode(), Position(byte=n, row=99_990 + n, line=3 * n, block=n)))
    with patch.object(checking, "MAX_PROBLEMS", data.draw(st.sampled_from([0, 1, 2, 3, 5, 300]))):
        both.check(*blocks)


TABLE: dict[str, Any] = {
    "properties": {
        "id": {"type": "integer", "minimum": 0, "maximum": 9},
        "name": {"type": "string", "maxLength": 3},
        "code": {"type": "string", "pattern": "^[A-Z]+$"},
    },
    "required": ["id"],
}
COLUMNS = tuple(TABLE["properties"])


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [b"1,a,A", b"x,a,A", b"-1,a,A", b"10,long,A", b",long,A", b"1,a,a", b"1", b'1,"a"x,A']
        ),
        max_size=20,
    ),
    st.sampled_from([1, 7]),
    st.sampled_from([1, 2, 3, 300]),
    st.sampled_from([1, 100, 300, 1 << 20]),
)
def test_few_problems_many_times(rows: list[bytes], times: int, most: int, strip: int) -> None:
    both = BothCheckers(TABLE, COLUMNS, strip_bytes=strip)
    half = len(rows) // 2
    with patch.object(checking, "MAX_PROBLEMS", most):
        both.check(*[block(b"\n".join(part * times)) for part in (rows[:half], rows[half:])])


def test_the_reference_is_asked_for_examples_only() -> None:
    both = BothCheckers(TABLE, COLUMNS)
    rows = b"1,a,A\nx,a,A\n1,long,A\n-1,long,\n" * 1000
    report = both.check(block(rows), block(rows))
    assert (report.rows, report.valid) == (8000, 2000)
    assert [(p.column, p.code, p.count, [e.row for e in p.examples]) for p in report.problems] == [
        ("id", RowCode.TYPE, 2000, [12, 16, 20, 24, 28]),
        ("name", RowCode.LENGTH, 4000, [13, 14, 17, 18, 21]),
        ("id", RowCode.RANGE, 2000, [14, 18, 22, 26, 30]),
    ]
    assert report.problems[0].examples[0].to_json() == {
        "row": 12,
        "line": 22,
        "message": "`x` is not an integer",
    }
    assert both.converter.asked == 5 + 3 + 5


def test_checks_that_are_shown_as_one_problem() -> None:
    """Two limits of a column have one code; of two names that are the same when cut, both are shown."""
    long = "n" * 200
    schema = {
        "properties": {
            f"{long}a": {"type": "integer", "minimum": 0, "maximum": 9},
            f"{long}b": {"type": "integer", "maximum": 5},
        }
    }
    both = BothCheckers(schema, tuple(schema["properties"]))
    report = both.check(block(b"-1,6\n10,6\n" * 50))
    [problem] = report.problems
    assert (problem.column, problem.code, problem.count) == (long, RowCode.RANGE, 200)
    assert [example.row for example in problem.examples] == [11, 11, 12, 12, 13]


def test_what_is_not_listed_is_counted() -> None:
    names = [f"c{n}" for n in range(400)]
    both = BothCheckers({"properties": {name: {"type": "integer"} for name in names}}, names)
    wrong = [",".join("x" if n // 50 == row else "1" for n in range(400)) for row in range(8)]
    report = both.check(*[block("\n".join(wrong * 20).encode())] * 2)
    assert [problem.column for problem in report.problems] == names[: checking.MAX_PROBLEMS]
    assert report.unlisted == 100 * 40
    assert both.converter.asked < 100


def test_blocks_that_are_not_plain_text_are_for_the_reference() -> None:
    both = BothCheckers(TABLE, COLUMNS)
    plain = block(b"1,a,A\nx,a,A\n")
    latin = replace(plain, data=b"x,\xe4\xe4\xe4\xe4,A\n", encoding="cp1252", file_codec="cp1252")
    skipped = replace(plain, data=b"", rows=1, skipped=SkippedRow(RowCode.ROW_TOO_LARGE, b"1,", 10**6, 10**6))
    report = both.check(plain, latin, skipped, plain)
    assert (report.rows, report.rejected) == (6, 4)
    assert both.converter.asked == 4
