"""What begins with the reference and goes on compiled, from one block to the next."""

from __future__ import annotations

from connectors.api import Block, BlockEncoder, EncodedBlock
from connectors.checking import BlockChecker, Tally
from connectors.csv.rows import cut_rows
from connectors.kernels import Kernels
from connectors.text.lines import Cut

__all__ = ["SwitchingChecker", "SwitchingCut", "SwitchingEncoder"]


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


class SwitchingCut:
    """The CutRows that is compiled from the first text after the kernels are ready. Thread-safe."""

    def __init__(self, kernels: Kernels) -> None:
        self._kernels = kernels

    def __call__(self, data: bytes, limit: int, delimiter: bytes, *, ends: bool) -> Cut:
        if not self._kernels.ready:
            return cut_rows(data, limit, delimiter, ends=ends)
        from connectors.csv import cutting  # numba is loaded by now

        return cutting.cut_rows(data, limit, delimiter, ends=ends)
