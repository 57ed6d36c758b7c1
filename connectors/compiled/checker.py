"""The compiled check: rows and errors counted in the kernels' tables."""

from __future__ import annotations

from connectors.api import Block
from connectors.checking import ReferenceChecker, Tally
from connectors.compiled.job import BoundConverter, ConverterJob
from connectors.compiled.plan import Plan
from connectors.compiled.strips import StripMaker
from connectors.compiled.workspace import STRIP_BYTES, Workspace

__all__ = ["CompiledChecker"]


class CompiledChecker:
    """A BlockChecker that finds what the ReferenceChecker finds for the same `converter`.

    `plan` is that of `converter`, which reads whatever the kernels are not certain of, and the rows that are
    shown as examples; `maker` makes the strips of its blocks. For one thread at a time.
    """

    def __init__(
        self, plan: Plan, converter: BoundConverter, maker: StripMaker, *, strip_bytes: int = STRIP_BYTES
    ) -> None:
        self._job = ConverterJob(plan, converter, strip_bytes)
        self._maker = maker
        self._reference = ReferenceChecker(converter)
        self._workspace: Workspace | None = None

    def check(self, block: Block, tally: Tally) -> None:
        if not self._maker.takes(block):
            self._reference.check(block, tally)
            return
        from connectors.compiled.check import BlockCheck  # numba loads with the first block

        if self._workspace is None:
            self._workspace = self._job.workspace()
        strips = self._maker.strips(self._workspace, block)
        BlockCheck(self._job, self._workspace, strips, tally).run(block.start.row + 1)
