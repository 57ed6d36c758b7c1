"""The reference converter of CSV: plain Python, row by row. It defines what a compiled one must give."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from connectors.api import Block, Converted, Record, RowError
from connectors.csv.reader import CsvBlock
from connectors.csv.rows import parse_cells, split_rows
from connectors.model import PLAIN_CELLS, CellFormat, Outcome, RowKey, RowRules
from connectors.records import RecordLimit, row_error
from connectors.text.rows import convert_rows

__all__ = ["CsvReferenceConverter", "row_cells"]


class CsvReferenceConverter:
    """Turns the blocks of one CSV file into records and rejects. A Converter; pure and thread-safe.

    `rules` are the model's, bound to the file's columns and behind them those of `fixed`, outcomes that every
    row has. `cells` says how the cells are written, `key` names the column whose values are the keys. A row
    that is larger than its `limit`, or whose record is, is a reject. `readers` read the cells of the file's
    columns, one by one.

    Raises HeaderError COLUMN_MISSING when there is no column `key`.
    """

    def __init__(
        self,
        rules: RowRules,
        *,
        key: str | None,
        limit: RecordLimit,
        cells: CellFormat = PLAIN_CELLS,
        fixed: Sequence[Outcome] = (),
    ) -> None:
        self.rules = rules
        self.key = key
        self.limit = limit
        self.cells = cells
        self.fixed = tuple(fixed)
        of_file = rules.rules[: len(rules.rules) - len(self.fixed)]
        self.readers = [cells.reader(rule) for rule in of_file]
        self._row_key = RowKey(rules, key)

    def convert(self, block: Block) -> Converted:
        assert isinstance(block, CsvBlock)
        places = split_rows(block.data, block.delimiter)
        return convert_rows(block, places, self.limit, partial(self._convert_row, block))

    def _convert_row(
        self, block: CsvBlock, number: int, row: bytes, text: str
    ) -> Record | tuple[RowError, ...]:
        cells = row_cells(row, text, block)
        if len(cells) != len(self.readers):
            return row_error("column_count", found=len(cells), expected=len(self.readers))
        outcomes = [read(cell) for read, cell in zip(self.readers, cells, strict=True)]
        outcomes += self.fixed
        value = self.rules.check(outcomes)
        if isinstance(value, tuple):
            return value
        return self.limit.record(number, self._row_key.of(outcomes), value)


def row_cells(row: bytes, text: str, block: CsvBlock) -> list[str]:
    """Return the cells of a row whose text is known; without quotes they are what is between delimiters."""
    if '"' not in text:
        return text.split(block.delimiter.decode())
    return [cell.text.decode(block.encoding) for cell in parse_cells(row, block.delimiter)]
