"""What the reference is asked for: cells of SIDE columns, the judge of rows, rows that are not certain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from connectors.compiled.job import EncoderJob
from connectors.compiled.kernels import layout
from connectors.compiled.pieces import message_at
from connectors.compiled.strips import Strips
from connectors.compiled.workspace import Workspace
from connectors.errors import RowCode
from connectors.model import key_of
from connectors.rejects import encode_reject

__all__ = ["Asking"]


class Asking:
    """Asks the reference about the strips of one block; `text` is all that it answered for a strip."""

    def __init__(self, job: EncoderJob, work: Workspace, strips: Strips) -> None:
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

    def convert(self, count: int, first_row: int) -> Counter[RowCode]:
        """Convert the rows that are ASK; return their rejects' codes. `first_row` is the strip's first."""
        rows, codes = self._work.rows, Counter[RowCode]()
        for first, last in _runs(np.flatnonzero(rows[:count, layout.VERDICT] == layout.ASK)):
            converted = self._job.converter.convert(self._strips.rows_as_block(first, last, first_row))
            for record in converted.records:
                self._answer(record.row - first_row, layout.SIDE_RECORD, record.value, record.key)
            for reject in converted.rejects:
                codes[reject.errors[0].code] += 1
                value, headers = encode_reject(reject, self._job.reject_origin)
                message = headers[message_at(headers)][1]
                self._answer(reject.row - first_row, layout.SIDE_REJECT, value, message)
                self._work.make_letter_room(len(self._job.letter.text) + len(value) + len(message) + 100)
        return codes

    def _answer(self, row: int, verdict: int, value: bytes, key: bytes | None) -> None:
        """Note what became of a row: value and key of a record, value and message of a reject."""
        start, middle = len(self.text), len(self.text) + len(value)
        self.text += value + (key or b"")
        fields = self._work.rows[row]
        fields[layout.VERDICT] = verdict
        fields[layout.VALUE_START], fields[layout.VALUE_END] = start, middle
        fields[layout.KEY_IN] = layout.NO_KEY if key is None else layout.KEY_IN_SIDE
        fields[layout.KEY_START], fields[layout.KEY_END] = middle, len(self.text)


def _runs(numbers: layout.Longs) -> Iterator[tuple[int, int]]:
    """Yield the first and the last of numbers that follow one another."""
    if not len(numbers):
        return
    gaps = np.flatnonzero(np.diff(numbers) > 1)
    firsts = numbers[np.concatenate([[0], gaps + 1])]
    lasts = numbers[np.concatenate([gaps, [len(numbers) - 1]])]
    yield from zip(firsts.tolist(), lasts.tolist(), strict=True)
