"""The checks of a value after its type: `enum` and `const`, limits, lengths, formats."""

# ruff: noqa: SIM109 - kernels have neither generators nor tuples to search

from __future__ import annotations

from connectors.compiled.kernels.chunks import same, word_at
from connectors.compiled.kernels.formats import is_date, is_date_time, is_email, is_ipv4, is_time, is_uuid
from connectors.compiled.kernels.jit import inlined, merged
from connectors.compiled.kernels.layout import (
    ABOVE,
    BELOW,
    BEYOND_ASCII,
    BOOLEAN_SET,
    DATE,
    DATE_TIME,
    DOUBTFUL,
    EMAIL,
    EXPONENT,
    FIRST,
    HASH_MASK,
    HASH_PRIME,
    HASH_START,
    IPV4,
    MAX_LENGTH,
    MAXIMUM,
    MIN_LENGTH,
    MINIMUM,
    MULTIPLE,
    NUMBER_SET,
    OPERATION,
    SECOND,
    TEXT_SET,
    TIME,
    UUID,
    WRITTEN,
    Bytes,
    Longs,
    Table,
)
from connectors.compiled.kernels.numbers import exact_value, exponent_fits, is_multiple
from connectors.compiled.kernels.texts import points

__all__ = ["check_boolean", "check_number", "check_text", "text_in"]


@inlined
def _hash(src: Bytes, start: int, end: int) -> int:
    value = HASH_START ^ (end - start)
    while start < end:
        word = word_at(src, start)
        if end - start < 8:
            word &= (1 << 8 * (end - start)) - 1
        value = (value ^ (word & HASH_MASK)) * HASH_PRIME & HASH_MASK
        value = (value ^ (value >> 15) ^ (word >> 32 & HASH_MASK)) * HASH_PRIME & HASH_MASK
        start += 8
    return value ^ value >> 15


@merged
def text_in(
    src: Bytes, start: int, end: int, first: int, mask: int, slots: Longs, member_at: Longs, members: Bytes
) -> bool:
    """Whether a text is in the set whose slots begin at `first`; one slot at least is free."""
    value = _hash(src, start, end)
    while True:
        member = slots[first + (value & mask)]
        if member < 0:
            return False
        size = member_at[member + 1] - member_at[member]
        if size == end - start and same(src, start, members, member_at[member], size):
            return True
        value = (value + 1) & HASH_MASK


@inlined
def _has_format(src: Bytes, start: int, end: int, operation: int) -> bool:
    if operation == DATE_TIME:
        return is_date_time(src, start, end)
    if operation == DATE:
        return is_date(src, start, end)
    if operation == TIME:
        return is_time(src, start, end)
    if operation == UUID:
        return is_uuid(src, start, end)
    if operation == EMAIL:
        return is_email(src, start, end)
    assert operation == IPV4
    return is_ipv4(src, start, end)


@merged
def check_text(
    src: Bytes,
    start: int,
    end: int,
    flags: int,
    first: int,
    last: int,
    checks: Table,
    slots: Longs,
    member_at: Longs,
    members: Bytes,
) -> int:
    """Return WRITTEN, or the check that a string fails first."""
    for check in range(first, last):
        operation = checks[check, OPERATION]
        if operation == TEXT_SET:
            holds = text_in(
                src,
                start,
                end,
                checks[check, FIRST],
                checks[check, SECOND],
                slots,
                member_at,
                members,
            )
        elif operation == MIN_LENGTH or operation == MAX_LENGTH:
            length = points(src, start, end) if flags & BEYOND_ASCII else end - start
            limit = checks[check, FIRST]
            holds = length >= limit if operation == MIN_LENGTH else length <= limit
        else:
            holds = _has_format(src, start, end, operation)
        if not holds:
            return check
    return WRITTEN


@inlined
def _number_holds(a: int, b: int, operation: int, first: int, second: int, numbers: Table) -> int:
    """Whether an exact value meets a check: 1 or 0; -1: it cannot be told."""
    if operation == MULTIPLE:
        return is_multiple(a, b, first, second)
    if operation == NUMBER_SET:
        for k in range(first, second):
            if numbers[k, 0] == a and numbers[k, 1] == b:
                return 1
        return 0
    less = a < first or (a == first and b < second)
    same = a == first and b == second
    if operation == MINIMUM:
        return int(not less)
    if operation == ABOVE:
        return int(not less and not same)
    if operation == MAXIMUM:
        return int(less or same)
    assert operation == BELOW
    return int(less)


@inlined
def check_number(
    src: Bytes,
    whole: int,
    negative: bool,
    whole_end: int,
    part: int,
    part_end: int,
    exponent: int,
    end: int,
    first: int,
    last: int,
    checks: Table,
    numbers: Table,
) -> int:
    """Return WRITTEN, the check that a parsed number fails first, or DOUBTFUL."""
    if first == last:
        return WRITTEN
    fits, a, b = exact_value(src, whole, negative, whole_end, part, part_end)
    for check in range(first, last):
        operation = checks[check, OPERATION]
        if operation == EXPONENT:
            if exponent < end and not exponent_fits(src, exponent, end):
                return check
            continue
        if exponent < end or not fits:
            return DOUBTFUL
        holds = _number_holds(a, b, operation, checks[check, FIRST], checks[check, SECOND], numbers)
        if holds < 0:
            return DOUBTFUL
        if holds == 0:
            return check
    return WRITTEN


@inlined
def check_boolean(value: bool, first: int, last: int, checks: Table) -> int:
    """Return WRITTEN, or the check that a boolean fails."""
    for check in range(first, last):
        assert checks[check, OPERATION] == BOOLEAN_SET
        if not checks[check, FIRST] & (2 if value else 1):
            return check
    return WRITTEN
