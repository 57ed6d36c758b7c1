"""What LLVM can do with a chunk of bytes or a word, and numba cannot say. No index is checked here."""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import types
from numba.extending import intrinsic

__all__ = [
    "CHUNK",
    "first_bit",
    "line_or_quote",
    "load_word",
    "move",
    "no_digits",
    "other",
    "quote",
    "special",
    "store_word",
    "unequal",
]

_intrinsic: Any = intrinsic
CHUNK = 32
"""Bytes that are looked at, or copied, at once."""

_BYTE, _LONG = ir.IntType(8), ir.IntType(64)
_VECTOR = ir.VectorType(_BYTE, CHUNK)
_FIRST_PRINTABLE = 32
_LF, _QUOTE, _BACKSLASH = b'\n"\\'


def _pointer(context: Any, builder: Any, array: Any, value: Any, index: Any) -> Any:
    data = context.make_array(array)(context, builder, value).data
    return builder.bitcast(builder.gep(data, [index]), _VECTOR.as_pointer())


@_intrinsic  # type: ignore[untyped-decorator]
def move(typing: Any, out: Any, at: Any, src: Any, start: Any) -> Any:
    """Copy the chunk at `src[start]` to `out[at]`; indices are not checked."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        chunk = builder.load(_pointer(context, builder, src, values[2], values[3]), align=1)
        builder.store(chunk, _pointer(context, builder, out, values[0], values[1]), align=1)
        return context.get_dummy_value()

    return types.void(out, types.int64, src, types.int64), generate


def _all_are(builder: Any, byte: Any) -> Any:
    one = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), byte, ir.Constant(_LONG, 0))
    places = ir.Constant(ir.VectorType(ir.IntType(32), CHUNK), [0] * CHUNK)
    return builder.shuffle_vector(one, ir.Constant(_VECTOR, ir.Undefined), places)


def _mask(builder: Any, found: Any) -> Any:
    """Return a bit for each byte of a chunk, set if the byte is found."""
    return builder.zext(builder.bitcast(found, ir.IntType(CHUNK)), _LONG)


def _first_bit(builder: Any, mask: Any) -> Any:
    stop = ir.Constant(_LONG, 1 << CHUNK)
    return builder.cttz(builder.or_(mask, stop), ir.Constant(ir.IntType(1), 1))


def _first(builder: Any, found: Any) -> Any:
    """Return the number of the first byte that is found, CHUNK if none is."""
    return _first_bit(builder, _mask(builder, found))


def _is_between(builder: Any, chunk: Any, first: int, last: int) -> Any:
    """Which bytes are between two, which are among them."""
    least, most = (_all_are(builder, ir.Constant(_BYTE, byte)) for byte in (first, last - first))
    return builder.icmp_unsigned("<=", builder.sub(chunk, least), most)


@_intrinsic  # type: ignore[untyped-decorator]
def quote(typing: Any, src: Any, start: Any) -> Any:
    """Return which byte of the chunk at `src[start]` is the first quote, or CHUNK."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        chunk = builder.load(_pointer(context, builder, src, values[0], values[1]), align=1)
        quotes = _all_are(builder, ir.Constant(_BYTE, _QUOTE))
        return _first(builder, builder.icmp_unsigned("==", chunk, quotes))

    return types.int64(src, types.int64), generate


@_intrinsic  # type: ignore[untyped-decorator]
def special(typing: Any, src: Any, start: Any, delimiter: Any) -> Any:
    """Return which byte of the chunk at `src[start]` is the first that `next_special` looks for, or CHUNK."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        chunk = builder.load(_pointer(context, builder, src, values[0], values[1]), align=1)
        # as a signed number a byte beyond ASCII is negative
        printable = _all_are(builder, ir.Constant(_BYTE, _FIRST_PRINTABLE))
        found = builder.icmp_signed("<", chunk, printable)
        bytes_ = [ir.Constant(_BYTE, _QUOTE), ir.Constant(_BYTE, _BACKSLASH), builder.trunc(values[2], _BYTE)]
        for byte in bytes_:
            found = builder.or_(found, builder.icmp_unsigned("==", chunk, _all_are(builder, byte)))
        return _first(builder, found)

    return types.int64(src, types.int64, types.int64), generate


@_intrinsic  # type: ignore[untyped-decorator]
def line_or_quote(typing: Any, src: Any, start: Any) -> Any:
    """Return which byte of the chunk at `src[start]` is the first LF or quote, or CHUNK."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        chunk = builder.load(_pointer(context, builder, src, values[0], values[1]), align=1)
        lines, quotes = (_all_are(builder, ir.Constant(_BYTE, byte)) for byte in (_LF, _QUOTE))
        found = builder.icmp_unsigned("==", chunk, lines)
        return _first(builder, builder.or_(found, builder.icmp_unsigned("==", chunk, quotes)))

    return types.int64(src, types.int64), generate


@_intrinsic  # type: ignore[untyped-decorator]
def no_digits(typing: Any, src: Any, start: Any) -> Any:
    """Return a bit for each byte of the chunk at `src[start]` that is no digit."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        chunk = builder.load(_pointer(context, builder, src, values[0], values[1]), align=1)
        return _mask(builder, builder.not_(_is_between(builder, chunk, *b"09")))

    return types.int64(src, types.int64), generate


@_intrinsic  # type: ignore[untyped-decorator]
def other(typing: Any, src: Any, start: Any) -> Any:
    """Return which byte of the chunk at `src[start]` is the first that is no letter or digit, or CHUNK."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        chunk = builder.load(_pointer(context, builder, src, values[0], values[1]), align=1)
        lower = builder.or_(chunk, _all_are(builder, ir.Constant(_BYTE, 32)))
        known = builder.or_(_is_between(builder, chunk, *b"09"), _is_between(builder, lower, *b"az"))
        return _first(builder, builder.not_(known))

    return types.int64(src, types.int64), generate


@_intrinsic  # type: ignore[untyped-decorator]
def unequal(typing: Any, a: Any, i: Any, b: Any, j: Any) -> Any:
    """Return which byte of the chunks at `a[i]` and `b[j]` is the first that is not the same, or CHUNK."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        first = builder.load(_pointer(context, builder, a, values[0], values[1]), align=1)
        second = builder.load(_pointer(context, builder, b, values[2], values[3]), align=1)
        return _first(builder, builder.icmp_unsigned("!=", first, second))

    return types.int64(a, types.int64, b, types.int64), generate


@_intrinsic  # type: ignore[untyped-decorator]
def first_bit(typing: Any, mask: Any) -> Any:
    """Return the number of the first bit of a chunk's mask that is set, CHUNK if none is."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return _first_bit(builder, values[0])

    return types.int64(types.int64), generate


def _word(context: Any, builder: Any, array: Any, value: Any, index: Any) -> Any:
    return builder.bitcast(_pointer(context, builder, array, value, index), _LONG.as_pointer())


@_intrinsic  # type: ignore[untyped-decorator]
def load_word(typing: Any, src: Any, start: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.load(_word(context, builder, src, values[0], values[1]), align=1)

    return types.int64(src, types.int64), generate


@_intrinsic  # type: ignore[untyped-decorator]
def store_word(typing: Any, out: Any, at: Any, word: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        builder.store(values[2], _word(context, builder, out, values[0], values[1]), align=1)
        return context.get_dummy_value()

    return types.void(out, types.int64, types.int64), generate
