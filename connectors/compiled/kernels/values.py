"""One cell into the JSON of its value, by the kind of its column."""

# ruff: noqa: SIM102, SIM110 - kernels have neither generators nor tuples to search

from __future__ import annotations

import numpy as np

from connectors.compiled.kernels.checks import check_boolean, check_number, check_text, text_in
from connectors.compiled.kernels.chunks import copy
from connectors.compiled.kernels.jit import inlined, kernel
from connectors.compiled.kernels.layout import (
    ABSENT,
    BOOLEAN,
    DECIMAL_POINT,
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

__all__ = ["write_null", "write_value"]

_WORDS = np.frombuffer(b"nulltruefalse", np.uint8).copy()
_NULL, _TRUE, _FALSE, _END = 0, 4, 8, 13


@inlined
def _write_word(out: Bytes, at: int, word: int, word_end: int) -> int:
    for k in range(word, word_end):
        out[at + k - word] = _WORDS[k]
    return at + word_end - word


@inlined
def write_null(out: Bytes, at: int) -> int:
    return _write_word(out, at, _NULL, _TRUE)


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
    first, last = program.columns[column, FIRST_CHECK], program.columns[column, END_CHECK]
    if first < last:
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
def _is_word(src: Bytes, start: int, end: int, word: int, word_end: int) -> bool:
    """Whether a text is a word of `_WORDS`, in any case."""
    if end - start != word_end - word:
        return False
    for k in range(end - start):
        if src[start + k] | 32 != _WORDS[word + k]:
            return False
    return True


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
    one = end - start == 1
    if (one and src[start] == 49) or _is_word(src, start, end, _TRUE, _FALSE):
        value = True
    elif (one and src[start] == 48) or _is_word(src, start, end, _FALSE, _END):
        value = False
    else:
        return at, type_check
    result = check_boolean(value, first, last, checks)
    return _write_word(out, at, _TRUE if value else _FALSE, _FALSE if value else _END), result


@inlined
def _is_plain_integer(src: Bytes, start: int, end: int) -> bool:
    """Whether a text is digits alone, the first of them no zero: what most integers are."""
    if src[start] == 48:
        return False
    for k in range(start, end):
        if not 48 <= src[k] <= 57:
            return False
    return True


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
    if kind == INTEGER and columns[column, FIRST_CHECK] == columns[column, END_CHECK]:
        if _is_plain_integer(src, first, last):
            return copy(out, at, src, first, last), WRITTEN
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
