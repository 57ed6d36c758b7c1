"""One block through the kernels to see what is wrong with its rows: nothing is framed."""

from __future__ import annotations

import numpy as np

from connectors.checking import MAX_EXAMPLES, Tally
from connectors.compiled.asking import Asking
from connectors.compiled.converting import convert_strips
from connectors.compiled.job import ConverterJob
from connectors.compiled.kernels import layout
from connectors.compiled.strips import Strips
from connectors.compiled.workspace import Workspace

__all__ = ["BlockCheck"]


class BlockCheck:
    """Adds one block to a tally, in the memory of one thread. Used once.

    Records are counted, and so are the errors that kernels found. The reference is asked for the rows that
    may be examples, since it has their messages, and for those that are not certain: between two rows that it
    is asked for no problem can come up for the first time.
    """

    def __init__(self, job: ConverterJob, work: Workspace, strips: Strips, tally: Tally) -> None:
        self._job = job
        self._work = work
        self._strips = strips
        self._tally = tally

    def run(self, first_row: int) -> None:
        """Go through the block, whose first row has this number."""
        job, work, asking = self._job, self._work, Asking(self._job, self._work, self._strips)
        for first, count in convert_strips(job.plan, work, self._strips, asking, first_row):
            self._ask_for_examples(count)
            for converted in asking.convert(count, first):
                self._tally.add(converted)
            self._count(count)

    def _ask_for_examples(self, count: int) -> None:
        """Have the reference asked for the rejects with the first errors of each check that is wanted."""
        rejects, checks, owners = self._errors(count)
        columns, codes = self._job.plan.columns, self._job.plan.codes
        for check in np.flatnonzero(np.bincount(checks)):
            if self._tally.wants(columns[check], codes[check]):
                places = np.flatnonzero(checks == check)[:MAX_EXAMPLES]
                self._work.rows[rejects[owners[places]], layout.VERDICT] = layout.ASK

    def _count(self, count: int) -> None:
        """Count what the reference was not asked for; its answers have left nothing to list."""
        rejects, checks, _ = self._errors(count)
        records = np.count_nonzero(self._work.rows[:count, layout.VERDICT] == layout.RECORD)
        self._tally.add_rows(int(records), len(rejects))
        columns, codes = self._job.plan.columns, self._job.plan.codes
        for check, times in enumerate(np.bincount(checks).tolist()):
            if times:
                self._tally.add_errors(columns[check], codes[check], times)

    def _errors(self, count: int) -> tuple[layout.Longs, layout.Longs, layout.Longs]:
        """Return the rows that are REJECT, the check of each of their errors, and which of them it is of."""
        rows = self._work.rows[:count]
        rejects = np.flatnonzero(rows[:, layout.VERDICT] == layout.REJECT)
        starts, ends = rows[rejects, layout.ERROR_START], rows[rejects, layout.ERROR_END]
        sizes = ends - starts
        owners = np.repeat(np.arange(len(rejects)), sizes)
        # the n-th error of all stands as far behind its row's first as it comes after it
        places = np.arange(len(owners)) + (starts - (np.cumsum(sizes) - sizes))[owners]
        return rejects, self._work.errors[places, layout.CHECK], owners
