"""Lines of text: LF ends one, a CR before it belongs to the line end, zero-byte lines are no rows."""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["Cut", "RawRow", "content_end", "cut_lines", "skip_blank_lines", "split_lines"]

_LF = b"\n"
_CR_BYTE = b"\r"[0]
_BLANK_LINES = re.compile(rb"(?:\n++|\r\n)*+")


class RawRow(NamedTuple):
    """A row's place in its data: bytes `start` to `end` without the line end, `line` LFs before it."""

    start: int
    end: int
    line: int


class Cut(NamedTuple):
    """The beginning of a text: `size` bytes that are whole rows, `rows` of them, with `lines` LFs."""

    size: int
    rows: int
    lines: int


def split_lines(data: bytes) -> list[RawRow]:
    """Return the lines of `data` that are rows; what follows the last LF is one too."""
    rows: list[RawRow] = []
    start = 0
    lines = data.split(_LF)
    for number, line in enumerate(lines[:-1]):
        after = start + len(line) + 1
        end = content_end(data, start, after)
        if end > start:
            rows.append(RawRow(start, end, number))
        start = after
    if lines[-1]:
        rows.append(RawRow(start, len(data), len(lines) - 1))
    return rows


def cut_lines(data: bytes, limit: int, *, ends: bool) -> Cut:
    """Return the lines of `data` that are whole within `limit` bytes.

    `ends`: the text ends with `data`, so what follows the last LF is a line, too.
    """
    stop = min(limit, len(data))
    end = stop if ends and stop == len(data) else data.rfind(_LF, 0, stop) + 1
    lines = data.count(_LF, 0, end)
    last = 0 if data.endswith(_LF, 0, end) else 1 if end else 0
    return Cut(end, (_count_rows(data, end) if _has_blank_lines(data, end) else lines) + last, lines)


def _count_rows(data: bytes, end: int) -> int:
    """Count the lines of `data[:end]` that are not blank and end with an LF."""
    lines = data[:end].split(_LF)
    lines.pop()
    return sum(1 for line in lines if line not in (b"", b"\r"))


def _has_blank_lines(data: bytes, end: int) -> bool:
    if data.startswith((b"\n", b"\r\n"), 0, end) or data.find(b"\n\n", 0, end) >= 0:
        return True
    # a CR alone is looked for at many times the speed
    return data.find(b"\r", 0, end) >= 0 and data.find(b"\n\r\n", 0, end) >= 0


def content_end(data: bytes, start: int, after: int) -> int:
    """Return where a row's content ends that starts at `start` and whose LF is at `after - 1`."""
    end = after - 1
    return end - 1 if end > start and data[end - 1] == _CR_BYTE else end


def skip_blank_lines(data: bytes, pos: int) -> int:
    """Return the offset after the zero-byte lines that begin at `pos`, a line's start."""
    match = _BLANK_LINES.match(data, pos)
    assert match is not None  # the pattern matches nothing, too
    return match.end()
