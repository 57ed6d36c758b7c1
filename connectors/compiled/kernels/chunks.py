"""Bytes by the chunk: copies, and the search for the next byte that means something.

Texts are short: a loop over bytes, or a call of memcpy, would take most of the time. A copy takes whole
chunks, so it writes up to CHUNK - 1 bytes more than it was asked for, which the next write replaces. Every
array has SLACK bytes at its end that hold nothing: reading and writing beyond a text stays inside.
"""

from __future__ import annotations

from connectors.compiled.kernels import vectors
from connectors.compiled.kernels.jit import inlined
from connectors.compiled.kernels.layout import Bytes, Text
from connectors.compiled.kernels.vectors import CHUNK

__all__ = [
    "copy",
    "line_or_quote",
    "next_special",
    "no_digits",
    "other_before",
    "put_word",
    "quote_before",
    "same",
    "special_before",
    "word_at",
]

_LF, _QUOTE = b'\n"'


@inlined
def word_at(src: Bytes, i: int) -> int:
    """Return eight bytes as an integer, the first of them the lowest."""
    _ = src[i + 7]
    word: int = vectors.load_word(src, i)
    return word


@inlined
def put_word(out: Bytes, at: int, word: int) -> None:
    """Write eight bytes, of which the next write replaces what is not wanted."""
    _ = out[at + 7]
    vectors.store_word(out, at, word)


@inlined
def no_digits(src: Bytes, i: int) -> int:
    """Return a bit for each of the CHUNK bytes from `i` on, set if it is no digit."""
    _ = src[i + CHUNK - 1]
    mask: int = vectors.no_digits(src, i)
    return mask


@inlined
def other_before(src: Bytes, i: int, end: int) -> int:
    """Return where before `end` the next byte is that is no ASCII letter or digit, else `end`."""
    while i < end:
        _ = src[i + CHUNK - 1]
        k: int = vectors.other(src, i)
        if k < CHUNK:
            return min(i + k, end)
        i += CHUNK
    return end


@inlined
def same(a: Bytes, i: int, b: Bytes, j: int, size: int) -> bool:
    """Whether `size` bytes are the same."""
    while size > 0:
        _, _ = a[i + CHUNK - 1], b[j + CHUNK - 1]
        if vectors.unequal(a, i, b, j) < min(size, CHUNK):
            return False
        i, j, size = i + CHUNK, j + CHUNK, size - CHUNK
    return True


@inlined
def copy(out: Bytes, at: int, src: Bytes, start: int, end: int) -> int:
    """Copy `src[start:end]`, return where it ends in `out`."""
    after = at + end - start
    while True:
        # not used, but a run with numba's bounds check on checks these indices
        _, _ = out[at + CHUNK - 1], src[start + CHUNK - 1]
        vectors.move(out, at, src, start)
        at += CHUNK
        if at >= after:
            return after
        start += CHUNK


@inlined
def next_special(src: Bytes, i: int, delimiter: int) -> int:
    """Return where from `i` on the next byte is that ends a cell, needs an escape in JSON or is not ASCII.

    There is one.
    """
    while True:
        _ = src[i + CHUNK - 1]
        k: int = vectors.special(src, i, delimiter)
        i += k
        if k < CHUNK:
            return i


@inlined
def special_before(src: Bytes, i: int, end: int) -> int:
    """Return where before `end` the next byte is that needs an escape in JSON or is not ASCII, else `end`."""
    while i < end:
        _ = src[i + CHUNK - 1]
        k: int = vectors.special(src, i, _QUOTE)
        if k < CHUNK:
            return min(i + k, end)
        i += CHUNK
    return end


@inlined
def quote_before(src: Bytes, i: int, end: int) -> int:
    """Return where before `end` the next quote is, else `end`."""
    while i < end:
        _ = src[i + CHUNK - 1]
        k: int = vectors.quote(src, i)
        if k < CHUNK:
            return min(i + k, end)
        i += CHUNK
    return end


@inlined
def line_or_quote(src: Text, i: int, end: int) -> int:
    """Return where before `end` the next LF or quote is, else `end`. `src` needs no SLACK."""
    while i + CHUNK <= end:
        _ = src[i + CHUNK - 1]
        k: int = vectors.line_or_quote(src, i)
        i += k
        if k < CHUNK:
            return i
    while i < end and src[i] != _LF and src[i] != _QUOTE:
        i += 1
    return i
