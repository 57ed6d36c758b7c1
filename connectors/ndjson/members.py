"""The members of one line of NDJSON, as it writes them (RFC 8259): no number is printed anew."""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from connectors.model import JsonType
from connectors.model.grammar import MAX_DEPTH, JsonSyntaxError, depth_fits, scan_json

__all__ = ["Member", "NotAnObjectError", "parse_members"]

_SPACE = re.compile(r"[ \t\r]*+")
_FRACTION = re.compile(r"[.eE]")
_TYPES = {
    '"': JsonType.STRING,
    "{": JsonType.OBJECT,
    "[": JsonType.ARRAY,
    "t": JsonType.BOOLEAN,
    "f": JsonType.BOOLEAN,
    "n": JsonType.NULL,
}


class Member(NamedTuple):
    """A member of an object: a string's own text, or the JSON text of any other value as it stands."""

    name: str
    type: JsonType
    text: str


class NotAnObjectError(ValueError):
    """The line is JSON, but no object."""


class _Integer(str):
    __slots__ = ()


class _Number(str):
    __slots__ = ()


_FLAT_TYPES: dict[type, JsonType] = {
    str: JsonType.STRING,
    _Integer: JsonType.INTEGER,
    _Number: JsonType.NUMBER,
    bool: JsonType.BOOLEAN,
    type(None): JsonType.NULL,
}
_LITERALS = {True: "true", False: "false", None: "null"}
_FLAT = json.JSONDecoder(parse_int=_Integer, parse_float=_Number, parse_constant=int, object_pairs_hook=tuple)


def parse_members(line: str) -> list[Member]:
    """Return the members of the object that a line is, in their order, also those whose name comes twice.

    Objects and arrays inside are checked, but not taken apart; they may be nested as deep as in a cell of
    CSV. Raises JsonSyntaxError and NotAnObjectError.
    """
    if "[" not in line and "\\u" not in line and line.count("{") == 1:
        members = _flat_members(line)
        if members is not None:
            return members
    return _scan_members(line)


def _flat_members(line: str) -> list[Member] | None:
    """Return what `_scan_members` does, sooner, for an object with neither objects nor arrays in it.

    None: the line is something else, and it has to be said what.
    """
    try:
        pairs: Any = _FLAT.decode(line)
    except ValueError:  # also of `int` for `NaN` and the like
        return None
    if not isinstance(pairs, tuple):
        return None
    return [
        Member(name, _FLAT_TYPES[type(value)], value if isinstance(value, str) else _LITERALS[value])
        for name, value in pairs
    ]


def _scan_members(line: str) -> list[Member]:
    start = _skip_space(line, 0)
    if not depth_fits(line, MAX_DEPTH + 1):
        raise JsonSyntaxError(start)
    if not line.startswith("{", start):
        _expect_end(line, scan_json(line, start)[1])
        raise NotAnObjectError
    members: list[Member] = []
    pos = _skip_space(line, start + 1)
    ended = line.startswith("}", pos)
    while not ended:
        if not line.startswith('"', pos):
            raise JsonSyntaxError(pos)
        name, pos = scan_json(line, pos)
        pos = _expect(line, pos, ":")
        type, text, pos = _value(line, pos)
        members.append(Member(name, type, text))
        ended = line.startswith("}", pos)
        if not ended:
            pos = _expect(line, pos, ",")
    _expect_end(line, pos + 1)
    return members


def _value(line: str, start: int) -> tuple[JsonType, str, int]:
    """Return a value's type and text, and where the next token begins."""
    value, end = scan_json(line, start)
    type = _TYPES.get(line[start])
    text = value if type is JsonType.STRING else line[start:end]
    if type is None:
        type = JsonType.NUMBER if _FRACTION.search(text) else JsonType.INTEGER
    return type, text, _skip_space(line, end)


def _expect(line: str, pos: int, token: str) -> int:
    """Return where the token after `token` begins."""
    pos = _skip_space(line, pos)
    if not line.startswith(token, pos):
        raise JsonSyntaxError(pos)
    return _skip_space(line, pos + 1)


def _expect_end(line: str, pos: int) -> None:
    end = _skip_space(line, pos)
    if end < len(line):
        raise JsonSyntaxError(end)


def _skip_space(line: str, pos: int) -> int:
    match = _SPACE.match(line, pos)
    assert match is not None  # the pattern matches nothing, too
    return match.end()
