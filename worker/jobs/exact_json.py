"""JSON whose numbers keep their text: `1.10`, `1e400` and integers of any length come out as they went in.

Python's floats would make `1.1`, `inf` and a long integer an error of them.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

__all__ = ["NumberText", "canonical", "dumps", "loads", "loads_decimal"]


class NumberText(str):
    """A JSON number as it is written."""

    __slots__ = ()


def _refuse(constant: str) -> None:
    raise ValueError(f"`{constant}` is not JSON")


_DECODER = json.JSONDecoder(parse_int=NumberText, parse_float=NumberText, parse_constant=_refuse)
_DECIMAL_DECODER = json.JSONDecoder(parse_float=Decimal, parse_constant=_refuse)


def loads(text: str | bytes) -> Any:
    """Read JSON; numbers become NumberText. Raises ValueError for anything else."""
    return _DECODER.decode(text.decode() if isinstance(text, bytes) else text)


def loads_decimal(text: str | bytes) -> Any:
    """Read JSON for calculating: integers as int, other numbers as Decimal, exact however long they are."""
    return _DECIMAL_DECODER.decode(text.decode() if isinstance(text, bytes) else text)


def dumps(value: Any, *, sort_keys: bool = False) -> str:
    """Write compact JSON; members stay in their order unless `sort_keys`. Plain numbers are taken too."""
    if isinstance(value, NumberText | Decimal):
        return str(value)
    if isinstance(value, dict):
        items = sorted(value.items()) if sort_keys else value.items()
        return "{" + ",".join(f"{_text(key)}:{dumps(item, sort_keys=sort_keys)}" for key, item in items) + "}"
    if isinstance(value, list):
        return "[" + ",".join(dumps(item, sort_keys=sort_keys) for item in value) + "]"
    return _text(value)


def canonical(text: str | bytes) -> str:
    """Return one text for all JSON that is equal, with numbers compared as text (`1.0` is not `1`)."""
    return dumps(loads(text), sort_keys=True)


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
