"""Records into Kafka record batches, finished but for what only the producer knows.

Message format v2 as in Kafka's protocol guide ("Record Batch", KIP-98). aiokafka writes the records; the
header and the compression are done here, since its zstd and lz4 levels cost three to fifteen times as much.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Enum
from typing import TypeAlias

import cramjam
from aiokafka.codec import snappy_encode
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from backports import zstd

from connectors.api import Batch

__all__ = ["BATCH_BYTES", "HEADER", "Codec", "Headers", "RecordParts", "finish", "frame"]

Headers: TypeAlias = Sequence[tuple[str, bytes]]
RecordParts: TypeAlias = tuple[bytes | None, bytes, Headers]
"""Key (None: no key), value, headers."""

BATCH_BYTES = 900_000
"""Records of one batch, in bytes before compression: below the broker's default `message.max.bytes`."""

HEADER = struct.Struct(">qiibIhiqqqhii")
"""Base offset, length, leader epoch, magic, CRC, attributes, last offset delta, base timestamp, max
timestamp, producer id, producer epoch, base sequence, number of records."""

_SHORT_RECORD = 400
_ZSTD: dict[int, int] = {zstd.CompressionParameter.compression_level: 1}
_ZSTD_SHORT = {**_ZSTD, zstd.CompressionParameter.hash_log: 12}
"""Short records repeat those just before them: a hash table that the L1 cache holds finds as much, and takes
an eighth less time; of longer ones it would forget too much."""

_LENGTH_FROM = 12  # the length counts what follows it
_TRANSACTIONAL = 0x10
_NO_LEADER_EPOCH = -1
_NO_PRODUCER = -1
_MAGIC = 2


class Codec(Enum):
    """Compression of a batch; the value is its number in the batch's attributes."""

    NONE = 0
    SNAPPY = 2
    LZ4 = 3
    ZSTD = 4


def frame(
    records: Iterable[RecordParts], partition: int, codec: Codec, limit: int = BATCH_BYTES
) -> list[Batch]:
    """Return transactional batches of at most `limit` bytes, in order; a larger record stands alone.

    All timestamps are the time of this call: a batch never looks old to the broker's retention. Thread-safe.
    """
    now = time.time_ns() // 1_000_000
    return [finish(body, count, partition, codec, now) for body, count in _bodies(records, now, limit)]


def _bodies(records: Iterable[RecordParts], now: int, limit: int) -> Iterator[tuple[bytes, int]]:
    """Yield the records of each batch as they stand in it, and their number."""
    builder, count = _builder(limit), 0
    for key, value, headers in records:
        if builder.append(count, now, key, value, headers) is None:
            yield bytes(builder.build())[HEADER.size :], count
            builder, count = _builder(limit), 0
            builder.append(count, now, key, value, headers)
        count += 1
    if count:
        yield bytes(builder.build())[HEADER.size :], count


def _builder(limit: int) -> DefaultRecordBatchBuilder:
    return DefaultRecordBatchBuilder(
        magic=_MAGIC,
        compression_type=Codec.NONE.value,
        is_transactional=1,
        producer_id=_NO_PRODUCER,
        producer_epoch=-1,
        base_sequence=-1,
        batch_size=limit,
    )


def finish(body: bytes | memoryview, count: int, partition: int, codec: Codec, now: int) -> Batch:
    """Compress `count` records as they stand in a batch, and put the header before them.

    `now` is the time of all of them, in milliseconds. Thread-safe; compression runs outside the GIL.
    """
    if codec is not Codec.NONE:
        compressed = _COMPRESS[codec](body, count)
        if len(compressed) < len(body):
            body = compressed
        else:
            codec = Codec.NONE
    header = HEADER.pack(
        0,
        HEADER.size - _LENGTH_FROM + len(body),
        _NO_LEADER_EPOCH,
        _MAGIC,
        0,
        codec.value | _TRANSACTIONAL,
        count - 1,
        now,
        now,
        _NO_PRODUCER,
        -1,
        -1,
        count,
    )
    return Batch(partition, count, b"".join((header, body)))


def _zstd(body: bytes | memoryview, count: int) -> bytes:
    return zstd.compress(body, options=_ZSTD_SHORT if len(body) <= _SHORT_RECORD * count else _ZSTD)


def _lz4(body: bytes | memoryview, count: int) -> bytes:
    # brokers read independent blocks only (KIP-57)
    compressor = cramjam.lz4.Compressor(level=1, content_checksum=False, block_linked=False)
    compressor.compress(bytes(body))
    return bytes(compressor.finish())


def _snappy(body: bytes | memoryview, count: int) -> bytes:
    compressed: bytes = snappy_encode(bytes(body))
    return compressed


_COMPRESS: dict[Codec, Callable[[bytes | memoryview, int], bytes]] = {
    Codec.SNAPPY: _snappy,
    Codec.LZ4: _lz4,
    Codec.ZSTD: _zstd,
}
