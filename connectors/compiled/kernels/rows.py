"""The second pass over a strip: cells into the JSON of rows, their keys, and what is wrong with others."""

from __future__ import annotations

from connectors.compiled.kernels.chunks import copy
from connectors.compiled.kernels.jit import entry, inlined
from connectors.compiled.kernels.layout import (
    ABSENT,
    ASK,
    BEYOND_ASCII,
    CELL_END,
    CELL_START,
    CELLS,
    CHECK,
    COUNT,
    COUNT_CHECK,
    DOUBTFUL,
    END,
    ERROR_END,
    ERROR_START,
    EXPONENT,
    FLAGS,
    HEADER_BYTES,
    KEY_COLUMN,
    KEY_END,
    KEY_FIXED,
    KEY_IN,
    KEY_IN_OUT,
    KEY_IN_PROGRAM,
    KEY_IN_SOURCE,
    KEY_START,
    KIND,
    MAX_ERRORS,
    MAX_LENGTH,
    MAX_REJECTED_ROW,
    MAX_ROW,
    MAX_SHOWN,
    MIN_LENGTH,
    MISSING,
    MULTIPLE,
    NAME_END,
    NAME_START,
    NO_KEY,
    NULL,
    OPEN,
    OPERATION,
    RECORD,
    REJECT,
    ROW_HEADER,
    SIDE,
    SLACK,
    START,
    STRING,
    TEXT_END,
    TEXT_START,
    UNKNOWN,
    VALUE_END,
    VALUE_START,
    VERDICT,
    WIDTH,
    WRITTEN,
    Bytes,
    Longs,
    Program,
    Table,
)
from connectors.compiled.kernels.texts import digits, head_of, points
from connectors.compiled.kernels.values import write_null, write_value

__all__ = ["convert_rows"]


@inlined
def _require(cells: Table, first: int, errors: Table, found: int, text: int, required: Table) -> int:
    """Add the errors of required columns that are left out, in the schema's order."""
    for k in range(len(required)):
        if cells[first + required[k, 0], FLAGS] == MISSING:
            errors[found, CHECK] = required[k, 1]
            errors[found, TEXT_START] = errors[found, TEXT_END] = text
            found += 1
    return found


@inlined
def _measured(rows: Table, row: int, number: int, size: int, facts: Longs) -> int:
    """Return the verdict on a row without errors, by the size of its record."""
    if rows[row, KEY_IN] != NO_KEY:
        size += rows[row, KEY_END] - rows[row, KEY_START]
    size += facts[HEADER_BYTES]
    if facts[ROW_HEADER]:
        size += digits(number)
    return RECORD if size <= facts[MAX_ROW] else ASK


@inlined
def _rejected(rows: Table, row: int, errors: int, facts: Longs) -> int:
    """Return the verdict on a row with errors: the reference cuts what is too long."""
    short = rows[row, END] - rows[row, START] <= MAX_REJECTED_ROW
    return REJECT if short and errors <= facts[MAX_ERRORS] else ASK


@inlined
def _write_side(out: Bytes, at: int, side: Bytes, start: int, end: int, flags: int) -> tuple[int, int]:
    if flags & UNKNOWN:
        return at, DOUBTFUL
    if flags & MISSING:
        return at, ABSENT
    return copy(out, at, side, start, end), WRITTEN


@inlined
def _set_key(rows: Table, row: int, string: bool, first: int, last: int, value: int, after: int) -> None:
    """The key is the text of a string, or what is written of another value."""
    rows[row, KEY_IN] = KEY_IN_SOURCE if string else KEY_IN_OUT
    rows[row, KEY_START] = first if string else value
    rows[row, KEY_END] = last if string else after


@inlined
def _shows_cell(operation: int) -> bool:
    """Whether an error shows the cell as it stands; other errors of numbers show what would be written."""
    return not EXPONENT <= operation <= MULTIPLE


@inlined
def _length(operation: int, src: Bytes, start: int, end: int, flags: int) -> int:
    if operation != MIN_LENGTH and operation != MAX_LENGTH:
        return 0
    return points(src, start, end) if flags & BEYOND_ASCII else end - start


