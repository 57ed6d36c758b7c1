"""The reference encoder over a converter that the test scripts."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from connectors.api import Block, Converted, Position, Record, Reject, RowError
from connectors.encoding import ReferenceEncoder
from connectors.errors import RowCode
from connectors.headers import NO_HEADERS, OriginHeaders, RecordOrigin
from connectors.kafka.framing import Codec
from connectors.model.options import RecordHeaders
from connectors.rejects import RejectOrigin
from connectors.testing import decode_batch

ORIGIN = RejectOrigin("batch", "j1", 1, "a.csv", "batch_j1")


@dataclass(frozen=True)
class Rows:
    start: Position
    end: Position
    file_bytes: int = 120


@dataclass
class Scripted:
    converted: Converted

    def convert(self, block: Block) -> Converted:
        return self.converted


def encoder(
    records: list[Record], rejects: list[Reject], partitions: int, headers: OriginHeaders = NO_HEADERS
) -> ReferenceEncoder:
    converter = Scripted(Converted(records, rejects))
    return ReferenceEncoder(
        converter, partitions=partitions, codec=Codec.ZSTD, reject_origin=ORIGIN, headers=headers
    )


def block(number: int) -> Rows:
    return Rows(Position(byte=100, row=10, block=number), Position(byte=200, row=20, block=number + 1))


def test_rows_without_key_follow_their_block() -> None:
    rows = [Record(n, None, b'{"n":%d}' % n) for n in range(5)]
    encoded = encoder(rows, [], 3).encode(block(4))
    assert [batch.partition for batch in encoded.batches] == [1]
    assert [r.value for r in decode_batch(encoded.batches[0])] == [row.value for row in rows]
    assert (encoded.delivered, encoded.rejected, encoded.end) == (5, 0, Position(200, 20, 0, 5, 0))
    assert encoded.file_bytes == 120


def test_keys_spread_and_keep_their_order() -> None:
    # murmur2 of Kafka's UtilsTest: b"21" goes to 0 of 4, b"abc" to 3, b"foobar" to 2
    keys = [b"21", b"abc", b"foobar", b"abc", b"21", None]
    rows = [Record(n, key, b"%d" % n) for n, key in enumerate(keys)]
    encoded = encoder(rows, [], 4).encode(block(3))
    assert (-973932308 & 0x7FFFFFFF) % 4 == 0
    assert 479470107 % 4 == 3
    assert (-790332482 & 0x7FFFFFFF) % 4 == 2
    by_partition = {
        batch.partition: [(r.key, r.value) for r in decode_batch(batch)] for batch in encoded.batches
    }
    assert by_partition == {
        0: [(b"21", b"0"), (b"21", b"4")],
        2: [(b"foobar", b"2")],
        3: [(b"abc", b"1"), (b"abc", b"3"), (None, b"5")],
    }


def test_an_empty_key_is_a_key() -> None:
    encoded = encoder([Record(1, b"", b"v")], [], 7).encode(block(0))
    # murmur2 of nothing: 275646681
    assert [batch.partition for batch in encoded.batches] == [275646681 % 7]
    assert decode_batch(encoded.batches[0])[0].key == b""


def test_rejects_go_to_the_one_partition_in_row_order() -> None:
    errors = (RowError("a", RowCode.TYPE, "wrong"),)
    rejects = [Reject(n, n + 1, n * 10, errors, b"x" * 200_000, 200_000) for n in range(1, 13)]
    encoded = encoder([], rejects, 5).encode(block(2))
    assert encoded.rejected == 12
    assert encoded.batches == ()
    assert len(encoded.reject_batches) > 1
    assert {batch.partition for batch in encoded.reject_batches} == {0}
    stored = [record for batch in encoded.reject_batches for record in decode_batch(batch)]
    assert [json.loads(record.value)["row"] for record in stored] == list(range(1, 13))
    assert {record.key for record in stored} == {None}
    assert dict(stored[0].headers)["__connect.errors.connector.name"] == b"batch-j1"


def test_a_block_of_nothing_is_no_batch() -> None:
    encoded = encoder([], [], 1).encode(block(0))
    assert (encoded.batches, encoded.reject_batches) == ((), ())


FILE = "year=2024/März.csv"
JOB_ID, FILE_NAME = ("batch.job_id", b"j1"), ("batch.file", "year=2024/März.csv".encode())


@pytest.mark.parametrize(
    ("which", "expected", "size"),
    [
        (RecordHeaders.NONE, [(), ()], 0),
        # 12 + 2 and 10 + 19 bytes
        (RecordHeaders.FILE, [(JOB_ID, FILE_NAME)] * 2, 43),
        # and 9 + 2
        (
            RecordHeaders.ROW,
            [(JOB_ID, FILE_NAME, ("batch.row", b"9")), (JOB_ID, FILE_NAME, ("batch.row", b"10"))],
            54,
        ),
    ],
)
def test_headers_lead_back_to_file_and_row(which: RecordHeaders, expected: list[object], size: int) -> None:
    headers = OriginHeaders(which, RecordOrigin("j1", FILE))
    rows = [Record(9, None, b"{}"), Record(10, None, b"{}")]
    [batch] = encoder(rows, [], 1, headers).encode(block(0)).batches
    assert [record.headers for record in decode_batch(batch)] == expected
    assert headers.size(10) == size


def test_rejects_are_counted_by_the_code_of_their_first_error() -> None:
    wrong, missing = RowError("a", RowCode.TYPE, "x"), RowError("b", RowCode.REQUIRED, "y")
    rejects = [Reject(n, n, n, e, b"", 0) for n, e in enumerate([(wrong, missing), (missing,), (wrong,)])]
    assert encoder([], rejects, 1).encode(block(0)).reject_codes == {RowCode.TYPE: 2, RowCode.REQUIRED: 1}
