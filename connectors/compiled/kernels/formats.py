"""The asserted formats as kernels; what each accepts is defined in `connectors.model.formats`."""

# ruff: noqa: SIM109 - kernels have neither generators nor tuples to search

from __future__ import annotations

import numpy as np

from connectors.compiled.kernels.chunks import no_digits, other_before
from connectors.compiled.kernels.jit import inlined, kernel, merged
from connectors.compiled.kernels.layout import Bytes
from connectors.compiled.kernels.vectors import CHUNK, first_bit

__all__ = ["is_date", "is_date_time", "is_email", "is_ipv4", "is_time", "is_uuid"]

_DAYS = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], np.int64)
_LABEL_BYTES = 63
_DATE_SIGNS, _TIME_SIGNS, _CLOCK_SIGNS = 1 << 4 | 1 << 7, 1 << 2 | 1 << 5, 1 << 2
"""Which bytes of `YYYY-MM-DD`, `hh:mm:ss` and `hh:mm` are no digits, a bit each."""


def _table(letters: bytes) -> Bytes:
    table = np.zeros(256, np.uint8)
    table[list(letters)] = 1
    return table


_HEX = _table(b"0123456789abcdefABCDEF")
_LABEL_SIGNS = _table(b"-")
_LOCAL_SIGNS = _table(b".!#$%&'*+/=?^_`{|}~-")


@inlined
def _is_like(marks: int, signs: int, size: int) -> bool:
    """Whether the first `size` bytes are digits but for those whose bits are `signs`."""
    return marks & ((1 << size) - 1) == signs


@inlined
def _two(src: Bytes, i: int) -> int:
    """Return the value of two digits."""
    value: int = 10 * src[i] + src[i + 1] - 528
    return value


@merged
def is_date(src: Bytes, start: int, end: int) -> bool:
    if end - start != 10 or src[start + 4] != 45 or src[start + 7] != 45:
        return False
    if not _is_like(no_digits(src, start), _DATE_SIGNS, 10):
        return False
    month, day = _two(src, start + 5), _two(src, start + 8)
    if not 1 <= month <= 12:
        return False
    if day <= 28:
        return day >= 1
    if month != 2 or day > 29:
        return bool(day <= _DAYS[month - 1])
    century, year = _two(src, start), _two(src, start + 2)
    return (century if year == 0 else year) % 4 == 0


@inlined
def _is_clock(src: Bytes, start: int) -> bool:
    """Whether five bytes, of which four are digits, are hours and minutes."""
    return src[start + 2] == 58 and _two(src, start) <= 23 and _two(src, start + 3) <= 59


@merged
def is_time(src: Bytes, start: int, end: int) -> bool:
    if end - start < 9 or src[start + 5] != 58:
        return False
    marks = no_digits(src, start)
    if not _is_like(marks, _TIME_SIGNS, 8) or not _is_clock(src, start) or _two(src, start + 6) > 59:
        return False
    i = start + 8
    if src[i] == 46:
        size = first_bit(marks >> 9)
        i += 1 + size
        if size == 0:
            return False
        if size > CHUNK - 10:  # longer than what was looked at
            i = start + CHUNK
            while i < end and 48 <= src[i] <= 57:
                i += 1
        if i >= end:
            return False
    if src[i] | 32 == 122:
        return i + 1 == end
    if (src[i] != 43 and src[i] != 45) or i + 6 != end:
        return False
    return _is_like(no_digits(src, i + 1), _CLOCK_SIGNS, 5) and _is_clock(src, i + 1)


@merged
def is_date_time(src: Bytes, start: int, end: int) -> bool:
    return (
        end - start > 11
        and src[start + 10] | 32 == 116
        and is_date(src, start, start + 10)
        and is_time(src, start + 11, end)
    )


@kernel
def is_uuid(src: Bytes, start: int, end: int) -> bool:
    if end - start != 36:
        return False
    for k in range(36):
        byte = src[start + k]
        if k == 8 or k == 13 or k == 18 or k == 23:
            if byte != 45:
                return False
        elif not _HEX[byte]:
            return False
    return True


@kernel
def is_ipv4(src: Bytes, start: int, end: int) -> bool:
    i, octets = start, 0
    while True:
        first, value = i, 0
        while i < end and 48 <= src[i] <= 57 and i - first < 3:
            value = 10 * value + src[i] - 48
            i += 1
        if i == first or value > 255 or (i - first > 1 and src[first] == 48):
            return False
        octets += 1
        if octets == 4:
            return i == end
        if i == end or src[i] != 46:
            return False
        i += 1


@inlined
def _run_end(src: Bytes, i: int, end: int, signs: Bytes) -> int:
    """Return where letters, digits and some signs end."""
    while True:
        i = other_before(src, i, end)
        if i == end or not signs[src[i]]:
            return i
        i += 1


@merged
def is_email(src: Bytes, start: int, end: int) -> bool:
    i = _run_end(src, start, end, _LOCAL_SIGNS)
    if i == start or i == end or src[i] != 64:
        return False
    while True:
        label = i + 1
        i = _run_end(src, label, end, _LABEL_SIGNS)
        if i == label or i - label > _LABEL_BYTES or src[label] == 45 or src[i - 1] == 45:
            return False
        if i == end:
            return True
        if src[i] != 46:
            return False
