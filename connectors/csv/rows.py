"""The CSV grammar: where rows end and what their cells are. The definition that every other reading obeys.

Rows end at LF, with one CR before it, outside quotes. A quote opens only at the start of a cell; inside, `""`
is a quote and everything else stands for itself; text after the closing quote is appended as it stands, and
later quotes of that cell are data. Zero-byte lines are no rows. This is RFC 4180 where that is clear, and
never ambiguous where it is not. A delimiter is one ASCII byte.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from functools import cache
from itertools import repeat
from typing import NamedTuple

from connectors.text.lines import Cut, RawRow, content_end, cut_lines

__all__ = [
    "Cell",
    "ScanState",
    "cut_rows",
    "parse_cells",
    "scan_row",
    "split_rows",
]

_LF = b"\n"
_QUOTE = b'"'
_LF_BYTE, _QUOTE_BYTE = b'\n"'
_INSIDE = rb'[^"]*+(?:""[^"]*+)*+'
_QUOTED_TEXT = re.compile(_INSIDE)


class Cell(NamedTuple):
    """A cell's text, unquoted; `quoted` when it began with a quote."""

    text: bytes
    quoted: bool


class _Patterns(NamedTuple):
    """The grammar for one delimiter.

    `line`: a whole line. `cells`, `rest`: as many cells as are whole, from a cell's start on and from within
    an unquoted cell. `cell`: a delimiter and the cell after it: opening quote, quoted text, what follows.
    """

    line: re.Pattern[bytes]
    cells: re.Pattern[bytes]
    rest: re.Pattern[bytes]
    cell: re.Pattern[bytes]


class ScanState(Enum):
    """Where a scan stands between two pieces of data."""

    CELL_START = "a quote would open here"
    UNQUOTED = "quotes are data"
    QUOTED = "inside quotes"
    AFTER_QUOTE = "after a quote inside quotes: it closed, or is the first of two"


def split_rows(data: bytes, delimiter: bytes) -> list[RawRow]:
    """Return the rows of `data`, which starts at a row's start; what follows the last LF is a row too."""
    rows: list[RawRow] = []
    start = line = 0
    for after in _row_ends(data, len(data), delimiter):
        end = content_end(data, start, after)
        if end > start:
            rows.append(RawRow(start, end, line))
        line += data.count(_LF, start, after)
        start = after
    if start < len(data):
        rows.append(RawRow(start, len(data), line))
    return rows


def parse_cells(row: bytes, delimiter: bytes) -> list[Cell]:
    """Return the cells of one row without its line end; at least one."""
    if _QUOTE not in row:
        # what Cell(text, False) does, without a Python frame a cell
        return list(map(tuple.__new__, repeat(Cell), zip(row.split(delimiter), repeat(False), strict=False)))
    return [
        Cell(quoted.replace(b'""', _QUOTE) + rest, True) if opening else Cell(rest, False)
        for opening, quoted, rest in _patterns(delimiter).cell.findall(delimiter + row)
    ]


def cut_rows(data: bytes, limit: int, delimiter: bytes, *, ends: bool) -> Cut:
    """Return the rows of `data` that are whole within `limit` bytes.

    `data` starts at a row's start. `ends`: the text ends with it, so the rest after the last LF is a row,
    unless a quote is open in it.
    """
    stop = min(limit, len(data))
    if data.find(_QUOTE, 0, stop) < 0:
        return cut_lines(data, limit, ends=ends)
    start = rows = 0
    for after in _row_ends(data, stop, delimiter):
        rows += content_end(data, start, after) > start
        start = after
    if ends and start < stop == len(data):
        _, state = scan_row(data, start, stop, delimiter, ScanState.CELL_START)
        if state is not ScanState.QUOTED:
            start, rows = stop, rows + 1
    return Cut(start, rows, data.count(_LF, 0, start))


def scan_row(data: bytes, pos: int, stop: int, delimiter: bytes, state: ScanState) -> tuple[int, ScanState]:
    """Look for the end of a row in `data[pos:stop]`, a piece of it that begins in `state`.

    Returns the offset after the row's LF, or -1 and the state to go on with in the next piece. Linear.
    """
    patterns = _patterns(delimiter)
    while pos < stop:
        if state is ScanState.QUOTED:
            pos = _closing_quote(data, pos, stop)
            if pos == stop:
                return -1, ScanState.QUOTED
            pos, state = pos + 1, ScanState.AFTER_QUOTE
            continue
        if state is ScanState.AFTER_QUOTE and data[pos] == _QUOTE_BYTE:
            pos, state = pos + 1, ScanState.QUOTED
            continue
        whole = patterns.cells if state is ScanState.CELL_START else patterns.rest
        match = whole.match(data, pos, stop)
        if match is None:
            pos, state = pos + 1, ScanState.QUOTED  # the first cell's quote does not close here
        elif (end := match.end()) == stop:
            at_start = data[stop - 1] == delimiter[0]
            return -1, ScanState.CELL_START if at_start else ScanState.UNQUOTED
        elif data[end] == _LF_BYTE:
            return end + 1, ScanState.CELL_START
        else:
            pos, state = end + 2, ScanState.QUOTED  # nor does that of the cell after this delimiter
    return -1, state


@cache
def _patterns(delimiter: bytes) -> _Patterns:
    cut = re.escape(delimiter)
    text = rb"[^" + cut + rb"\n]*+"
    # a quoted text is whole only with a byte after it: its last quote may be the first of two
    start = rb'(?:"' + _INSIDE + rb'"(?!\Z)|(?!"))'
    rest = text + rb"(?:" + cut + start + text + rb")*+"
    return _Patterns(
        line=re.compile(start + rest + rb"\n"),
        cells=re.compile(start + rest),
        rest=re.compile(rest),
        cell=re.compile(cut + rb'(?:(")(' + _INSIDE + rb')"?+)?+([^' + cut + rb"]*+)"),
    )


def _row_ends(data: bytes, stop: int, delimiter: bytes) -> Iterator[int]:
    """Yield the offset after the LF of every line that is not inside quotes, blank ones too."""
    match_line = _patterns(delimiter).line.match
    pos = 0
    while match := match_line(data, pos, stop):
        pos = match.end()
        yield pos


def _closing_quote(data: bytes, pos: int, stop: int) -> int:
    """Return the offset of the quote that closes a cell, or may close it at `stop - 1`; `stop` if none."""
    quote = data.find(_QUOTE, pos, stop)
    if quote < 0:
        return stop
    if quote + 1 == stop or data[quote + 1] != _QUOTE_BYTE:
        return quote
    match = _QUOTED_TEXT.match(data, quote, stop)
    assert match is not None  # the pattern matches nothing, too
    return match.end()