@inlined
def _convert_row(
    row: int,
    number: int,
    src: Bytes,
    side: Bytes,
    rows: Table,
    cells: Table,
    out: Bytes,
    start: int,
    errors: Table,
    found: int,
    texts: Bytes,
    text: int,
    program: Program,
) -> tuple[int, int, int, int]:
    """Return the verdict, and where the value, the errors and their texts end."""
    facts, columns, literals = program.facts, program.columns, program.literals
    width, before, at, missing = facts[WIDTH], found, start, False
    if rows[row, CELLS] != width:
        errors[found, CHECK], errors[found, COUNT] = facts[COUNT_CHECK], rows[row, CELLS]
        errors[found, TEXT_START] = errors[found, TEXT_END] = text
        return _rejected(rows, row, 1, facts), at, found + 1, text
    for column in range(width):
        cell = row * width + column
        first, last, flags = cells[cell, CELL_START], cells[cell, CELL_END], cells[cell, FLAGS]
        name, name_end = columns[column, NAME_START], columns[column, NAME_END]
        value = copy(out, at, literals, name, name_end)
        if columns[column, KIND] == SIDE:
            after, result = _write_side(out, value, side, first, last, flags)
        else:
            after, result = write_value(out, value, src, first, last, flags, column, program)
        if result == NULL:
            at = write_null(out, value)
        elif result == WRITTEN:
            at = after
            if column == facts[KEY_COLUMN] and columns[column, KIND] != SIDE:
                string = columns[column, KIND] == STRING or first == last  # nothing is an empty string here
                _set_key(rows, row, string, first, last, value, after)
        elif result == ABSENT:
            cells[cell, FLAGS] = MISSING
            missing = True
        elif result == DOUBTFUL:
            return ASK, start, before, text
        else:
            errors[found, CHECK], errors[found, TEXT_START] = result, text
            if _shows_cell(program.checks[result, OPERATION]):
                text = copy(texts, text, src, first, head_of(src, first, last, facts[MAX_SHOWN]))
            else:
                text = copy(texts, text, out, value, head_of(out, value, after, facts[MAX_SHOWN]))
            errors[found, TEXT_END] = text
            errors[found, COUNT] = _length(program.checks[result, OPERATION], src, first, last, flags)
            found += 1
    if missing:
        found = _require(cells, row * width, errors, found, text, program.required)
    if found > before:
        return _rejected(rows, row, found - before, facts), start, found, text
    tail, tail_end = columns[width, NAME_START], columns[width, NAME_END]
    if at == start and tail_end - tail == 1:
        at += 1  # all columns are left out
    at = copy(out, at, literals, tail, tail_end)
    out[start] = 123  # in place of the first comma
    return _measured(rows, row, number, at - start, facts), at, found, text


@entry
def convert_rows(
    count: int,
    first_row: int,
    src: Bytes,
    side: Bytes,
    rows: Table,
    cells: Table,
    out: Bytes,
    errors: Table,
    texts: Bytes,
    program: Program,
) -> None:
    """Convert the OPEN rows of a strip; `first_row` is the number of its first.

    There is room: `scan_strip` counted the most bytes that the values may take, each value that an error
    shows is no longer than that of its cell, and a cell has at most one error.
    """
    at = found = text = 0
    for row in range(count):
        if rows[row, VERDICT] != OPEN:
            continue
        rows[row, ERROR_START] = found
        if program.facts[KEY_FIXED]:
            rows[row, KEY_IN] = KEY_IN_PROGRAM
            rows[row, KEY_START], rows[row, KEY_END] = 0, len(program.key) - SLACK
        verdict, after, last, text_after = _convert_row(
            row, first_row + row, src, side, rows, cells, out, at, errors, found, texts, text, program
        )
        rows[row, VERDICT] = verdict
        rows[row, VALUE_START], rows[row, VALUE_END] = at, after
        if verdict == RECORD:
            at = after
        elif verdict == REJECT:
            found, text = last, text_after
        rows[row, ERROR_END] = found
