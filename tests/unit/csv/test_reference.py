"""The reference converter of CSV: records, rejects with their places, and the codes that stand alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from connectors.api import Converted, Position, Record, Reject, RowError
from connectors.csv.reader import CsvBlock, CsvReader, SkippedRow
from connectors.csv.reference import CsvReferenceConverter
from connectors.errors import HeaderError, JobCode, RowCode
from connectors.headers import NO_HEADERS, OriginHeaders, RecordOrigin
from connectors.model import PLAIN_CELLS, CellFormat, Outcome, compile_model
from connectors.model.options import RecordHeaders
from connectors.records import RecordLimit
from connectors.text.opening import open_text

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
    headers: OriginHeaders = NO_HEADERS,
    cells: CellFormat = PLAIN_CELLS,
    fixed: tuple[Outcome, ...] = (),
) -> CsvReferenceConverter:
    limit = RecordLimit(max_row_bytes, headers)
    return CsvReferenceConverter(
        compile_model(schema).bind(columns), key=key, limit=limit, cells=cells, fixed=fixed
    )


def block(
    data: bytes,
    *,
    rows: int,
    delimiter: bytes = b",",
    start: Position = FILE_START,
    encoding: str = "utf-8",
) -> CsvBlock:
    end = Position(start.byte + len(data), start.row + rows, start.line + data.count(b"\n"), start.block + 1)
    return CsvBlock(start, end, data, rows, delimiter, encoding=encoding, file_codec=encoding)


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
        None, RowCode.ROW_TOO_LARGE, "the row's JSON, key and headers have 82 bytes, more than the 81 allowed"
    )
    error = only_error(converter(max_row_bytes=80).convert(block(text, rows=1)))
    assert error.message == "the row's JSON, key and headers have 81 bytes, more than the 80 allowed"


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
    skipped = CsvBlock(start, end, b"", 1, b",", SkippedRow(code, b'"head', 5_000_000, 5_000_000))
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
    source = open_text(path, max_decompressed_bytes=1_000_000)
    reader = CsvReader(
        source, block_bytes=block_bytes, max_row_bytes=100, delimiter=None, header=True, columns=None
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


def test_cells_are_read_in_the_format_of_the_file() -> None:
    cells = CellFormat(frozenset({"NA"}), decimal_comma=True)
    data = b'1;NA;1,50\n2;a;NA\n3;b;"NA"\n4;b;1.5\n'
    converted = converter(cells=cells).convert(block(data, rows=4, delimiter=b";"))
    assert [record.value for record in converted.records] == [
        b'{"id":1,"price":1.50}',
        b'{"id":2,"name":"a","price":null}',
        b'{"id":3,"name":"b","price":null}',
    ]
    [reject] = converted.rejects
    message = "`1.5` is not a number with a decimal comma or empty"
    assert reject.errors == (RowError("price", RowCode.TYPE, message),)


def test_rows_of_another_encoding() -> None:
    # cp1252: E9 is é, 80 is the euro sign, 81 is nothing
    data = b'1,caf\xe9,2\n2,"\x80 ""x""",3\n3,\x81,4\nx,\xe9,5\n'
    converted = converter().convert(block(data, rows=4, encoding="cp1252"))
    assert [record.value.decode() for record in converted.records] == [
        '{"id":1,"name":"café","price":2}',
        '{"id":2,"name":"€ \\"x\\"","price":3}',
    ]
    wrong, typed = converted.rejects
    message = "byte `0x81` at offset 2 of the row is not valid `cp1252`"
    assert wrong.errors == (RowError(None, RowCode.ENCODING, message),)
    assert (wrong.raw, wrong.encoding, wrong.raw_bytes, wrong.byte_offset) == (b"3,\x81,4", "cp1252", 5, 23)
    assert (typed.raw, typed.encoding, typed.raw_bytes, typed.byte_offset) == (b"x,\xe9,5", "cp1252", 5, 29)


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("block_bytes", [16, 4096])
def test_rejects_of_utf16_are_told_in_the_bytes_of_the_file(
    tmp_path: Path, codec: str, block_bytes: int
) -> None:
    rows = ["id,name,price\r\n", "1,é\U0001f600,2\r\n", "x,€,3\r\n", "4,a\ud83d,5\r\n", "y,b,6"]
    raw = [row.encode(codec, "surrogatepass") for row in rows]
    path = tmp_path / "a.csv"
    path.write_bytes(b"".join(["\ufeff".encode(codec), *raw]))
    reader = CsvReader(
        open_text(path, max_decompressed_bytes=1_000_000),
        block_bytes=block_bytes,
        max_row_bytes=100,
        delimiter=None,
        header=True,
        columns=None,
    )
    converted = []
    while read := reader.read_block():
        converted.append(converter().convert(read))
    reader.close()
    assert [record.value.decode() for part in converted for record in part.records] == [
        '{"id":1,"name":"é\U0001f600","price":2}'
    ]
    rejects = [reject for part in converted for reject in part.rejects]
    starts = [2 + sum(map(len, raw[:n])) for n in range(5)]
    assert [(r.row, r.line, r.byte_offset, r.raw_bytes) for r in rejects] == [
        (2, 3, starts[2], 10),
        (3, 4, starts[3], 12),
        (4, 5, starts[4], 10),
    ]
    assert [r.raw for r in rejects] == [raw[2][:-4], raw[3][:-4], raw[4]]
    assert [r.encoding for r in rejects] == [codec] * 3
    half = "at offset 6 of the row stands half a character"
    assert rejects[1].errors == (RowError(None, RowCode.ENCODING, half),)


def test_columns_that_every_row_has() -> None:
    schema = {"properties": {"year": {"type": "integer"}}, "required": ["year"]}
    rows = converter(schema, ("a", "year", "city"), key="year", fixed=("2024", '"Köln"'))
    converted = rows.convert(block(b"x\ny,z\n", rows=2))
    assert converted.records == [Record(1, b"2024", '{"a":"x","year":2024,"city":"Köln"}'.encode())]
    [reject] = converted.rejects
    assert reject.errors[0].message == "the row has 2 cells, but the file has 1 columns"
    failed = RowError("year", RowCode.TYPE, "`x` is not an integer")
    [reject] = converter(schema, ("a", "year"), fixed=(failed,)).convert(block(b"x\n", rows=1)).rejects
    assert reject.errors == (failed,)


def test_headers_count_for_the_limit() -> None:
    headers = OriginHeaders(RecordHeaders.ROW, RecordOrigin("abcdefghij12", "a.csv"))
    # {"id":1} has 8 bytes, the headers 12 + 12, 10 + 5 and 9 + 1: together 57
    short = {"properties": {"id": {"type": "integer"}}}
    fits = converter(short, ("id",), headers=headers, max_row_bytes=57).convert(block(b"1\n", rows=1))
    assert fits.records == [Record(1, None, b'{"id":1}')]
    error = only_error(
        converter(short, ("id",), headers=headers, max_row_bytes=56).convert(block(b"1\n", rows=1))
    )
    assert error.message == "the row's JSON, key and headers have 57 bytes, more than the 56 allowed"
