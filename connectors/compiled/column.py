"""What a kernel can do of one column: its type, and its checks in the order in which they report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from connectors.api import RowError
from connectors.compiled.kernels import layout
from connectors.model import ColumnRule, JsonType
from connectors.model.exact import to_decimal
from connectors.model.formats import FORMATS
from connectors.model.messages import failure

__all__ = ["COUNT_MARK", "VALUE_MARK", "CheckPlan", "ColumnPlan", "plan_column", "type_check"]

VALUE_MARK = "\0value\0"
COUNT_MARK = "\0count\0"
"""Stand in a check's message for the value that it shows and the integer that it names."""

_MOST = 10**layout.PLACES
_MAX_DIGITS = 60
_MAX_MESSAGE = 500
_NEVER = (1, 0)
_KINDS = {
    JsonType.STRING: layout.STRING,
    JsonType.INTEGER: layout.INTEGER,
    JsonType.NUMBER: layout.NUMBER,
    JsonType.BOOLEAN: layout.BOOLEAN,
}
_LIMITS = {
    "minimum": layout.MINIMUM,
    "exclusiveMinimum": layout.ABOVE,
    "maximum": layout.MAXIMUM,
    "exclusiveMaximum": layout.BELOW,
}
_LENGTHS = {"minLength": layout.MIN_LENGTH, "maxLength": layout.MAX_LENGTH}
_FORMATS = {
    "date": layout.DATE,
    "date-time": layout.DATE_TIME,
    "time": layout.TIME,
    "uuid": layout.UUID,
    "email": layout.EMAIL,
    "ipv4": layout.IPV4,
}


@dataclass(frozen=True, slots=True)
class CheckPlan:
    """One check: its operation, its limits, the members of its set, and its error with marks in it."""

    operation: int
    error: RowError
    first: int = 0
    second: int = 0
    texts: tuple[bytes, ...] = ()
    numbers: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class ColumnPlan:
    """One column: SIDE without checks where the reference has to read its cells."""

    kind: int
    checks: tuple[CheckPlan, ...] = ()

    def easy_sizes(self) -> tuple[int, int]:
        """Return the sizes between which all checks hold, as the table of columns has them."""
        if self.kind == layout.STRING:
            return _easy_lengths(self.checks)
        if self.kind in (layout.INTEGER, layout.NUMBER):
            return _easy_digits(self.checks, whole_only=self.kind == layout.INTEGER)
        return _NEVER


def _easy_lengths(checks: Sequence[CheckPlan]) -> tuple[int, int]:
    least, most = 0, _MOST
    for check in checks:
        if check.operation == layout.MIN_LENGTH:
            least = max(least, check.first)
        elif check.operation == layout.MAX_LENGTH:
            most = min(most, check.first)
        else:
            return _NEVER
    return least, most


def _easy_digits(checks: Sequence[CheckPlan], *, whole_only: bool) -> tuple[int, int]:
    sizes = [
        size
        for size in range(layout.MAX_EASY + 1)
        if all(_holds_for_digits(check, size, whole_only) for check in checks)
    ]
    return (sizes[0], sizes[-1]) if sizes else _NEVER


def _holds_for_digits(check: CheckPlan, size: int, whole_only: bool) -> bool:
    """Whether a check holds for all positive numbers with so many digits before the fraction."""
    least = 10 ** (size - 1) * _MOST if size else 0
    most = 10**size * _MOST - (_MOST if whole_only else 1)  # a fraction may come as close as it likes
    limit = check.first * _MOST + check.second
    holds: dict[int, bool] = {
        layout.EXPONENT: True,
        layout.MINIMUM: limit <= least,
        layout.ABOVE: limit < least,
        layout.MAXIMUM: most <= limit if whole_only else most < limit,
        layout.BELOW: most < limit,
    }
    return holds.get(check.operation, False)


class _NotCoveredError(Exception):
    """The kernel has no such check."""


def plan_column(rule: ColumnRule) -> ColumnPlan:
    """Return the plan of a column's rule, which knows the decimal sign of its file."""
    if len(rule.types) != 1 or rule.types[0] not in _KINDS:
        return ColumnPlan(layout.SIDE)
    [type] = rule.types
    try:
        checks = (*_membership(rule, type), *_checks(rule, type))
    except _NotCoveredError:
        return ColumnPlan(layout.SIDE)
    if any(len(check.error.message) > _MAX_MESSAGE for check in checks):
        return ColumnPlan(layout.SIDE)
    return ColumnPlan(_KINDS[type], checks)


