"""Cuts text into blocks of whole rows, each a pure function of the position where it starts.

What a row is, a RowGrammar says. Memory is bounded by the block and the longest row that may pass; of a
longer one only the head is held.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from connectors.api import Position
from connectors.errors import JobCode, JobError, RowCode
from connectors.text.lines import Cut, RawRow, content_end, skip_blank_lines
from connectors.text.source import TextSource

__all__ = [
    "HEAD_BYTES",
    "RowCutter",
    "RowGrammar",
    "RowScan",
    "Rows",
    "SkippedRow",
    "check_inside",
    "skip_blanks",
]

HEAD_BYTES = 512 * 1024
"""How much is kept of a row that is skipped (bytes)."""

_SCAN_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class SkippedRow:
    """A row that only the reader can reject: UNCLOSED_QUOTE or ROW_TOO_LARGE.

    `raw_head` is its first bytes, at most HEAD_BYTES, `raw_bytes` its whole length without the line end, both
    of the text as the source hands it out; `file_bytes` is that length in the file.
    """

    code: RowCode
    raw_head: bytes
    raw_bytes: int
    file_bytes: int


class RowScan(Protocol):
    """Looks for the end of one row, piece by piece, holding none of it."""

    def feed(self, piece: bytes) -> int:
        """Return the offset in the next `piece` after the row's LF, or -1 if the row goes on."""

    @property
    def closed(self) -> bool:
        """Whether the row is whole if the text ends here."""


class RowGrammar(Protocol):
    """Where rows end in text that starts with a row."""

    def cut(self, data: bytes, limit: int, *, ends: bool) -> Cut:
        """Return the rows of `data` that are whole within `limit` bytes.

        `ends`: the text ends with `data`, so what follows the last LF is a row if it may end there.
        """

    def split(self, data: bytes) -> list[RawRow]:
        """Return the rows of `data`."""

    def scan(self) -> RowScan: ...


@dataclass(frozen=True, slots=True)
class Rows:
    """Whole rows as they stand in the text, or one `skipped` row: then `data` is empty and `count` 1.

    Blank lines that follow the rows lie before `end`. `file_bytes` bytes of the file were read up to there.
    """

    start: Position
    end: Position
    data: bytes
    count: int
    file_bytes: int
    skipped: SkippedRow | None = None


@dataclass(frozen=True, slots=True)
class _Extent:
    """A long row: its length without the line end and that of the line end, both of text, where it ends in
    the file, and the LFs it takes.
    """

    raw_bytes: int
    line_end: int
    end: int
    lines: int
    closed: bool


