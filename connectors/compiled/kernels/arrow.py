"""Values of Arrow columns as cells: their texts in `src`, one column of a strip after the other.

Each kernel fills column `column` of as many rows as there are values; `valid` is 0 where there is none. A
row with a value that has no such text is for the reference: ASK. The callers see to it that there is room.
"""

from __future__ import annotations

from connectors.compiled.kernels.chunks import copy, put_word, special_before
from connectors.compiled.kernels.jit import entry, inlined, kernel
from connectors.compiled.kernels.layout import (
    ASK,
    BEYOND_ASCII,
    CELL_END,
    CELL_START,
    ESCAPES,
    FLAGS,
    PRESENT,
    VERDICT,
    Bytes,
    Doubles,
    Longs,
    Table,
)
from connectors.compiled.kernels.texts import utf8_size, write_integer, write_padded
from connectors.compiled.kernels.times import write_date, write_time
from connectors.compiled.kernels.tokens import FALSE, TRUE

__all__ = [
    "load_booleans",
    "load_dates",
    "load_doubles",
    "load_floats",
    "load_integers",
    "load_texts",
    "load_timestamps",
]

_DAY = 86_400
_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896
"""0001-01-01 and 9999-12-31 as days since 1970-01-01."""

_LEAST, _MOST_UNITS, _MOST_PLACES = 1e-4, 10**15, 6
"""Smaller numbers have an exponent; a number of up to 15 digits is exact in a double and back."""

_SMALLEST = -(2**63)


@inlined
def _set(cells: Table, cell: int, start: int, end: int, flags: int) -> None:
    cells[cell, CELL_START], cells[cell, CELL_END], cells[cell, FLAGS] = start, end, flags


@kernel
def _look(src: Bytes, start: int, end: int) -> tuple[int, int]:
    """Return how many bytes of a text need an escape, and 1 if it is beyond ASCII, -1 if it is not UTF-8."""
    i, escaped, beyond = start, 0, 0
    while True:
        i = special_before(src, i, end)
        if i == end:
            return escaped, beyond
        if src[i] < 128:
            i, escaped = i + 1, escaped + 1
        while i < end and src[i] >= 128:
            size = utf8_size(src, i)
            if size == 0 or i + size > end:
                return 0, -1
            i, beyond = i + size, 1


@entry
def load_texts(
    column: int, width: int, offsets: Longs, valid: Bytes, src: Bytes, at: int, rows: Table, cells: Table
) -> int:
    """Take texts that stand in `src` from `at` on, as `offsets` says; return the most bytes of their JSON."""
    need = 0
    for row in range(len(valid)):
        cell = row * width + column
        if not valid[row]:
            _set(cells, cell, 0, 0, 0)
            continue
        start, end = at + offsets[row] - offsets[0], at + offsets[row + 1] - offsets[0]
        escaped, beyond = _look(src, start, end)
        if beyond < 0:
            rows[row, VERDICT] = ASK
        _set(cells, cell, start, end, PRESENT + (escaped > 0) * ESCAPES + (beyond > 0) * BEYOND_ASCII)
        need += end - start + 5 * escaped
    return need


@entry
def load_integers(
    column: int, width: int, values: Longs, valid: Bytes, src: Bytes, at: int, rows: Table, cells: Table
) -> int:
    """Write integers; return where the next text goes, at most 20 bytes a value further."""
    for row in range(len(values)):
        cell, value, start = row * width + column, values[row], at
        if not valid[row]:
            _set(cells, cell, 0, 0, 0)
            continue
        if value == _SMALLEST:
            rows[row, VERDICT] = ASK
        elif value < 0:
            src[at] = 45
            at = write_integer(src, at + 1, -value)
        else:
            at = write_integer(src, at, value)
        _set(cells, cell, start, at, PRESENT)
    return at


@entry
def load_booleans(
    column: int, width: int, values: Bytes, valid: Bytes, src: Bytes, at: int, cells: Table
) -> int:
    """Write booleans; return where the next text goes, at most 5 bytes a value further."""
    for row in range(len(valid)):
        cell = row * width + column
        if not valid[row]:
            _set(cells, cell, 0, 0, 0)
            continue
        start = at
        put_word(src, at, TRUE if values[row] else FALSE)
        at += 4 if values[row] else 5
        _set(cells, cell, start, at, PRESENT)
    return at


