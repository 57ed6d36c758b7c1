"""The first pass over a strip of NDJSON: where lines end, where the values of their members are.

The grammar is that of RFC 8259, for lines that are objects whose members come in the order of the columns;
some may be missing. Every other line is for the reference: ASK. `src` is as `scan_strip` has it, the strings
without their escapes stand behind the block.
"""

from __future__ import annotations

from connectors.compiled.kernels.chunks import same
from connectors.compiled.kernels.jit import entry, inlined, kernel
from connectors.compiled.kernels.layout import (
    ASK,
    BEYOND_ASCII,
    BOOLEAN,
    CELL_BYTES,
    CELL_END,
    CELL_START,
    CELLS,
    END,
    ESCAPES,
    FLAGS,
    INTEGER,
    KEY_IN,
    KIND,
    LINE,
    MISSING,
    NO_KEY,
    NUMBER,
    OPEN,
    PADDING,
    PRESENT,
    SIDE,
    START,
    STRING,
    VERDICT,
    Bytes,
    Longs,
    Pieces,
    Table,
)
from connectors.compiled.kernels.tokens import (
    FALSE,
    NULL,
    TRUE,
    number_end,
    skip_space,
    string_end,
    unescape,
    value_end,
    word_end,
)

__all__ = ["scan_lines"]

_LF, _CR, _QUOTE, _COLON, _COMMA, _OPEN, _CLOSE = 10, 13, 34, 58, 44, 123, 125


@inlined
def _set(cells: Table, cell: int, start: int, end: int, flags: int) -> None:
    cells[cell, CELL_START], cells[cell, CELL_END], cells[cell, FLAGS] = start, end, flags


@kernel
def _read_value(src: Bytes, i: int, kind: int, cells: Table, cell: int, spare: int) -> tuple[int, int]:
    """Read a member's value into its cell; return where it ends (-1: ASK) and `spare`."""
    if kind == SIDE:
        end = value_end(src, i)
        _set(cells, cell, i, end, 0)
        return end, spare
    byte = src[i]
    if byte == 110:
        _set(cells, cell, 0, 0, 0)
        return word_end(src, i, NULL), spare
    if kind == STRING:
        if byte != _QUOTE:
            return -1, spare
        end, escapes, hexadecimal, beyond = string_end(src, i + 1)
        if end < 0 or hexadecimal:
            return -1, spare
        flags = PRESENT + (escapes > 0) * ESCAPES + beyond * BEYOND_ASCII
        if escapes == 0:
            _set(cells, cell, i + 1, end, flags)
            return end + 1, spare
        after = unescape(src, i + 1, end, spare)
        _set(cells, cell, spare, after, flags)
        return end + 1, after
    if kind == BOOLEAN:
        end = word_end(src, i, TRUE if byte == 116 else FALSE)
        _set(cells, cell, i, end, PRESENT)
        return end, spare
    end, whole = number_end(src, i)
    _set(cells, cell, i, end, PRESENT)
    if (kind == INTEGER and not whole) or (kind != INTEGER and kind != NUMBER):
        return -1, spare
    return end, spare


@inlined
def _is_name(src: Bytes, n: int, i: int, names: Pieces, column: int) -> bool:
    """Whether the name of a column stands at `i`, and its quote behind it."""
    start = names.at[column]
    size = names.at[column + 1] - start
    return bool(i + size < n and src[i + size] == _QUOTE and same(src, i, names.text, start, size))


@kernel
def _scan_object(
    src: Bytes, n: int, i: int, columns: Table, names: Pieces, cells: Table, first: int, spare: int
) -> tuple[int, bool, int]:
    """Read one line into `cells`; return where to go on to its end, whether all is certain, and `spare`."""
    width = len(names.at) - 1
    column = 0
    i = skip_space(src, i)
    if src[i] != _OPEN:
        return i, False, spare
    i = skip_space(src, i + 1)
    ended = src[i] == _CLOSE
    while not ended:
        if src[i] != _QUOTE:
            return i, False, spare
        while column < width and not _is_name(src, n, i + 1, names, column):
            _set(cells, first + column, 0, 0, MISSING)
            column += 1
        if column == width:
            return i, False, spare
        colon = skip_space(src, i + 2 + names.at[column + 1] - names.at[column])
        if src[colon] != _COLON:
            return i, False, spare
        value = skip_space(src, colon + 1)
        end, spare = _read_value(src, value, columns[column, KIND], cells, first + column, spare)
        if end < 0:
            return value, False, spare
        column += 1
        i = skip_space(src, end)
        ended = src[i] == _CLOSE
        if not ended:
            if src[i] != _COMMA:
                return i, False, spare
            i = skip_space(src, i + 1)
    while column < width:
        _set(cells, first + column, 0, 0, MISSING)
        column += 1
    i = skip_space(src, i + 1)
    return i, bool(src[i] == _LF), spare


@entry
def scan_lines(
    src: Bytes,
    n: int,
    at: Longs,
    names: Pieces,
    columns: Table,
    limits: Longs,
    rows: Table,
    cells: Table,
) -> int:
    """Read lines from `at` on, as `scan_strip` does rows. `names` are the columns', as JSON has them."""
    pos, line = at[0], at[1]
    room, row_bytes, max_row_bytes = limits[0], limits[1], limits[2]
    width = len(names.at) - 1
    spare, count, last = n + PADDING, 0, len(rows) - 1
    while pos < n and count <= last:
        if src[pos] == _LF:
            pos, line = pos + 1, line + 1
            continue
        if src[pos] == _CR and pos + 1 < n and src[pos + 1] == _LF:
            pos, line = pos + 2, line + 1
            continue
        i, certain, spare = _scan_object(src, n, pos, columns, names, cells, count * width, spare)
        while src[i] != _LF:
            i += 1
        after = i + 1
        need = row_bytes + (after - pos) + CELL_BYTES * width
        if need > room and count > 0:
            break
        end = n if after > n else after - 1 - (after - 1 > pos and src[after - 2] == _CR)
        certain = certain and need <= room and end - pos <= max_row_bytes
        rows[count, START], rows[count, END], rows[count, LINE] = pos, end, line
        rows[count, CELLS], rows[count, KEY_IN] = width, NO_KEY
        rows[count, VERDICT] = OPEN if certain else ASK
        room -= need
        count, pos, line = count + 1, min(after, n), line + (after <= n)
    at[0], at[1] = pos, line
    return count
