"""What a format gives of a block: strips of rows with their cells, for the kernels to convert."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from connectors.api import Block
from connectors.compiled.kernels.layout import Longs
from connectors.compiled.workspace import Workspace

__all__ = ["StripMaker", "Strips"]


class Strips(Protocol):
    """A block's rows, strip by strip, in the memory of one thread."""

    def next(self) -> int:
        """Fill `source`, `rows` and `cells` of the workspace with the next rows; return how many, 0: no more.

        The cells of SIDE columns are left to `read`.
        """

    def read(self, column: int, rows: Longs) -> Iterable[tuple[bytes, int]]:
        """Read a SIDE column's cells in these rows of the strip: their JSON texts, and the flags of those
        that have none.
        """

    def rows_as_block(self, first: int, last: int, first_row: int) -> Block:
        """Return rows `first` to `last` of the strip as a block; `first_row` is the number of its first."""


class StripMaker(Protocol):
    """Makes the strips of one file's blocks. Thread-safe."""

    def takes(self, block: Block) -> bool:
        """Whether the kernels can read a block."""

    def strips(self, work: Workspace, block: Block) -> Strips:
        """Return the strips of a block that they can read, in the memory of the calling thread."""
