"""Rows of text that become rejects: what does not decode, and where and how a row stands in its file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from connectors.api import Position, Reject, RowError
from connectors.encodings import UTF_8
from connectors.errors import RowCode
from connectors.records import RecordLimit, row_error
from connectors.text.cutter import SkippedRow
from connectors.text.lines import RawRow

__all__ = ["RejectedRows", "TextBlock", "undecodable"]

_HALF_UNIT = b"\xff"  # what the reader makes of an odd byte at the end of UTF-16


class TextBlock(Protocol):
    """A block of text. `data` is in `encoding`; the file itself is in `file_codec`.

    They differ where the file is UTF-16: its text is handed out as UTF-8, in which half of a character, which
    may stand alone in UTF-16, has its own three bytes. `width` says how many bytes of the file a piece of
    `data` takes.
    """

    @property
    def start(self) -> Position: ...

    @property
    def data(self) -> bytes: ...

    @property
    def encoding(self) -> str: ...

    @property
    def skipped(self) -> SkippedRow | None: ...

    @property
    def file_codec(self) -> str: ...

    @property
    def width(self) -> Callable[[bytes], int]: ...


def undecodable(row: bytes, block: TextBlock, start: int) -> tuple[RowError, ...]:
    """Return the error ENCODING of a row that does not decode at `start`; it tells the offset in the file."""
    if block.file_codec != block.encoding:
        return row_error("half", offset=block.width(row[:start]))
    name = "UTF-8" if block.encoding == UTF_8 else f"`{block.encoding}`"
    return row_error("encoding", byte=row[start], offset=start, encoding=name)


class RejectedRows:
    """Makes the rejects of one block, which come in the order of its rows."""

    def __init__(self, block: TextBlock, limit: RecordLimit) -> None:
        self._block = block
        self._limit = limit
        self._last = 0
        self._byte = block.start.byte

    def reject(self, row: int, place: RawRow, errors: tuple[RowError, ...]) -> Reject:
        """Return the reject of data row `row` (from 1), which stands at `place` in the block."""
        data = self._block.data
        self._byte += self._block.width(data[self._last : place.start])
        self._last = place.start
        raw = self._as_in_file(data[place.start : place.end])
        return self._reject(row, place.line, self._byte, errors, raw, len(raw))

    def skipped(self, skipped: SkippedRow) -> Reject:
        """Return the reject of the row that the reader skipped, the block's only one."""
        if skipped.code is RowCode.UNCLOSED_QUOTE:
            errors = row_error("unclosed_quote")
        else:
            errors = self._limit.oversized(skipped.raw_bytes)
        raw = self._as_in_file(skipped.raw_head)
        return self._reject(self._block.start.row + 1, 0, self._byte, errors, raw, skipped.file_bytes)

    def _reject(
        self, row: int, line: int, byte: int, errors: tuple[RowError, ...], raw: bytes, raw_bytes: int
    ) -> Reject:
        line += self._block.start.line + 1
        return Reject(row, line, byte, errors, raw, raw_bytes, self._block.file_codec)

    def _as_in_file(self, text: bytes) -> bytes:
        block = self._block
        if block.file_codec == block.encoding:
            return text
        whole = text.removesuffix(_HALF_UNIT)
        units = whole.decode(block.encoding, "surrogatepass").encode(block.file_codec, "surrogatepass")
        return units + text[len(whole) :]
