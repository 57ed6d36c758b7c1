"""The strips of a block of Parquet: the values of its columns as cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from connectors.compiled.kernels import layout
from connectors.compiled.plan import Plan
from connectors.compiled.side import answer_of
from connectors.compiled.workspace import Workspace
from connectors.parquet.filling import CellFiller
from connectors.parquet.reader import ParquetBlock
from connectors.parquet.reference import ParquetColumn

__all__ = ["ParquetStrips"]


class ParquetStrips:
    """The Strips of a block: as many rows as make about the workspace's room."""

    def __init__(
        self, plan: Plan, columns: Sequence[ParquetColumn], work: Workspace, block: ParquetBlock
    ) -> None:
        self._plan = plan
        self._columns = columns
        self._work = work
        self._block = block
        self._next = 0
        row_bytes = plan.row_bytes + block.batch.nbytes // max(1, block.batch.num_rows)
        self._rows = max(1, min(len(work.rows), work.room // row_bytes))
        self._strip = block.batch.slice(0, 0)

    def next(self) -> int:
        work, width = self._work, self._plan.width
        strip = self._strip = self._block.batch.slice(self._next, self._rows)
        count = strip.num_rows
        self._next += count
        rows = work.rows[:count]
        rows[:] = 0
        rows[:, layout.CELLS], rows[:, layout.VERDICT], rows[:, layout.KEY_IN] = (
            width,
            layout.OPEN,
            layout.NO_KEY,
        )
        filler = CellFiller(work, self._plan.program, count)
        for number, array in enumerate(strip.columns):
            if number not in self._plan.side:
                filler.fill(number, array, self._columns[number].writer)
        work.make_room(filler.need + count * self._plan.row_bytes)
        return count

    def read(self, column: int, rows: layout.Longs) -> Iterator[tuple[bytes, int]]:
        reader, array = self._columns[column], self._strip.column(column)
        values = reader.writer.texts(array)  # Arrow cannot take single values of every type
        return (answer_of(reader.read(values[row])) for row in rows.tolist())

    def rows_as_block(self, first: int, last: int, first_row: int) -> ParquetBlock:
        start = replace(self._block.start, row=first_row - 1 + first)
        return replace(self._block, start=start, batch=self._strip.slice(first, last - first + 1))
