"""The checks of one value after its type: each says what is wrong, or None.

They run in the order of their codes, RANGE or LENGTH, PATTERN, FORMAT; those of one code in the order in
which this file has them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from operator import ge, gt, le, lt
from typing import Any

from connectors.errors import RowCode
from connectors.model.exact import exponent_fits, is_multiple, to_decimal
from connectors.model.formats import FORMATS
from connectors.model.grammar import exponents_fit
from connectors.model.messages import cut, failure
from connectors.model.patterns import matcher

__all__ = ["Check", "number_checks", "string_checks", "structure_checks"]

Check = Callable[[str], tuple[RowCode, str] | None]
"""Takes a value's text; returns the code and message of what is wrong with it."""

Rules = Sequence[dict[str, Any]]

_LIMITS: dict[str, Callable[[Decimal, Decimal], bool]] = {
    "minimum": ge,
    "exclusiveMinimum": gt,
    "maximum": le,
    "exclusiveMaximum": lt,
    "multipleOf": is_multiple,
}
_LENGTHS: dict[str, Callable[[int, int], bool]] = {"minLength": ge, "maxLength": le}


def number_checks(rules: Rules, *, exponents: bool) -> list[Check]:
    """Return the checks of numbers; `exponents`: whether their text may have one."""
    checks: list[Check] = [_exponent] if exponents else []
    limits = [
        (keyword, holds, to_decimal(limit))
        for keyword, holds in _LIMITS.items()
        for limit in _values(rules, keyword)
    ]
    if limits:
        checks.append(_limits(limits))
    return checks


def string_checks(rules: Rules) -> list[Check]:
    checks = [_length(keyword, limit) for keyword in _LENGTHS for limit in _values(rules, keyword)]
    checks += [_pattern(pattern) for pattern in _values(rules, "pattern")]
    checks += [_format(name) for name in _values(rules, "format") if name in FORMATS]
    return checks


def structure_checks() -> list[Check]:
    """Return the checks of objects and arrays: only that their numbers can be compared."""
    return [lambda text: None if exponents_fit(text) else failure("exponent", value=text)]


def _values(rules: Rules, keyword: str) -> Iterable[Any]:
    return [rule[keyword] for rule in rules if keyword in rule]


def _exponent(text: str) -> tuple[RowCode, str] | None:
    return None if exponent_fits(text) else failure("exponent", value=text)


def _limits(limits: Sequence[tuple[str, Callable[[Decimal, Decimal], bool], Decimal]]) -> Check:
    def check(text: str) -> tuple[RowCode, str] | None:
        value = Decimal(text)
        for keyword, holds, limit in limits:
            if not holds(value, limit):
                return failure(keyword, value=text, limit=limit)
        return None

    return check


def _length(keyword: str, limit: float) -> Check:
    holds, characters = _LENGTHS[keyword], int(limit)
    return lambda text: (
        None
        if holds(len(text), characters)
        else failure(keyword, value=text, limit=characters, length=len(text))
    )


def _pattern(pattern: str) -> Check:
    matches = matcher(pattern)
    return lambda text: None if matches(text) else failure("pattern", value=text, limit=cut(pattern))


def _format(name: str) -> Check:
    accepts = FORMATS[name]
    return lambda text: None if accepts(text) else failure("format", value=text, limit=name)
