"""Bytes by the chunk: copies, and the search for the next byte that means something.

Texts are short: a loop over bytes, or a call of memcpy, would take most of the time. A copy takes whole
chunks, so it writes up to CHUNK - 1 bytes more than it was asked for, which the next write replaces. Every
array has SLACK bytes at its end that hold nothing: reading and writing beyond a text stays inside.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import types
from numba.extending import intrinsic

from connectors.compiled.kernels.jit import inlined
from connectors.compiled.kernels.layout import Bytes, Text

__all__ = ["copy", "line_or_quote", "next_special", "quote_before", "special_before"]

_intrinsic: Any = intrinsic
_CHUNK = 32
_BYTE, _LONG = ir.IntType(8), ir.IntType(64)
_VECTOR = ir.VectorType(_BYTE, _CHUNK)
_FIRST_PRINTABLE = 32
_LF, _QUOTE, _BACKSLASH = b'\n"\\'


def _pointer(context: Any, builder: Any, array: Any, value: Any, index: Any) -> Any:
    data = context.make_array(array)(context, builder, value).data
    return builder.bitcast(builder.gep(data, [index]), _VECTOR.as_pointer())


@_intrinsic  # type: ignore[untyped-decorator]
def _move(typing: Any, out: Any, at: Any, src: Any, start: Any) -> Any:
    """Copy the chunk at `src[start]` to `out[at]`; indices are not checked."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        chunk = builder.load(_pointer(context, builder, src, values[2], values[3]), align=1)
        builder.store(chunk, _pointer(context, builder, out, values[0], values[1]), align=1)
        return context.get_dummy_value()

    return types.void(out, types.int64, src, types.int64), generate


def _all_are(builder: Any, byte: Any) -> Any:
    one = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), byte, ir.Constant(_LONG, 0))
    places = ir.Constant(ir.VectorType(ir.IntType(32), _CHUNK), [0] * _CHUNK)
    return builder.shuffle_vector(one, ir.Constant(_VECTOR, ir.Undefined), places)


def _first(builder: Any, found: Any) -> Any:
    """Return the number of the first byte that is found, CHUNK if none is."""
    mask = builder.zext(builder.bitcast(found, ir.IntType(_CHUNK)), _LONG)
    stop = ir.Constant(_LONG, 1 << _CHUNK)
    return builder.cttz(builder.or_(mask, stop), ir.Constant(ir.IntType(1), 1))


@_intrinsic  # type: ignore[untyped-decorator]
def _quote(typing: Any, src: Any, start: Any) -> Any:
    """Return which byte of the chunk at `src[start]` is the first quote, or CHUNK."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        chunk = builder.load(_pointer(context, builder, src, values[0], values[1]), align=1)
        quotes = _all_are(builder, ir.Constant(_BYTE, _QUOTE))
        return _first(builder, builder.icmp_unsigned("==", chunk, quotes))

    return types.int64(src, types.int64), generate


@_intrinsic  # type: ignore[untyped-decorator]
def _special(typing: Any, src: Any, start: Any, delimiter: Any) -> Any:
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
def _line_or_quote(typing: Any, src: Any, start: Any) -> Any:
    """Return which byte of the chunk at `src[start]` is the first LF or quote, or CHUNK."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        chunk = builder.load(_pointer(context, builder, src, values[0], values[1]), align=1)
        lines, quotes = (_all_are(builder, ir.Constant(_BYTE, byte)) for byte in (_LF, _QUOTE))
        found = builder.icmp_unsigned("==", chunk, lines)
        return _first(builder, builder.or_(found, builder.icmp_unsigned("==", chunk, quotes)))

    return types.int64(src, types.int64), generate


@inlined
def copy(out: Bytes, at: int, src: Bytes, start: int, end: int) -> int:
    """Copy `src[start:end]`, return where it ends in `out`."""
    after = at + end - start
    while True:
        # not used, but a run with numba's bounds check on checks these indices
        _, _ = out[at + _CHUNK - 1], src[start + _CHUNK - 1]
        _move(out, at, src, start)
        at += _CHUNK
        if at >= after:
            return after
        start += _CHUNK


@inlined
def next_special(src: Bytes, i: int, delimiter: int) -> int:
    """Return where from `i` on the next byte is that ends a cell, needs an escape in JSON or is not ASCII.

    There is one.
    """
    while True:
        _ = src[i + _CHUNK - 1]
        k: int = _special(src, i, delimiter)
        i += k
        if k < _CHUNK:
            return i


@inlined
def special_before(src: Bytes, i: int, end: int) -> int:
    """Return where before `end` the next byte is that needs an escape in JSON or is not ASCII, else `end`."""
    while i < end:
        _ = src[i + _CHUNK - 1]
        k: int = _special(src, i, _QUOTE)
        if k < _CHUNK:
            return min(i + k, end)
        i += _CHUNK
    return end


@inlined
def quote_before(src: Bytes, i: int, end: int) -> int:
    """Return where before `end` the next quote is, else `end`."""
    while i < end:
        _ = src[i + _CHUNK - 1]
        k: int = _quote(src, i)
        if k < _CHUNK:
            return min(i + k, end)
        i += _CHUNK
    return end


@inlined
def line_or_quote(src: Text, i: int, end: int) -> int:
    """Return where before `end` the next LF or quote is, else `end`. `src` needs no SLACK."""
    while i + _CHUNK <= end:
        _ = src[i + _CHUNK - 1]
        k: int = _line_or_quote(src, i)
        i += k
        if k < _CHUNK:
            return i
    while i < end and src[i] != _LF and src[i] != _QUOTE:
        i += 1
    return i
