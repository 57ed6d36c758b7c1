"""Records of a strip into the bodies of Kafka record batches (message format v2, KIP-98).

Each partition has a body that fills up; `fills` are its bytes, `counts` its records. The room of a body is
more than the batch limit and the largest record together: a record that does not fit behind others is found
before it is written, and alone it always has room.
"""

# ruff: noqa: SIM109 - kernels have neither generators nor tuples to search

from __future__ import annotations

import numpy as np

from connectors.compiled.kernels.chunks import copy
from connectors.compiled.kernels.jit import entry, inlined, kernel
from connectors.compiled.kernels.layout import (
    KEY_END,
    KEY_IN,
    KEY_IN_OUT,
    KEY_IN_PROGRAM,
    KEY_IN_SOURCE,
    KEY_START,
    NO_KEY,
    RECORD,
    ROW_HEADER,
    SIDE_RECORD,
    SLACK,
    VALUE_END,
    VALUE_START,
    VERDICT,
    Bytes,
    Longs,
    Program,
    Table,
)
from connectors.compiled.kernels.texts import digits, write_integer

__all__ = ["BATCH_HEADER", "frame_records", "varint_size", "write_start", "write_varint"]

BATCH_HEADER = 61
"""Bytes of a batch before its records, which its limit counts."""

_MASK = 0xFFFFFFFF
_SEED, _M = 0x9747B28C, 0x5BD1E995


@inlined
def varint_size(value: int) -> int:
    """Return how many bytes a varint has, of a value that is not negative (zigzag, then 7 bits a byte)."""
    value, size = value << 1, 1
    while value >= 128:
        value, size = value >> 7, size + 1
    return size


@inlined
def write_varint(out: Bytes, at: int, value: int) -> int:
    value <<= 1
    while value >= 128:
        out[at] = value & 127 | 128
        value, at = value >> 7, at + 1
    out[at] = value
    return at + 1


@inlined
def _byte(data: Bytes, i: int) -> int:
    """Return a byte as an integer that can be shifted."""
    return int(np.int64(data[i]))


@kernel
def _murmur2(data: Bytes, start: int, end: int) -> int:
    """Return the hash of a key as Kafka's own producer has it (`Utils.murmur2`), without its sign."""
    h: int = (_SEED ^ (end - start)) & _MASK
    i = start
    while i + 4 <= end:
        k = data[i] | _byte(data, i + 1) << 8 | _byte(data, i + 2) << 16 | _byte(data, i + 3) << 24
        k = (k * _M) & _MASK
        k = ((k ^ (k >> 24)) * _M) & _MASK
        h = ((h * _M) & _MASK) ^ k
        i += 4
    if i < end:
        for tail in range(end - i):
            h ^= _byte(data, i + tail) << (8 * tail)
        h = (h * _M) & _MASK
    h = ((h ^ (h >> 13)) * _M) & _MASK
    return (h ^ (h >> 15)) & 0x7FFFFFFF


@inlined
def write_start(out: Bytes, at: int, size: int, offset: int) -> int:
    """Write a record's length, attributes and differences to the batch's timestamp and offset."""
    at = write_varint(out, at, size)
    out[at] = out[at + 1] = 0
    return write_varint(out, at + 2, offset)


@inlined
def _key_size(key_bytes: int) -> int:
    return 1 if key_bytes < 0 else varint_size(key_bytes) + key_bytes


@inlined
def _headers_size(headers: Bytes, number: int) -> int:
    if number == 0:
        return len(headers) - SLACK
    size = digits(number)
    return len(headers) - SLACK + varint_size(size) + size


@inlined
def _copy_key(
    to: Bytes,
    at: int,
    where: int,
    start: int,
    end: int,
    src: Bytes,
    out: Bytes,
    side: Bytes,
    program: Program,
) -> int:
    if where == KEY_IN_SOURCE:
        return copy(to, at, src, start, end)
    if where == KEY_IN_OUT:
        return copy(to, at, out, start, end)
    if where == KEY_IN_PROGRAM:
        return copy(to, at, program.key, start, end)
    return copy(to, at, side, start, end)


@inlined
def _hash(where: int, start: int, end: int, src: Bytes, out: Bytes, side: Bytes, program: Program) -> int:
    if where == KEY_IN_SOURCE:
        return _murmur2(src, start, end)
    if where == KEY_IN_OUT:
        return _murmur2(out, start, end)
    if where == KEY_IN_PROGRAM:
        return _murmur2(program.key, start, end)
    return _murmur2(side, start, end)


@entry
def frame_records(
    row: int,
    count: int,
    first_row: int,
    keyless: int,
    src: Bytes,
    out: Bytes,
    side: Bytes,
    rows: Table,
    program: Program,
    headers: Bytes,
    limit: int,
    bodies: Bytes,
    fills: Longs,
    counts: Longs,
) -> tuple[int, int]:
    """Append records from `row` on; return the row that does not fit and the partition that is full.

    After the last row the partition is -1. Rows without a key go to partition `keyless`. `headers` are those
    of every record up to the row's number, if they have it.
    """
    partitions = len(fills)
    room = (len(bodies) - SLACK) // partitions
    while row < count:
        verdict = rows[row, VERDICT]
        if verdict == RECORD or verdict == SIDE_RECORD:
            where, key = rows[row, KEY_IN], rows[row, KEY_START]
            key_bytes = rows[row, KEY_END] - key if where != NO_KEY else -1
            partition = keyless
            if where != NO_KEY and partitions > 1:
                partition = _hash(where, key, key + key_bytes, src, out, side, program) % partitions
            value, value_end = rows[row, VALUE_START], rows[row, VALUE_END]
            number = first_row + row if program.facts[ROW_HEADER] else 0
            size = 2 + varint_size(counts[partition]) + _key_size(key_bytes)
            size += varint_size(value_end - value) + value_end - value + _headers_size(headers, number)
            fill = fills[partition]
            if counts[partition] and BATCH_HEADER + fill + varint_size(size) + size > limit:
                return row, partition
            base = partition * room
            at = write_start(bodies, base + fill, size, counts[partition])
            if where == NO_KEY:
                bodies[at] = 1
                at += 1
            else:
                at = write_varint(bodies, at, key_bytes)
                at = _copy_key(bodies, at, where, key, key + key_bytes, src, out, side, program)
            at = write_varint(bodies, at, value_end - value)
            if verdict == RECORD:
                at = copy(bodies, at, out, value, value_end)
            else:
                at = copy(bodies, at, side, value, value_end)
            at = copy(bodies, at, headers, 0, len(headers) - SLACK)
            if number:
                at = write_varint(bodies, at, digits(number))
                at = write_integer(bodies, at, number)
            fills[partition] = at - base
            counts[partition] += 1
        row += 1
    return row, -1
