"""Rejects as people look at them: grouped by column and code, the bad cell marked in its row."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from worker.ui.markup import Markup, markup

__all__ = ["Group", "Sample", "cells", "grouped", "marked"]

SAMPLES = 3
_AROUND = 160  # characters shown on either side of the cell
_VALUE = 100  # so much of a value stands in a message
_DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True, slots=True)
class Sample:
    """One reject of a group. `row` counts data rows from 1; `line` is None for Parquet."""

    row: int
    line: int | None
    message: str
    raw: Markup


@dataclass(slots=True)
class Group:
    """The rejects that one check of one column gave. `column` is None where the row as a whole is wrong."""

    column: str | None
    code: str
    count: int = 0
    samples: list[Sample] = field(default_factory=list)


def grouped(rejects: Iterable[dict[str, Any]], columns: Sequence[str], delimiter: str | None) -> list[Group]:
    """Group RejectedRows, the largest group first.

    `columns` are the file's, empty if they are not known; `delimiter` None: to be found.
    """
    groups: dict[tuple[str | None, str], Group] = {}
    for reject in rejects:
        for error in reject["errors"]:
            column, code = error["column"], error["code"]
            group = groups.setdefault((column, code), Group(column, code))
            group.count += 1
            if len(group.samples) < SAMPLES:
                raw = marked(reject, error, columns, delimiter)
                group.samples.append(Sample(reject["row"], reject["line"], error["message"], raw))
    return sorted(groups.values(), key=lambda group: (-group.count, group.column or "", group.code))


def marked(
    reject: dict[str, Any], error: dict[str, Any], columns: Sequence[str], delimiter: str | None
) -> Markup:
    """Return the raw row with the cell that the error is about in `<mark>`, as far as that is certain."""
    raw: str = reject["raw"]
    if reject["raw_encoding"] != "utf-8":
        return _cut(raw, None)
    column = error["column"]
    if column is None:
        return _cut(raw, None)
    if reject["line"] is None:
        return _cut(raw, _json_span(raw, column))
    for candidate in (delimiter,) if delimiter else _DELIMITERS:
        spans = cells(raw, candidate)
        if column in columns and len(spans) == len(columns):
            return _cut(raw, spans[columns.index(column)])
    return _cut(raw, _only_match(raw, error["message"], delimiter))


def cells(raw: str, delimiter: str) -> list[tuple[int, int]]:
    """Return where each cell of a row stands; a quote opens only at a cell's start."""
    spans: list[tuple[int, int]] = []
    at = start = 0
    while True:
        if at == start and raw.startswith('"', at):
            at = _after_quoted(raw, at + 1)
        end = raw.find(delimiter, at)
        if end < 0:
            return [*spans, (start, len(raw))]
        spans.append((start, end))
        at = start = end + 1


def _after_quoted(raw: str, at: int) -> int:
    while (quote := raw.find('"', at)) >= 0:
        if not raw.startswith('""', quote):
            return quote + 1
        at = quote + 2
    return len(raw)


def _only_match(raw: str, message: str, delimiter: str | None) -> tuple[int, int] | None:
    """The cell whose text the message begins with, if there is just one."""
    if not message.startswith("`"):
        return None
    for candidate in (delimiter,) if delimiter else _DELIMITERS:
        spans = [
            (start, end)
            for start, end in cells(raw, candidate)
            if message.startswith("`" + raw[start:end].strip(' \t"')[:_VALUE] + "`")
        ]
        if len(spans) == 1 and spans[0][1] > spans[0][0]:
            return spans[0]
    return None


def _json_span(raw: str, column: str) -> tuple[int, int] | None:
    """Where the column's member stands in a row that is a JSON object."""
    key = json.dumps(column, ensure_ascii=False) + ":"
    start = raw.find(key)
    if start < 0 or raw.find(key, start + 1) >= 0:
        return None
    decoder = json.JSONDecoder()
    value = start + len(key)
    try:
        _, end = decoder.raw_decode(raw, value + len(raw[value:]) - len(raw[value:].lstrip()))
    except ValueError:
        return None
    return start, end


def _cut(raw: str, span: tuple[int, int] | None) -> Markup:
    if span is None:
        end = 2 * _AROUND
        return markup("{raw}{more}", raw=raw[:end], more="…" if len(raw) > end else "")
    first, last = span
    start, end = max(0, first - _AROUND), last + _AROUND
    cell = raw[first:last]
    if len(cell) > 2 * _AROUND:
        cell = cell[: 2 * _AROUND] + "…"
    return markup(
        "{before}{left}<mark>{cell}</mark>{right}{after}",
        before="…" if start > 0 else "",
        left=raw[start:first],
        # an empty cell is marked, too
        cell=cell or " ",
        right=raw[last:end],
        after="…" if end < len(raw) else "",
    )
