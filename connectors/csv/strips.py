"""The strips of a block of CSV: its bytes scanned for rows and cells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from connectors.api import Position
from connectors.compiled.kernels import layout
from connectors.compiled.kernels.scan import scan_strip
from connectors.compiled.plan import Plan
from connectors.compiled.side import SideCells
from connectors.compiled.workspace import Workspace
from connectors.csv.reader import CsvBlock

__all__ = ["CsvStrips"]


class CsvStrips:
    """The Strips of a block of UTF-8."""

    def __init__(self, plan: Plan, cells: SideCells, work: Workspace, block: CsvBlock) -> None:
        self._plan = plan
        self._cells = cells
        self._work = work
        self._block = block
        self._at = np.zeros(2, np.int64)
        self._limits = np.array([work.room, plan.row_bytes, plan.program.facts[layout.MAX_ROW]], np.int64)
        work.load(block.data)

    def next(self) -> int:
        work = self._work
        if self._at[0] >= len(self._block.data):
            return 0
        return scan_strip(
            work.source,
            len(self._block.data),
            self._at,
            self._block.delimiter[0],
            self._plan.width,
            self._limits,
            work.rows,
            work.cells,
        )

    def read(self, column: int, rows: layout.Longs) -> Iterator[tuple[bytes, int]]:
        source, places = self._work.source.data, rows * self._plan.width + column
        for start, end in self._work.cells[places, : layout.FLAGS].tolist():
            yield self._cells.read(column, bytes(source[start:end]))

    def rows_as_block(self, first: int, last: int, first_row: int) -> CsvBlock:
        block, rows = self._block, self._work.rows
        start, end = int(rows[first, layout.START]), int(rows[last, layout.END])
        position = Position(
            byte=block.start.byte + start,
            row=first_row - 1 + first,
            line=block.start.line + int(rows[first, layout.LINE]),
            block=block.start.block,
        )
        return replace(block, start=position, data=block.data[start:end], rows=last - first + 1)
