"""The compiled encoder by itself: what it writes, and when it does without the reference."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from connectors.api import Batch, EncodedBlock, Position
from connectors.csv.compiled import csv_plan
from connectors.csv.reader import SkippedRow
from connectors.csv.reference import CsvReferenceConverter
from connectors.errors import RowCode
from connectors.kafka.framing import BATCH_BYTES, Codec
from connectors.model import CellFormat, compile_model
from connectors.model.options import RecordHeaders
from connectors.records import RecordLimit
from connectors.testing import decode_batch
from tests.unit.compiled.both import Both, block, headers

ORDERS: dict[str, Any] = {
    "properties": {
        "id": {"type": "integer", "minimum": 1},
        "mail": {"type": "string", "format": "email", "maxLength": 20},
        "sum": {"type": ["number", "null"], "maximum": 99.5, "multipleOf": 0.25},
        "paid": {"type": "boolean"},
        "money": {"enum": ["EUR", "USD"]},
        "at": {"type": "string", "format": "date-time"},
    },
    "required": ["id", "at"],
}
COLUMNS = tuple(ORDERS["properties"])
AT = "2024-02-29T23:59:59Z"


def values(batches: tuple[Batch, ...]) -> list[bytes | None]:
    return [record.value for batch in batches for record in decode_batch(batch)]


def errors(encoded: EncodedBlock) -> list[list[tuple[str | None, str, str]]]:
    rejects = [json.loads(value or b"") for value in values(encoded.reject_batches)]
    return [[(e["column"], e["code"], e["message"]) for e in reject["errors"]] for reject in rejects]


def test_records_need_no_reference() -> None:
    both = Both(ORDERS, COLUMNS)
    rows = f'007,a@b.c,+.5,TRUE,EUR,{AT}\r\n\n"8","d@e.f", -5. ,0,,{AT}\n9,,,1,"USD",{AT}'
    assert values(both.check(block(rows.encode())).batches) == [
        b'{"id":7,"mail":"a@b.c","sum":0.5,"paid":true,"money":"EUR","at":"2024-02-29T23:59:59Z"}',
        b'{"id":8,"mail":"d@e.f","sum":-5,"paid":false,"at":"2024-02-29T23:59:59Z"}',
        b'{"id":9,"sum":null,"paid":true,"money":"USD","at":"2024-02-29T23:59:59Z"}',
    ]
    assert both.converter.asked == 0


def test_frequent_rejects_need_no_reference() -> None:
    both = Both(ORDERS, COLUMNS)
    rows = [
        f"x,a@b,{'9' * 101},yes,CHF,{AT}",
        f"-07,a@{'b' * 19},99.75,1,EUR,{AT[:-1]}",
        "1,a@b,0.3,1,EUR,",
        f'""" ",a@b,1e2.,1,"E""",{AT}',
        "1,2",
    ]
    encoded = both.check(block("\n".join(rows).encode()))
    assert errors(encoded) == [
        [
            ("id", "TYPE", "`x` is not an integer"),
            ("sum", "RANGE", f"`{'9' * 100}` is greater than `99.5`"),
            ("paid", "TYPE", "`yes` is not a boolean (`true`, `false`, `1`, `0`)"),
            ("money", "ENUM", "`CHF` is not one of `EUR`, `USD`"),
        ],
        [
            ("id", "RANGE", "`-7` is less than `1`"),
            ("mail", "LENGTH", f"`a@{'b' * 19}` has length 21, greater than 20"),
            ("sum", "RANGE", "`99.75` is greater than `99.5`"),
            ("at", "FORMAT", "`2024-02-29T23:59:59` is not a valid date-time"),
        ],
        [
            ("sum", "RANGE", "`0.3` is not a multiple of `0.25`"),
            ("at", "REQUIRED", "a value is required, but there is none"),
        ],
        [
            ("id", "TYPE", '`" ` is not an integer'),
            ("sum", "TYPE", "`1e2.` is not a number or empty"),
            ("money", "ENUM", '`E"` is not one of `EUR`, `USD`'),
        ],
        [(None, "COLUMN_COUNT", "the row has 2 cells, but the file has 6 columns")],
    ]
    assert both.converter.asked == 1  # for a number of 101 digits
    assert encoded.reject_codes == {RowCode.TYPE: 2, RowCode.RANGE: 2, RowCode.COLUMN_COUNT: 1}


@pytest.mark.parametrize(
    ("row", "asked"),
    [
        (b"1,a", 0),
        (b'"1","a ""quoted"" text,\nof two lines"', 0),
        (b"x,a", 0),
        (b"1,a,b", 0),
        (b'1,"a"b', 1),
        (b'1,"a', 1),
        (b"1,\xff", 1),
        (b"1,\xed\xa0\x80", 1),
        (b"1," + b"x" * 1000, 1),
        (b"x," + b"x" * 50_000, 1),
    ],
)
def test_the_reference_is_asked_for_what_is_odd_only(row: bytes, asked: int) -> None:
    schema = {"properties": {"a": {"type": "integer"}, "b": {"type": "string"}}}
    both = Both(schema, ("a", "b"), max_row_bytes=500 if len(row) < 2000 else 900_000)
    both.check(block(b"1,a\n" + row + b"\n2,b\n"[: 0 if row.count(b'"') == 1 else None]))
    assert both.converter.asked == asked


def test_cells_of_a_pattern_a_union_and_an_object_are_read_by_the_reference() -> None:
    schema = {
        "properties": {
            "code": {"type": "string", "pattern": "^[A-Z]+$"},
            "any": {"type": ["integer", "string", "null"]},
            "more": {"type": "object"},
            "n": {"type": "integer"},
        },
        "required": ["code"],
    }
    both = Both(schema, tuple(schema["properties"]), key="any", partitions=3)
    rows = b'A,7,"{""a"": 1}",1\nB,"x""y",,2\nC,,{},3\nd,1,{},4\n,1,{},5\nE,1,{},x\n'
    encoded = both.check(block(rows))
    records = {record.value: record.key for batch in encoded.batches for record in decode_batch(batch)}
    assert records == {
        b'{"code":"A","any":7,"more":{"a":1},"n":1}': b"7",
        b'{"code":"B","any":"x\\"y","n":2}': b'x"y',
        b'{"code":"C","any":null,"more":{},"n":3}': None,
    }
    assert errors(encoded) == [
        [("code", "PATTERN", "`d` does not match the pattern `^[A-Z]+$`")],
        [("code", "REQUIRED", "a value is required, but there is none")],
        [("n", "TYPE", "`x` is not an integer")],
    ]


def test_rules_of_rows_are_judged_by_the_reference() -> None:
    schema = {
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
        "dependentRequired": {"a": ["b"]},
    }
    both = Both(schema, ("a", "b"))
    encoded = both.check(block(b"1,2\n3,\n,4\n"))
    assert values(encoded.batches) == [b'{"a":1,"b":2}', b'{"b":4}']
    assert errors(encoded) == [[(None, "SCHEMA", "the row breaks the rule `dependentRequired` of the model")]]
    assert both.converter.asked == 1


def test_large_blocks_fill_several_batches_of_several_partitions() -> None:
    rows = b"".join(b"%d,a%d@b.c,%d,1,EUR,%s\n" % (n, n % 50, n % 99, AT.encode()) for n in range(1, 40_001))
    both = Both(ORDERS, COLUMNS, key="mail", partitions=2, headers=headers(RecordHeaders.ROW))
    encoded = both.check(block(rows))
    assert encoded.delivered == 40_000
    assert {batch.partition for batch in encoded.batches} == {0, 1}
    assert len(encoded.batches) > 6
    assert all(len(batch.data) <= BATCH_BYTES for batch in encoded.batches)
    rejected = both.check(block(rows.replace(b"@", b"")))
    assert rejected.rejected == 40_000
    assert len(rejected.reject_batches) > 8
    assert both.converter.asked == 0


def test_a_record_larger_than_a_batch_stands_alone() -> None:
    schema = {"properties": {"a": {"type": "string"}, "b": {"type": "integer"}}}
    both = Both(schema, ("a", "b"), max_row_bytes=1_500_000)
    long = b"x" * 1_000_000
    encoded = both.check(block(b"a,1\n" + long + b",2\nc,3\n" + long + b",x\n" + b"d,4\n"))
    assert [batch.count for batch in encoded.batches] == [1, 1, 2]
    assert (encoded.delivered, encoded.rejected) == (4, 1)


def test_null_texts_decimal_commas_and_folders() -> None:
    both = Both(
        {"properties": {"a": {"type": ["string", "null"]}, "b": {"type": "number"}}},
        ("a", "b", "year", "month"),
        cells=CellFormat(frozenset({"NA", "-"}), decimal_comma=True),
        fixed=("2024", None),
        key="year",
    )
    encoded = both.check(block(b' NA ;1,50\n"-";-,5\nx;-\ny;1.5\n', b";"))
    assert values(encoded.batches) == [
        b'{"a":null,"b":1.50,"year":2024}',
        b'{"a":null,"b":-0.5,"year":2024}',
        b'{"a":"x","year":2024}',
    ]
    assert errors(encoded) == [[("b", "TYPE", "`1.5` is not a number with a decimal comma")]]
    assert [record.key for record in decode_batch(encoded.batches[0])] == [b"2024"] * 3


@pytest.mark.parametrize("codec", Codec)
def test_every_codec(codec: Codec) -> None:
    both = Both(ORDERS, COLUMNS, codec=codec)
    both.check(block(b"1,a@b,5,1,EUR,2024-02-29T23:59:59Z\n" * 500 + b"x\n" * 500))


def test_blocks_that_are_not_plain_text_are_for_the_reference() -> None:
    both = Both(ORDERS, COLUMNS)
    plain = block(b"1,a@b,5,1,EUR,2024-02-29T23:59:59Z\n")
    latin = replace(plain, data=plain.data.replace(b"a@b", b"\xe4@b"), encoding="cp1252", file_codec="cp1252")
    assert errors(both.check(latin)) == [[("mail", "FORMAT", "`ä@b` is not a valid email")]]
    skipped = replace(plain, data=b"", rows=1, skipped=SkippedRow(RowCode.ROW_TOO_LARGE, b"1,", 10**6, 10**6))
    assert both.check(skipped).reject_codes == {RowCode.ROW_TOO_LARGE: 1}


def test_there_is_no_plan_where_no_row_can_be_a_record() -> None:
    limit = RecordLimit(900_000)
    rules = compile_model({"required": ["year"]}).bind(("a", "year"))
    assert csv_plan(CsvReferenceConverter(rules, key=None, limit=limit, fixed=(None,))) is None
    assert csv_plan(CsvReferenceConverter(compile_model({}).bind(()), key=None, limit=limit)) is None


def test_threads_share_an_encoder() -> None:
    both = Both(ORDERS, COLUMNS, key="mail", partitions=3, headers=headers(RecordHeaders.ROW))
    assert both.compiled is not None
    blocks = [
        block(
            b"".join(b"%d,a%d@b,%d,1,EUR,%s\n" % (k * n, k, n, AT.encode()) for n in range(3000)),
            start=Position(row=k, block=k),
        )
        for k in range(8)
    ]
    with ThreadPoolExecutor(4) as pool:
        encoded = list(pool.map(both.compiled.encode, blocks))
    for one, its_block in zip(encoded, blocks, strict=True):
        assert values(one.batches) == values(both.reference.encode(its_block).batches)


@pytest.mark.parametrize(("more", "loaded"), [("", False), ("; connectors.compiled.warm_up()", True)])
def test_numba_is_loaded_when_the_kernels_are_needed(more: str, loaded: bool) -> None:
    code = f"import sys, connectors.compiled, connectors.converters{more}; print('numba' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert run.stdout.strip() == str(loaded)


def test_rows_with_very_many_or_very_long_errors() -> None:
    names = [f"{'é' * 190}{n}" for n in range(150)]
    schema = {"properties": {name: {"type": "integer", "maximum": 5} for name in names}}
    both = Both(schema, names)
    rows = [",".join(["x"] * count + ["1"] * (150 - count)) for count in (1, 99, 100, 101, 150)]
    rows.append(",".join(["\x01" * 120] * 90 + ["7"] * 60))
    encoded = both.check(block("\n".join(rows).encode()))
    assert [len(each) for each in errors(encoded)] == [1, 99, 100, 100, 100, 100]