class RowCutter:
    """Takes rows from `source`, beginning at `position`, a row's start or blank lines before one.

    At most `block_bytes` of text at a time, unless a single row is longer; a row of more than `max_row_bytes`
    that does not fit into a block is skipped. Where the text breaks off, the whole rows before come first.
    """

    def __init__(
        self,
        source: TextSource,
        grammar: RowGrammar,
        position: Position,
        *,
        block_bytes: int,
        max_row_bytes: int,
    ) -> None:
        self._source = source
        self._grammar = grammar
        self._block_bytes = block_bytes
        self._max_row_bytes = max_row_bytes
        self.position = skip_blanks(source, position)

    def next(self) -> Rows | None:
        """Return the next rows, None at the end of the text. Raises JobError where it breaks off."""
        # a byte more than a block says whether the text ends in it
        window = self._source.read(self.position.byte, self._block_bytes + 1)
        damage = self._source.damage
        if not window:
            if damage is not None:
                raise damage
            return None
        ends = damage is None and len(window) <= self._block_bytes
        cut = self._grammar.cut(window, self._block_bytes, ends=ends)
        return self._whole(window[: cut.size], cut) if cut.rows else self._long_row()

    def _long_row(self) -> Rows:
        """Return the next row alone: it does not fit into a block with others, or never ends."""
        start = self.position.byte
        row = self._source.read(start, max(self._max_row_bytes + len(b"\r\n"), HEAD_BYTES))
        scan = self._grammar.scan()
        if (after := scan.feed(row)) >= 0:
            size = content_end(row, 0, after)
            if size <= self._max_row_bytes:
                return self._whole(row[:after], Cut(after, 1, row.count(b"\n", 0, after)))
            end = start + self._source.width(row[:after])
            extent = _Extent(size, after - size, end, row.count(b"\n", 0, after), closed=True)
        else:
            extent = self._scan_on(start, row, scan)
            if extent.closed and extent.raw_bytes <= self._max_row_bytes:
                return self._whole(row, Cut(len(row), 1, extent.lines))
        code = RowCode.ROW_TOO_LARGE if extent.closed else RowCode.UNCLOSED_QUOTE
        file_bytes = extent.end - start - self._source.width(b"\n" * extent.line_end)
        skipped = SkippedRow(code, self._head(row, extent.raw_bytes), extent.raw_bytes, file_bytes)
        return self._advance(extent.end, extent.lines, b"", 1, skipped)

    def _head(self, row: bytes, raw_bytes: int) -> bytes:
        end = min(raw_bytes, HEAD_BYTES)
        if self._source.encoding != self._source.file_encoding:
            # it is turned back into the file's encoding
            while end < len(row) and row[end] & 0xC0 == 0x80:
                end -= 1
        return row[:end]

    def _scan_on(self, start: int, row: bytes, scan: RowScan) -> _Extent:
        """Find the end of a row that goes on behind `row`, its first bytes."""
        pos, size, lines = start, 0, 0
        piece, last = row, b""
        while piece:
            pos += self._source.width(piece)
            size += len(piece)
            lines += piece.count(b"\n")
            last = piece[-1:]
            if self._source.damage is not None:
                raise self._source.damage
            piece = self._source.read(pos, _SCAN_BYTES)
            if (after := scan.feed(piece)) >= 0:
                tail = last + piece[:after]
                content = content_end(tail, 0, len(tail))
                return _Extent(
                    size - len(last) + content,
                    len(tail) - content,
                    pos + self._source.width(piece[:after]),
                    lines + piece.count(b"\n", 0, after),
                    closed=True,
                )
        if self._source.damage is not None:
            raise self._source.damage
        return _Extent(size, 0, pos, lines, closed=scan.closed)

    def _whole(self, data: bytes, cut: Cut) -> Rows:
        end = self.position.byte + self._source.width(data)
        return self._advance(end, cut.lines, data, cut.rows, None)

    def _advance(self, end: int, lines: int, data: bytes, count: int, skipped: SkippedRow | None) -> Rows:
        start = self.position
        after = replace(
            start, byte=end, row=start.row + count, line=start.line + lines, block=start.block + 1
        )
        self.position = skip_blanks(self._source, after)
        file_bytes = self._source.file_bytes(self.position.byte)
        return Rows(start, self.position, data, count, file_bytes, skipped)


def skip_blanks(source: TextSource, position: Position) -> Position:
    """Return the position after the blank lines at `position`."""
    byte, line = position.byte, position.line
    while True:
        piece = source.read(byte, _SCAN_BYTES if byte > position.byte else len(b"\r\n"))
        skipped = skip_blank_lines(piece, 0)
        if not skipped:
            return replace(position, byte=byte, line=line)
        byte += source.width(piece[:skipped])
        line += piece.count(b"\n", 0, skipped)


def check_inside(source: TextSource, position: Position, first: Position) -> None:
    """Raise JobError FILE_CHANGED unless `position` lies from `first`, the first row, to the text's end."""
    size = source.reach(max(first.byte, position.byte))
    if not first.byte <= position.byte <= size:
        raise JobError(
            JobCode.FILE_CHANGED,
            f"byte `{position.byte}` is not among the rows of the file, bytes `{first.byte}` to `{size}`",
            "the file is not the one that the job began with; submit it as a new job",
        )
