"""The first pass over a strip of NDJSON: where lines end, where the values of their members are.

The grammar is that of RFC 8259, for lines that are objects whose members come in the order of the columns;
some may be missing. Every other line is for the reference: ASK. `src` is as `scan_strip` has it, the strings
without their escapes stand behind the block.
"""

# ruff: noqa: SIM109 - kernels have neither generators nor tuples to search

from __future__ import annotations

from connectors.compiled.kernels.chunks import copy, next_special
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
from connectors.compiled.kernels.texts import equal, utf8_size

__all__ = ["scan_lines"]

_TAB, _LF, _CR, _SPACE, _QUOTE, _BACKSLASH, _COLON, _COMMA = 9, 10, 13, 32, 34, 92, 58, 44
_OPEN, _CLOSE, _OPEN_LIST, _CLOSE_LIST = 123, 125, 91, 93
_TRUE, _FALSE, _NULL = 0x65757274, 0x65736C6166, 0x6C6C756E
"""The words, their first letter in the lowest byte."""


@inlined
def _skip_space(src: Bytes, i: int) -> int:
    while src[i] == _SPACE or src[i] == _TAB or src[i] == _CR:
        i += 1
    return i


@inlined
def _is_digit(byte: int) -> bool:
    return 48 <= byte <= 57


@kernel
def _number_end(src: Bytes, i: int) -> tuple[int, bool]:
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
def _word_end(src: Bytes, i: int, word: int) -> int:
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
def _string_end(src: Bytes, i: int) -> tuple[int, int, bool, bool]:
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
def _unescape(src: Bytes, start: int, end: int, at: int) -> int:
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
            i, _, _, _ = _string_end(src, i + 1)
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


@inlined
def _set(cells: Table, cell: int, start: int, end: int, flags: int) -> None:
    cells[cell, CELL_START], cells[cell, CELL_END], cells[cell, FLAGS] = start, end, flags


@kernel
def _side_value(src: Bytes, i: int) -> int:
    """Return where a value ends that the reference will read, -1: that is not known."""
    byte = src[i]
    if byte == _QUOTE:
        end, _, _, _ = _string_end(src, i + 1)
        return end + 1 if end >= 0 else -1
    if byte == _OPEN or byte == _OPEN_LIST:
        return _nested_end(src, i)
    if byte == 116:
        return _word_end(src, i, _TRUE)
    if byte == 102:
        return _word_end(src, i, _FALSE)
    if byte == 110:
        return _word_end(src, i, _NULL)
    end, _ = _number_end(src, i)
    return end


@kernel
def _read_value(src: Bytes, i: int, kind: int, cells: Table, cell: int, spare: int) -> tuple[int, int]:
    """Read a member's value into its cell; return where it ends (-1: ASK) and `spare`."""
    if kind == SIDE:
        end = _side_value(src, i)
        _set(cells, cell, i, end, 0)
        return end, spare
    byte = src[i]
    if byte == 110:
        _set(cells, cell, 0, 0, 0)
        return _word_end(src, i, _NULL), spare
    if kind == STRING:
        if byte != _QUOTE:
            return -1, spare
        end, escapes, hexadecimal, beyond = _string_end(src, i + 1)
        if end < 0 or hexadecimal:
            return -1, spare
        flags = PRESENT + (escapes > 0) * ESCAPES + beyond * BEYOND_ASCII
        if escapes == 0:
            _set(cells, cell, i + 1, end, flags)
            return end + 1, spare
        after = _unescape(src, i + 1, end, spare)
        _set(cells, cell, spare, after, flags)
        return end + 1, after
    if kind == BOOLEAN:
        end = _word_end(src, i, _TRUE if byte == 116 else _FALSE)
        _set(cells, cell, i, end, PRESENT)
        return end, spare
    end, whole = _number_end(src, i)
    _set(cells, cell, i, end, PRESENT)
    if (kind == INTEGER and not whole) or (kind != INTEGER and kind != NUMBER):
        return -1, spare
    return end, spare


@inlined
def _is_name(src: Bytes, n: int, i: int, names: Pieces, column: int) -> bool:
    """Whether the name of a column stands at `i`, and its quote behind it."""
    start = names.at[column]
    size = names.at[column + 1] - start
    return bool(i + size < n and src[i + size] == _QUOTE and equal(src, i, names.text, start, size))


@kernel
def _scan_object(
    src: Bytes, n: int, i: int, columns: Table, names: Pieces, cells: Table, first: int, spare: int
) -> tuple[int, bool, int]:
    """Read one line into `cells`; return where to go on to its end, whether all is certain, and `spare`."""
    width = len(names.at) - 1
    column = 0
    i = _skip_space(src, i)
    if src[i] != _OPEN:
        return i, False, spare
    i = _skip_space(src, i + 1)
    ended = src[i] == _CLOSE
    while not ended:
        if src[i] != _QUOTE:
            return i, False, spare
        while column < width and not _is_name(src, n, i + 1, names, column):
            _set(cells, first + column, 0, 0, MISSING)
            column += 1
        if column == width:
            return i, False, spare
        colon = _skip_space(src, i + 2 + names.at[column + 1] - names.at[column])
        if src[colon] != _COLON:
            return i, False, spare
        value = _skip_space(src, colon + 1)
        end, spare = _read_value(src, value, columns[column, KIND], cells, first + column, spare)
        if end < 0:
            return value, False, spare
        column += 1
        i = _skip_space(src, end)
        ended = src[i] == _CLOSE
        if not ended:
            if src[i] != _COMMA:
                return i, False, spare
            i = _skip_space(src, i + 1)
    while column < width:
        _set(cells, first + column, 0, 0, MISSING)
        column += 1
    i = _skip_space(src, i + 1)
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
