"""The reference converter of CSV: records, rejects with their places, and the codes that stand alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from connectors.api import Converted, Position, Record, Reject, RowError
from connectors.csv.reader import CsvBlock, CsvReader, SkippedRow
from connectors.csv.reference import CsvReferenceConverter
from connectors.errors import HeaderError, JobCode, RowCode
from connectors.model import compile_model

SCHEMA = {
    "properties": {
        "id": {"type": "integer"},
        "name": {"type": "string"},
        "price": {"type": ["number", "null"]},
    },
    "required": ["id"],
}
FILE_START = Position()
COLUMNS = ("id", "name", "price")


def converter(
    schema: dict[str, Any] = SCHEMA,
    columns: tuple[str, ...] = COLUMNS,
    *,
    key: str | None = None,
    max_row_bytes: int = 1000,
) -> CsvReferenceConverter:
    return CsvReferenceConverter(compile_model(schema).bind(columns), key=key, max_row_bytes=max_row_bytes)


def block(data: bytes, *, rows: int, delimiter: bytes = b",", start: Position = FILE_START) -> CsvBlock:
    end = Position(start.byte + len(data), start.row + rows, start.line + data.count(b"\n"), start.block + 1)
    return CsvBlock(start, end, data, rows, delimiter)


def only_error(converted: Converted) -> RowError:
    assert not converted.records
    [reject] = converted.rejects
    [error] = reject.errors
    return error


def test_records_and_rejects_are_in_file_order_and_know_their_places() -> None:
    start = Position(byte=100, row=10, line=20, block=3)
    data = b'1,a,1.50\r\n\n2,"b\nc",\nx,d,y\n"3","e ""f""",+.5\n,g,1\n4,h\n'
    converted = converter().convert(block(data, rows=6, start=start))
    assert converted.records == [
        Record(11, None, b'{"id":1,"name":"a","price":1.50}'),
        Record(12, None, b'{"id":2,"name":"b\\nc","price":null}'),
        Record(14, None, b'{"id":3,"name":"e \\"f\\"","price":0.5}'),
    ]
    assert converted.rejects == [
        Reject(
            13,
            25,
            120,
            (
                RowError("id", RowCode.TYPE, "`x` is not an integer"),
                RowError("price", RowCode.TYPE, "`y` is not a number or empty"),
            ),
            b"x,d,y",
            5,
        ),
        Reject(
            15,
            27,
            144,
            (RowError("id", RowCode.REQUIRED, "a value is required, but there is none"),),
            b",g,1",
            4,
        ),
        Reject(
            16,
            28,
            149,
            (RowError(None, RowCode.COLUMN_COUNT, "the row has 2 cells, but the file has 3 columns"),),
            b"4,h",
            3,
        ),
    ]
    assert data[120 - 100 :].startswith(b"x,d,y\n")
    assert data[144 - 100 :].startswith(b",g,1\n")
    assert data[149 - 100 :].startswith(b"4,h\n")


@pytest.mark.parametrize("delimiter", [b",", b";", b"\t", b"|"])
def test_every_delimiter(delimiter: bytes) -> None:
    data = delimiter.join([b"1", b'"a' + delimiter + b'b"', b"2"]) + b"\n"
    name = f"a{delimiter.decode()}b".replace("\t", "\\t")
    [record] = converter().convert(block(data, rows=1, delimiter=delimiter)).records
    assert record.value == f'{{"id":1,"name":"{name}","price":2}}'.encode()


@pytest.mark.parametrize(
    ("cells", "value"),
    [
        (b'1,5" pipe,2', b'{"id":1,"name":"5\\" pipe","price":2}'),
        (b'1,"a"b"c,2', b'{"id":1,"name":"ab\\"c","price":2}'),
        (b'1, "a",2', b'{"id":1,"name":" \\"a\\"","price":2}'),
        (b'" 1 ","","2"', b'{"id":1,"name":"","price":2}'),
        (b'1,a,""', b'{"id":1,"name":"a","price":null}'),
        (b'1,"a\r\nb",2', b'{"id":1,"name":"a\\r\\nb","price":2}'),
        (b"1,a\rb,2", b'{"id":1,"name":"a\\rb","price":2}'),
        ("1,é\U0001f600,2".encode(), '{"id":1,"name":"é\U0001f600","price":2}'.encode()),
    ],
)
def test_cells(cells: bytes, value: bytes) -> None:
    assert converter().convert(block(cells + b"\n", rows=1)) == Converted([Record(1, None, value)], [])


def test_a_last_row_without_a_line_end_keeps_its_carriage_return() -> None:
    [record] = converter().convert(block(b"1,2,\n2,a\r,", rows=2)).records[1:]
    assert record.value == b'{"id":2,"name":"a\\r","price":null}'


