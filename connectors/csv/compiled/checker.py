"""The compiled check of CSV: rows and errors counted in the kernels' tables."""

from __future__ import annotations

from connectors.api import Block
from connectors.checking import ReferenceChecker, Tally
from connectors.csv.compiled.job import ConverterJob
from connectors.csv.compiled.plan import Plan
from connectors.csv.compiled.workspace import STRIP_BYTES, Workspace
from connectors.csv.reader import CsvBlock
from connectors.csv.reference import CsvReferenceConverter

__all__ = ["CompiledCsvChecker"]


class CompiledCsvChecker:
    """A BlockChecker that finds what the ReferenceChecker finds for the same `converter`.

    `plan` is that of `converter`, which reads whatever the kernels are not certain of, and the rows that are
    shown as examples. For one thread at a time.
    """

    def __init__(
        self, plan: Plan, converter: CsvReferenceConverter, *, strip_bytes: int = STRIP_BYTES
    ) -> None:
        self._job = ConverterJob(plan, converter, strip_bytes)
        self._reference = ReferenceChecker(converter)
        self._workspace: Workspace | None = None

    def check(self, block: Block, tally: Tally) -> None:
        assert isinstance(block, CsvBlock)
        if not self._job.takes(block):
            self._reference.check(block, tally)
            return
        from connectors.csv.compiled.check import BlockCheck  # numba loads with the first block

        if self._workspace is None:
            self._workspace = self._job.workspace()
        BlockCheck(self._job, self._workspace, block, tally).run()
