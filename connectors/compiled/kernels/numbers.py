"""Integers and numbers of cells: their grammar, the text that is written, their exact values.

A value is compared as its whole part and 18 digits of its fraction, both with its sign: exact, and of the
same order as the numbers themselves. What does not fit is for the reference.
"""

from __future__ import annotations

import numpy as np

from connectors.compiled.kernels.chunks import copy
from connectors.compiled.kernels.jit import inlined, kernel
from connectors.compiled.kernels.layout import PLACES, Bytes

__all__ = ["exact_value", "exponent_fits", "is_multiple", "parse_number", "write_number"]

_TENS = np.array([10**n for n in range(PLACES + 1)], np.int64)
_MAX_EXPONENT = 400


@inlined
def _digits_end(src: Bytes, i: int, end: int) -> int:
    while i < end and 48 <= src[i] <= 57:
        i += 1
    return i


@inlined
def parse_number(
    src: Bytes, start: int, end: int, point: int, whole_only: bool
) -> tuple[int, bool, int, int, int, int]:
    """Read `[+-]?` digits, and unless `whole_only` a fraction and an exponent.

    Returns where the digits of the whole part start without surplus zeros (-1: this is no number), whether
    there is a minus, where these digits end, where the fraction's digits start and end, and where the
    exponent starts, its letter included. The fraction's sign is the byte `point`.
    """
    i, negative = start, False
    if i < end and (src[i] == 45 or src[i] == 43):
        negative = src[i] == 45
        i += 1
    whole, whole_end = i, _digits_end(src, i, end)
    digits, i = whole_end - whole, whole_end
    part = part_end = i
    if not whole_only and i < end and src[i] == point:
        part, part_end = i + 1, _digits_end(src, i + 1, end)
        digits, i = digits + part_end - part, part_end
    exponent = i
    if digits and not whole_only and i < end and src[i] | 32 == 101:
        i += 1
        if i < end and (src[i] == 45 or src[i] == 43):
            i += 1
        after = _digits_end(src, i, end)
        if after == i:
            digits = 0
        i = after
    if digits == 0 or i != end:
        return -1, False, 0, 0, 0, 0
    while whole < whole_end and src[whole] == 48:
        whole += 1
    return whole, negative, whole_end, part, part_end, exponent


@inlined
def write_number(
    out: Bytes,
    at: int,
    src: Bytes,
    whole: int,
    negative: bool,
    whole_end: int,
    part: int,
    part_end: int,
    exponent: int,
    end: int,
) -> int:
    """Write a parsed number as JSON, digits as they are: at most one byte more than its cell has."""
    if negative:
        out[at] = 45
        at += 1
    if whole == whole_end:
        out[at] = 48
        at += 1
    else:
        at = copy(out, at, src, whole, whole_end)
    if part < part_end:
        out[at] = 46
        at = copy(out, at + 1, src, part, part_end)
    return copy(out, at, src, exponent, end)


@kernel
def exponent_fits(src: Bytes, exponent: int, end: int) -> bool:
    """Whether an exponent, which starts with its letter, is at most ±400 as it is written."""
    i, value = exponent + 1, 0
    while i < end and value <= _MAX_EXPONENT:
        if 48 <= src[i] <= 57:
            value = 10 * value + src[i] - 48
        i += 1
    return value <= _MAX_EXPONENT


@kernel
def exact_value(
    src: Bytes, whole: int, negative: bool, whole_end: int, part: int, part_end: int
) -> tuple[bool, int, int]:
    """Return whether a number without exponent fits, its whole part, and its fraction in units of 10⁻¹⁸."""
    if whole_end - whole > PLACES or part_end - part > PLACES:
        return False, 0, 0
    first = second = 0
    for k in range(whole, whole_end):
        first = 10 * first + src[k] - 48
    for k in range(part, part_end):
        second = 10 * second + src[k] - 48
    second *= _TENS[PLACES - (part_end - part)]
    return True, -first if negative else first, -second if negative else second


@kernel
def is_multiple(first: int, second: int, of: int, scale: int) -> int:
    """Whether a value is an integer times `of`·10⁻ˢᶜᵃˡᵉ: 1 or 0; -1: its digits do not fit."""
    unit = _TENS[PLACES - scale]
    if second % unit != 0:
        return 0
    if scale and abs(first) >= _TENS[PLACES - scale]:
        return -1
    return int((first * _TENS[scale] + second // unit) % of == 0)
