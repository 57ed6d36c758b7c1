"""Cuts the text of a CSV file into blocks of whole rows: delimiter, header, and the grammar of its rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from connectors.api import Position
from connectors.csv.dialect import find_delimiter, parse_header
from connectors.csv.rows import ScanState, cut_rows, scan_row, split_rows
from connectors.encodings import UTF_8
from connectors.text.cutter import RowCutter, SkippedRow, check_inside, skip_blanks
from connectors.text.decoding import check_first_block, row_bytes
from connectors.text.lines import Cut, RawRow
from connectors.text.source import TextSource

__all__ = ["CsvBlock", "CsvReader", "CutRows", "SkippedRow"]

_FILE_START = Position()


@dataclass(frozen=True, slots=True)
class CsvBlock:
    """Whole rows of a CSV file, as they stand in it, line ends and blank lines between them included.

    `data` starts with a row, at `start`, and holds `rows` rows in `encoding`; none has an open quote, but any
    may be longer than is allowed. A `skipped` row is a block of its own: `rows` is 1, `data` empty. Blank
    lines that follow the rows lie before `end`; `file_bytes` of the file were read up to there. `width` says
    how many bytes of position a piece of `data` takes: not its length where the file is UTF-16. `file_codec`
    is Python's name of the codec of the file's own bytes.
    """

    start: Position
    end: Position
    data: bytes
    rows: int
    delimiter: bytes
    skipped: SkippedRow | None = None
    encoding: str = UTF_8
    file_bytes: int = 0
    width: Callable[[bytes], int] = len
    file_codec: str = UTF_8


class CutRows(Protocol):
    """What `cut_rows` is."""

    def __call__(self, data: bytes, limit: int, delimiter: bytes, *, ends: bool) -> Cut: ...


class CsvReader:
    """A `SourceReader` of CSV, with a header line or with `columns`. It closes `source`.

    A block has at most `block_bytes` of text, unless a single row is longer; a row of more than
    `max_row_bytes` that does not fit into a block is skipped without being held in memory. After opening a
    new file `snapshot()` is the position of its first data row, block 0; every position that it gives is
    that of a row or of the text's end. The header is read again at a resume. `delimiter` None: it is found in
    the first line that is not blank. A file of nothing but blank lines has no columns and no blocks, whatever
    `columns` says. `cut` gives what `cut_rows` gives.

    Opening raises HeaderError HEADER_MISSING, HEADER_DUPLICATE, ENCODING, and JobError ENCODING when the
    first block is in another encoding, FILE_CHANGED when `position` is not inside the file, and what the
    source raises where its text breaks off.
    """

    def __init__(
        self,
        source: TextSource,
        *,
        block_bytes: int,
        max_row_bytes: int,
        delimiter: str | None,
        header: bool,
        columns: tuple[str, ...] | None,
        position: Position = _FILE_START,
        cut: CutRows = cut_rows,
    ) -> None:
        if header is (columns is not None):
            source.close()
            raise ValueError("`columns` is needed with, and only with, `header` false")
        self._source = source
        self._max_row_bytes = max_row_bytes
        self._delimiter = delimiter.encode() if delimiter is not None else b","
        self._columns: tuple[str, ...] = ()
        try:
            first = self._read_head(columns, find=delimiter is None)
            if position == _FILE_START:
                position = first
            check_inside(source, position, first)
            grammar = _CsvGrammar(self._delimiter, cut)
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
        return self._columns

    def read_block(self) -> CsvBlock | None:
        if (rows := self._cutter.next()) is None:
            return None
        return CsvBlock(
            rows.start,
            rows.end,
            rows.data,
            rows.count,
            self._delimiter,
            rows.skipped,
            self._source.encoding,
            rows.file_bytes,
            self._source.width,
            self._source.file_codec,
        )

    def row_block(self, start: Position, raw: bytes, *, text: bool) -> CsvBlock | None:
        """Return one row that stands at `start` as a block, from its text in UTF-8 or the file's bytes.

        None where the file writes it in another way: it has to be read.
        """
        source = self._source
        if (data := row_bytes(source, raw, text=text)) is None:
            return None
        return CsvBlock(
            start, start, data, 1, self._delimiter, None, source.encoding, 0, source.width, source.file_codec
        )

    def snapshot(self) -> Position:
        return self._cutter.position

    def close(self) -> None:
        self._source.close()

    def _read_head(self, columns: tuple[str, ...] | None, *, find: bool) -> Position:
        """Take delimiter and names from the text's start; return the position of the first data row."""
        source = self._source
        first = skip_blanks(source, Position(byte=source.start))
        head = source.read(first.byte, self._max_row_bytes + len(b"\r\n"))
        damage = source.damage
        if find:
            self._delimiter = find_delimiter(head)
        if damage is not None and cut_rows(head, len(head), self._delimiter, ends=False).size == 0:
            raise damage
        if not head:
            return first
        if columns is not None:
            self._columns = columns
            return first
        self._columns, size = parse_header(
            head, self._delimiter, source, first, max_bytes=self._max_row_bytes
        )
        after = replace(
            first,
            byte=first.byte + source.width(head[:size]),
            line=first.line + head.count(b"\n", 0, size),
        )
        return skip_blanks(source, after)


class _CsvGrammar:
    """The RowGrammar of CSV with one delimiter."""

    def __init__(self, delimiter: bytes, cut: CutRows) -> None:
        self._delimiter = delimiter
        self._cut = cut

    def cut(self, data: bytes, limit: int, *, ends: bool) -> Cut:
        return self._cut(data, limit, self._delimiter, ends=ends)

    def split(self, data: bytes) -> list[RawRow]:
        return split_rows(data, self._delimiter)

    def scan(self) -> _CsvScan:
        return _CsvScan(self._delimiter)


class _CsvScan:
    """The RowScan of CSV: it carries the quote state from piece to piece."""

    def __init__(self, delimiter: bytes) -> None:
        self._delimiter = delimiter
        self._state = ScanState.CELL_START

    def feed(self, piece: bytes) -> int:
        after, self._state = scan_row(piece, 0, len(piece), self._delimiter, self._state)
        return after

    @property
    def closed(self) -> bool:
        return self._state is not ScanState.QUOTED
