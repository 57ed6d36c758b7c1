"""Rows that stand anywhere in their file, through the kernels at once: those of dead letters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from connectors.api import Position, Record
from connectors.compiled.asking import Asking
from connectors.compiled.job import ConverterJob
from connectors.compiled.kernels import layout
from connectors.compiled.plan import Plan
from connectors.compiled.workspace import STRIP_BYTES
from connectors.csv.compiled import CsvStripMaker
from connectors.csv.reader import CsvBlock
from connectors.csv.reference import CsvReferenceConverter

__all__ = ["ScatteredRows"]

_LF = b"\n"


class ScatteredRows:
    """Makes records of rows where the kernels are certain that `converter` would make the same of each alone.

    For one thread at a time. numba loads with the first rows.
    """

    def __init__(
        self, plan: Plan, converter: CsvReferenceConverter, *, strip_bytes: int = STRIP_BYTES
    ) -> None:
        self._job = ConverterJob(plan, converter, strip_bytes)
        self._maker = CsvStripMaker(plan, converter)
        self._work = self._job.workspace()

    def records(self, numbers: Sequence[int], rows: Sequence[bytes], like: CsvBlock) -> list[Record | None]:
        """Return the record of each row, None where the reference has to be asked.

        `numbers` count the rows in their file from 1; `like` is any block of it.
        """
        records: list[Record | None] = [None] * len(rows)
        # the size of a record counts the digits of its row: with the greatest number none is taken as smaller
        start = Position(row=max(numbers, default=0))
        block = replace(like, start=start, data=b"".join(row + _LF for row in rows), rows=len(rows))
        if not self._maker.takes(block):
            return records
        from connectors.compiled.converting import convert_strips

        ends = np.cumsum([len(row) + len(_LF) for row in rows]) - len(_LF)
        starts = np.concatenate([[0], ends[:-1] + len(_LF)])
        strips = self._maker.strips(self._work, block)
        asking = Asking(self._job, self._work, strips)
        for _, count in convert_strips(self._job.plan, self._work, strips, asking, start.row + 1):
            table = self._work.rows[:count]
            table = table[table[:, layout.VERDICT] == layout.RECORD]
            places = np.searchsorted(starts, table[:, layout.START], side="right") - 1
            # a quote that opens in one row and closes in another makes one of both
            alone = (starts[places] == table[:, layout.START]) & (ends[places] == table[:, layout.END])
            self._take(table[alone], places[alone], numbers, bytes(asking.text), records)
        return records

    def _take(
        self,
        table: layout.Table,
        places: layout.Longs,
        numbers: Sequence[int],
        side: bytes,
        records: list[Record | None],
    ) -> None:
        """Put the records of some rows of the table into their places."""
        work = self._work
        of_key = {
            layout.KEY_IN_SOURCE: work.source.data,
            layout.KEY_IN_OUT: work.out.data,
            layout.KEY_IN_PROGRAM: self._job.plan.program.key.data,
            layout.KEY_IN_SIDE: memoryview(side),
        }
        values = work.out.data
        fields = table[:, layout.VALUE_START : layout.KEY_END + 1].tolist()
        for place, (start, end, key_in, key_start, key_end) in zip(places.tolist(), fields, strict=True):
            key = bytes(of_key[key_in][key_start:key_end]) if key_in != layout.NO_KEY else None
            records[place] = Record(numbers[place], key, bytes(values[start:end]))
