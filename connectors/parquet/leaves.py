"""The texts of Arrow arrays without children: one text a value, None for a null.

Written column by column from what Parquet stores: Python's own objects would lose nanoseconds, raise at dates
after 9999 and at text that is not UTF-8.
"""

from __future__ import annotations

import base64
import math
import struct
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from connectors.errors import RowCode
from connectors.model.grammar import quote
from connectors.model.messages import failure
from connectors.parquet.times import date_text, time_text, timestamp_text

__all__ = [
    "Array",
    "Unwritable",
    "Value",
    "base64_texts",
    "boolean_texts",
    "date_texts",
    "decimal_texts",
    "float_texts",
    "integer_texts",
    "string_texts",
    "time_texts",
    "timestamp_texts",
    "uuid_texts",
]

# a pyarrow array of the kind that the function is for: the stubs know too few of their methods
Array = Any


@dataclass(frozen=True, slots=True)
class Unwritable:
    """A value that has no text in a record: why, and the JSON that shows it in a reject.

    Bytes in `raw` that are not UTF-8 are surrogates (PEP 383).
    """

    code: RowCode
    message: str
    raw: str


# a string's own text, or the JSON text of any other value; None is a null
Value = str | Unwritable | None


def integer_texts(array: Array) -> list[Value]:
    return _each(str, array.to_pylist())


def boolean_texts(array: Array) -> list[Value]:
    return _each(lambda value: "true" if value else "false", array.to_pylist())


def decimal_texts(array: Array) -> list[Value]:
    """All digits of the scale, never an exponent."""
    return _each("{:f}".format, array.to_pylist())


def float_texts(array: Array) -> list[Value]:
    """The shortest digits that read back in the array's own width, in the form of Python's `repr`."""
    text = _FLOAT_TEXTS[array.type.bit_width]
    return _each(lambda value: text(value) if math.isfinite(value) else _not_finite(value), array.to_pylist())


def string_texts(array: Array) -> list[Value]:
    """Parquet promises UTF-8, but writers break that: such a value is Unwritable, the others are not hurt."""
    try:
        values: list[Value] = array.to_pylist()
    except UnicodeDecodeError:
        return _each(_decode, array.cast(pa.large_binary()).to_pylist())
    return values


def base64_texts(array: Array) -> list[Value]:
    """RFC 4648, section 4, with padding."""
    return _each(lambda value: base64.b64encode(value).decode(), array.to_pylist())


def uuid_texts(array: Array) -> list[Value]:
    """RFC 9562, section 4, from 16 bytes."""
    return _each(lambda value: str(uuid.UUID(bytes=value)), array.to_pylist())


def date_texts(array: Array) -> list[Value]:
    days = array.cast(pa.date32()).view(pa.int32()).to_pylist()
    return _each(lambda day: date_text(day) or _no_time("year", day, "days"), days)


def time_texts(array: Array) -> list[Value]:
    """`hh:mm:ss` with its fraction, without zone: Parquet's times of day have none."""
    unit = array.type.unit
    return _each(lambda n: time_text(n, unit) or _no_time("time", n, unit), _integers(array))


def timestamp_texts(array: Array) -> list[Value]:
    """RFC 3339 in UTC; a timestamp without zone is UTC."""
    unit = array.type.unit
    return _each(lambda n: timestamp_text(n, unit) or _no_time("year", n, unit), _integers(array))


def _each(text: Callable[[Any], str | Unwritable], values: list[Any]) -> list[Value]:
    return [None if value is None else text(value) for value in values]


def _integers(array: Array) -> list[int | None]:
    stored: Any = pa.int32() if array.type.bit_width == 32 else pa.int64()
    values: list[int | None] = array.view(stored).to_pylist()
    return values


def _shortest(value: float, pack: struct.Struct) -> str:
    """The fewest digits that pack to the same bytes; nine always do."""
    bits = pack.pack(value)
    return next(repr(near) for near in _rounded(value) if _packs_to(near, pack, bits))


def _rounded(value: float) -> Iterator[float]:
    return (float(f"{value:.{digits}g}") for digits in range(1, 10))


def _packs_to(value: float, pack: struct.Struct, bits: bytes) -> bool:
    try:
        return pack.pack(value) == bits
    except OverflowError:  # rounded up beyond the largest number
        return False


_HALF, _SINGLE = struct.Struct("<e"), struct.Struct("<f")
_FLOAT_TEXTS: dict[int, Callable[[float], str]] = {
    16: lambda value: _shortest(value, _HALF),
    32: lambda value: _shortest(value, _SINGLE),
    64: repr,
}


def _not_finite(value: float) -> Unwritable:
    name = "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return Unwritable(*failure("finite", value=name), quote(name))


def _no_time(template: str, count: int, unit: str) -> Unwritable:
    return Unwritable(*failure(template, value=str(count), unit=unit), str(count))


def _decode(value: bytes) -> str | Unwritable:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        place = failure("encoding", byte=value[error.start], offset=error.start, encoding="UTF-8")
        return Unwritable(*place, quote(value.decode("utf-8", "surrogateescape")))
