"""Single rows through the kernels at once: the records that the reference makes of each alone, or none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.api import Position, Record
from connectors.csv.compiled import csv_plan
from connectors.csv.reference import CsvReferenceConverter
from connectors.csv.rows import split_rows
from connectors.csv.scattered import ScatteredRows
from connectors.headers import NO_HEADERS, OriginHeaders
from connectors.model import PLAIN_CELLS, CellFormat, Outcome, compile_model
from connectors.model.options import RecordHeaders
from connectors.records import RecordLimit
from tests.unit.compiled.both import block, headers
from tests.unit.compiled.hostile import files, schemas


class Rows:
    """A model bound to columns, for rows at once and for each alone."""

    def __init__(
        self,
        schema: dict[str, Any],
        columns: Sequence[str],
        *,
        key: str | None = None,
        delimiter: bytes = b",",
        cells: CellFormat = PLAIN_CELLS,
        fixed: Sequence[Outcome] = (),
        headers: OriginHeaders = NO_HEADERS,
        max_row_bytes: int = 900_000,
        **strips: int,
    ) -> None:
        rules = compile_model(schema).bind(columns)
        limit = RecordLimit(max_row_bytes, headers)
        self.converter = CsvReferenceConverter(rules, key=key, limit=limit, cells=cells, fixed=fixed)
        plan = csv_plan(self.converter, headers)
        assert plan is not None
        self.compiled = ScatteredRows(plan, self.converter, **strips)
        self.like = block(b"", delimiter)

    def check(self, rows: Sequence[bytes], numbers: Sequence[int] | None = None) -> list[Record | None]:
        """Convert rows at once, assert that each record is that of its row alone, and return them."""
        numbers = numbers or range(1, len(rows) + 1)
        found = self.compiled.records(numbers, rows, self.like)
        assert len(found) == len(rows)
        for number, row, record in zip(numbers, rows, found, strict=True):
            if record is not None:
                one = replace(self.like, start=Position(row=number - 1), data=row, rows=1)
                converted = self.converter.convert(one)
                assert ([record], 0) == (converted.records, len(converted.rejects))
        return found


NULLS = st.frozensets(st.sampled_from(["", "NA", "null", "é", "0", "x" * 100, " NA"]), max_size=5)
FIXED = [(), ('"x"',), ("2024", None), ("null",), ('"k\\"\\né"',)]
PIECES = st.lists(st.sampled_from([b"1", b"a", b",", b'"', b"\n", b"\r", b"\r\n", b"\xff"]), max_size=8)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_any_model_and_any_rows(data: st.DataObject) -> None:
    schema = data.draw(schemas())
    columns = tuple(schema["properties"])
    fixed = data.draw(st.sampled_from(FIXED))
    folders = ["year", "month"][: len(fixed)]
    both = Rows(
        schema,
        (*columns, *folders),
        key=data.draw(st.sampled_from([None, *columns, *folders])),
        cells=CellFormat(data.draw(NULLS), data.draw(st.booleans())),
        fixed=fixed,
        headers=headers(data.draw(st.sampled_from(RecordHeaders))),
        max_row_bytes=data.draw(st.sampled_from([900_000, 900_000, 60, 200])),
        strip_bytes=data.draw(st.sampled_from([1, 300, 1000, 1 << 20])),
    )
    for _ in range(2):
        text = data.draw(files(len(columns), ","))
        rows = [text[place.start : place.end] for place in split_rows(text, b",")]
        rows += [b"".join(pieces) for pieces in data.draw(st.lists(PIECES, max_size=3))]
        data.draw(st.randoms(use_true_random=False)).shuffle(rows)
        numbers = data.draw(st.lists(st.integers(1, 10**6), min_size=len(rows), max_size=len(rows)))
        both.check(rows, numbers)


PAIRS: dict[str, Any] = {"properties": {"a": {"type": "integer"}, "b": {"type": "string"}}}


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(PIECES.map(b"".join), st.just(b"1,a"), st.just(b'1,"a""\nb"')), max_size=6))
def test_rows_that_open_and_close_quotes_of_others(rows: list[bytes]) -> None:
    Rows({}, ("a", "b")).check(rows)


def test_what_is_certain() -> None:
    rows = Rows(PAIRS, ("a", "b"), key="b", strip_bytes=200)
    values = {b"1,x": b'{"a":1,"b":"x"}', b'2,"y\nz"': b'{"a":2,"b":"y\\nz"}', b'"3",': b'{"a":3,"b":""}'}
    odd = [b"x,y", b"1", b"", b"1,a\r", b"1,a\n2,b", b"1,\xff", b'1,"a"b']
    found = rows.check([*values, *odd, *values] * 50)
    assert [record and record.value for record in found] == [
        *values.values(),
        *[None] * len(odd),
        *values.values(),
    ] * 50
    assert [record and record.key for record in found[:3]] == [b"x", b"y\nz", b""]


def test_a_quote_that_does_not_close_spoils_what_it_swallows_only() -> None:
    found = Rows(PAIRS, ("a", "b")).check([b"1,a", b'2,"b', b"3,c", b'4,d"', b'5,"e"', b"6,f"])
    assert [record is not None for record in found] == [True, False, False, False, True, True]
    found = Rows(PAIRS, ("a", "b")).check([b'2,"b', b'"3,c', b"4,d", b"5,e"])
    assert [record is not None for record in found] == [False, False, True, True]


def test_the_number_of_a_row_counts_where_records_carry_it() -> None:
    of_row = headers(RecordHeaders.ROW)
    rows = Rows(PAIRS, ("a", "b"), headers=of_row, max_row_bytes=1000)
    row = b"1," + b"x" * (1000 - len(b'{"a":1,"b":""}') - of_row.size(9))
    assert rows.check([row, row], [10, 1])[0] is None
    assert None not in rows.check([row[:-1]] * 2, [9, 1])


def test_rows_of_other_encodings_are_for_the_reference() -> None:
    rows = Rows(PAIRS, ("a", "b"))
    rows.like = replace(rows.like, encoding="cp1252", file_codec="cp1252")
    assert rows.check([b"1,a"]) == [None]
    assert rows.check([]) == []
