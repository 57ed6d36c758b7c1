"""What the reference is asked for: cells of SIDE columns, the judge of rows, rows that are not certain."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from connectors.api import Converted, Position
from connectors.csv.compiled.job import ConverterJob
from connectors.csv.compiled.kernels import layout
from connectors.csv.compiled.workspace import Workspace
from connectors.csv.reader import CsvBlock

__all__ = ["Asking"]

_QUOTE = b'"'[0]


class Asking:
    """Asks the reference about the strips of one block; `text` is what it answered for a strip."""

    def __init__(self, job: ConverterJob, work: Workspace, block: CsvBlock) -> None:
        self._job = job
        self._work = work
        self._block = block
        self._judge = job.converter.rules.judge
        self.text = bytearray()

    def read_cells(self, count: int) -> None:
        """Begin a strip: read the cells of the SIDE columns in its OPEN rows that have all their cells."""
        self.text = bytearray()
        if not self._job.plan.side:
            return
        rows, width = self._work.rows[:count], self._job.plan.width
        whole = (rows[:, layout.VERDICT] == layout.OPEN) & (rows[:, layout.CELLS] == width)
        for column in self._job.plan.side:
            self._read_column(np.flatnonzero(whole), column)

    def _read_column(self, rows: layout.Longs, column: int) -> None:
        is_key, text = column == self._job.plan.key_column, self.text
        source, cells = self._work.source.data, self._work.cells
        places = rows * self._job.plan.width + column
        bounds = cells[places, : layout.FLAGS].tolist()
        answers: list[tuple[int, int, int]] = []
        for start, end in bounds:
            written, flags = self._job.read_cell(column, bytes(source[start:end]))
            at = len(text)
            text += written
            answers.append((at, len(text), flags))
        if is_key:
            for row, cell, answer in zip(rows.tolist(), bounds, answers, strict=True):
                self._set_key(row, cell, answer)
        cells[places] = np.array(answers, np.int64).reshape(-1, layout.CELL_FIELDS)

    def _set_key(self, row: int, cell: list[int], answer: tuple[int, int, int]) -> None:
        """Set the key of a row to the cell of a string, to what is written of another value but null."""
        at, end, flags = answer
        if flags or self.text[at:end] == b"null":
            return
        string = self.text[at] == _QUOTE
        fields = self._work.rows[row]
        fields[layout.KEY_IN] = layout.KEY_IN_SOURCE if string else layout.KEY_IN_SIDE
        fields[layout.KEY_START], fields[layout.KEY_END] = cell if string else (at, end)

    def judge(self, count: int) -> None:
        """Have the rest of the model's rules judge the records; the reference says which one is broken."""
        if self._judge is None:
            return
        rows, out = self._work.rows, self._work.out
        for row in np.flatnonzero(rows[:count, layout.VERDICT] == layout.RECORD):
            value = out[rows[row, layout.VALUE_START] : rows[row, layout.VALUE_END]].tobytes()
            if self._judge.check(value.decode()) is not None:
                rows[row, layout.VERDICT] = layout.ASK

    def convert(self, count: int, first_row: int) -> Iterator[Converted]:
        """Convert the rows that are ASK, in order. `first_row` is the number of the strip's first."""
        verdicts = self._work.rows[:count, layout.VERDICT]
        for first, last in _runs(np.flatnonzero(verdicts == layout.ASK)):
            yield self._job.converter.convert(self._rows_as_block(first, last, first_row))

    def _rows_as_block(self, first: int, last: int, first_row: int) -> CsvBlock:
        """Return rows of the strip that follow one another as a block of their own."""
        block, rows = self._block, self._work.rows
        start, end = int(rows[first, layout.START]), int(rows[last, layout.END])
        position = Position(
            byte=block.start.byte + start,
            row=first_row - 1 + first,
            line=block.start.line + int(rows[first, layout.LINE]),
            block=block.start.block,
        )
        return replace(block, start=position, data=block.data[start:end], rows=last - first + 1)


def _runs(numbers: layout.Longs) -> Iterator[tuple[int, int]]:
    """Yield the first and the last of numbers that follow one another."""
    if not len(numbers):
        return
    gaps = np.flatnonzero(np.diff(numbers) > 1)
    firsts = numbers[np.concatenate([[0], gaps + 1])]
    lasts = numbers[np.concatenate([gaps, [len(numbers) - 1]])]
    yield from zip(firsts.tolist(), lasts.tolist(), strict=True)
