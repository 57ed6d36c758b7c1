"""Exact comparison of JSON values: numbers as decimals, never as floats."""

from __future__ import annotations

from collections.abc import Hashable
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from typing import Any

__all__ = ["MAX_EXPONENT", "exponent_fits", "freeze", "is_multiple", "to_decimal"]

MAX_EXPONENT = 400
"""The largest exponent, as written and of either sign, of a number that can be compared."""


def exponent_fits(number: str) -> bool:
    """Whether the exponent that a JSON number is written with, if any, is at most ±MAX_EXPONENT."""
    if "e" not in number and "E" not in number:
        return True
    exponent = number.lower().partition("e")[2].lstrip("+-0")
    return len(exponent) <= 3 and int(exponent or "0") <= MAX_EXPONENT


def to_decimal(number: float | Decimal) -> Decimal:
    """Return a number of a schema as the decimal that it is written as: the shortest text of a float."""
    return number if isinstance(number, Decimal) else Decimal(repr(number))


def is_multiple(value: Decimal, of: Decimal) -> bool:
    """Whether `value` is an integer times `of`, exactly."""
    exact = Context(prec=MAX_PREC, Emax=MAX_EMAX, Emin=MIN_EMIN)
    return not exact.remainder(value, of)


def freeze(value: Any) -> Hashable:
    """Return a key that is equal for JSON values that are equal (JSON Schema Core 2020-12, §4.2.2)."""
    if isinstance(value, bool) or value is None:
        return ("literal", value)
    if isinstance(value, int | float | Decimal):
        return ("number", to_decimal(value))
    if isinstance(value, dict):
        return ("object", frozenset((name, freeze(item)) for name, item in value.items()))
    if isinstance(value, list):
        return ("array", tuple(freeze(item) for item in value))
    return ("string", value)
