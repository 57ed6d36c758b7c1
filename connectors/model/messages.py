"""What rejects say: one template a check, the same on every path. docs/errors.md lists them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from connectors.errors import RowCode

__all__ = ["MAX_VALUE", "TEMPLATES", "cut", "failure", "type_names", "value_names"]

MAX_VALUE = 100
"""How much of a value, or of what the model says, stands in a message (code points)."""

TEMPLATES: Mapping[str, tuple[RowCode, str]] = MappingProxyType(
    {
        "type": (RowCode.TYPE, "`{value}` is not {expected}"),
        "enum": (RowCode.ENUM, "`{value}` is not one of {allowed}"),
        "finite": (RowCode.RANGE, "`{value}` is not a finite number"),
        "year": (RowCode.RANGE, "`{value}` {unit} from 1970 is outside the years 0001 to 9999"),
        "time": (RowCode.RANGE, "`{value}` {unit} from midnight is outside a day"),
        "exponent": (RowCode.RANGE, "`{value}` has an exponent beyond ±400"),
        "minimum": (RowCode.RANGE, "`{value}` is less than `{limit}`"),
        "exclusiveMinimum": (RowCode.RANGE, "`{value}` is not greater than `{limit}`"),
        "maximum": (RowCode.RANGE, "`{value}` is greater than `{limit}`"),
        "exclusiveMaximum": (RowCode.RANGE, "`{value}` is not less than `{limit}`"),
        "multipleOf": (RowCode.RANGE, "`{value}` is not a multiple of `{limit}`"),
        "minLength": (RowCode.LENGTH, "`{value}` has length {length}, less than {limit}"),
        "maxLength": (RowCode.LENGTH, "`{value}` has length {length}, greater than {limit}"),
        "pattern": (RowCode.PATTERN, "`{value}` does not match the pattern `{limit}`"),
        "format": (RowCode.FORMAT, "`{value}` is not a valid {limit}"),
        "json": (RowCode.TYPE, "the line is not valid JSON at character {place}: `{value}`"),
        "member_twice": (RowCode.TYPE, "the row has two members of the name `{value}`"),
        "member_unknown": (RowCode.SCHEMA, "the model allows no member of this name"),
        "required": (RowCode.REQUIRED, "a value is required, but there is none"),
        "schema": (RowCode.SCHEMA, "{place} breaks the rule `{keyword}` of the model"),
        "unclosed_quote": (RowCode.UNCLOSED_QUOTE, "a quote in this row is not closed before the file ends"),
        "row_bytes": (RowCode.ROW_TOO_LARGE, "the row has {size} bytes, more than the {limit} allowed"),
        "json_bytes": (
            RowCode.ROW_TOO_LARGE,
            "the row's JSON, key and headers have {size} bytes, more than the {limit} allowed",
        ),
        "encoding": (
            RowCode.ENCODING,
            "byte `0x{byte:02X}` at offset {offset} of the row is not valid {encoding}",
        ),
        "half": (RowCode.ENCODING, "at offset {offset} of the row stands half a character"),
        "column_count": (
            RowCode.COLUMN_COUNT,
            "the row has {found} cells, but the file has {expected} columns",
        ),
    }
)
"""Every template by what failed, with the code that it goes with. `value` is the text as it was checked."""

_TYPES = {
    "integer": "an integer",
    "number": "a number",
    "boolean": "a boolean (`true`, `false`, `1`, `0`)",
    "object": "a JSON object",
    "array": "a JSON array",
    "string": "a string",
    "null": "empty",
}
_COMMA_NUMBER = "a number with a decimal comma"


def failure(name: str, **values: Any) -> tuple[RowCode, str]:
    """Return code and message of what failed; a `value` is cut."""
    code, template = TEMPLATES[name]
    if "value" in values:
        values["value"] = cut(values["value"])
    return code, template.format(**values)


def cut(text: str) -> str:
    """Return a text as messages show it."""
    return text[:MAX_VALUE]


def type_names(types: Sequence[str], decimal_comma: bool = False) -> str:
    """Return types in words: `an integer, a number or empty`; numbers may have a `decimal_comma`."""
    if not types:
        return "allowed"
    words = {**_TYPES, "number": _COMMA_NUMBER} if decimal_comma else _TYPES
    *first, last = [words[name] for name in types]
    return f"{', '.join(first)} or {last}" if first else last


def value_names(members: Sequence[Any]) -> str:
    """Return the members of `enum` and `const` in words, as many as fit: `` `a`, `b`, … ``."""
    names: list[str] = []
    for member in members:
        names.append(f"`{cut(_written(member))}`")
        if len(", ".join(names)) > MAX_VALUE and len(names) > 1:
            return ", ".join([*names[:-1], "…"])
    return ", ".join(names)


def _written(member: Any) -> str:
    if isinstance(member, str):
        return member
    if isinstance(member, Decimal):
        return str(member)
    return json.dumps(member, ensure_ascii=False, default=float)
