"""Cuts a CSV file into blocks of whole rows, each a pure function of the position where it starts.

Every read names its offset, so there is nothing to rewind: a resume is a seek. Memory is bounded by the block
and the longest row that may pass; a longer one is only scanned.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from connectors.api import Position
from connectors.csv.dialect import find_delimiter, parse_header
from connectors.csv.rows import ScanState, content_end, cut_rows, scan_row, skip_blank_lines
from connectors.errors import JobCode, JobError, RowCode
from connectors.files import open_file

__all__ = ["HEAD_BYTES", "CsvBlock", "CsvReader", "SkippedRow"]

HEAD_BYTES = 512 * 1024
"""How much is kept of a row that is skipped (bytes)."""

_BOM = b"\xef\xbb\xbf"
_SCAN_BYTES = 256 * 1024
_FILE_START = Position()


@dataclass(frozen=True, slots=True)
class SkippedRow:
    """A row that only the reader can reject: UNCLOSED_QUOTE or ROW_TOO_LARGE.

    `raw_head` is its first bytes, at most HEAD_BYTES; `raw_bytes` its whole length without the line end.
    """

    code: RowCode
    raw_head: bytes
    raw_bytes: int


@dataclass(frozen=True, slots=True)
class CsvBlock:
    """Whole rows of a CSV file, as they stand in it, line ends and blank lines between them included.

    `data` starts with a row, at `start`, and holds `rows` rows; none has an open quote, but any may be longer
    than is allowed. A `skipped` row is a block of its own: `rows` is 1, `data` empty. Blank lines that follow
    the rows lie before `end`.
    """

    start: Position
    end: Position
    data: bytes
    rows: int
    delimiter: bytes
    skipped: SkippedRow | None = None


@dataclass(frozen=True, slots=True)
class _Extent:
    """Where a row ends: offsets in the file after its content and after its LF, and the LFs it takes."""

    content_end: int
    end: int
    lines: int
    closed: bool


class CsvReader:
    """A `SourceReader` of CSV in UTF-8, with a header line or with `columns`.

    A block has at most `block_bytes` of file, unless a single row is longer; a row of more than
    `max_row_bytes` that does not fit into a block is skipped without being held in memory. After opening a
    new file `snapshot()` is the position of its first data row, block 0; every position that it gives is
    that of a row or of the file's end. The header is read again at a resume. `delimiter` None: it is found in
    the first line that is not blank. A file of nothing but blank lines has no columns and no blocks, whatever
    `columns` says.

    Opening raises HeaderError HEADER_MISSING, HEADER_DUPLICATE, ENCODING, and JobError FILE_GONE, or
    FILE_CHANGED when `position` is not inside the file.
    """

    def __init__(
        self,
        path: Path,
        *,
        block_bytes: int,
        max_row_bytes: int,
        delimiter: str | None,
        header: bool,
        columns: tuple[str, ...] | None,
        position: Position = _FILE_START,
    ) -> None:
        if header is (columns is not None):
            raise ValueError("`columns` is needed with, and only with, `header` false")
        self._block_bytes = block_bytes
        self._max_row_bytes = max_row_bytes
        self._delimiter = delimiter.encode() if delimiter is not None else b","
        self._columns: tuple[str, ...] = ()
        self._file = open_file(path)
        try:
            first = self._read_head(columns, find=delimiter is None)
            if position == _FILE_START:
                position = first
            self._check_inside(position, first)
        except BaseException:
            self._file.close()
            raise
        self._next = position

    @property
    def columns(self) -> tuple[str, ...]:
        return self._columns

    def read_block(self) -> CsvBlock | None:
        start = self._next
        # a byte more than a block says whether the file ends in it
        window = self._read(start.byte, self._block_bytes + 1)
        if not window:
            return None
        size, rows = cut_rows(window, self._block_bytes, self._delimiter)
        if rows:
            return self._block(window[:size], rows)
        return self._long_row()

    def snapshot(self) -> Position:
        return self._next

    def close(self) -> None:
        self._file.close()

    def _read_head(self, columns: tuple[str, ...] | None, *, find: bool) -> Position:
        """Take delimiter and names from the file's start; return the position of the first data row."""
        bom = len(_BOM) if self._read(0, len(_BOM)) == _BOM else 0
        first = self._skip_blank_lines(Position(byte=bom))
        head = self._read(first.byte, self._max_row_bytes + len(b"\r\n"))
        if not head:
            return first
        if find:
            self._delimiter = find_delimiter(head)
        if columns is not None:
            self._columns = columns
            return first
        self._columns, size = parse_header(
            head, self._delimiter, byte=first.byte, line=first.line + 1, max_bytes=self._max_row_bytes
        )
        lines = head.count(b"\n", 0, size)
        return self._skip_blank_lines(replace(first, byte=first.byte + size, line=first.line + lines))

    def _check_inside(self, position: Position, first: Position) -> None:
        size = os.fstat(self._file.fileno()).st_size
        if not first.byte <= position.byte <= size:
            raise JobError(
                JobCode.FILE_CHANGED,
                f"byte `{position.byte}` is not among the rows of the file, bytes `{first.byte}` to `{size}`",
                "the file is not the one that the job began with; submit it as a new job",
            )

    def _long_row(self) -> CsvBlock:
        """Return the next row as a block of its own: it does not fit into one with others, or never ends."""
        start = self._next.byte
        extent = self._scan_row(start)
        raw_bytes = extent.content_end - start
        if not extent.closed:
            code = RowCode.UNCLOSED_QUOTE
        elif raw_bytes > self._max_row_bytes:
            code = RowCode.ROW_TOO_LARGE
        else:
            return self._block(self._read(start, extent.end - start), 1)
        skipped = SkippedRow(code, self._read(start, min(raw_bytes, HEAD_BYTES)), raw_bytes)
        return self._advance(extent.end - start, extent.lines, b"", 1, skipped)

    def _block(self, data: bytes, rows: int) -> CsvBlock:
        return self._advance(len(data), data.count(b"\n"), data, rows, None)

    def _advance(self, size: int, lines: int, data: bytes, rows: int, skipped: SkippedRow | None) -> CsvBlock:
        start = self._next
        after = replace(
            start,
            byte=start.byte + size,
            row=start.row + rows,
            line=start.line + lines,
            block=start.block + 1,
        )
        self._next = self._skip_blank_lines(after)
        return CsvBlock(start, self._next, data, rows, self._delimiter, skipped)

    def _scan_row(self, start: int) -> _Extent:
        """Find the end of the row at `start` piece by piece, holding none of it."""
        pos, lines, state = start, 0, ScanState.CELL_START
        while piece := self._read(pos, _SCAN_BYTES):
            after, state = scan_row(piece, 0, len(piece), self._delimiter, state)
            if after >= 0:
                end = pos + after
                lines += piece.count(b"\n", 0, after)
                tail_start = max(start, end - len(b"\r\n"))
                tail = self._read(tail_start, end - tail_start)
                return _Extent(tail_start + content_end(tail, 0, len(tail)), end, lines, closed=True)
            pos += len(piece)
            lines += piece.count(b"\n")
        return _Extent(pos, pos, lines, closed=state is not ScanState.QUOTED)

    def _skip_blank_lines(self, position: Position) -> Position:
        """Return the position after the blank lines at `position`."""
        byte, line = position.byte, position.line
        while True:
            piece = self._read(byte, _SCAN_BYTES if byte > position.byte else len(b"\r\n"))
            skipped = skip_blank_lines(piece, 0)
            byte += skipped
            line += piece.count(b"\n", 0, skipped)
            if not skipped:
                return replace(position, byte=byte, line=line)

    def _read(self, offset: int, size: int) -> bytes:
        """Read `size` bytes at `offset`, fewer only at the end of the file."""
        file = self._file.fileno()
        data = os.pread(file, size, offset)
        while len(data) < size:  # less than asked for is not yet the end
            more = os.pread(file, size - len(data), offset + len(data))
            if not more:
                break
            data += more
        return data
