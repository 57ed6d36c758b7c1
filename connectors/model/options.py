"""The options of a model and of a request (contract §4): how a file is read and its topic is made."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from connectors.errors import OptionError

__all__ = [
    "MAX_PARTITIONS",
    "OPTIONS_KEYWORD",
    "Options",
    "merge_options",
    "options_from_form",
    "parse_options",
]

OPTIONS_KEYWORD = "x-batch"
"""The member of a schema's root that holds the model's own options."""

MAX_PARTITIONS = 64


@dataclass(frozen=True, slots=True)
class Options:
    """The options of one job. None: the `delimiter` is found in the file, the rows have no `key`.

    `columns` are the names of a file without a header line: given with, and only with, `header` False.
    """

    delimiter: str | None = None
    header: bool = True
    columns: tuple[str, ...] | None = None
    partitions: int = 1
    key: str | None = None


def parse_options(raw: Mapping[str, Any]) -> Options:
    """Read options from JSON values; null stands for the default.

    Raises OptionError for an unknown name, a value that is not allowed, and options that do not go together.
    """
    values = _checked(raw)
    columns = values.pop("columns", None)
    options = Options(**values, columns=None if columns is None else tuple(columns))
    if options.header and options.columns is not None:
        raise OptionError(
            "option `columns` is for a file without a header line, but `header` is true",
            "set `header` to false, or remove `columns`",
        )
    if not options.header and options.columns is None:
        raise OptionError(
            "option `header` is false, but `columns` is missing",
            "list the names of the file's columns in `columns`",
        )
    return options


def merge_options(schema: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a schema's `x-batch` with a request's over them: checked JSON values, no nulls.

    Raises OptionError as `parse_options`, and when `x-batch` is not an object.
    """
    own = schema.get(OPTIONS_KEYWORD, {})
    if not isinstance(own, dict):
        raise OptionError(
            f"`{OPTIONS_KEYWORD}` is `{_show(own)}`, which is not an object",
            'write it as an object of options, such as `{"delimiter": ";"}`',
        )
    merged = _checked({**own, **overrides})
    parse_options(merged)
    return merged


def options_from_form(fields: Mapping[str, str]) -> dict[str, Any]:
    """Return the JSON values that the texts of a form or a command line stand for; an empty text is null.

    Raises OptionError for an unknown name, and for a text that is not JSON where it has to be.
    """
    return {name: _option(name).from_text(name, text) for name, text in fields.items()}


@dataclass(frozen=True, slots=True)
class _Option:
    """`read` returns the value to keep, or None for one that is not `allowed`. `verbatim`: in forms."""

    read: Callable[[Any], Any]
    allowed: str
    verbatim: bool = False

    def from_text(self, name: str, text: str) -> Any:
        if not text:
            return None
        if self.verbatim:
            return text
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            raise self.error(name, text) from None

    def error(self, name: str, value: Any) -> OptionError:
        return OptionError(
            f"option `{name}` is `{_show(value)}`, which is not allowed", f"use {self.allowed}"
        )


def _checked(raw: Mapping[str, Any]) -> dict[str, Any]:
    values = {}
    for name, value in raw.items():
        option = _option(name)
        if value is None:
            continue
        kept = option.read(value)
        if kept is None:
            raise option.error(name, value)
        values[name] = kept
    return values


def _option(name: str) -> _Option:
    if name in _OPTIONS:
        return _OPTIONS[name]
    if name in _LATER:
        raise OptionError(f"option `{name}` comes later", "leave it out for now")
    near = get_close_matches(name, [*_OPTIONS, *_LATER], n=1)
    raise OptionError(
        f"option `{_show(name)}` does not exist",
        f"did you mean `{near[0]}`?" if near else f"the options are {', '.join(f'`{o}`' for o in _OPTIONS)}",
    )


def _delimiter(value: Any) -> str | None:
    return _DELIMITERS.get(value) if isinstance(value, str) else None


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _names(value: Any) -> list[str] | None:
    if not isinstance(value, list) or not value or not all(_name(item) for item in value):
        return None
    return value if len(set(value)) == len(value) else None


def _count(value: Any) -> int | None:
    return value if type(value) is int and 1 <= value <= MAX_PARTITIONS else None


def _name(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _show(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text[:100]


_DELIMITERS = {",": ",", ";": ";", "|": "|", "\t": "\t", "\\t": "\t", "tab": "\t"}
_OPTIONS = {
    "delimiter": _Option(_delimiter, "one of `,`, `;`, `|` and `tab`", verbatim=True),
    "header": _Option(_flag, "`true` or `false`"),
    "columns": _Option(_names, 'a list of different names, such as `["id", "name"]`'),
    "partitions": _Option(_count, f"a whole number from 1 to {MAX_PARTITIONS}"),
    "key": _Option(_name, "the name of a column", verbatim=True),
}
_LATER = ("encoding", "null_values", "decimal", "topic", "dlq_topic", "record_headers", "atomic")
