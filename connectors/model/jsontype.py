"""The types of JSON Schema, and how sets of them meet."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum
from typing import Any

__all__ = ["JsonType", "admits", "meet", "overlap", "type_of"]


class JsonType(StrEnum):
    """The types of JSON Schema, in the order in which a union tries them; null is the empty cell's."""

    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    OBJECT = "object"
    ARRAY = "array"
    STRING = "string"
    NULL = "null"


def type_of(value: Any) -> JsonType:
    """Return the type of a member of `enum` or `const`: one written with a fraction makes a number column."""
    if value is None:
        return JsonType.NULL
    if isinstance(value, bool):
        return JsonType.BOOLEAN
    if isinstance(value, int):
        return JsonType.INTEGER
    if isinstance(value, float | Decimal):
        return JsonType.NUMBER
    if isinstance(value, dict):
        return JsonType.OBJECT
    return JsonType.ARRAY if isinstance(value, list) else JsonType.STRING


def admits(types: Iterable[JsonType], one: JsonType) -> bool:
    """Whether a value of type `one` is of one of `types`: an integer is a number."""
    known = frozenset(types)
    return one in known or (one is JsonType.INTEGER and JsonType.NUMBER in known)


def meet(first: frozenset[JsonType], second: frozenset[JsonType]) -> frozenset[JsonType]:
    """Return the types that both sets admit."""
    return frozenset(t for t in first | second if admits(first, t) and admits(second, t))


def overlap(first: frozenset[JsonType], second: frozenset[JsonType]) -> bool:
    """Whether a value can be of a type in both."""
    return bool(meet(first, second))
