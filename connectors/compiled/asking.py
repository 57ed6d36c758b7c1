"""What the reference is asked for: cells of SIDE columns, the judge of rows, rows that are not certain."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from connectors.api import Converted
from connectors.compiled.job import ConverterJob
from connectors.compiled.kernels import layout
from connectors.compiled.strips import Strips
from connectors.compiled.workspace import Workspace
from connectors.model import key_of

__all__ = ["Asking"]


class Asking:
    """Asks the reference about the strips of one block; `text` is what it answered for a strip."""

    def __init__(self, job: ConverterJob, work: Workspace, strips: Strips) -> None:
        self._job = job
        self._work = work
        self._strips = strips
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
        answers: list[tuple[int, int, int]] = []
        for row, (written, flags) in zip(rows.tolist(), self._strips.read(column, rows), strict=True):
            at = len(text)
            text += written
            answers.append((at, len(text), flags))
            if is_key and not flags:
                self._set_key(row, written)
        cells = self._work.cells
        cells[rows * self._job.plan.width + column] = np.array(answers, np.int64).reshape(
            -1, layout.CELL_FIELDS
        )

    def _set_key(self, row: int, written: bytes) -> None:
        if (key := key_of(written.decode())) is None:
            return
        fields, at = self._work.rows[row], len(self.text)
        self.text += key
        fields[layout.KEY_IN] = layout.KEY_IN_SIDE
        fields[layout.KEY_START], fields[layout.KEY_END] = at, len(self.text)

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
            yield self._job.converter.convert(self._strips.rows_as_block(first, last, first_row))


def _runs(numbers: layout.Longs) -> Iterator[tuple[int, int]]:
    """Yield the first and the last of numbers that follow one another."""
    if not len(numbers):
        return
    gaps = np.flatnonzero(np.diff(numbers) > 1)
    firsts = numbers[np.concatenate([[0], gaps + 1])]
    lasts = numbers[np.concatenate([gaps, [len(numbers) - 1]])]
    yield from zip(firsts.tolist(), lasts.tolist(), strict=True)
