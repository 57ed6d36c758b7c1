"""The reference converter of NDJSON: records, rejects and their places, and what is no JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.api import Converted, Position, Record, Reject, RowError
from connectors.errors import RowCode
from connectors.headers import NO_HEADERS, OriginHeaders, RecordOrigin
from connectors.model import Outcome, compile_model
from connectors.model.options import RecordHeaders
from connectors.ndjson.reader import NdjsonBlock
from connectors.ndjson.reference import NdjsonReferenceConverter
from connectors.records import RecordLimit
from connectors.text.cutter import SkippedRow

SCHEMA: dict[str, Any] = {
    "properties": {"id": {"type": "integer"}, "price": {"type": ["number", "null"]}},
    "required": ["id"],
}
FILE_START = Position()


def converter(
    schema: dict[str, Any] = SCHEMA,
    *,
    key: str | None = None,
    max_row_bytes: int = 1000,
    headers: OriginHeaders = NO_HEADERS,
    fixed: Mapping[str, Outcome] | None = None,
) -> NdjsonReferenceConverter:
    members = compile_model(schema).members()
    return NdjsonReferenceConverter(members, key=key, limit=RecordLimit(max_row_bytes, headers), fixed=fixed)


def block(
    data: bytes, *, start: Position = FILE_START, encoding: str = "utf-8", skipped: SkippedRow | None = None
) -> NdjsonBlock:
    rows = 1 if skipped else sum(1 for line in data.split(b"\n") if line.removesuffix(b"\r"))
    end = Position(start.byte + len(data), start.row + rows, start.line + data.count(b"\n"), start.block + 1)
    return NdjsonBlock(start, end, data, rows, encoding, 0, skipped, file_codec=encoding)


def convert_line(line: str, schema: dict[str, Any] | None = None) -> str | tuple[RowCode, str]:
    """Return the record of one line, or code and message of its only error, which has no column."""
    converted = converter(schema or {}, max_row_bytes=900_000).convert(block(line.encode() + b"\n"))
    if converted.records:
        [record] = converted.records
        return record.value.decode()
    [reject] = converted.rejects
    [error] = reject.errors
    assert error.column is None
    return error.code, error.message


def test_records_and_rejects_are_in_file_order_and_know_their_places() -> None:
    start = Position(byte=100, row=10, line=20, block=3)
    lines = [
        b'{"price": 1.50, "id": 7, "tags": [ 1, "a b" ]}\r\n',
        b"\n",
        b'{"id": "8"}\n',
        b"[1]\n",
        b'{"id": 9, "price": null}',
    ]
    converted = converter().convert(block(b"".join(lines), start=start))
    assert converted.records == [
        Record(11, None, b'{"price":1.50,"id":7,"tags":[1,"a b"]}'),
        Record(14, None, b'{"id":9,"price":null}'),
    ]
    at = [100 + sum(map(len, lines[:n])) for n in range(5)]
    assert converted.rejects == [
        Reject(
            12,
            23,
            at[2],
            (RowError("id", RowCode.TYPE, '`"8"` is not an integer'),),
            b'{"id": "8"}',
            11,
        ),
        Reject(13, 24, at[3], (RowError(None, RowCode.TYPE, "`[1]` is not a JSON object"),), b"[1]", 3),
    ]


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("{}", "{}"),
        (" { } \t", "{}"),
        ('{"a":1.10,"b":-0.0,"c":1E+5}', '{"a":1.10,"b":-0.0,"c":1E+5}'),
        ('{"a":' + "9" * 5000 + "}", '{"a":' + "9" * 5000 + "}"),
        ('{"a" : true , "b" : null}', '{"a":true,"b":null}'),
        ('{"b":1,"a":2}', '{"b":1,"a":2}'),
        ('{"a":"x\\u00e9\\/\\n\\ud83d\\ude00"}', '{"a":"xé/\\n\U0001f600"}'),
        ('{"\\u0061 b":1}', '{"a b":1}'),
        ('{"":1}', '{"":1}'),
        ('{"a":{ "b" : [1.0, "x  y" ], "c\\u00e9":{} } }', '{"a":{"b":[1.0,"x  y"],"c\\u00e9":{}}}'),
        ('{"a":{"b":1,"b":2}}', '{"a":{"b":1,"b":2}}'),
        ('{"a":"}{][\\""}', '{"a":"}{][\\""}'),
        ('{"a":' + "[" * 100 + "]" * 100 + "}", '{"a":' + "[" * 100 + "]" * 100 + "}"),
        ('{"a":"\x7f\u2028"}', '{"a":"\x7f\u2028"}'),
    ],
)
def test_members_are_written_as_they_stand(line: str, value: str) -> None:
    assert convert_line(line) == value


@pytest.mark.parametrize(
    ("line", "place", "rest"),
    [
        ("{", 2, ""),
        ('{"a"', 5, ""),
        ('{"a":', 6, ""),
        ('{"a":1', 7, ""),
        ('{"a":1,', 8, ""),
        ('{"a":1,}', 8, "}"),
        ('{"a" 1}', 6, "1}"),
        ('{"a":1 "b":2}', 8, '"b":2}'),
        ("{a:1}", 2, "a:1}"),
        ("{'a':1}", 2, "'a':1}"),
        ('{"a":x}', 6, "x}"),
        ('{"a":True}', 6, "True}"),
        ('{"a":NaN}', 6, "NaN}"),
        ('{"a":-Infinity}', 6, "-Infinity}"),
        ('{"a":01}', 7, "1}"),
        ('{"a":1.}', 7, ".}"),
        ('{"a":.5}', 6, ".5}"),
        ('{"a":+1}', 6, "+1}"),
        ('{"a":[1,]}', 9, "]}"),
        ('{"a":{"b" 1}}', 11, "1}}"),
        ('{"a":1} x', 9, "x"),
        ('{"a":1}{"b":2}', 8, '{"b":2}'),
        ('{"a":"\\ud800"}', 6, '"\\ud800"}'),
        ('{"\\udc00":1}', 2, '"\\udc00":1}'),
        ('{"a":["\\ud800"]}', 6, '["\\ud800"]}'),
        ("nope", 1, "nope"),
        ("  ", 3, ""),
        ("[1] x", 5, "x"),
        ('{"a":' + "[" * 101 + "]" * 101 + "}", 1, ('{"a":' + "[" * 101)[:100]),
        ("[" * 100_000, 1, "[" * 100),
    ],
)
def test_what_is_no_json_is_type_with_its_place(line: str, place: int, rest: str) -> None:
    assert convert_line(line) == (
        RowCode.TYPE,
        f"the line is not valid JSON at character {place}: `{rest}`",
    )


@pytest.mark.parametrize("line", ['"x"', "1", "null", "true", '[{"a":1}]', " [] "])
def test_json_that_is_no_object_is_type(line: str) -> None:
    assert convert_line(line) == (RowCode.TYPE, f"`{line}` is not a JSON object")


def test_a_name_that_comes_twice_is_type() -> None:
    message = "the row has two members of the name `a`"
    assert convert_line('{"a":1,"b":2,"a":1}') == (RowCode.TYPE, message)
    assert convert_line('{"a":1,"\\u0061":2}') == (RowCode.TYPE, message)


@pytest.mark.parametrize(
    ("row", "code", "message"),
    [
        (b'{"a":"\xff"}', RowCode.ENCODING, "byte `0xFF` at offset 6 of the row is not valid UTF-8"),
        (b"\xc3", RowCode.ENCODING, "byte `0xC3` at offset 0 of the row is not valid UTF-8"),
        (b"x" * 1001, RowCode.ROW_TOO_LARGE, "the row has 1001 bytes, more than the 1000 allowed"),
    ],
)
def test_codes_that_stand_alone(row: bytes, code: RowCode, message: str) -> None:
    [reject] = converter().convert(block(row)).rejects
    assert reject.errors == (RowError(None, code, message),)
    assert reject.raw == row


def test_a_line_that_the_reader_skipped() -> None:
    start = Position(byte=70, row=6, line=8, block=2)
    skipped = SkippedRow(RowCode.ROW_TOO_LARGE, b'{"a":"', 5_000_000, 5_000_000)
    message = "the row has 5000000 bytes, more than the 1000 allowed"
    assert converter().convert(block(b"", start=start, skipped=skipped)) == Converted(
        [],
        [Reject(7, 9, 70, (RowError(None, RowCode.ROW_TOO_LARGE, message),), b'{"a":"', 5_000_000)],
    )


@pytest.mark.parametrize(
    ("line", "key"),
    [
        (b'{"id":1,"k":"a\\"b"}', b'a"b'),
        (b'{"id":1,"k":1.10}', b"1.10"),
        (b'{"id":1,"k":""}', b""),
        (b'{"id":1,"k":null}', None),
        (b'{"id":1}', None),
    ],
)
def test_keys(line: bytes, key: bytes | None) -> None:
    [record] = converter(key="k").convert(block(line)).records
    assert record.key == key


def test_members_that_every_row_has() -> None:
    rows = converter({"required": ["year"]}, key="year", fixed={"year": "2024", "city": None})
    converted = rows.convert(block(b'{"a":1}\n{"year":1}\n{"city":1}\n'))
    assert converted.records == [Record(1, b"2024", b'{"a":1,"year":2024}')]
    assert [reject.errors[0].message for reject in converted.rejects] == [
        "the row has two members of the name `year`",
        "the row has two members of the name `city`",
    ]


def test_json_key_and_headers_have_just_the_limit() -> None:
    headers = OriginHeaders(RecordHeaders.FILE, RecordOrigin("abcdefghij12", "a.csv"))
    # 12 + 12, 10 + 5, {"id":1} and the key: together 48
    line = block(b'{ "id" : 1 }')
    fits = converter(key="id", headers=headers, max_row_bytes=48).convert(line)
    assert fits.records == [Record(1, b"1", b'{"id":1}')]
    [reject] = converter(key="id", headers=headers, max_row_bytes=47).convert(line).rejects
    message = "the row's JSON, key and headers have 48 bytes, more than the 47 allowed"
    assert reject.errors == (RowError(None, RowCode.ROW_TOO_LARGE, message),)


TEXT = st.text(max_size=10)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.dictionaries(TEXT, JSON, max_size=4), st.sampled_from([None, 1]), st.booleans())
def test_any_object_is_written_with_the_same_value(
    members: dict[str, Any], spaced: int | None, ascii: bool
) -> None:
    separators = None if spaced else (",", ":")
    line = json.dumps(members, ensure_ascii=ascii, separators=separators)
    written = convert_line(line)
    assert isinstance(written, str)
    assert json.loads(written) == members
    assert list(json.loads(written)) == list(members)


@settings(deadline=None)
@given(st.text(alphabet='{}[]",:\\u0123d8etrufalsn .-', max_size=30))
def test_lines_are_refused_as_pythons_parser_refuses_them(line: str) -> None:
    try:
        value = json.loads(line, parse_constant=lambda name: 1 / 0)
        json.dumps(value, ensure_ascii=False).encode()
        expected = isinstance(value, dict)
    except (ValueError, ZeroDivisionError):
        expected = False
    if not line.strip("\r\n"):
        return
    written = convert_line(line)
    assert isinstance(written, str) or written[0] in (RowCode.TYPE, RowCode.RANGE)
    if isinstance(written, str):
        assert expected
    elif expected:
        assert "two members" in written[1]
