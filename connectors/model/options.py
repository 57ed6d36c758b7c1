"""The options of a model and of a request (contract §4): how a file is read and its topic is made."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import Any

from connectors.encodings import UTF_8, text_encoding
from connectors.errors import OptionError

__all__ = [
    "MAX_PARTITIONS",
    "OPTIONS_KEYWORD",
    "Options",
    "RecordHeaders",
    "merge_options",
    "options_from_form",
    "parse_options",
]

OPTIONS_KEYWORD = "x-batch"
"""The member of a schema's root that holds the model's own options."""

MAX_PARTITIONS = 64


class RecordHeaders(StrEnum):
    """Which headers a record has: none, `batch.job_id` and `batch.file`, or these and `batch.row`."""

    NONE = "none"
    FILE = "file"
    ROW = "row"


@dataclass(frozen=True, slots=True)
class Options:
    """The options of one job. None: the `delimiter` is found in the file, the rows have no `key`.

    `columns` are the names of a file without a header line: given with, and only with, `header` False.
    `encoding` is Python's name of the codec. `topic` and `dlq_topic` are topics that the job shares with
    others; None: it has its own. `partition_columns`: folders `name=value` above the file are columns, too.
    """

    delimiter: str | None = None
    encoding: str = UTF_8
    header: bool = True
    columns: tuple[str, ...] | None = None
    null_values: tuple[str, ...] = ()
    decimal: str = "."
    partitions: int = 1
    key: str | None = None
    topic: str | None = None
    dlq_topic: str | None = None
    record_headers: RecordHeaders = RecordHeaders.NONE
    atomic: bool = False
    partition_columns: bool = False


def parse_options(raw: Mapping[str, Any]) -> Options:
    """Read options from JSON values; null stands for the default.

    Raises OptionError for an unknown name, a value that is not allowed, and options that do not go together.
    """
    values = _checked(raw)
    for name in ("columns", "null_values"):
        if name in values:
            values[name] = tuple(values[name])
    headers = values.get("record_headers", RecordHeaders.ROW if "topic" in values else RecordHeaders.NONE)
    values["record_headers"] = RecordHeaders(headers)
    options = Options(**values)
    _check_columns(options)
    _check_topics(options)
    return options


def _check_columns(options: Options) -> None:
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


def _check_topics(options: Options) -> None:
    if options.topic is not None and options.record_headers is RecordHeaders.NONE:
        raise OptionError(
            f"option `record_headers` is `none`, but `{options.topic}` is a shared topic",
            "use `row` or `file`: without headers nothing tells whose rows are whose",
        )
    if options.topic is not None and options.topic == options.dlq_topic:
        raise OptionError(
            f"options `topic` and `dlq_topic` are both `{options.topic}`",
            "give the dead letters a topic of their own",
        )


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
    near = get_close_matches(name, _OPTIONS, n=1)
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


def _texts(value: Any) -> list[str] | None:
    fits = isinstance(value, list) and all(isinstance(item, str) for item in value)
    return list(dict.fromkeys(item.strip(" \t") for item in value)) if fits else None


def _encoding(value: Any) -> str | None:
    return text_encoding(value) if isinstance(value, str) else None


def _topic(value: Any) -> str | None:
    fits = isinstance(value, str) and _TOPIC.fullmatch(value) and value not in (".", "..")
    return value if fits and not value.startswith("__") else None


def _one_of(*allowed: str) -> Callable[[Any], str | None]:
    return lambda value: value if value in allowed else None


def _count(value: Any) -> int | None:
    return value if type(value) is int and 1 <= value <= MAX_PARTITIONS else None


def _name(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _show(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text[:100]


_DELIMITERS = {",": ",", ";": ";", "|": "|", "\t": "\t", "\\t": "\t", "tab": "\t"}
_TOPIC = re.compile(r"[a-zA-Z0-9._-]{1,249}")
_TOPIC_NAME = "a topic name: at most 249 letters, digits, `.`, `_` and `-`, no `__` at its start"
_FLAG = _Option(_flag, "`true` or `false`")
_OPTIONS = {
    "delimiter": _Option(_delimiter, "one of `,`, `;`, `|` and `tab`", verbatim=True),
    "encoding": _Option(
        _encoding, "`utf-8`, `utf-16` or a single-byte encoding such as `cp1252`", verbatim=True
    ),
    "header": _FLAG,
    "columns": _Option(_names, 'a list of different names, such as `["id", "name"]`'),
    "null_values": _Option(_texts, 'a list of texts that stand for null, such as `["NA", "-"]`'),
    "decimal": _Option(_one_of(".", ","), "`.` or `,`", verbatim=True),
    "partitions": _Option(_count, f"a whole number from 1 to {MAX_PARTITIONS}"),
    "key": _Option(_name, "the name of a column", verbatim=True),
    "topic": _Option(_topic, _TOPIC_NAME, verbatim=True),
    "dlq_topic": _Option(_topic, _TOPIC_NAME, verbatim=True),
    "record_headers": _Option(_one_of(*RecordHeaders), "`none`, `file` or `row`", verbatim=True),
    "atomic": _FLAG,
    "partition_columns": _FLAG,
}
