"""What begins with the reference and goes on compiled, from one block to the next."""

from __future__ import annotations

from connectors.api import Block, BlockEncoder, EncodedBlock
from connectors.checking import BlockChecker, Tally
from connectors.kernels import Kernels

__all__ = ["SwitchingChecker", "SwitchingEncoder"]


class SwitchingEncoder:
    """A BlockEncoder of two that give the same: `compiled` from the first block after the kernels are ready.

    Thread-safe if the encoders are.
    """

    def __init__(self, reference: BlockEncoder, compiled: BlockEncoder, kernels: Kernels) -> None:
        self._reference = reference
        self._compiled = compiled
        self._kernels = kernels

    @property
    def name(self) -> str:
        """That of the encoder which gets the next block."""
        return self._current().name

    def encode(self, block: Block) -> EncodedBlock:
        return self._current().encode(block)

    def _current(self) -> BlockEncoder:
        return self._compiled if self._kernels.ready else self._reference


class SwitchingChecker:
    """A BlockChecker of two that find the same, chosen as by SwitchingEncoder. For one thread at a time."""

    def __init__(self, reference: BlockChecker, compiled: BlockChecker, kernels: Kernels) -> None:
        self._reference = reference
        self._compiled = compiled
        self._kernels = kernels

    def check(self, block: Block, tally: Tally) -> None:
        checker = self._compiled if self._kernels.ready else self._reference
        checker.check(block, tally)
