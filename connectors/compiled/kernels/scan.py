"""The first pass over a strip of rows: where they end, where their cells are, what of them is certain.

The grammar is that of `connectors.csv.rows`, byte by byte. `src` holds a block's `n` bytes, an LF behind them
so that every loop ends, and from `n + PADDING` on the texts of cells with doubled quotes, unquoted: as a
cell is written there at most once in a strip and is shorter than it was, `n` bytes of room suffice.
"""

# ruff: noqa: SIM109 - kernels have neither generators nor tuples to search

from __future__ import annotations

from connectors.compiled.kernels.chunks import copy, next_special, quote_before
from connectors.compiled.kernels.jit import entry, inlined, kernel
from connectors.compiled.kernels.layout import (
    ASK,
    BEYOND_ASCII,
    CELL_BYTES,
    CELL_END,
    CELL_START,
    CELLS,
    END,
    ESCAPES,
    FLAGS,
    KEY_IN,
    LINE,
    NO_KEY,
    OPEN,
    PADDING,
    START,
    VERDICT,
    Bytes,
    Longs,
    Table,
)
from connectors.compiled.kernels.texts import utf8_size

__all__ = ["scan_strip"]

_LF, _CR, _QUOTE, _ASCII_END = 10, 13, 34, 128


@inlined
def _skip_beyond(src: Bytes, i: int, beyond: int) -> tuple[int, int]:
    """Return where characters beyond ASCII end, and 1; -1 where one is none, or `beyond` was it."""
    while src[i] >= _ASCII_END:
        size = utf8_size(src, i)
        beyond = -1 if size == 0 or beyond < 0 else 1
        i += max(size, 1)
    return i, beyond


@kernel
def _undouble(src: Bytes, start: int, end: int, at: int) -> int:
    """Write a quoted text behind the block, one quote for two; return where it ends."""
    while True:
        quote = min(quote_before(src, start, end) + 1, end)
        at = copy(src, at, src, start, quote)
        if quote == end:
            return at
        start = quote + 1


@kernel
def _quoted_cell(
    src: Bytes, n: int, start: int, delimiter: int, spare: int
) -> tuple[int, int, int, int, int, int, int]:
    """Read the cell whose quote opens before `start`.

    Returns where its text starts and ends, where the cell ends, how many bytes need an escape, 1 if there
    are characters beyond ASCII (-1: the reference has to look), how many LFs there are, and `spare`.
    """
    i, escaped, beyond, lines, doubled = start, 0, 0, 0, 0
    while True:
        i = next_special(src, i, delimiter)
        byte = src[i]
        if byte >= _ASCII_END:
            i, beyond = _skip_beyond(src, i, beyond)
        elif byte == _QUOTE:
            if src[i + 1] != _QUOTE:
                break
            i, escaped, doubled = i + 2, escaped + 1, doubled + 1
        elif byte == _LF and i == n:
            return start, i, i, escaped, -1, lines, spare  # it does not close
        else:
            lines += byte == _LF
            escaped += byte < 32 or byte == 92
            i += 1
    end, i = i, i + 1
    if src[i] == _CR and src[i + 1] == _LF and i + 1 < n:
        i += 1
    while src[i] != delimiter and src[i] != _LF:
        i, beyond = i + 1, -1  # text after the closing quote
    if doubled == 0:
        return start, end, i, escaped, beyond, lines, spare
    return spare, _undouble(src, start, end, spare), i, escaped, beyond, lines, spare + end - start - doubled


@inlined
def _plain_cell(src: Bytes, i: int, delimiter: int) -> tuple[int, int, int]:
    """Return where an unquoted cell ends, how many bytes need an escape, and as `_skip_beyond` the rest."""
    escaped = beyond = 0
    while True:
        i = next_special(src, i, delimiter)
        byte = src[i]
        if byte == delimiter or byte == _LF:
            return i, escaped, beyond
        if byte >= _ASCII_END:
            i, beyond = _skip_beyond(src, i, beyond)
        else:
            i, escaped = i + 1, escaped + 1


@kernel
def _scan_row(
    src: Bytes, n: int, start: int, delimiter: int, width: int, cells: Table, first: int, spare: int
) -> tuple[int, int, int, int, int]:
    """Read one row into `cells`, `first` and on, but no more than `width` of them.

    Returns where the next row starts (`n + 1` where the last has no LF), how many cells there are, negative
    where the reference has to look, how many bytes need an escape, how many LFs there are, and `spare`.
    """
    i, found, escapes, lines, certain = start, 0, 0, 0, True
    while True:
        if src[i] == _QUOTE:
            s, e, i, escaped, beyond, inside, spare = _quoted_cell(src, n, i + 1, delimiter, spare)
            lines += inside
        else:
            s = i
            e, escaped, beyond = _plain_cell(src, i, delimiter)
            i = e
        last = src[i] == _LF
        if last and i < n and e > s and i == e and src[e - 1] == _CR:
            e, escaped = e - 1, escaped - 1
        certain = certain and beyond >= 0
        if found < width:
            cells[first + found, CELL_START], cells[first + found, CELL_END] = s, e
            cells[first + found, FLAGS] = (escaped > 0) * ESCAPES + (beyond > 0) * BEYOND_ASCII
        escapes += escaped
        found, i = found + 1, i + 1
        if last:
            return i, found if certain else -found, escapes, lines + (i <= n), spare


@entry
def scan_strip(
    src: Bytes, n: int, at: Longs, delimiter: int, width: int, limits: Longs, rows: Table, cells: Table
) -> int:
    """Read rows from `at` on, which is where the next are read and how many LFs are before; return how many.

    `limits`: the bytes that the values of all rows may take, those of a row beside its cells, those that a
    row may have in the file. A row whose values have no room ends the strip; if it is the first, the
    reference is asked for it.
    """
    pos, line = at[0], at[1]
    room, row_bytes, max_row_bytes = limits[0], limits[1], limits[2]
    spare, count, last = n + PADDING, 0, len(rows) - 1
    while pos < n and count <= last:
        if src[pos] == _LF:
            pos, line = pos + 1, line + 1
            continue
        if src[pos] == _CR and pos + 1 < n and src[pos + 1] == _LF:
            pos, line = pos + 2, line + 1
            continue
        after, found, escapes, lines, spare = _scan_row(
            src, n, pos, delimiter, width, cells, count * width, spare
        )
        certain = found > 0
        need = row_bytes + (after - pos) + 5 * escapes + CELL_BYTES * width
        if need > room and count > 0:
            break
        end = n if after > n else after - 1 - (after - 1 > pos and src[after - 2] == _CR)
        certain = certain and need <= room and end - pos <= max_row_bytes
        rows[count, START], rows[count, END], rows[count, LINE] = pos, end, line
        rows[count, CELLS], rows[count, KEY_IN] = abs(found), NO_KEY
        rows[count, VERDICT] = OPEN if certain else ASK
        room -= need
        count, pos, line = count + 1, min(after, n), line + lines
    at[0], at[1] = pos, line
    return count
