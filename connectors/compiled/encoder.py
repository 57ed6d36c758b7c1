"""The compiled encoder: a block into batches, without a Python object per row or cell."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque

from connectors.api import Block, BlockEncoder, EncodedBlock
from connectors.compiled.job import EncoderJob
from connectors.compiled.strips import Strips
from connectors.compiled.workspace import Workspace

__all__ = ["CompiledEncoder"]


class CompiledEncoder(ABC):
    """A BlockEncoder that gives what `reference` gives, byte for byte; one class for each format.

    The converter of its `job` reads whatever the kernels are not certain of: single cells, rows; `reference`
    takes the blocks that they cannot read. Thread-safe; as many threads as call it work at once. Each needs
    memory of its own, which is kept for the next block.
    """

    name = "compiled"

    def __init__(self, job: EncoderJob, reference: BlockEncoder) -> None:
        self.job = job
        self._reference = reference
        self._idle: deque[Workspace] = deque()

    def encode(self, block: Block) -> EncodedBlock:
        if not self.can_read(block):
            return self._reference.encode(block)
        from connectors.compiled.run import BlockRun  # numba loads with the first block

        try:
            workspace = self._idle.pop()
        except IndexError:
            workspace = self.job.workspace()
        try:
            workspace.begin()
            return BlockRun(self.job, workspace, block, self.strips(workspace, block)).encode()
        finally:
            self._idle.append(workspace)

    @abstractmethod
    def can_read(self, block: Block) -> bool:
        """Whether the kernels can read a block."""

    @abstractmethod
    def strips(self, workspace: Workspace, block: Block) -> Strips:
        """Return the strips of a block that they can read."""
