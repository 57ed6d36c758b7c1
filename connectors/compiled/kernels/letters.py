"""Rejected rows into the records of the dead letter topic: the JSON of `connectors.rejects`, its headers.

What is the same for all rows comes as pieces of text: `letter` those of the record, `messages` six of each
check: of its JSON and of its plain message what stands before the value, between value and integer, and at
the end.
"""

from __future__ import annotations

from connectors.compiled.kernels.chunks import copy
from connectors.compiled.kernels.jit import entry, inlined, kernel
from connectors.compiled.kernels.layout import (
    CELL_COUNT,
    CHECK,
    COUNT,
    END,
    ERROR_END,
    ERROR_START,
    KEY_END,
    KEY_START,
    LINE,
    MAX_LENGTH,
    MIN_LENGTH,
    OPERATION,
    REJECT,
    SIDE_REJECT,
    START,
    TEXT_END,
    TEXT_START,
    VALUE_END,
    VALUE_START,
    VERDICT,
    Bytes,
    Longs,
    Pieces,
    Program,
    Table,
)
from connectors.compiled.kernels.records import BATCH_HEADER, varint_size, write_start, write_varint
from connectors.compiled.kernels.texts import write_integer, write_json

__all__ = ["frame_rejects"]

(_HEAD, _LINE, _BYTE, _ERRORS, _RAW, _RAW_BYTES, _TAIL, _HEADERS, _LAST_HEADERS) = range(9)
_PARTS = 6
_JSON, _PLAIN = 0, 3


@inlined
def _piece(out: Bytes, at: int, pieces: Pieces, number: int) -> int:
    return copy(out, at, pieces.text, pieces.at[number], pieces.at[number + 1])


@inlined
def _write_count(
    out: Bytes, at: int, error: int, piece: int, errors: Table, program: Program, messages: Pieces
) -> int:
    """Write what stands before an error's integer, and this, if it names one."""
    operation = program.checks[errors[error, CHECK], OPERATION]
    if operation != MIN_LENGTH and operation != MAX_LENGTH and operation != CELL_COUNT:
        return at
    return write_integer(out, _piece(out, at, messages, piece), errors[error, COUNT])


@kernel
def _write_value(
    out: Bytes,
    place: Longs,
    row: int,
    src: Bytes,
    rows: Table,
    errors: Table,
    texts: Bytes,
    program: Program,
    letter: Pieces,
    messages: Pieces,
) -> int:
    start, end = rows[row, START], rows[row, END]
    at = write_integer(out, _piece(out, 0, letter, _HEAD), place[0] + row)
    at = write_integer(out, _piece(out, at, letter, _LINE), place[1] + rows[row, LINE])
    at = write_integer(out, _piece(out, at, letter, _BYTE), place[2] + start)
    at = _piece(out, at, letter, _ERRORS)
    for error in range(rows[row, ERROR_START], rows[row, ERROR_END]):
        first = errors[error, CHECK] * _PARTS + _JSON
        at = _piece(out, at, messages, first)
        at = write_json(out, at, texts, errors[error, TEXT_START], errors[error, TEXT_END])
        at = _write_count(out, at, error, first + 1, errors, program, messages)
        at = _piece(out, at, messages, first + 2)
        out[at] = 44
        at += 1
    at = _piece(out, at - 1, letter, _RAW)
    at = write_json(out, at, src, start, end)
    at = write_integer(out, _piece(out, at, letter, _RAW_BYTES), end - start)
    return _piece(out, at, letter, _TAIL)


@kernel
def _write_message(
    out: Bytes, at: int, error: int, errors: Table, texts: Bytes, program: Program, messages: Pieces
) -> int:
    first = errors[error, CHECK] * _PARTS + _PLAIN
    at = _piece(out, at, messages, first)
    at = copy(out, at, texts, errors[error, TEXT_START], errors[error, TEXT_END])
    at = _write_count(out, at, error, first + 1, errors, program, messages)
    return _piece(out, at, messages, first + 2)


@inlined
def _size(pieces: Pieces, number: int) -> int:
    return int(pieces.at[number + 1] - pieces.at[number])


@kernel
def _append(
    texts: Bytes,
    value: int,
    value_end: int,
    message: int,
    message_end: int,
    letter: Pieces,
    limit: int,
    body: Bytes,
    fills: Longs,
    counts: Longs,
) -> bool:
    """Append a record unless it does not fit behind others."""
    value_bytes, message_bytes = value_end - value, message_end - message
    size = 3 + varint_size(counts[0]) + varint_size(value_bytes) + value_bytes
    size += (
        _size(letter, _HEADERS) + varint_size(message_bytes) + message_bytes + _size(letter, _LAST_HEADERS)
    )
    if counts[0] and BATCH_HEADER + fills[0] + varint_size(size) + size > limit:
        return False
    at = write_start(body, fills[0], size, counts[0])
    body[at] = 1  # no key
    at = write_varint(body, at + 1, value_bytes)
    at = copy(body, at, texts, value, value_end)
    at = _piece(body, at, letter, _HEADERS)
    at = write_varint(body, at, message_bytes)
    at = copy(body, at, texts, message, message_end)
    fills[0] = _piece(body, at, letter, _LAST_HEADERS)
    counts[0] += 1
    return True


@entry
def frame_rejects(
    row: int,
    count: int,
    place: Longs,
    src: Bytes,
    side: Bytes,
    rows: Table,
    errors: Table,
    texts: Bytes,
    program: Program,
    letter: Pieces,
    messages: Pieces,
    scratch: Bytes,
    limit: int,
    body: Bytes,
    fills: Longs,
    counts: Longs,
) -> int:
    """Append rejects from `row` on; return the row that does not fit, `count` if all did.

    `place` is the first row's number, the line and the offset in the file of the block's first byte. There
    is room: the record is made in `scratch`, and `body` has that much behind the batch limit.
    """
    while row < count:
        verdict = rows[row, VERDICT]
        if verdict == REJECT:
            end = _write_value(scratch, place, row, src, rows, errors, texts, program, letter, messages)
            message_end = _write_message(
                scratch, end, rows[row, ERROR_START], errors, texts, program, messages
            )
            fits = _append(scratch, 0, end, end, message_end, letter, limit, body, fills, counts)
        elif verdict == SIDE_REJECT:
            value, value_end = rows[row, VALUE_START], rows[row, VALUE_END]
            message, message_end = rows[row, KEY_START], rows[row, KEY_END]
            fits = _append(side, value, value_end, message, message_end, letter, limit, body, fills, counts)
        else:
            fits = True
        if not fits:
            return row
        row += 1
    return row
