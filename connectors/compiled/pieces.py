"""What the records of a job share, cut from what the reference writes: headers, RejectedRow, messages."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import numpy as np

from connectors.api import Reject, RowError
from connectors.compiled.column import COUNT_MARK, VALUE_MARK, CheckPlan
from connectors.compiled.kernels.layout import Bytes, Pieces, bytes_of
from connectors.errors import RowCode
from connectors.headers import OriginHeaders
from connectors.rejects import RejectOrigin, encode_reject, shown_column

__all__ = ["check_pieces", "header_bytes", "letter_pieces", "longest_error", "message_at", "pieces"]

_MESSAGE_HEADER = "__connect.errors.exception.message"
_MARKS = (
    b'"row":1,"line":2,"byte_offset":3,"errors":[{"column":"c","code":"TYPE","message":"m"}],"raw":"r",'
    b'"raw_encoding":"utf-8","raw_bytes":1,"raw_truncated":false}'
)
_SAMPLE = Reject(1, 2, 3, (RowError("c", RowCode.TYPE, "m"),), b"r", 1)


def header_bytes(headers: OriginHeaders) -> Bytes:
    """Return the headers of a record as they stand in it, up to the row's number if that is one of them."""
    pairs = headers.of(1)
    count = _varint(len(pairs))
    if not headers.with_row:
        return bytes_of(count + _headers(pairs))
    *before, (row, _) = pairs
    return bytes_of(count + _headers(before) + _text(row.encode()))


def letter_pieces(origin: RejectOrigin) -> Pieces:
    """Return what the kernel `frame_rejects` takes as `letter`."""
    value, headers = encode_reject(_SAMPLE, origin)
    head, mark, after = value.partition(_MARKS)
    assert mark
    assert not after
    place = message_at(headers)
    return pieces(
        [
            head + b'"row":',
            b',"line":',
            b',"byte_offset":',
            b',"errors":[',
            b'],"raw":"',
            b'","raw_encoding":"utf-8","raw_bytes":',
            b',"raw_truncated":false}',
            _varint(len(headers)) + _headers(headers[:place]) + _text(_MESSAGE_HEADER.encode()),
            _headers(headers[place + 1 :]),
        ]
    )


def message_at(headers: Sequence[tuple[str, bytes]]) -> int:
    """Return which header of a reject is its message."""
    return [name for name, _ in headers].index(_MESSAGE_HEADER)


def check_pieces(checks: Iterable[CheckPlan]) -> Pieces:
    """Return what the kernel `frame_rejects` takes as `messages`."""
    return pieces([piece for check in checks for piece in (*_json_pieces(check), *_plain_pieces(check))])


def longest_error(messages: Pieces) -> int:
    """Return the most bytes that an error's JSON has beside its value and integer, and a comma."""
    sizes = np.diff(messages.at).reshape(-1, 2, 3).sum(axis=2)
    return int(sizes.max()) + 1


def _json_pieces(check: CheckPlan) -> tuple[bytes, bytes, bytes]:
    before, between, after = map(_escaped, _parts(check))
    head = f'{{"column":{_json(shown_column(check.error))},"code":"{check.error.code.value}","message":"'
    return head.encode() + before, between, after + b'"}'


def _plain_pieces(check: CheckPlan) -> tuple[bytes, bytes, bytes]:
    before, between, after = (part.encode() for part in _parts(check))
    return before, between, after


def _parts(check: CheckPlan) -> tuple[str, str, str]:
    """Return what stands before the value of an error, between it and the integer, and at the end."""
    message = check.error.message
    before, mark, after = message.partition(VALUE_MARK)
    if not mark:
        before, after = "", message
    between, count, end = after.partition(COUNT_MARK)
    return (before, between, end) if count else (before, "", after)


def _json(value: str | None) -> str:
    return json.dumps(value, ensure_ascii=False)


def _escaped(text: str) -> bytes:
    return _json(text)[1:-1].encode()


def _headers(pairs: Iterable[tuple[str, bytes]]) -> bytes:
    return b"".join(_text(name.encode()) + _text(value) for name, value in pairs)


def _text(data: bytes) -> bytes:
    return _varint(len(data)) + data


def _varint(value: int) -> bytes:
    """Return a value that is not negative as a record has it: zigzag, then 7 bits a byte."""
    value <<= 1
    parts = bytearray()
    while value >= 0x80:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def pieces(texts: Sequence[bytes]) -> Pieces:
    """Return texts as the kernels take several."""
    ends = np.cumsum([0, *map(len, texts)])
    return Pieces(bytes_of(b"".join(texts)), ends.astype(np.int64))
