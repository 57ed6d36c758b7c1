"""Bytes of text: copies, UTF-8, JSON strings, decimal digits.

In all kernels `src[start:end]` is a text, `out` what is written to, `at` where; what they return is where
the next byte goes. Callers see to it that there is room.
"""

from __future__ import annotations

import numpy as np

from connectors.compiled.kernels.chunks import copy, special_before
from connectors.compiled.kernels.jit import inlined, kernel
from connectors.compiled.kernels.layout import Bytes

__all__ = [
    "digits",
    "head_of",
    "json_text",
    "points",
    "trim_left",
    "trim_right",
    "utf8_size",
    "write_integer",
    "write_json",
    "write_padded",
    "write_two",
]

_SHORT = np.zeros(32, np.uint8)
for _byte, _letter in zip(b"\b\t\n\f\r", b"btnfr", strict=True):
    _SHORT[_byte] = _letter
_MOST_DIGITS = 19  # of 64 bits
_HEX = np.frombuffer(b"0123456789abcdef", np.uint8).copy()


@inlined
def utf8_size(src: Bytes, i: int) -> int:
    """Return the length of the character beyond ASCII at `i`; 0: it is none (RFC 3629, §4).

    Reads at most three bytes behind `i`; a byte that ends a row ends a character.
    """
    a, b = src[i], src[i + 1]
    if a < 0xC2 or a > 0xF4 or b & 0xC0 != 0x80:
        return 0
    if a < 0xE0:
        return 2
    if src[i + 2] & 0xC0 != 0x80:
        return 0
    if a < 0xF0:
        overlong, surrogate = a == 0xE0 and b < 0xA0, a == 0xED and b > 0x9F
        return 0 if overlong or surrogate else 3
    if src[i + 3] & 0xC0 != 0x80 or (a == 0xF0 and b < 0x90) or (a == 0xF4 and b > 0x8F):
        return 0
    return 4


@kernel
def points(src: Bytes, start: int, end: int) -> int:
    """Return how many code points a valid text has."""
    count = 0
    for k in range(start, end):
        count += (src[k] & 0xC0) != 0x80
    return count


@kernel
def head_of(src: Bytes, start: int, end: int, most: int) -> int:
    """Return where the first `most` code points end."""
    if end - start <= most:
        return end
    count = 0
    for k in range(start, end):
        if (src[k] & 0xC0) != 0x80:
            if count == most:
                return k
            count += 1
    return end


@inlined
def trim_left(src: Bytes, start: int, end: int) -> int:
    while start < end and (src[start] == 32 or src[start] == 9):
        start += 1
    return start


@inlined
def trim_right(src: Bytes, start: int, end: int) -> int:
    while end > start and (src[end - 1] == 32 or src[end - 1] == 9):
        end -= 1
    return end


@inlined
def _write_escape(out: Bytes, at: int, byte: int) -> int:
    out[at] = 92
    if byte >= 32:
        out[at + 1] = byte
        return at + 2
    if _SHORT[byte]:
        out[at + 1] = _SHORT[byte]
        return at + 2
    out[at + 1] = 117  # u
    out[at + 2] = out[at + 3] = 48
    out[at + 4] = _HEX[byte >> 4]
    out[at + 5] = _HEX[byte & 15]
    return at + 6


@kernel
def write_json(out: Bytes, at: int, src: Bytes, start: int, end: int) -> int:
    """Write a text with its escapes, at most six bytes for one (RFC 8785, §3.2.2.2)."""
    while True:
        special = special_before(src, start, end)
        at = copy(out, at, src, start, special)
        if special == end:
            return at
        if src[special] < 128:
            at = _write_escape(out, at, src[special])
            special += 1
        while special < end and src[special] >= 128:
            out[at] = src[special]
            at, special = at + 1, special + 1
        start = special


@inlined
def json_text(out: Bytes, at: int, src: Bytes, start: int, end: int, escapes: bool) -> int:
    """Write a JSON string; `escapes`: whether anything in it needs one."""
    out[at] = 34
    at = write_json(out, at + 1, src, start, end) if escapes else copy(out, at + 1, src, start, end)
    out[at] = 34
    return at + 1


@kernel
def digits(value: int) -> int:
    """Return how many digits an integer has that is not negative."""
    count, limit = 1, 10
    while count < _MOST_DIGITS and value >= limit:
        count, limit = count + 1, limit * 10
    return count


@inlined
def write_two(out: Bytes, at: int, value: int) -> None:
    """Write two digits, of a value below 100."""
    tens = value * 103 >> 10
    out[at], out[at + 1] = 48 + tens, 48 + value - 10 * tens


@kernel
def write_padded(out: Bytes, at: int, value: int, places: int) -> int:
    """Write an integer that is not negative with so many digits, of which it has no more."""
    k = at + places
    while k - at > 1:
        rest = value // 100
        k -= 2
        write_two(out, k, value - 100 * rest)
        value = rest
    if k > at:
        out[at] = 48 + value
    return at + places


@inlined
def write_integer(out: Bytes, at: int, value: int) -> int:
    """Write an integer that is not negative."""
    return write_padded(out, at, value, digits(value))
