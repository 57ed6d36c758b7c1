"""The compiled encoder: a block into batches, without a Python object per row or cell."""

from __future__ import annotations

from collections import deque

from connectors.api import Block, BlockEncoder, EncodedBlock
from connectors.compiled.job import EncoderJob
from connectors.compiled.strips import StripMaker
from connectors.compiled.workspace import Workspace

__all__ = ["CompiledEncoder"]


class CompiledEncoder:
    """A BlockEncoder that gives what `reference` gives, byte for byte.

    The converter of its `job` reads whatever the kernels are not certain of: single cells, rows; `reference`
    takes the blocks that they cannot read, `maker` makes the strips of the others. Thread-safe; as many
    threads as call it work at once. Each needs memory of its own, which is kept for the next block.
    """

    name = "compiled"

    def __init__(self, job: EncoderJob, maker: StripMaker, reference: BlockEncoder) -> None:
        self._job = job
        self._maker = maker
        self._reference = reference
        self._idle: deque[Workspace] = deque()

    def encode(self, block: Block) -> EncodedBlock:
        if not self._maker.takes(block):
            return self._reference.encode(block)
        from connectors.compiled.run import BlockRun  # numba loads with the first block

        try:
            workspace = self._idle.pop()
        except IndexError:
            workspace = self._job.workspace()
        try:
            workspace.begin()
            return BlockRun(self._job, workspace, block, self._maker.strips(workspace, block)).encode()
        finally:
            self._idle.append(workspace)
