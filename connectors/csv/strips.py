"""The strips of a block of CSV: its bytes scanned for rows and cells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from connectors.compiled.kernels.layout import Longs
from connectors.compiled.kernels.scan import scan_strip
from connectors.compiled.plan import Plan
from connectors.compiled.scanned import ScannedText
from connectors.compiled.side import SideCells
from connectors.compiled.workspace import Workspace
from connectors.csv.reader import CsvBlock

__all__ = ["CsvStrips"]


class CsvStrips:
    """The Strips of a block of UTF-8."""

    def __init__(self, plan: Plan, cells: SideCells, work: Workspace, block: CsvBlock) -> None:
        self._text = ScannedText(plan, work, block)
        self._width = plan.width
        self._cells = cells
        self._work = work
        self._block = block

    def next(self) -> int:
        if self._text.ended:
            return 0
        return scan_strip(
            self._work.source,
            len(self._block.data),
            self._text.at,
            self._block.delimiter[0],
            self._width,
            self._text.limits,
            self._work.rows,
            self._work.cells,
        )

    def read(self, column: int, rows: Longs) -> Iterator[tuple[bytes, int]]:
        return (self._cells.read(column, cell) for cell, _ in self._text.cells(column, rows))

    def rows_as_block(self, first: int, last: int, first_row: int) -> CsvBlock:
        start, data = self._text.rows(first, last, first_row)
        return replace(self._block, start=start, data=data, rows=last - first + 1)
