"""What the strips of text have in common: a block's bytes are scanned where they stand."""

from __future__ import annotations

import numpy as np

from connectors.api import Position
from connectors.compiled.kernels import layout
from connectors.compiled.plan import Plan
from connectors.compiled.workspace import Workspace
from connectors.encodings import UTF_8
from connectors.text.rejected import TextBlock

__all__ = ["ScannedText", "is_plain"]

_MAX_BLOCK_BYTES = 1 << 29  # offsets have 32 bits


def is_plain(block: TextBlock) -> bool:
    """Whether kernels can scan a block: it holds rows, as they stand in a file of UTF-8."""
    return (
        block.skipped is None
        and block.encoding == block.file_codec == UTF_8
        and len(block.data) <= _MAX_BLOCK_BYTES
    )


class ScannedText:
    """The text of a block in the memory of one thread.

    `at` says how far it is scanned, and how many LFs there are before; `limits` is what kernels take as such.
    """

    def __init__(self, plan: Plan, work: Workspace, block: TextBlock) -> None:
        self.at = np.zeros(2, np.int64)
        self.limits = np.array([work.room, plan.row_bytes, plan.program.facts[layout.MAX_ROW]], np.int64)
        self._work = work
        self._block = block
        self._places = plan.width
        work.load(block.data)

    @property
    def ended(self) -> bool:
        return bool(self.at[0] >= len(self._block.data))

    def cells(self, column: int, rows: layout.Longs) -> list[tuple[bytes, int]]:
        """Return the texts of a column's cells in rows of the strip, and their flags."""
        source = self._work.source.data
        found = self._work.cells[rows * self._places + column].tolist()
        return [(bytes(source[start:end]), flags) for start, end, flags in found]

    def rows(self, first: int, last: int, first_row: int) -> tuple[Position, bytes]:
        """Return where rows of the strip start that follow one another, and their bytes."""
        start, rows = self._block.start, self._work.rows
        begin, end = int(rows[first, layout.START]), int(rows[last, layout.END])
        position = Position(
            byte=start.byte + begin,
            row=first_row - 1 + first,
            line=start.line + int(rows[first, layout.LINE]),
            block=start.block,
        )
        return position, self._block.data[begin:end]
