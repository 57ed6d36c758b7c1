"""Every Arrow type that Parquet gives, with texts written by hand."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import RowCode
from connectors.parquet.leaves import Unwritable
from connectors.parquet.values import value_writer

NAN, INF = float("nan"), float("inf")


def texts(array: Any) -> list[Any]:
    writer = value_writer(array.type)
    assert writer is not None
    return list(writer.texts(array))


LEAVES: list[tuple[Any, list[Any], list[str | None]]] = [
    (pa.int8(), [-128, 127, None], ["-128", "127", None]),
    (pa.int16(), [-32768, 0], ["-32768", "0"]),
    (pa.int32(), [2147483647], ["2147483647"]),
    (pa.int64(), [-9223372036854775808], ["-9223372036854775808"]),
    (pa.uint8(), [255], ["255"]),
    (pa.uint16(), [65535], ["65535"]),
    (pa.uint32(), [4294967295], ["4294967295"]),
    (pa.uint64(), [18446744073709551615, None], ["18446744073709551615", None]),
    (pa.float16(), [0.1, 65504.0, 1.0, None], ["0.1", "65500.0", "1.0", None]),
    (pa.float32(), [0.1, 16777216.0, 1e-45, 3.4028235e38], ["0.1", "16777216.0", "1e-45", "3.4028235e+38"]),
    (pa.float32(), [0.3, 18.0, -0.0, None], ["0.3", "18.0", "-0.0", None]),
    (pa.float64(), [0.1, 1e16, 5e-324, 18.0, -0.0], ["0.1", "1e+16", "5e-324", "18.0", "-0.0"]),
    (pa.float64(), [0.1 + 0.2, 1.7976931348623157e308], ["0.30000000000000004", "1.7976931348623157e+308"]),
    (pa.decimal32(5, 2), [Decimal("1.10"), None], ["1.10", None]),
    (pa.decimal64(12, 0), [Decimal("123456789012")], ["123456789012"]),
    (pa.decimal128(5, 2), [Decimal("1.10"), Decimal("-0.05"), Decimal("0")], ["1.10", "-0.05", "0.00"]),
    (pa.decimal128(5, -2), [Decimal("1200")], ["1200"]),
    (pa.decimal128(20, 12), [Decimal("0.000000000001")], ["0.000000000001"]),
    (pa.decimal256(50, 1), [Decimal("1" * 40 + ".5")], ["1" * 40 + ".5"]),
    (pa.bool_(), [True, False, None], ["true", "false", None]),
    (pa.string(), ["", 'Grüße\n"x"', None], ["", 'Grüße\n"x"', None]),
    (pa.large_string(), ["a"], ["a"]),
    (pa.string_view(), ["a", "b" * 40], ["a", "b" * 40]),
    (pa.binary(), [b"", b"\x00\xff", None], ["", "AP8=", None]),
    (pa.large_binary(), [b"abc"], ["YWJj"]),
    (pa.binary_view(), [b"abcd"], ["YWJjZA=="]),
    (pa.binary(3), [b"\xfb\xff\xfe"], ["+//+"]),
    (pa.date32(), [0, -1, 19782, None], ["1970-01-01", "1969-12-31", "2024-02-29", None]),
    (pa.date32(), [2932896, -719162], ["9999-12-31", "0001-01-01"]),
    (pa.date64(), [86_400_000], ["1970-01-02"]),
    (pa.time32("s"), [0, 86399], ["00:00:00", "23:59:59"]),
    (pa.time32("ms"), [3_723_004, None], ["01:02:03.004", None]),
    (pa.time64("us"), [3_723_000_005, 3_723_004_000], ["01:02:03.000005", "01:02:03.004"]),
    (pa.time64("ns"), [1, 1_000, 1_000_000], ["00:00:00.000000001", "00:00:00.000001", "00:00:00.001"]),
    (pa.timestamp("s"), [1_700_000_000, None], ["2023-11-14T22:13:20Z", None]),
    (pa.timestamp("ms"), [-1, 1_700_000_000_000], ["1969-12-31T23:59:59.999Z", "2023-11-14T22:13:20Z"]),
    (pa.timestamp("us"), [1_700_000_000_120_000], ["2023-11-14T22:13:20.120Z"]),
    (pa.timestamp("us"), [1_700_000_000_120_001], ["2023-11-14T22:13:20.120001Z"]),
    (pa.timestamp("ns"), [1_700_000_000_000_000_100], ["2023-11-14T22:13:20.000000100Z"]),
    (pa.timestamp("ns", "UTC"), [1_700_000_000_500_000_000], ["2023-11-14T22:13:20.500Z"]),
    (pa.timestamp("us", "Asia/Kolkata"), [0], ["1970-01-01T00:00:00Z"]),
    (pa.timestamp("us"), [253_402_300_799_999_999], ["9999-12-31T23:59:59.999999Z"]),
    (pa.null(), [None, None], [None, None]),
]


@pytest.mark.parametrize(("type", "values", "expected"), LEAVES, ids=lambda x: str(x)[:40])
def test_leaf(type: Any, values: list[Any], expected: list[str | None]) -> None:
    array = pa.array(values, pa.int64()).cast(type) if _stored_as_int(type) else pa.array(values, type)
    assert texts(array) == expected


@pytest.mark.parametrize(("type", "values", "expected"), LEAVES, ids=lambda x: str(x)[:40])
def test_slice_of_a_leaf(type: Any, values: list[Any], expected: list[str | None]) -> None:
    """A batch may be a slice: offsets into buffers must hold."""
    array = pa.array(values, pa.int64()).cast(type) if _stored_as_int(type) else pa.array(values, type)
    padded = pa.concat_arrays([array, array]).slice(len(values))
    assert texts(padded) == expected


def _stored_as_int(type: Any) -> bool:
    return pa.types.is_date64(type) or pa.types.is_time64(type) or pa.types.is_timestamp(type)


NESTED: list[tuple[Any, list[Any], list[str | None]]] = [
    (pa.list_(pa.int64()), [[1, None, 3], [], None, [4]], ["[1,null,3]", "[]", None, "[4]"]),
    (pa.large_list(pa.string()), [["a", 'b"', None]], ['["a","b\\"",null]']),
    (pa.list_(pa.float32(), 2), [[0.1, 2.5], None, [3.0, None]], ["[0.1,2.5]", None, "[3.0,null]"]),
    (pa.list_view(pa.bool_()), [[True], None, [False, True]], ["[true]", None, "[false,true]"]),
    (pa.large_list_view(pa.int8()), [[1], [2, 3]], ["[1]", "[2,3]"]),
    (pa.list_(pa.list_(pa.int8())), [[[1], None, []], None], ["[[1],null,[]]", None]),
    (
        pa.map_(pa.string(), pa.int64()),
        [[("a", 1), ("b", None)], None, [], [("c", 3)]],
        ['[["a",1],["b",null]]', None, "[]", '[["c",3]]'],
    ),
    (
        pa.struct([("n", pa.int64()), ("s", pa.string()), ("t", pa.timestamp("ms"))]),
        [{"n": 1, "s": "x", "t": 0}, None, {"n": None, "s": "", "t": None}],
        ['{"n":1,"s":"x","t":"1970-01-01T00:00:00Z"}', None, '{"n":null,"s":"","t":null}'],
    ),
    (
        pa.list_(pa.struct([("d", pa.decimal128(4, 2)), ("b", pa.binary())])),
        [[{"d": Decimal("1.50"), "b": b"\x01"}, None]],
        ['[{"d":1.50,"b":"AQ=="},null]'],
    ),
    (pa.struct([]), [{}, None], ["{}", None]),
]


@pytest.mark.parametrize(("type", "values", "expected"), NESTED, ids=lambda x: str(x)[:40])
def test_nested(type: Any, values: list[Any], expected: list[str | None]) -> None:
    array = pa.array(values, type)
    assert texts(array) == expected
    assert texts(pa.concat_arrays([array, array]).slice(len(values))) == expected
    assert texts(array.slice(1)) == expected[1:]


def test_dictionary() -> None:
    array = pa.array(["x", None, "y", "x"]).dictionary_encode()
    assert texts(array) == ["x", None, "y", "x"]
    assert texts(pa.ListArray.from_arrays(pa.array([0, 2, 4], pa.int32()), array)) == [
        '["x",null]',
        '["y","x"]',
    ]


def test_extension_types() -> None:
    value = uuid.UUID("0190163d-8694-739b-aea5-966c26f8ad91")
    assert texts(pa.array([value.bytes, None], pa.uuid())) == ["0190163d-8694-739b-aea5-966c26f8ad91", None]
    assert texts(pa.array(['{"a": 1}'], pa.json_())) == ['{"a": 1}']


@pytest.mark.parametrize("control", range(0x20))
def test_strings_in_lists_are_escaped_as_rfc_8785(control: int) -> None:
    short = {8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r"}
    expected = short.get(
        control, "\\u00" + "0123456789abcdef"[control // 16] + "0123456789abcdef"[control % 16]
    )
    assert texts(pa.array([[chr(control)]])) == [f'["{expected}"]']


def test_strings_in_lists_keep_what_need_not_be_escaped() -> None:
    assert texts(pa.array([['/ \\ " \x7f \u2028 ü 😀']])) == ['["/ \\\\ \\" \x7f \u2028 ü 😀"]']


@pytest.mark.parametrize(
    ("value", "raw"), [(NAN, '"NaN"'), (INF, '"Infinity"'), (-INF, '"-Infinity"')], ids=["nan", "inf", "-inf"]
)
@pytest.mark.parametrize("type", [pa.float16(), pa.float32(), pa.float64()], ids=str)
def test_no_number(type: Any, value: float, raw: str) -> None:
    expected = Unwritable(RowCode.RANGE, f"`{raw[1:-1]}` is not a finite number", raw)
    assert texts(pa.array([value, 1.5], type)) == [expected, "1.5"]


def test_no_number_inside_makes_the_whole_unwritable() -> None:
    array = pa.array([[{"x": [1.5, NAN]}, {"x": [INF]}], [{"x": []}]])
    reason = "`NaN` is not a finite number"
    raw = '[{"x":[1.5,"NaN"]},{"x":["Infinity"]}]'
    assert texts(array) == [Unwritable(RowCode.RANGE, reason, raw), '[{"x":[]}]']


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (pa.array([2932897], pa.date32()), "`2932897` days from 1970 is outside the years 0001 to 9999"),
        (pa.array([-719163], pa.date32()), "`-719163` days from 1970 is outside the years 0001 to 9999"),
        (
            pa.array([253402300800], pa.timestamp("s")),
            "`253402300800` s from 1970 is outside the years 0001 to 9999",
        ),
        (pa.array([86400], pa.time32("s")), "`86400` s from midnight is outside a day"),
        (pa.array([-1], pa.int64()).view(pa.time64("us")), "`-1` us from midnight is outside a day"),
    ],
    ids=["after", "before", "timestamp", "time", "negative time"],
)
def test_times_out_of_range(array: Any, message: str) -> None:
    stored = message.split("`")[1]
    assert texts(array) == [Unwritable(RowCode.RANGE, message, stored)]


def test_text_that_is_not_utf8() -> None:
    array = pa.array([b"ok", b"caf\xe9", None]).view(pa.string())
    message = "byte `0xE9` at offset 3 of the row is not valid UTF-8"
    assert texts(array) == ["ok", Unwritable(RowCode.ENCODING, message, '"caf\udce9"'), None]


@pytest.mark.parametrize(
    ("type", "types"),
    [
        (pa.uint8(), ("integer", "number")),
        (pa.float32(), ("number",)),
        (pa.decimal128(5), ("number", "string")),
        (pa.bool_(), ("boolean",)),
        (pa.binary(4), ("string",)),
        (pa.map_(pa.string(), pa.string()), ("array",)),
        (pa.struct([("a", pa.int8())]), ("object",)),
        (pa.dictionary(pa.int32(), pa.int64()), ("integer", "number")),
        (pa.uuid(), ("string",)),
        (pa.null(), ("null", "integer", "number", "boolean", "object", "array", "string")),
    ],
    ids=str,
)
def test_json_types(type: Any, types: tuple[str, ...]) -> None:
    writer = value_writer(type)
    assert writer is not None
    assert writer.types == types


@pytest.mark.parametrize(
    "type",
    [
        pa.duration("s"),
        pa.list_(pa.duration("s")),
        pa.map_(pa.string(), pa.duration("s")),
        pa.struct([("a", pa.duration("s"))]),
        pa.struct([pa.field("a", pa.int8()), pa.field("a", pa.int8())]),
        pa.month_day_nano_interval(),
    ],
    ids=str,
)
def test_no_text(type: Any) -> None:
    assert value_writer(type) is None


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=50))
def test_single_floats_have_the_digits_that_arrow_finds(values: list[float]) -> None:
    """Arrow casts by the double-conversion library: other code, another form, the same digits."""
    array = pa.array(values, pa.float32())
    assert texts(array) == [repr(float(text)) for text in array.cast(pa.string()).to_pylist()]


@given(st.lists(st.integers(-62_135_596_800_000, 253_402_300_799_999), min_size=1, max_size=50))
def test_timestamps_are_those_that_arrow_formats(values: list[int]) -> None:
    array = pa.array(values, pa.timestamp("ms"))
    formatted = pc.strftime(array, "%Y-%m-%dT%H:%M:%SZ").to_pylist()
    assert texts(array) == [text.replace(".000Z", "Z") for text in formatted]
