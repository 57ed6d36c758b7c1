"""Cuts an NDJSON file into blocks of whole lines, each a pure function of the position where it starts.

Source of the format: https://github.com/ndjson/ndjson-spec
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from connectors.api import Position
from connectors.encodings import UTF_8
from connectors.text.cutter import RowCutter, SkippedRow, check_inside, skip_blanks
from connectors.text.decoding import check_first_block, row_bytes
from connectors.text.lines import Cut, RawRow, cut_lines, split_lines
from connectors.text.source import TextSource

__all__ = ["NdjsonBlock", "NdjsonReader"]

_FILE_START = Position()


@dataclass(frozen=True, slots=True)
class NdjsonBlock:
    """Whole lines of an NDJSON file, as they stand in it, line ends and blank lines between them included.

    `data` starts with a row, at `start`, and holds `rows` rows (`connectors.text.lines.split_lines` gives
    them) in `encoding`; any may be longer than is allowed. A `skipped` row (ROW_TOO_LARGE) is a block of its
    own: `rows` is 1, `data` empty. `width` says how many bytes of the file a piece of `data` takes: less or
    more than its length where the file is UTF-16. `file_codec` is Python's name of the codec of the file's
    own bytes.
    """

    start: Position
    end: Position
    data: bytes
    rows: int
    encoding: str
    file_bytes: int
    skipped: SkippedRow | None = None
    width: Callable[[bytes], int] = len
    file_codec: str = UTF_8


class NdjsonReader:
    """A `SourceReader` of NDJSON: every line that is not blank is a row. It closes `source`.

    A block has at most `block_bytes` of text, unless a single row is longer; a row of more than
    `max_row_bytes` that does not fit into a block is skipped without being held in memory. Every position
    that it gives is that of a row or of the text's end.

    Opening raises JobError ENCODING when the first block is in another encoding, FILE_CHANGED when `position`
    is not inside the file, and what the source raises where its text breaks off.
    """

    def __init__(
        self, source: TextSource, *, block_bytes: int, max_row_bytes: int, position: Position = _FILE_START
    ) -> None:
        self._source = source
        grammar = _NdjsonGrammar()
        try:
            first = skip_blanks(source, Position(byte=source.start))
            if position == _FILE_START:
                position = first
            check_inside(source, position, first)
            if position.block == 0:
                check_first_block(source, grammar, position, block_bytes=block_bytes)
            self._cutter = RowCutter(
                source, grammar, position, block_bytes=block_bytes, max_row_bytes=max_row_bytes
            )
        except BaseException:
            source.close()
            raise

    @property
    def columns(self) -> tuple[str, ...]:
        """Empty: each line names its own."""
        return ()

    def read_block(self) -> NdjsonBlock | None:
        if (rows := self._cutter.next()) is None:
            return None
        return NdjsonBlock(
            rows.start,
            rows.end,
            rows.data,
            rows.count,
            self._source.encoding,
            rows.file_bytes,
            rows.skipped,
            self._source.width,
            self._source.file_codec,
        )

    def row_block(self, start: Position, raw: bytes, *, text: bool) -> NdjsonBlock | None:
        """Return one row that stands at `start` as a block, from its text in UTF-8 or the file's bytes.

        None where the file writes it in another way: it has to be read.
        """
        source = self._source
        if (data := row_bytes(source, raw, text=text)) is None:
            return None
        return NdjsonBlock(start, start, data, 1, source.encoding, 0, None, source.width, source.file_codec)

    def snapshot(self) -> Position:
        return self._cutter.position

    def close(self) -> None:
        self._source.close()


class _NdjsonGrammar:
    """The RowGrammar of lines: every LF ends a row, since JSON strings cannot hold one."""

    def cut(self, data: bytes, limit: int, *, ends: bool) -> Cut:
        return cut_lines(data, limit, ends=ends)

    def split(self, data: bytes) -> list[RawRow]:
        return split_lines(data)

    def scan(self) -> _NdjsonScan:
        return _NdjsonScan()


class _NdjsonScan:
    closed = True

    def feed(self, piece: bytes) -> int:
        return piece.find(b"\n") + 1 or -1
