"""JSON as text: cut and indented without being read into values, so that numbers keep their digits.

`1.10` and integers of any length leave here as the worker wrote them; a round trip through floats would not.
"""

from __future__ import annotations

import json
import re

__all__ = ["elements", "members", "pretty"]

# str instead of int and float: int() refuses more than 4,300 digits
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str)
_SPACE = re.compile(r"[ \t\r\n]*")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[][{},:]|[^][{},:"\s]+')
_CLOSING = {"{": "}", "[": "]"}


def members(text: str) -> dict[str, str]:
    """Return the members of a JSON object, each value as it is written.

    Raises JSONDecodeError for anything else.
    """
    found = {}
    at = _past(text, 0, "{")
    while not text.startswith("}", at):
        name, end = _DECODER.raw_decode(text, at)
        start = _past(text, end, ":")
        _, end = _DECODER.raw_decode(text, start)
        found[str(name)] = text[start:end]
        at = _next(text, end, "}")
    return found


def elements(text: str) -> list[str]:
    """Return the elements of a JSON array, each as it is written.

    Raises JSONDecodeError for anything else.
    """
    found = []
    at = _past(text, 0, "[")
    while not text.startswith("]", at):
        _, end = _DECODER.raw_decode(text, at)
        found.append(text[at:end])
        at = _next(text, end, "]")
    return found


def pretty(text: str) -> str:
    """Indent JSON by two spaces; the tokens stay as they are. Raises JSONDecodeError for anything else."""
    _DECODER.decode(text)
    tokens = _TOKEN.findall(text)
    out: list[str] = []
    depth = 0
    for at, token in enumerate(tokens):
        if token in _CLOSING:
            if tokens[at + 1] == _CLOSING[token]:
                out.append(token)
                continue
            depth += 1
            out.append(f"{token}\n{'  ' * depth}")
        elif token in ("}", "]"):
            if tokens[at - 1] not in _CLOSING:
                depth -= 1
                out.append(f"\n{'  ' * depth}")
            out.append(token)
        elif token == ",":
            out.append(f",\n{'  ' * depth}")
        else:
            out.append(": " if token == ":" else token)
    return "".join(out)


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _past(text: str, at: int, token: str) -> int:
    """Return where the text goes on after `token`, which has to come next."""
    at = _skip(text, at)
    if not text.startswith(token, at):
        raise json.JSONDecodeError(f"`{token}` is missing", text, at)
    return _skip(text, at + 1)


def _next(text: str, end: int, closing: str) -> int:
    """Return where the next item starts, or where the closing bracket stands."""
    at = _skip(text, end)
    return at if text.startswith(closing, at) else _past(text, at, ",")
