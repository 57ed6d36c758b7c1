"""Values of Arrow columns as cells: their texts in `src`, one column of a strip after the other.

Each kernel fills column `column` of as many rows as there are values; `valid` is 0 where there is none. A
row with a value that has no such text is for the reference: ASK. The callers see to it that there is room.
"""

from __future__ import annotations

from connectors.compiled.kernels.chunks import copy, special_before
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
    Longs,
    Table,
)
from connectors.compiled.kernels.texts import utf8_size, write_integer
from connectors.compiled.kernels.tokens import FALSE, TRUE

__all__ = ["load_booleans", "load_dates", "load_floats", "load_integers", "load_texts", "load_timestamps"]

_DAY = 86_400
_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896
"""0001-01-01 and 9999-12-31 as days since 1970-01-01."""

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
        start, word = at, TRUE if values[row] else FALSE
        while word:
            src[at] = word & 255
            at, word = at + 1, word >> 8
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


@inlined
def _write_padded(src: Bytes, at: int, value: int, places: int) -> int:
    for k in range(places):
        src[at + places - 1 - k] = 48 + value % 10
        value //= 10
    return at + places


@kernel
def _write_date(src: Bytes, at: int, days: int) -> int:
    """Write `YYYY-MM-DD` of days since 1970-01-01, in years of 365.2425 days that start with March."""
    days += 719_468  # since 0000-03-01
    era = days // 146_097
    of_era = days - era * 146_097
    year = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153
    day = of_year - (153 * month + 2) // 5 + 1
    month = month + 3 if month < 10 else month - 9
    year += era * 400 + (month <= 2)
    at = _write_padded(src, at, year, 4)
    src[at] = 45
    at = _write_padded(src, at + 1, month, 2)
    src[at] = 45
    return _write_padded(src, at + 1, day, 2)


@kernel
def _write_time(src: Bytes, at: int, seconds: int, rest: int, per_second: int) -> int:
    """Write `hh:mm:ss` and the shortest of 0, 3, 6 and 9 digits that is exact."""
    at = _write_padded(src, at, seconds // 3600, 2)
    src[at] = 58
    at = _write_padded(src, at + 1, seconds // 60 % 60, 2)
    src[at] = 58
    at = _write_padded(src, at + 1, seconds % 60, 2)
    if rest == 0:
        return at
    src[at] = 46
    rest *= 1_000_000_000 // per_second
    places = 9
    while rest % 1000 == 0:
        rest, places = rest // 1000, places - 3
    return _write_padded(src, at + 1, rest, places)


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
            at = _write_date(src, at, days[row])
        _set(cells, cell, start, at, PRESENT)
    return at


@entry
def load_timestamps(
    column: int,
    width: int,
    values: Longs,
    valid: Bytes,
    per_second: int,
    src: Bytes,
    at: int,
    rows: Table,
    cells: Table,
) -> int:
    """Write RFC 3339 in UTC from units since 1970-01-01T00:00:00Z, of which a second has `per_second`.

    Returns where the next text goes, at most 30 bytes a value further.
    """
    for row in range(len(values)):
        cell, start = row * width + column, at
        if not valid[row]:
            _set(cells, cell, 0, 0, 0)
            continue
        seconds = values[row] // per_second
        days = seconds // _DAY
        if days < _FIRST_DAY or days > _LAST_DAY:
            rows[row, VERDICT] = ASK
        else:
            at = _write_date(src, at, days)
            src[at] = 84
            rest = values[row] - seconds * per_second
            at = _write_time(src, at + 1, seconds - days * _DAY, rest, per_second)
            src[at] = 90
            at += 1
        _set(cells, cell, start, at, PRESENT)
    return at
