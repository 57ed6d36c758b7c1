"""Typed values through the model's rules: golden records and rejects."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from connectors.api import Converted, Position, Record, RowError
from connectors.errors import HeaderError, JobCode, RowCode
from connectors.model import compile_model
from connectors.parquet.reader import ParquetBlock
from connectors.parquet.reference import ParquetReferenceConverter
from connectors.records import RecordLimit


def type_or_text(value: Any) -> str:
    return str(value.type if isinstance(value, pa.Array) else value)


def convert(
    columns: dict[str, Any],
    schema: dict[str, Any] | None = None,
    *,
    key: str | None = None,
    max_row_bytes: int = 900_000,
    first_row: int = 0,
) -> Converted:
    """Convert one block of columns; `schema` holds the properties, or the whole schema."""
    if schema is None or "properties" not in schema:
        schema = {"properties": schema or {}}
    batch = pa.record_batch(columns)
    rules = compile_model(schema).bind(list(columns))
    converter = ParquetReferenceConverter(rules, batch.schema, key=key, limit=RecordLimit(max_row_bytes))
    return converter.convert(ParquetBlock(Position(row=first_row), Position(), batch))


def values(converted: Converted) -> list[str]:
    assert not converted.rejects
    return [record.value.decode() for record in converted.records]


def errors(converted: Converted) -> list[tuple[tuple[str | None, str], ...]]:
    return [tuple((e.column, e.code.value) for e in reject.errors) for reject in converted.rejects]


def test_rows_of_several_columns() -> None:
    columns = {"id": pa.array([1, 2]), "price": pa.array([Decimal("1.10"), None], pa.decimal128(5, 2))}
    schema = {"id": {"type": "integer"}, "price": {"type": ["number", "null"]}}
    converted = convert(columns, schema, first_row=7)
    assert converted.records == [
        Record(8, None, b'{"id":1,"price":1.10}'),
        Record(9, None, b'{"id":2,"price":null}'),
    ]


INTEGER, NUMBER = pa.array([1]), pa.array([1.5])
UINT64 = pa.array([2**64 - 1], pa.uint64())
DECIMAL = pa.array([Decimal("1.50")], pa.decimal128(5, 2))
ALLOWED: list[tuple[Any, str, str]] = [
    (INTEGER, "integer", "1"),
    (INTEGER, "number", "1"),
    (UINT64, "integer", "18446744073709551615"),
    (UINT64, "number", "18446744073709551615"),
    (NUMBER, "number", "1.5"),
    (DECIMAL, "number", "1.50"),
    (DECIMAL, "string", '"1.50"'),
    (pa.array([True]), "boolean", "true"),
    (pa.array(["1"]), "string", '"1"'),
    (pa.array([b"\x00"]), "string", '"AA=="'),
    (pa.array([0], pa.date32()), "string", '"1970-01-01"'),
    (pa.array([0], pa.time32("s")), "string", '"00:00:00"'),
    (pa.array([0], pa.timestamp("us")), "string", '"1970-01-01T00:00:00Z"'),
    (pa.array([[1]]), "array", "[1]"),
    (pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int8())), "array", '[["a",1]]'),
    (pa.array([{"a": 1}]), "object", '{"a":1}'),
]
JSON_TYPES = ("integer", "number", "boolean", "string", "array", "object")
REFUSED = [
    (array, wanted)
    for array in {id(array): array for array, _, _ in ALLOWED}.values()
    for wanted in JSON_TYPES
    if not any(array is allowed and wanted == type for allowed, type, _ in ALLOWED)
]


@pytest.mark.parametrize(("array", "wanted", "text"), ALLOWED, ids=type_or_text)
def test_types_that_go_together(array: Any, wanted: str, text: str) -> None:
    assert values(convert({"c": array}, {"c": {"type": wanted}})) == [f'{{"c":{text}}}']


@pytest.mark.parametrize(("array", "wanted"), REFUSED, ids=type_or_text)
def test_types_that_do_not(array: Any, wanted: str) -> None:
    with pytest.raises(HeaderError) as caught:
        convert({"c": array}, {"c": {"type": wanted}})
    assert caught.value.code is JobCode.COLUMN_TYPE
    message = f"column `c` has the type `{array.type}`, but the model asks for `{wanted}`"
    assert caught.value.message == message
    assert caught.value.hint == "cast the column when the file is written, or change its type in the model"


def test_only_the_types_of_a_union_that_the_column_can_have_are_tried() -> None:
    union = {"c": {"type": ["integer", "boolean", "string"]}}
    assert values(convert({"c": pa.array(["1", "true"])}, union)) == ['{"c":"1"}', '{"c":"true"}']
    assert values(convert({"c": pa.array([True])}, union)) == ['{"c":true}']
    assert values(convert({"c": INTEGER}, union)) == ['{"c":1}']
    with pytest.raises(HeaderError, match="asks for `integer` or `boolean` or `string`"):
        convert({"c": NUMBER}, union)


def test_a_decimal_is_a_number_before_it_is_a_string() -> None:
    assert values(convert({"c": DECIMAL}, {"c": {"type": ["string", "number"]}})) == ['{"c":1.50}']


def test_a_type_without_text() -> None:
    with pytest.raises(HeaderError) as caught:
        convert({"c": pa.array([1], pa.duration("s"))})
    assert caught.value.code is JobCode.COLUMN_TYPE
    assert caught.value.message == "column `c` has the type `duration[s]`, which has no form in JSON"


def test_a_column_of_nulls_goes_with_every_type() -> None:
    assert values(convert({"c": pa.nulls(1)}, {"c": {"type": ["integer", "null"]}})) == ['{"c":null}']
    assert values(convert({"c": pa.nulls(1)}, {"c": {"type": "integer"}})) == ["{}"]
    assert values(convert({"c": pa.nulls(1)}, {"c": {"type": "null"}})) == ['{"c":null}']


def test_a_column_with_values_is_not_null() -> None:
    with pytest.raises(HeaderError, match="asks for `null`"):
        convert({"c": INTEGER}, {"c": {"type": "null"}})


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (INTEGER, "1"),
        (NUMBER, "1.5"),
        (DECIMAL, "1.50"),
        (pa.array([False]), "false"),
        (pa.array(["x"]), '"x"'),
        (pa.array([["x"]]), '["x"]'),
        (pa.array([{"a": None}]), '{"a":null}'),
    ],
    ids=type_or_text,
)
@pytest.mark.parametrize("schema", [{}, {"c": {"description": "no type"}}], ids=["outside", "untyped"])
def test_columns_without_a_type_in_the_model_keep_their_own(array: Any, text: str, schema: Any) -> None:
    assert values(convert({"c": array}, schema)) == [f'{{"c":{text}}}']


@pytest.mark.parametrize(
    ("array", "rule", "row"),
    [
        (pa.array([None], pa.int64()), {"type": "integer"}, "{}"),
        (pa.array([None], pa.int64()), {"type": ["integer", "null"]}, '{"c":null}'),
        (pa.array([None], pa.string()), {"type": "string"}, '{"c":""}'),
        (pa.array([None], pa.string()), {"type": "string", "minLength": 1}, "{}"),
        (pa.array([None], pa.string()), {"type": ["string", "null"]}, '{"c":null}'),
        (pa.array([""]), {"type": ["string", "null"]}, '{"c":""}'),
        (pa.array([None], pa.date32()), {"type": "string", "format": "date"}, "{}"),
        (pa.array([None], pa.list_(pa.int8())), {}, "{}"),
    ],
    ids=type_or_text,
)
def test_a_null_is_an_empty_cell_and_an_empty_string_stays(array: Any, rule: Any, row: str) -> None:
    assert values(convert({"c": array}, {"c": rule})) == [row]


def test_an_empty_string_that_the_rules_forbid_is_a_reject() -> None:
    assert errors(convert({"c": pa.array([""])}, {"c": {"type": "string", "minLength": 1}})) == [
        (("c", "LENGTH"),)
    ]


def test_checks_and_their_order() -> None:
    schema = {
        "properties": {
            "a": {"type": "number", "maximum": 1},
            "b": {"enum": ["x"]},
            "c": {"type": "string", "pattern": "^[0-9]+$"},
            "d": {"type": "string", "format": "date"},
            "e": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["e", "a"],
    }
    columns = {
        "a": pa.array([1.0000000000000002, None, 1.0]),
        "b": pa.array(["y", "x", "x"]),
        "c": pa.array(["1x", "1", "1"]),
        "d": pa.array([0, None, 1], pa.date32()),
        "e": pa.array([None, ["x"], ["x", None]], pa.list_(pa.string())),
    }
    assert errors(convert(columns, schema)) == [
        (("a", "RANGE"), ("b", "ENUM"), ("c", "PATTERN"), ("e", "REQUIRED")),
        (("a", "REQUIRED"),),
        (("e", "SCHEMA"),),
    ]


def test_not_a_number_is_a_reject_with_the_row_as_json() -> None:
    columns = {
        "n": pa.array([float("nan"), float("-inf"), 1.0]),
        "l": pa.array([[1.5], [float("inf")], []]),
        "é": pa.array(["a", "b", None]),
    }
    converted = convert(columns, {"n": {"type": "number"}}, first_row=10)
    assert [record.value for record in converted.records] == ['{"n":1.0,"l":[],"é":""}'.encode()]
    first, second = converted.rejects
    assert (first.row, first.line, first.byte_offset) == (11, None, None)
    assert first.errors == (RowError("n", RowCode.RANGE, "`NaN` is not a finite number"),)
    assert first.raw == '{"n":"NaN","l":[1.5],"é":"a"}'.encode()
    assert first.raw_bytes == 30
    assert second.errors == (
        RowError("n", RowCode.RANGE, "`-Infinity` is not a finite number"),
        RowError("l", RowCode.RANGE, "`Infinity` is not a finite number"),
    )
    assert second.raw == '{"n":"-Infinity","l":["Infinity"],"é":"b"}'.encode()


def test_a_reject_shows_nulls_and_nested_values() -> None:
    columns = {"n": pa.array([5]), "s": pa.nulls(1), "o": pa.array([{"a": [None, "\n"]}])}
    (reject,) = convert(columns, {"n": {"type": "integer", "maximum": 4}}).rejects
    assert reject.raw == b'{"n":5,"s":null,"o":{"a":[null,"\\n"]}}'


def test_text_that_is_not_utf8_stands_alone() -> None:
    columns = {"n": pa.array([float("nan"), 1.0]), "s": pa.array([b"\xe9", b"ok"]).view(pa.string())}
    converted = convert(columns)
    assert [record.value for record in converted.records] == [b'{"n":1.0,"s":"ok"}']
    (reject,) = converted.rejects
    assert reject.raw == b'{"n":"NaN","s":"\xe9"}'
    message = "byte `0xE9` at offset 16 of the row is not valid UTF-8"
    assert reject.errors == (RowError(None, RowCode.ENCODING, message),)
    assert reject.raw[16] == 0xE9


@pytest.mark.parametrize(
    ("array", "rule", "keys"),
    [
        (pa.array([1, None]), {"type": "integer"}, [b"1", None]),
        (pa.array(["a", "", None]), {"type": "string"}, [b"a", b"", b""]),
        (pa.array(["a\n", None]), {"type": ["string", "null"]}, [b"a\n", None]),
        (pa.array(["ü"]), {}, ["ü".encode()]),
        (pa.array([0.1], pa.float32()), {}, [b"0.1"]),
        (pa.array([0], pa.timestamp("s")), {}, [b"1970-01-01T00:00:00Z"]),
        (pa.array([True]), {}, [b"true"]),
        (pa.array([[1, 2]]), {}, [b"[1,2]"]),
    ],
    ids=type_or_text,
)
def test_keys(array: Any, rule: Any, keys: list[bytes | None]) -> None:
    assert [record.key for record in convert({"c": array}, {"c": rule}, key="c").records] == keys


def test_a_key_without_a_column() -> None:
    with pytest.raises(HeaderError) as caught:
        convert({"c": INTEGER}, key="d")
    assert caught.value.code is JobCode.COLUMN_MISSING


@pytest.mark.parametrize(("limit", "records"), [(1008, 1), (1007, 0)])
def test_a_row_whose_json_is_too_large(limit: int, records: int) -> None:
    """`{"c":"…"}` of 1,000 characters has 1,008 bytes."""
    converted = convert({"c": pa.array(["x" * 1000])}, max_row_bytes=limit)
    assert len(converted.records) == records
    assert errors(converted) == ([] if records else [((None, "ROW_TOO_LARGE"),)])


def test_the_key_counts_for_the_size_of_a_row() -> None:
    array = pa.array(["x" * 1000])
    assert len(convert({"c": array}, key="c", max_row_bytes=2008).records) == 1
    converted = convert({"c": array}, key="c", max_row_bytes=2007)
    message = "the row's JSON, key and headers have 2008 bytes, more than the 2007 allowed"
    assert converted.rejects[0].errors == (RowError(None, RowCode.ROW_TOO_LARGE, message),)


def test_required_and_unknown_columns_are_those_of_the_model() -> None:
    with pytest.raises(HeaderError) as missing:
        convert({"c": INTEGER}, {"properties": {"d": {}}, "required": ["d"]})
    assert missing.value.code is JobCode.COLUMN_MISSING
    with pytest.raises(HeaderError) as unknown:
        convert({"c": INTEGER}, {"properties": {"d": {}}, "additionalProperties": False})
    assert unknown.value.code is JobCode.COLUMN_UNKNOWN


def test_rules_of_a_column_without_type_hold_for_its_own_type() -> None:
    converted = convert({"c": pa.array([4, 5])}, {"c": {"minimum": 5}})
    assert [record.value for record in converted.records] == [b'{"c":5}']
    [reject] = converted.rejects
    assert reject.errors == (RowError("c", RowCode.RANGE, "`4` is less than `5`"),)
    assert values(convert({"c": pa.array(["4"])}, {"c": {"minimum": 5}})) == ['{"c":"4"}']


def test_columns_that_every_row_has() -> None:
    schema = {"properties": {"c": {"type": "integer"}, "year": {"type": "integer"}}, "required": ["year"]}
    batch = pa.record_batch({"c": pa.array([1, 2])})
    rules = compile_model(schema).bind(("c", "year"))
    converter = ParquetReferenceConverter(
        rules, batch.schema, key="year", limit=RecordLimit(100), fixed=("2024",)
    )
    converted = converter.convert(ParquetBlock(Position(), Position(), batch))
    assert converted.records == [
        Record(1, b"2024", b'{"c":1,"year":2024}'),
        Record(2, b"2024", b'{"c":2,"year":2024}'),
    ]
