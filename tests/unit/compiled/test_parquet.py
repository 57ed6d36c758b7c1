"""The compiled encoder of Parquet gives what its reference gives, whatever the columns hold."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from connectors.api import Block, Converted, Position
from connectors.compiled import CompiledEncoder, EncoderJob
from connectors.encoding import ReferenceEncoder
from connectors.errors import HeaderError
from connectors.headers import NO_HEADERS, OriginHeaders
from connectors.kafka.framing import Codec
from connectors.model import Outcome, compile_model
from connectors.model.options import RecordHeaders
from connectors.parquet.compiled import ParquetStripMaker, parquet_plan
from connectors.parquet.reader import ParquetBlock
from connectors.parquet.reference import ParquetReferenceConverter
from connectors.records import RecordLimit
from connectors.testing import decode_batch
from tests.unit.compiled.both import ORIGIN, contents, headers, without_times
from tests.unit.compiled.hostile import TEXTS, schemas


class _Counted(ParquetReferenceConverter):
    asked = 0

    def convert(self, block: Block) -> Converted:
        converted = super().convert(block)
        self.asked += len(converted.records) + len(converted.rejects)
        return converted


class _Both:
    def __init__(
        self,
        model: dict[str, Any],
        schema: pa.Schema,
        *,
        key: str | None = None,
        fixed: Sequence[Outcome] = (),
        folders: Sequence[str] = (),
        headers: OriginHeaders = NO_HEADERS,
        partitions: int = 1,
        max_row_bytes: int = 900_000,
        strip_bytes: int = 2_000_000,
    ) -> None:
        rules = compile_model(model).bind((*schema.names, *folders))
        limit = RecordLimit(max_row_bytes, headers)
        plain = ParquetReferenceConverter(rules, schema, key=key, limit=limit, fixed=fixed)
        self.converter = _Counted(rules, schema, key=key, limit=limit, fixed=fixed)
        self.reference = ReferenceEncoder(
            plain, partitions=partitions, codec=Codec.NONE, reject_origin=ORIGIN, headers=headers
        )
        plan = parquet_plan(self.converter, headers)
        assert plan is not None
        job = EncoderJob(
            plan,
            self.converter,
            partitions=partitions,
            codec=Codec.NONE,
            reject_origin=ORIGIN,
            headers=headers,
            strip_bytes=strip_bytes,
        )
        self.compiled = CompiledEncoder(job, ParquetStripMaker(plan, self.converter), self.reference)

    def check(self, batch: pa.RecordBatch) -> list[bytes]:
        """Assert that both give the same, and return the values of the records."""
        start = Position(row=99_990, block=3)
        block = ParquetBlock(start, Position(row=start.row + batch.num_rows, block=4), batch, file_bytes=7)
        expected, actual = self.reference.encode(block), self.compiled.encode(block)
        assert contents(actual) == contents(expected)
        assert without_times(actual.batches) == without_times(expected.batches)
        assert without_times(actual.reject_batches) == without_times(expected.reject_batches)
        return [record.value or b"" for b in actual.batches for record in decode_batch(b)]


# fmt: off
STRINGS = st.one_of(
    st.sampled_from([*TEXTS, "", " ", "1", "1.5", "TRUE", "2024-02-29", "2024-01-01T00:00:00Z", "\x00", '"']),
    st.text(max_size=8),
)
FLOATS = st.one_of(
    st.floats(width=32),
    st.floats(),
    st.decimals(-(10**6), 10**6, places=2).map(float),
    st.sampled_from([0.0, -0.0, 1.0, 1e15, 1e16, 999999999999999.9, 1e-4, 9.9e-5, 0.1 + 0.2, 5e-324]),
)
# fmt: on


def _integers(bits: int) -> st.SearchStrategy[int]:
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    return st.one_of(st.integers(low, high), st.sampled_from([low, high, 0, 1, -1]))


TIMES = st.one_of(_integers(64), st.integers(-(10**11), 10**11), st.sampled_from([0, -1, 1_000, 86_399_999]))
VALUES: list[tuple[pa.DataType, st.SearchStrategy[Any]]] = [
    (pa.string(), STRINGS),
    (pa.string(), STRINGS),
    (pa.large_string(), STRINGS),
    (pa.string_view(), STRINGS),
    (pa.int64(), _integers(64)),
    (pa.int32(), _integers(32)),
    (pa.int8(), _integers(8)),
    (pa.uint32(), st.integers(0, 2**32 - 1)),
    (pa.uint64(), st.integers(0, 2**64 - 1)),
    (pa.float64(), FLOATS),
    (pa.float32(), st.floats(width=32)),
    (pa.float16(), st.floats(width=16)),
    (pa.bool_(), st.booleans()),
    (pa.date32(), st.one_of(_integers(32), st.integers(-719_170, 2_932_900))),
    (pa.timestamp("s"), TIMES),
    (pa.timestamp("ms", "UTC"), TIMES),
    (pa.timestamp("us", "Europe/Berlin"), TIMES),
    (pa.timestamp("ns"), TIMES),
    (pa.time64("us"), st.integers(0, 10**11)),
    (pa.decimal128(9, 2), st.decimals(-9_999_999, 9_999_999, places=2)),
    (pa.decimal128(30, 12), st.decimals(-9_999_999, 9_999_999, places=12)),
    (pa.decimal128(5, -2), st.integers(-99_999, 99_999).map(lambda n: Decimal(n).scaleb(2))),
    (pa.decimal256(50, 3), st.decimals(-9_999_999, 9_999_999, places=3)),
    (pa.binary(), st.binary(max_size=5)),
    (pa.list_(pa.int64()), st.lists(_integers(64), max_size=3)),
    (pa.null(), st.none()),
]
FIXED: list[tuple[Outcome, ...]] = [(), ('"x"',), ("2024", None)]


@st.composite
def _column(draw: st.DrawFn, rows: int) -> pa.Array:
    type, values = draw(st.sampled_from(VALUES))
    drawn = draw(st.lists(st.one_of(st.none(), values, values, values), min_size=rows, max_size=rows))
    if pa.types.is_date(type):
        return pa.array(drawn, pa.int32()).view(type)
    if pa.types.is_timestamp(type):
        return pa.array(drawn, pa.int64()).view(type)
    if type == pa.float16():
        return pa.array(drawn, pa.float32()).cast(type)
    if pa.types.is_string(type) and drawn and draw(st.integers(0, 9)) == 0:
        # Parquet promises UTF-8, not every writer keeps that
        broken = [None if text is None else text.encode() + draw(st.binary(max_size=2)) for text in drawn]
        return pa.Array.from_buffers(type, rows, pa.array(broken, pa.binary()).buffers())
    return pa.array(drawn, type)


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_any_model_and_any_columns(data: st.DataObject) -> None:
    model = data.draw(schemas())
    names = list(model["properties"])
    fixed = data.draw(st.sampled_from(FIXED))
    folders = ["year", "month"][: len(fixed)]
    rows = data.draw(st.integers(0, 9))
    arrays = [data.draw(_column(rows)) for _ in names]
    schema = pa.schema([(name, array.type) for name, array in zip(names, arrays, strict=True)])
    try:
        both = _Both(
            model,
            schema,
            key=data.draw(st.sampled_from([None, *names, *folders])),
            fixed=fixed,
            folders=folders,
            headers=headers(data.draw(st.sampled_from(RecordHeaders))),
            partitions=data.draw(st.sampled_from([1, 1, 3])),
            max_row_bytes=data.draw(st.sampled_from([900_000, 60])),
            strip_bytes=data.draw(st.sampled_from([2_000_000, 1, 300])),
        )
    except HeaderError:  # the column's type is none of the model's
        reject()
    batch = pa.RecordBatch.from_arrays(arrays, schema=schema)
    start = data.draw(st.integers(0, rows))
    for part in (batch, batch.slice(start)):  # the second meets what is left of the first
        both.check(part)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_any_values_without_rules(data: st.DataObject) -> None:
    """Where no rule rejects, what is written is seen."""
    array = data.draw(_column(data.draw(st.integers(1, 30))))
    schema = pa.schema([("a", array.type)])
    rules = {"properties": {"a": {"type": ["string", "number", "integer", "boolean", "array", "null"]}}}
    for model in ({}, rules):
        both = _Both(model, schema, key="a", partitions=2)
        both.check(pa.RecordBatch.from_arrays([array], schema=schema))


@pytest.mark.parametrize(
    ("array", "written"),
    [
        (pa.array(["a", 'q"\n', "é", ""]), ['"a"', r'"q\"\n"', '"é"', '""']),
        (pa.array([0, -7, 2**63 - 1]), ["0", "-7", "9223372036854775807"]),
        (pa.array([1.0, 0.1, -2.5, 123456.78]), ["1.0", "0.1", "-2.5", "123456.78"]),
        (pa.array([0.1, 16777216.0], pa.float32()), ["0.1", "16777216.0"]),
        (pa.array([True, False]), ["true", "false"]),
        (pa.array([date(1, 1, 1), date(2000, 2, 29), date(9999, 12, 31), date(1969, 12, 31)]),
         ['"0001-01-01"', '"2000-02-29"', '"9999-12-31"', '"1969-12-31"']),
        (pa.array([0, 1, 1_000, 1_500_000, -1], pa.int64()).view(pa.timestamp("us")),
         ['"1970-01-01T00:00:00Z"', '"1970-01-01T00:00:00.000001Z"', '"1970-01-01T00:00:00.001Z"',
          '"1970-01-01T00:00:01.500Z"', '"1969-12-31T23:59:59.999999Z"']),
        (pa.array([Decimal("1.50"), Decimal("-0.05")], pa.decimal128(9, 2)), ["1.50", "-0.05"]),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else "",
)  # fmt: skip
def test_it_is_compiled_what_is_written(array: pa.Array, written: list[str]) -> None:
    """Known texts of each type that the kernels write, and none of them was left to the reference."""
    schema = pa.schema([("a", array.type)])
    both = _Both({}, schema)
    values = both.check(pa.RecordBatch.from_arrays([array], schema=schema))
    assert [value.decode() for value in values] == [f'{{"a":{text}}}' for text in written]
    assert both.converter.asked == 0


def test_nulls_and_empty_strings_are_not_the_same() -> None:
    array = pa.array(["", None, "a"])
    batch = pa.RecordBatch.from_arrays([array, pa.array([1, 2, 3])], ["a", "b"])
    rules = {"a": {"type": ["string", "null"]}, "b": {"type": "integer"}}
    both = _Both({"properties": rules}, batch.schema)
    assert both.check(batch) == [b'{"a":"","b":1}', b'{"a":null,"b":2}', b'{"a":"a","b":3}']
    assert both.converter.asked == 0


def test_only_rows_that_are_no_records_are_left_to_the_reference() -> None:
    batch = pa.RecordBatch.from_arrays([pa.array(range(100_000))], ["n"])
    both = _Both({"properties": {"n": {"type": "integer", "maximum": 99_997}}}, batch.schema, partitions=2)
    assert len(both.check(batch)) == 99_998
    assert both.converter.asked == 2


def test_a_null_that_becomes_an_empty_string_is_an_empty_key() -> None:
    batch = pa.RecordBatch.from_arrays([pa.array([None, 7])], ["a"])
    both = _Both({"properties": {"a": {"type": ["integer", "string"]}}}, batch.schema, key="a")
    assert both.check(batch) == [b'{"a":""}', b'{"a":7}']


DOUBLES = [
    *(0.1, 0.5, 1.0, 442.89, -442.89, 0.07, 99.999999, 1.000001, 1.0000001, 0.1 + 0.2, 1 / 3, 2.675, 1.005),
    *(0.0, -0.0, 0.0001, 0.00011, 0.000123, 0.0001234, 9.9e-05, 1e-05, 5e-324, 1.7976931348623157e308),
    *(1e14, 123456789012345.0, 999999999999999.0, 999999999999999.9, 99999999999999.5, 1e15, 1e16, 1e22),
    *(4503599627370495.5, 9007199254740993.0, 8388608.000001, 1073741824.123456, 123456789.123456),
]


@pytest.mark.parametrize("value", DOUBLES)
def test_doubles_are_written_as_their_shortest_text(value: float) -> None:
    both = _Both({"properties": {"a": {"type": "number"}}}, pa.schema([("a", pa.float64())]))
    record = b'{"a":%s}' % repr(value).encode()
    assert both.check(pa.record_batch([pa.array([value, None, value])], names=["a"])) == [
        record,
        b"{}",
        record,
    ]


def test_a_timestamp_is_checked_by_other_rules_than_its_format() -> None:
    at = {"type": "string", "format": "date-time"}
    schema = pa.schema([("a", pa.timestamp("ms", "UTC")), ("b", pa.timestamp("s", "UTC"))])
    both = _Both({"properties": {"a": {**at, "maxLength": 20}, "b": {**at, "format": "date"}}}, schema)
    batch = pa.record_batch(
        [pa.array([0, 1, 0], schema.types[0]), pa.array([None, None, 0], schema.types[1])], schema
    )
    assert both.check(batch) == [b'{"a":"1970-01-01T00:00:00Z"}']


def test_single_values_of_a_type_that_arrow_cannot_take_from() -> None:
    texts = pa.array(["a", "B", "c"], pa.string_view())
    schema = pa.schema([("a", pa.float64()), ("b", texts.type)])
    both = _Both({"properties": {"b": {"pattern": "^[a-z]$"}}}, schema)
    batch = pa.record_batch([pa.array([1.5, 1.5, float("inf")]), texts], schema)
    assert both.check(batch) == [b'{"a":1.5,"b":"a"}']
