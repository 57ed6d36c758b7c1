"""One type that a column may have: its grammar, what `enum` and `const` allow of it, its other rules."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from decimal import Decimal

from connectors.errors import RowCode
from connectors.model.checks import Check, number_checks, string_checks, structure_checks
from connectors.model.exact import exponent_fits, freeze
from connectors.model.grammar import (
    array_text,
    boolean_text,
    comma_number_text,
    exponents_fit,
    integer_text,
    number_text,
    object_text,
    parse_json,
    quote,
)
from connectors.model.jsontype import JsonType
from connectors.model.shape import Shape

__all__ = ["Candidate"]

_GRAMMARS: dict[JsonType, Callable[[str], str | None]] = {
    JsonType.INTEGER: integer_text,
    JsonType.NUMBER: number_text,
    JsonType.BOOLEAN: boolean_text,
    JsonType.OBJECT: object_text,
    JsonType.ARRAY: array_text,
    JsonType.STRING: str,
}


@dataclass(frozen=True, slots=True)
class Candidate:
    """One type that a column may have, and what a value of it must meet.

    `parse` turns a cell's text into the value's own text, or None where the type's grammar does not accept
    it. `allows` asks `enum` and `const`; None: there are none. `checks` report in their order. `write` turns
    the value's text into JSON. All but `parse` take what `parse` gave.
    """

    type: JsonType
    parse: Callable[[str], str | None]
    write: Callable[[str], str]
    allows: Callable[[str], bool] | None = None
    checks: tuple[Check, ...] = ()

    def first_failure(self, value: str) -> tuple[RowCode, str] | None:
        return next((failed for check in self.checks if (failed := check(value))), None)

    def with_decimal_comma(self) -> Candidate:
        """Return what reads the same numbers written with a comma; another type is the same as before."""
        return replace(self, parse=comma_number_text) if self.type is JsonType.NUMBER else self

    @classmethod
    def of_shape(cls, type: JsonType, shape: Shape) -> Candidate:
        allowed = shape.allowed(type)
        return cls(
            type,
            parse=_GRAMMARS[type],
            write=quote if type is JsonType.STRING else str,
            allows=None if allowed is None else _membership(type, allowed),
            checks=tuple(_checks(type, shape)),
        )


def _checks(type: JsonType, shape: Shape) -> list[Check]:
    rules = list(shape.rules(type))
    if type is JsonType.STRING:
        return string_checks(rules)
    if type in (JsonType.INTEGER, JsonType.NUMBER):
        return number_checks(rules, exponents=type is JsonType.NUMBER)
    return structure_checks() if type in (JsonType.OBJECT, JsonType.ARRAY) else []


def _membership(type: JsonType, allowed: frozenset[Hashable]) -> Callable[[str], bool]:
    if type is JsonType.STRING:
        return lambda text: ("string", text) in allowed
    if type is JsonType.BOOLEAN:
        return lambda text: ("literal", text == "true") in allowed
    if type in (JsonType.INTEGER, JsonType.NUMBER):
        return lambda text: exponent_fits(text) and ("number", Decimal(text)) in allowed
    return lambda text: exponents_fit(text) and freeze(parse_json(text)) in allowed