@pytest.mark.parametrize(
    ("row", "code", "message"),
    [
        (b"1,a", RowCode.COLUMN_COUNT, "the row has 2 cells, but the file has 3 columns"),
        (b"1,a,2,", RowCode.COLUMN_COUNT, "the row has 4 cells, but the file has 3 columns"),
        (b" ", RowCode.COLUMN_COUNT, "the row has 1 cells, but the file has 3 columns"),
        (b'""', RowCode.COLUMN_COUNT, "the row has 1 cells, but the file has 3 columns"),
        (b"1,caf\xe9,2", RowCode.ENCODING, "byte `0xE9` at offset 5 of the row is not valid UTF-8"),
        (b"1,\xed\xa0\x80,2", RowCode.ENCODING, "byte `0xED` at offset 2 of the row is not valid UTF-8"),
        (b"\xff", RowCode.ENCODING, "byte `0xFF` at offset 0 of the row is not valid UTF-8"),
        (b"x,\xff,y", RowCode.ENCODING, "byte `0xFF` at offset 2 of the row is not valid UTF-8"),
        (
            b"1,\xff" + b"a" * 2000,
            RowCode.ROW_TOO_LARGE,
            "the row has 2003 bytes, more than the 1000 allowed",
        ),
        (b"a" * 1001, RowCode.ROW_TOO_LARGE, "the row has 1001 bytes, more than the 1000 allowed"),
    ],
)
def test_codes_that_stand_alone_and_which_comes_first(row: bytes, code: RowCode, message: str) -> None:
    error = only_error(converter().convert(block(row + b"\n", rows=1)))
    assert (error.column, error.code, error.message) == (None, code, message)


def test_a_row_and_its_json_and_key_may_have_just_the_limit() -> None:
    text = b'1,"' + b"a" * 50 + b'",\n'  # 55 bytes, whose JSON has 81 and with the key 82
    keyed, keyless = converter(key="id", max_row_bytes=82), converter(max_row_bytes=81)
    assert [len(record.value) for record in keyed.convert(block(text, rows=1)).records] == [81]
    assert [len(record.value) for record in keyless.convert(block(text, rows=1)).records] == [81]
    error = only_error(converter(key="id", max_row_bytes=81).convert(block(text, rows=1)))
    assert error == RowError(
        None, RowCode.ROW_TOO_LARGE, "the row's JSON and key have 82 bytes, more than the 81 allowed"
    )
    error = only_error(converter(max_row_bytes=80).convert(block(text, rows=1)))
    assert error.message == "the row's JSON and key have 81 bytes, more than the 80 allowed"


def test_errors_of_cells_come_before_the_size_of_the_json() -> None:
    error = only_error(converter(max_row_bytes=20).convert(block(b"x,aaaaaaaaaaaaaaa,\n", rows=1)))
    assert error.code is RowCode.TYPE


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (RowCode.UNCLOSED_QUOTE, "a quote in this row is not closed before the file ends"),
        (RowCode.ROW_TOO_LARGE, "the row has 5000000 bytes, more than the 1000 allowed"),
    ],
)
def test_a_row_that_the_reader_skipped(code: RowCode, message: str) -> None:
    start = Position(byte=70, row=6, line=8, block=2)
    end = Position(byte=5_000_071, row=7, line=9, block=3)
    skipped = CsvBlock(start, end, b"", 1, b",", SkippedRow(code, b'"head', 5_000_000))
    assert converter().convert(skipped) == Converted(
        [], [Reject(7, 9, 70, (RowError(None, code, message),), b'"head', 5_000_000)]
    )


@pytest.mark.parametrize(
    ("key", "row", "expected"),
    [
        ("id", b"007,a,1", b"7"),
        ("name", b'1,"say ""hi""\nthere",1', b'say "hi"\nthere'),
        ("name", b"1,,1", b""),
        ("price", b"1,a,1.10", b"1.10"),
        ("price", b"1,a,", None),
        (None, b"1,a,1", None),
    ],
)
def test_keys(key: str | None, row: bytes, expected: bytes | None) -> None:
    [record] = converter(key=key).convert(block(row + b"\n", rows=1)).records
    assert record.key == expected


def test_a_key_that_is_left_out_is_none() -> None:
    schema = {"properties": {"n": {"type": "integer"}}}
    [record] = converter(schema, ("n", "x"), key="n").convert(block(b",a\n", rows=1)).records
    assert (record.key, record.value) == (None, b'{"x":"a"}')


def test_a_key_without_a_column_fails_before_any_row() -> None:
    with pytest.raises(HeaderError) as raised:
        converter(key="nope")
    assert raised.value.code is JobCode.COLUMN_MISSING


@pytest.mark.parametrize("block_bytes", [1, 16, 64, 4096])
def test_the_blocks_of_a_file_give_its_rows_whatever_their_size(tmp_path: Path, block_bytes: int) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(
        b'\xef\xbb\xbf\r\nid,name,price\n1,a,1\n\n2,"b\n\n""c",2\r\n3\n4,d,4\n5,'
        + b"e" * 200
        + b',\n6,"f\n7,g,\n'
    )
    reader = CsvReader(
        path, block_bytes=block_bytes, max_row_bytes=100, delimiter=None, header=True, columns=None
    )
    convert = converter(columns=reader.columns, key="id", max_row_bytes=100).convert
    records: list[Record] = []
    rejects: list[Reject] = []
    while read := reader.read_block():
        converted = convert(read)
        assert len(converted.records) + len(converted.rejects) == read.end.row - read.start.row
        records += converted.records
        rejects += converted.rejects
    reader.close()
    assert records == [
        Record(1, b"1", b'{"id":1,"name":"a","price":1}'),
        Record(2, b"2", b'{"id":2,"name":"b\\n\\n\\"c","price":2}'),
        Record(4, b"4", b'{"id":4,"name":"d","price":4}'),
    ]
    assert [(r.row, r.line, r.byte_offset, r.errors[0].code, r.raw_bytes) for r in rejects] == [
        (3, 8, 40, RowCode.COLUMN_COUNT, 1),
        (5, 10, 48, RowCode.ROW_TOO_LARGE, 203),
        (6, 11, 252, RowCode.UNCLOSED_QUOTE, 10),
    ]
    assert rejects[2].raw == b'6,"f\n7,g,\n'
