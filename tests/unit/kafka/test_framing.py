"""Batches as another reading of the protocol sees them: header fields, and the records inside."""

from __future__ import annotations

import os
import struct
import time
from typing import Any

import cramjam
import pytest
from aiokafka.record.default_records import DefaultRecordBatch

from connectors.api import Batch
from connectors.kafka.finished import FinishedBatch
from connectors.kafka.framing import Codec, frame


def fields(data: bytes) -> dict[str, int]:
    """The header, cut by hand at the places that the protocol guide gives."""

    def at(format: str, offset: int) -> int:
        value: int = struct.unpack_from(f">{format}", data, offset)[0]
        return value

    return {
        "base_offset": at("q", 0),
        "length": at("i", 8),
        "magic": at("b", 16),
        "crc": at("I", 17),
        "attributes": at("h", 21),
        "last_offset_delta": at("i", 23),
        "base_timestamp": at("q", 27),
        "max_timestamp": at("q", 35),
        "producer_id": at("q", 43),
        "producer_epoch": at("h", 51),
        "base_sequence": at("i", 53),
        "count": at("i", 57),
    }


def records(batch: Batch) -> list[tuple[Any, ...]]:
    return [(r.key, r.value, r.headers) for r in DefaultRecordBatch(bytearray(batch.data))]


@pytest.mark.parametrize(("codec", "number"), [("NONE", 0), ("SNAPPY", 2), ("LZ4", 3), ("ZSTD", 4)])
def test_header_fields(codec: str, number: int) -> None:
    before = int(time.time() * 1000)
    (batch,) = frame([(None, b"x" * 1000, [])] * 7, 5, Codec[codec])
    after = int(time.time() * 1000)

    assert (batch.partition, batch.count) == (5, 7)
    header = fields(batch.data)
    assert header["base_offset"] == 0
    assert header["length"] == len(batch.data) - 12
    assert header["magic"] == 2
    assert header["attributes"] == number | 0x10  # codec, transactional
    assert header["last_offset_delta"] == 6
    assert header["count"] == 7
    assert before <= header["base_timestamp"] == header["max_timestamp"] <= after


@pytest.mark.parametrize("codec", list(Codec))
def test_records_come_back_with_keys_and_headers(codec: Codec) -> None:
    parts = [
        (None, b'{"a":1}', []),
        (b"", b"", [("n", b"")]),
        (b"\x00key", '{"ü":"€"}'.encode(), [("batch.row", b"2"), ("batch.row", b"3")]),
    ]
    (batch,) = frame(parts, 0, codec)
    assert records(batch) == [tuple(part) for part in parts]


def test_compression_pays_or_is_left_out() -> None:
    (noise,) = frame([(None, os.urandom(1000), [])], 0, Codec.ZSTD)
    assert fields(noise.data)["attributes"] == 0x10
    (text,) = frame([(None, b"abc" * 1000, [])], 0, Codec.ZSTD)
    assert len(text.data) < 200
    body = bytes(cramjam.zstd.decompress(text.data[61:]))
    assert b"abc" * 1000 in body


def test_batches_end_at_the_limit_and_keep_the_order() -> None:
    values = [b"%04d" % n + b"." * 96 for n in range(100)]
    batches = frame([(None, value, []) for value in values], 0, Codec.NONE, limit=1000)
    assert all(len(batch.data) <= 1000 for batch in batches)
    assert len(batches) > 10
    assert sum(batch.count for batch in batches) == 100
    assert [r[1] for batch in batches for r in records(batch)] == values


def test_a_record_over_the_limit_stands_alone() -> None:
    values = [b"a", b"b" * 900_000, b"c"]
    batches = frame([(None, value, []) for value in values], 0, Codec.NONE)
    assert [[r[1] for r in records(batch)] for batch in batches] == [[b"a"], [b"b" * 900_000], [b"c"]]
    # the broker's default `max.message.bytes`
    assert max(len(batch.data) for batch in batches) < 1_048_588


def test_no_records_no_batch() -> None:
    assert frame([], 0, Codec.ZSTD) == []


def test_producer_state_and_crc_are_filled_in() -> None:
    (batch,) = frame([(b"k", b"v", [])], 0, Codec.NONE)
    finished = FinishedBatch(batch)
    finished._set_producer_state(producer_id=2**40, producer_epoch=7, base_sequence=123_456)
    data = bytes(finished._build())

    header = fields(data)
    assert (header["producer_id"], header["producer_epoch"], header["base_sequence"]) == (2**40, 7, 123_456)
    assert header["crc"] == crc32c(data[21:])
    assert data[61:] == batch.data[61:]
    assert fields(batch.data)["producer_id"] == -1  # the batch itself is left alone
    assert (finished.size(), finished.record_count(), finished.closed()) == (len(data), 1, True)


def test_a_retried_batch_is_built_alike() -> None:
    (batch,) = frame([(b"k", b"v", [])], 0, Codec.NONE)
    finished = FinishedBatch(batch)
    finished._set_producer_state(1, 2, 3)
    assert bytes(finished._build()) == bytes(finished._build())


def crc32c(data: bytes) -> int:
    """Castagnoli's polynomial, bit by bit (RFC 3720, appendix B.4)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def test_the_reference_crc_is_right() -> None:
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA
