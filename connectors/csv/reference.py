"""The reference converter of CSV: plain Python, row by row. It defines what a compiled one must give."""

from __future__ import annotations

from connectors.api import Block, Converted, Record, Reject, RowError
from connectors.csv.reader import CsvBlock, SkippedRow
from connectors.csv.rows import RawRow, parse_cells, split_rows
from connectors.errors import RowCode
from connectors.model import RowKey, RowRules
from connectors.model.messages import failure

__all__ = ["CsvReferenceConverter"]


class CsvReferenceConverter:
    """Turns the blocks of one CSV file into records and rejects. A Converter; pure and thread-safe.

    `rules` are the model's, bound to the file's columns; `key` names the column whose values are the keys.
    A row of more than `max_row_bytes`, or whose JSON and key together are, is a reject.

    Raises HeaderError COLUMN_MISSING when the file has no column `key`.
    """

    def __init__(self, rules: RowRules, *, key: str | None, max_row_bytes: int) -> None:
        self._rules = rules
        self._key = RowKey(rules, key)
        self._max_row_bytes = max_row_bytes
        self._readers = [rule.cell_reader() for rule in rules.rules]

    def convert(self, block: Block) -> Converted:
        assert isinstance(block, CsvBlock)
        if block.skipped is not None:
            return Converted([], [self._skipped(block, block.skipped)])
        records: list[Record] = []
        rejects: list[Reject] = []
        for number, place in enumerate(split_rows(block.data, block.delimiter), start=block.start.row + 1):
            row = block.data[place.start : place.end]
            result = self._convert_row(number, row, block.delimiter)
            if isinstance(result, Record):
                records.append(result)
            else:
                rejects.append(_reject(block, number, place, row, result))
        return Converted(records, rejects)

    def _convert_row(self, number: int, row: bytes, delimiter: bytes) -> Record | tuple[RowError, ...]:
        if len(row) > self._max_row_bytes:
            return _row_error("row_bytes", size=len(row), limit=self._max_row_bytes)
        try:
            text = row.decode()
        except UnicodeDecodeError as error:
            return _row_error("encoding", byte=row[error.start], offset=error.start)
        cells = _cells(row, text, delimiter)
        if len(cells) != len(self._readers):
            return _row_error("column_count", found=len(cells), expected=len(self._readers))
        outcomes = [read(cell) for read, cell in zip(self._readers, cells, strict=True)]
        value = self._rules.check(outcomes)
        if isinstance(value, tuple):
            return value
        key = self._key.of(outcomes)
        size = len(value) + len(key or b"")
        if size > self._max_row_bytes:
            return _row_error("json_bytes", size=size, limit=self._max_row_bytes)
        return Record(number, key, value)

    def _skipped(self, block: CsvBlock, skipped: SkippedRow) -> Reject:
        if skipped.code is RowCode.UNCLOSED_QUOTE:
            errors = _row_error("unclosed_quote")
        else:
            errors = _row_error("row_bytes", size=skipped.raw_bytes, limit=self._max_row_bytes)
        start = block.start
        return Reject(start.row + 1, start.line + 1, start.byte, errors, skipped.raw_head, skipped.raw_bytes)


def _cells(row: bytes, text: str, delimiter: bytes) -> list[str]:
    """Return the cells of a row whose text is known; without quotes they are what is between delimiters."""
    if '"' not in text:
        return text.split(delimiter.decode())
    return [cell.text.decode() for cell in parse_cells(row, delimiter)]


def _row_error(name: str, **values: int) -> tuple[RowError, ...]:
    return (RowError(None, *failure(name, **values)),)


def _reject(block: CsvBlock, number: int, place: RawRow, row: bytes, errors: tuple[RowError, ...]) -> Reject:
    line, byte_offset = block.start.line + place.line + 1, block.start.byte + place.start
    return Reject(number, line, byte_offset, errors, row, len(row))
