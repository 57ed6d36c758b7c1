"""The text grammars of the types: which cells each accepts, and the JSON text that is written for them.

Numbers are never parsed and printed again: their digits stay as they are.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from json.encoder import encode_basestring
from typing import Any

from connectors.model.exact import exponent_fits

__all__ = [
    "BLANK",
    "MAX_DEPTH",
    "JsonSyntaxError",
    "array_text",
    "boolean_text",
    "comma_number_text",
    "depth_fits",
    "exponents_fit",
    "integer_text",
    "number_text",
    "object_text",
    "parse_json",
    "quote",
    "scan_json",
]

BLANK = " \t"
"""What is trimmed from a cell, unless it may be a string."""

MAX_DEPTH = 100
"""How deep objects and arrays may stand inside one another in a cell; `[]` has depth 1."""

quote = encode_basestring
"""Returns a text as a JSON string; Python's own escapes are those of RFC 8785 (§3.2.2.2)."""

_JSON_INTEGER = re.compile(r"0|-?[1-9][0-9]*")
_INTEGER = re.compile(r"([+-]?)([0-9]+)")
_JSON_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_NUMBER = re.compile(r"([+-]?)(?:([0-9]+)(?:\.([0-9]*))?|\.([0-9]+))((?:[eE][+-]?[0-9]+)?)")
_BOOLEANS = {"true": "true", "1": "true", "false": "false", "0": "false"}
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_STRING_OR_SPACE = re.compile(rf"({_STRING.pattern})|[ \t\n\r]+", re.DOTALL)
_SPACE = re.compile(r"[ \t\n\r]")
_BRACKET = re.compile(r"[\[\]{}]")
_EXPONENT = re.compile(r"[eE][+-]?[0-9]+")


def _refuse(constant: str) -> None:
    raise ValueError(f"`{constant}` is not JSON")


def _decimal(digits: str) -> Decimal:
    # the library gives values back as Python integers, which end at 4,300 digits; a fraction stays a decimal
    return Decimal(digits if len(digits) < _PYTHON_DIGITS else digits + ".0")


_PYTHON_DIGITS = 4300
_GRAMMAR = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_refuse)
_EXACT = json.JSONDecoder(parse_int=_decimal, parse_float=Decimal)


def integer_text(cell: str) -> str | None:
    """Return the digits of `[+-]?[0-9]+`: no `+`, no surplus leading zeros, no `-0`."""
    if _JSON_INTEGER.fullmatch(cell):
        return cell
    match = _INTEGER.fullmatch(cell.strip(BLANK))
    if match is None:
        return None
    sign, digits = match.groups()
    digits = digits.lstrip("0")
    if not digits:
        return "0"
    return f"-{digits}" if sign == "-" else digits


def number_text(cell: str) -> str | None:
    """Return the cell itself if it is a JSON number, else one mended into it.

    Mended are a `+`, surplus leading zeros, and a bare dot: `.5` is `0.5`, `5.` is `5`, `5.e3` is `5e3`.
    """
    cell = cell.strip(BLANK)
    if _JSON_NUMBER.fullmatch(cell):
        return cell
    match = _NUMBER.fullmatch(cell)
    if match is None:
        return None
    sign, whole, after, bare, exponent = match.groups()
    fraction = after or bare
    text = ((whole or "").lstrip("0") or "0") + (f".{fraction}" if fraction else "") + exponent
    return f"-{text}" if sign == "-" else text


def comma_number_text(cell: str) -> str | None:
    """Return what `number_text` gives, of a number whose decimal sign is a comma: `1,5` is `1.5`."""
    return None if "." in cell else number_text(cell.replace(",", ".", 1))


def boolean_text(cell: str) -> str | None:
    """Return `true` or `false` for these words in any case, and for `1` and `0`."""
    return _BOOLEANS.get(cell.strip(BLANK).lower())


def object_text(cell: str) -> str | None:
    """Return a JSON object without the white space outside its strings."""
    return _structure_text(cell, dict)


def array_text(cell: str) -> str | None:
    """Return a JSON array without the white space outside its strings."""
    return _structure_text(cell, list)


def parse_json(text: str) -> Any:
    """Return the value of a JSON text whose exponents fit; its numbers are Decimals."""
    return _EXACT.decode(text)


class JsonSyntaxError(ValueError):
    """A text is not JSON at `place`: an index into it."""

    def __init__(self, place: int) -> None:
        super().__init__(place)
        self.place = place


def scan_json(text: str, start: int) -> tuple[Any, int]:
    """Return the JSON value that begins at `start`, numbers in it as their texts, and where it ends.

    What is nested too deep is to be kept away from it. Raises JsonSyntaxError.
    """
    try:
        value, end = _GRAMMAR.raw_decode(text, start)
    except json.JSONDecodeError as error:
        raise JsonSyntaxError(error.pos) from None
    except ValueError:  # `NaN` and the like
        raise JsonSyntaxError(start) from None
    if text.find("\\u", start, end) >= 0 and not _encodable(value):
        raise JsonSyntaxError(start)
    return value, end


def depth_fits(text: str, limit: int = MAX_DEPTH) -> bool:
    """Whether no bracket of a JSON text stands deeper than `limit`."""
    if text.count("[") + text.count("{") <= limit:
        return True
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > limit:
            return False
    return True


def exponents_fit(text: str) -> bool:
    """Whether every number in a JSON text has an exponent that can be compared."""
    if "e" not in text and "E" not in text:
        return True
    return all(map(exponent_fits, _EXPONENT.findall(_STRING.sub("", text))))


def _structure_text(cell: str, kind: type[dict[str, Any]] | type[list[Any]]) -> str | None:
    """Strict JSON is RFC 8259 without lone surrogates, which no UTF-8 can hold.

    A member's name may come twice: both are written, checks see the last, as most readers do.
    """
    cell = cell.strip(BLANK)
    if not depth_fits(cell):
        return None
    try:
        value = _GRAMMAR.decode(cell)
    except ValueError:
        return None
    if not isinstance(value, kind) or ("\\u" in cell and not _encodable(value)):
        return None
    return _STRING_OR_SPACE.sub(r"\1", cell) if _SPACE.search(cell) else cell


def _encodable(value: Any) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True
