"""One cell into the JSON of its value, by the kind of its column."""

# ruff: noqa: SIM109 - kernels have neither generators nor tuples to search

from __future__ import annotations

from connectors.compiled.kernels.checks import check_boolean, check_number, check_text, text_in
from connectors.compiled.kernels.chunks import copy, no_digits, put_word, word_at
from connectors.compiled.kernels.jit import inlined, kernel
from connectors.compiled.kernels.layout import (
    ABSENT,
    BEYOND_ASCII,
    BOOLEAN,
    CHECKED,
    DECIMAL_POINT,
    EASY_FROM,
    EASY_TO,
    EMPTY,
    END_CHECK,
    ESCAPES,
    FIRST_CHECK,
    INTEGER,
    KIND,
    MISSING,
    NULL,
    NULL_MASK,
    NULL_SET,
    NULLABLE,
    NUMBER,
    PRESENT,
    STRING,
    TYPE_CHECK,
    WRITTEN,
    Bytes,
    Program,
    Table,
)
from connectors.compiled.kernels.numbers import parse_number, write_number
from connectors.compiled.kernels.texts import json_text, trim_left, trim_right
from connectors.compiled.kernels.tokens import FALSE, TRUE
from connectors.compiled.kernels.tokens import NULL as NULL_WORD
from connectors.compiled.kernels.vectors import CHUNK, first_bit

__all__ = ["write_null", "write_value"]

_LOWER = 0x2020202020202020
_TRUE_SIZE, _FALSE_SIZE = 4, 5


@inlined
def write_null(out: Bytes, at: int) -> int:
    put_word(out, at, NULL_WORD)
    return at + 4


@kernel
def _write_number(
    out: Bytes,
    at: int,
    src: Bytes,
    start: int,
    end: int,
    whole_only: bool,
    point: int,
    type_check: int,
    first: int,
    last: int,
    checks: Table,
    numbers: Table,
) -> tuple[int, int]:
    whole, negative, whole_end, part, part_end, exponent = parse_number(src, start, end, point, whole_only)
    if whole < 0:
        return at, type_check
    if whole_only and whole == whole_end:
        negative = False  # there is no minus zero among integers
    result = WRITTEN
    if first < last:
        result = check_number(
            src, whole, negative, whole_end, part, part_end, exponent, end, first, last, checks, numbers
        )
    at = write_number(out, at, src, whole, negative, whole_end, part, part_end, exponent, end)
    return at, result


@inlined
def _write_empty(out: Bytes, at: int, empty: int) -> tuple[int, int]:
    if empty == WRITTEN:
        out[at] = out[at + 1] = 34
        return at + 2, WRITTEN
    return at, empty


@inlined
def _write_string(
    out: Bytes, at: int, src: Bytes, start: int, end: int, flags: int, column: int, program: Program
) -> tuple[int, int]:
    columns, size = program.columns, end - start
    easy = not flags & BEYOND_ASCII and columns[column, EASY_FROM] <= size <= columns[column, EASY_TO]
    easy = easy or flags & CHECKED != 0
    first, last = columns[column, FIRST_CHECK], columns[column, END_CHECK]
    if first < last and not easy:
        failed = check_text(
            src,
            start,
            end,
            flags,
            first,
            last,
            program.checks,
            program.slots,
            program.member_at,
            program.members,
        )
        if failed != WRITTEN:
            return at, failed
    return json_text(out, at, src, start, end, flags & ESCAPES != 0), WRITTEN


@inlined
def _is_word(word: int, size: int, known: int, known_size: int) -> bool:
    """Whether a text, whose first bytes are `word`, is a known word in any case."""
    return size == known_size and (word | _LOWER) & ((1 << 8 * known_size) - 1) == known


@kernel
def _write_boolean(
    out: Bytes,
    at: int,
    src: Bytes,
    start: int,
    end: int,
    type_check: int,
    first: int,
    last: int,
    checks: Table,
) -> tuple[int, int]:
    word, size = word_at(src, start), end - start
    if _is_word(word, size, TRUE, _TRUE_SIZE) or (size == 1 and src[start] == 49):
        value = True
    elif _is_word(word, size, FALSE, _FALSE_SIZE) or (size == 1 and src[start] == 48):
        value = False
    else:
        return at, type_check
    put_word(out, at, TRUE if value else FALSE)
    return at + (_TRUE_SIZE if value else _FALSE_SIZE), check_boolean(value, first, last, checks)


@inlined
def _is_easy_number(src: Bytes, start: int, end: int, kind: int, point: int, least: int, most: int) -> bool:
    """Whether a text is a number that is written as it is, and all checks hold for it.

    That is digits without surplus zeros, as many as the checks are known to hold for, and then perhaps a
    point and more digits.
    """
    marks, size = no_digits(src, start), end - start
    whole = min(first_bit(marks), size)
    if whole == 0 or whole > most:
        return False
    if (whole > 1 or least > 0) if src[start] == 48 else whole < least:
        return False
    if whole == size:
        return True
    if kind == INTEGER or point != 46 or src[start + whole] != point or size > CHUNK:
        return False
    return bool(whole + 1 < size <= first_bit(marks & (marks - 1)))


@inlined
def write_value(
    out: Bytes, at: int, src: Bytes, start: int, end: int, flags: int, column: int, program: Program
) -> tuple[int, int]:
    """Write what a cell becomes; return the end of it and what it is.

    That is WRITTEN, NULL, ABSENT, DOUBTFUL, or the check that failed; then `out` up to there has the value as
    it was checked, if a number failed after its type.
    """
    columns, facts = program.columns, program.facts
    kind = columns[column, KIND]
    if flags & MISSING:
        return at, ABSENT
    if start == end and facts[NULL_MASK] < 0 and not flags & PRESENT:
        return _write_empty(out, at, columns[column, EMPTY])
    if kind == STRING and facts[NULL_MASK] < 0:
        return _write_string(out, at, src, start, end, flags, column, program)
    if facts[NULL_MASK] < 0 and (kind == INTEGER or kind == NUMBER):
        least, most = columns[column, EASY_FROM], columns[column, EASY_TO]
        if _is_easy_number(src, start, end, kind, facts[DECIMAL_POINT], least, most):
            return copy(out, at, src, start, end), WRITTEN
    first, last = trim_left(src, start, end), end
    last = trim_right(src, first, end)
    if facts[NULL_MASK] >= 0 and text_in(
        src, first, last, facts[NULL_SET], facts[NULL_MASK], program.slots, program.member_at, program.members
    ):
        return at, NULL if columns[column, NULLABLE] else ABSENT
    if start == end or (first == last and kind != STRING):
        return _write_empty(out, at, columns[column, EMPTY])
    if kind == STRING:
        return _write_string(out, at, src, start, end, flags, column, program)
    if kind == BOOLEAN:
        return _write_boolean(
            out,
            at,
            src,
            first,
            last,
            columns[column, TYPE_CHECK],
            columns[column, FIRST_CHECK],
            columns[column, END_CHECK],
            program.checks,
        )
    return _write_number(
        out,
        at,
        src,
        first,
        last,
        kind == INTEGER,
        facts[DECIMAL_POINT],
        columns[column, TYPE_CHECK],
        columns[column, FIRST_CHECK],
        columns[column, END_CHECK],
        program.checks,
        program.numbers,
    )
