"""The tokens of JSON (RFC 8259) in a text that an LF ends, which none of them has in it.

A kernel returns where its token ends, -1 if another text stands there.
"""

# ruff: noqa: SIM109 - kernels have neither generators nor tuples to search

from __future__ import annotations

from connectors.compiled.kernels.chunks import copy, next_special
from connectors.compiled.kernels.jit import inlined, kernel
from connectors.compiled.kernels.layout import Bytes
from connectors.compiled.kernels.texts import utf8_size

__all__ = [
    "FALSE",
    "NULL",
    "TRUE",
    "number_end",
    "skip_space",
    "string_end",
    "unescape",
    "value_end",
    "word_end",
]

_TAB, _LF, _CR, _SPACE, _QUOTE, _BACKSLASH = 9, 10, 13, 32, 34, 92
_OPEN, _CLOSE, _OPEN_LIST, _CLOSE_LIST = 123, 125, 91, 93
TRUE, FALSE, NULL = 0x65757274, 0x65736C6166, 0x6C6C756E
"""The words, their first letter in the lowest byte."""


@inlined
def skip_space(src: Bytes, i: int) -> int:
    while src[i] == _SPACE or src[i] == _TAB or src[i] == _CR:
        i += 1
    return i


@inlined
def _is_digit(byte: int) -> bool:
    return 48 <= byte <= 57


@kernel
def number_end(src: Bytes, i: int) -> tuple[int, bool]:
    """Return where a number ends (-1: it is none), and whether it has neither fraction nor exponent."""
    whole = True
    if src[i] == 45:
        i += 1
    if not _is_digit(src[i]):
        return -1, False
    if src[i] == 48:
        i += 1
    else:
        while _is_digit(src[i]):
            i += 1
    if src[i] == 46:
        i, whole = i + 1, False
        if not _is_digit(src[i]):
            return -1, False
        while _is_digit(src[i]):
            i += 1
    if src[i] | 32 == 101:
        i, whole = i + 1, False
        if src[i] == 43 or src[i] == 45:
            i += 1
        if not _is_digit(src[i]):
            return -1, False
        while _is_digit(src[i]):
            i += 1
    return i, whole


@inlined
def word_end(src: Bytes, i: int, word: int) -> int:
    """Return where a word ends, -1 if another text stands there."""
    while word:
        if src[i] != word & 255:
            return -1
        i, word = i + 1, word >> 8
    return i


@inlined
def _unescaped(byte: int) -> int:
    """Return what an escape of one letter stands for, 0: it is none."""
    if byte == _QUOTE or byte == _BACKSLASH or byte == 47:
        return byte
    if byte == 98:
        return 8
    if byte == 102:
        return 12
    if byte == 110:
        return 10
    if byte == 114:
        return 13
    return 9 if byte == 116 else 0


@kernel
def string_end(src: Bytes, i: int) -> tuple[int, int, bool, bool]:
    """Read a string up to its quote.

    Returns where that is, -1 if there is none or something is wrong, how many escapes there are, whether one
    has four hex digits, and whether there are characters beyond ASCII.
    """
    escapes, hexadecimal, beyond = 0, False, False
    while True:
        i = next_special(src, i, _QUOTE)
        byte = src[i]
        if byte == _QUOTE:
            return i, escapes, hexadecimal, beyond
        if byte == _BACKSLASH:
            hexadecimal = hexadecimal or src[i + 1] == 117
            if src[i + 1] != 117 and _unescaped(src[i + 1]) == 0:
                return -1, 0, False, False
            i, escapes = i + 2, escapes + 1
        elif byte < 128:
            return -1, 0, False, False
        else:
            size = utf8_size(src, i)
            if size == 0:
                return -1, 0, False, False
            i, beyond = i + size, True


@kernel
def unescape(src: Bytes, start: int, end: int, at: int) -> int:
    """Write a string without its escapes behind the block; return where it ends."""
    while start < end:
        stop = start
        while stop < end and src[stop] != _BACKSLASH:
            stop += 1
        at = copy(src, at, src, start, stop)
        if stop < end:
            src[at] = _unescaped(src[stop + 1])
            at, stop = at + 1, stop + 2
        start = stop
    return at


@kernel
def _nested_end(src: Bytes, i: int) -> int:
    """Return where an object or array ends, by its brackets alone; -1: it does not in this line."""
    depth = 0
    while True:
        byte = src[i]
        if byte == _QUOTE:
            i, _, _, _ = string_end(src, i + 1)
            if i < 0:
                return -1
        elif byte == _OPEN or byte == _OPEN_LIST:
            depth += 1
        elif byte == _CLOSE or byte == _CLOSE_LIST:
            depth -= 1
            if depth == 0:
                return i + 1
        elif byte == _LF:
            return -1
        i += 1


@kernel
def value_end(src: Bytes, i: int) -> int:
    """Return where a value ends that the reference will read, -1: that is not known."""
    byte = src[i]
    if byte == _QUOTE:
        end, _, _, _ = string_end(src, i + 1)
        return end + 1 if end >= 0 else -1
    if byte == _OPEN or byte == _OPEN_LIST:
        return _nested_end(src, i)
    if byte == 116:
        return word_end(src, i, TRUE)
    if byte == 102:
        return word_end(src, i, FALSE)
    if byte == 110:
        return word_end(src, i, NULL)
    end, _ = number_end(src, i)
    return end