def type_check(rule: ColumnRule) -> CheckPlan:
    return CheckPlan(layout.TYPE, rule.wrong_type(VALUE_MARK))


def _error(rule: ColumnRule, name: str, **values: object) -> RowError:
    return RowError(rule.name, *failure(name, **values))


def _membership(rule: ColumnRule, type: JsonType) -> Iterator[CheckPlan]:
    allowed = rule.shape.allowed(type)
    if allowed is None:
        return
    error = _error(rule, "enum", value=VALUE_MARK, allowed=rule.allowed)
    members: list[Any] = [member for member in allowed if isinstance(member, tuple)]
    if type is JsonType.STRING:
        texts = [_utf8(value) for tag, value in members if tag == "string"]
        yield CheckPlan(layout.TEXT_SET, error, texts=tuple(text for text in texts if text is not None))
    elif type is JsonType.BOOLEAN:
        mask = sum(1 << value for tag, value in members if tag == "literal" and value is not None)
        yield CheckPlan(layout.BOOLEAN_SET, error, mask)
    else:
        # a member that is not exact here equals no value that is
        numbers = [_exact(value) for tag, value in members if tag == "number"]
        yield CheckPlan(layout.NUMBER_SET, error, numbers=tuple(n for n in numbers if n is not None))


def _utf8(text: str) -> bytes | None:
    try:
        return text.encode()
    except UnicodeEncodeError:  # half a character, which no cell has
        return None


def _checks(rule: ColumnRule, type: JsonType) -> Iterator[CheckPlan]:
    rules = list(rule.shape.rules(type))
    if type is JsonType.STRING:
        yield from _text_checks(rule, rules)
    elif type is not JsonType.BOOLEAN:
        if type is JsonType.NUMBER:
            yield CheckPlan(layout.EXPONENT, _error(rule, "exponent", value=VALUE_MARK))
        yield from _number_checks(rule, rules)


def _text_checks(rule: ColumnRule, rules: Sequence[dict[str, Any]]) -> Iterator[CheckPlan]:
    for keyword, operation in _LENGTHS.items():
        for value in _values(rules, keyword):
            limit = int(value)
            error = _error(rule, keyword, value=VALUE_MARK, limit=limit, length=COUNT_MARK)
            yield CheckPlan(operation, error, min(limit, _MOST))
    if any(_values(rules, "pattern")):
        raise _NotCoveredError
    for name in _values(rules, "format"):
        if name in FORMATS:
            if name not in _FORMATS:
                raise _NotCoveredError
            yield CheckPlan(_FORMATS[name], _error(rule, "format", value=VALUE_MARK, limit=name))


def _number_checks(rule: ColumnRule, rules: Sequence[dict[str, Any]]) -> Iterator[CheckPlan]:
    for keyword, operation in _LIMITS.items():
        for value in _values(rules, keyword):
            limit = to_decimal(value)
            yield CheckPlan(operation, _error(rule, keyword, value=VALUE_MARK, limit=limit), *_fitting(limit))
    for value in _values(rules, "multipleOf"):
        limit = to_decimal(value)
        error = _error(rule, "multipleOf", value=VALUE_MARK, limit=limit)
        yield CheckPlan(layout.MULTIPLE, error, *_scaled(*_fitting(limit)))


def _values(rules: Sequence[dict[str, Any]], keyword: str) -> Iterator[Any]:
    return (rule[keyword] for rule in rules if keyword in rule)


def _fitting(limit: Decimal) -> tuple[int, int]:
    if (exact := _exact(limit)) is None:
        raise _NotCoveredError
    return exact


def _exact(number: Decimal) -> tuple[int, int] | None:
    """Return a number as kernels compare it: its whole part, its fraction in units of 10⁻¹⁸."""
    sign, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int)
    if len(digits) > _MAX_DIGITS or abs(exponent) > _MAX_DIGITS:
        return None
    units = int("".join(map(str, digits))) * 10 ** (_MAX_DIGITS + exponent)
    units, rest = divmod(units, 10 ** (_MAX_DIGITS - layout.PLACES))
    whole, part = divmod(units, _MOST)
    if rest or whole >= _MOST:
        return None
    return (-whole, -part) if sign else (whole, part)


def _scaled(whole: int, part: int) -> tuple[int, int]:
    """Return a positive number as an integer and the places of its fraction."""
    units, places = whole * _MOST + part, layout.PLACES
    while places and units % 10 == 0:
        units, places = units // 10, places - 1
    if units >= _MOST:
        raise _NotCoveredError
    return units, places