@kernel
def _write_double(src: Bytes, at: int, size: float) -> int:
    """Write the digits of a number from 1e-4 up to 1e15; -1: it has more than six behind the point.

    A number of at most 15 digits is the shortest text of its double, as no two of them share one; that it is
    the double's says the quotient of two exact numbers.
    """
    scale, places = 1.0, 0
    units = int(size + 0.5)
    while units / scale != size:
        scale, places = scale * 10.0, places + 1
        units = int(size * scale + 0.5)
        if places > _MOST_PLACES or units >= _MOST_UNITS:
            return -1
    whole, part = units, 0
    if places:
        whole = units // int(scale)
        part = units - whole * int(scale)
    at = write_integer(src, at, whole)
    src[at] = 46
    return write_padded(src, at + 1, part, max(places, 1))


@entry
def load_doubles(
    column: int, width: int, values: Doubles, valid: Bytes, src: Bytes, at: int, cells: Table
) -> int:
    """Write numbers of few digits; return where the next text goes, at most 24 bytes a value further.

    -1: one is not of few digits, or has an exponent. `load_floats` can write them all then.
    """
    for row in range(len(values)):
        cell, value, start = row * width + column, values[row], at
        if not valid[row]:
            _set(cells, cell, 0, 0, 0)
            continue
        if not _LEAST <= abs(value) < _MOST_UNITS:
            return -1
        if value < 0:
            src[at] = 45
            at += 1
        at = _write_double(src, at, abs(value))
        if at < 0:
            return -1
        _set(cells, cell, start, at, PRESENT)
    return at


@entry
def load_floats(
    column: int, width: int, texts: Bytes, offsets: Longs, valid: Bytes, src: Bytes, at: int, cells: Table
) -> int:
    """Write numbers from their shortest digits, whole ones with `.0`; at most 2 bytes a value more."""
    for row in range(len(valid)):
        cell = row * width + column
        if not valid[row]:
            _set(cells, cell, 0, 0, 0)
            continue
        start, whole = at, True
        for k in range(offsets[row] - offsets[0], offsets[row + 1] - offsets[0]):
            whole = whole and texts[k] != 46
        at = copy(src, at, texts, offsets[row] - offsets[0], offsets[row + 1] - offsets[0])
        if whole:
            src[at], src[at + 1] = 46, 48
            at += 2
        _set(cells, cell, start, at, PRESENT)
    return at


@entry
def load_dates(
    column: int, width: int, days: Longs, valid: Bytes, src: Bytes, at: int, rows: Table, cells: Table
) -> int:
    """Write dates from days since 1970-01-01; return where the next text goes, 10 bytes a value further."""
    for row in range(len(days)):
        cell, start = row * width + column, at
        if not valid[row]:
            _set(cells, cell, 0, 0, 0)
            continue
        if days[row] < _FIRST_DAY or days[row] > _LAST_DAY:
            rows[row, VERDICT] = ASK
        else:
            at = write_date(src, at, days[row])
        _set(cells, cell, start, at, PRESENT)
    return at


@inlined
def _split(value: int, places: int) -> tuple[int, int]:
    """Return seconds and what is left; a division by what is known is a multiplication."""
    if places == 3:
        return value // 1000, value % 1000
    if places == 6:
        return value // 1_000_000, value % 1_000_000
    if places == 9:
        return value // 1_000_000_000, value % 1_000_000_000
    return value, 0


@entry
def load_timestamps(
    column: int,
    width: int,
    values: Longs,
    valid: Bytes,
    places: int,
    flags: int,
    src: Bytes,
    at: int,
    rows: Table,
    cells: Table,
) -> int:
    """Write RFC 3339 in UTC from units of 10 to the -`places` s since 1970-01-01T00:00:00Z.

    `places` is 0, 3, 6 or 9, `flags` are those of the cells. Returns where the next text goes, at most 30
    bytes a value further.
    """
    for row in range(len(values)):
        cell, start = row * width + column, at
        if not valid[row]:
            _set(cells, cell, 0, 0, 0)
            continue
        seconds, rest = _split(values[row], places)
        days = seconds // _DAY
        if days < _FIRST_DAY or days > _LAST_DAY:
            rows[row, VERDICT] = ASK
        else:
            at = write_date(src, at, days)
            src[at] = 84
            at = write_time(src, at + 1, seconds - days * _DAY, rest, places)
            src[at] = 90
            at += 1
        _set(cells, cell, start, at, flags)
    return at
