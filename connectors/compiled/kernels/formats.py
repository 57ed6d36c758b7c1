"""The asserted formats as kernels; what each accepts is defined in `connectors.model.formats`."""

# ruff: noqa: SIM109 - kernels have neither generators nor tuples to search

from __future__ import annotations

import numpy as np

from connectors.compiled.kernels.jit import inlined, kernel
from connectors.compiled.kernels.layout import Bytes

__all__ = ["is_date", "is_date_time", "is_email", "is_ipv4", "is_time", "is_uuid"]

_DAYS = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], np.int64)
_LABEL_BYTES = 63


def _table(letters: bytes) -> Bytes:
    table = np.zeros(256, np.uint8)
    table[list(letters)] = 1
    return table


_ALNUM_LETTERS = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ALNUM = _table(_ALNUM_LETTERS)
_HEX = _table(b"0123456789abcdefABCDEF")
_LOCAL = _table(_ALNUM_LETTERS + b".!#$%&'*+/=?^_`{|}~-")


@inlined
def _number(src: Bytes, start: int, size: int) -> int:
    """Return the value of `size` digits, -1 if one is none."""
    value = 0
    for k in range(start, start + size):
        if not 48 <= src[k] <= 57:
            return -1
        value = 10 * value + src[k] - 48
    return value


@kernel
def is_date(src: Bytes, start: int, end: int) -> bool:
    if end - start != 10 or src[start + 4] != 45 or src[start + 7] != 45:
        return False
    year, month, day = _number(src, start, 4), _number(src, start + 5, 2), _number(src, start + 8, 2)
    if year < 0 or not 1 <= month <= 12 or day < 1:
        return False
    leap_day = month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return bool(day <= _DAYS[month - 1] + leap_day)


@inlined
def _is_clock(src: Bytes, start: int) -> bool:
    """Whether five bytes are hours and minutes."""
    hour, minute = _number(src, start, 2), _number(src, start + 3, 2)
    return src[start + 2] == 58 and 0 <= hour <= 23 and 0 <= minute <= 59


@kernel
def is_time(src: Bytes, start: int, end: int) -> bool:
    if end - start < 9 or not _is_clock(src, start) or src[start + 5] != 58:
        return False
    if not 0 <= _number(src, start + 6, 2) <= 59:
        return False
    i = start + 8
    if src[i] == 46:
        first = i + 1
        i = first
        while i < end and 48 <= src[i] <= 57:
            i += 1
        if i == first or i == end:
            return False
    if src[i] | 32 == 122:
        return i + 1 == end
    return (src[i] == 43 or src[i] == 45) and i + 6 == end and _is_clock(src, i + 1)


@kernel
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


@kernel
def is_email(src: Bytes, start: int, end: int) -> bool:
    i = start
    while i < end and _LOCAL[src[i]]:
        i += 1
    if i == start or i == end or src[i] != 64:
        return False
    while True:
        i += 1
        label = i
        while i < end and (_ALNUM[src[i]] or src[i] == 45):
            i += 1
        if i == label or i - label > _LABEL_BYTES or src[label] == 45 or src[i - 1] == 45:
            return False
        if i == end:
            return True
        if src[i] != 46:
            return False
