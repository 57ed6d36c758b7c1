"""The memory of one thread at work on a block: allocated once, filled anew for every strip.

What is never touched takes no memory: a body is as large as the largest record demands, its pages come as
they are written.
"""

from __future__ import annotations

import numpy as np

from connectors.compiled.kernels import layout
from connectors.compiled.kernels.layout import PADDING, SLACK, Bytes, Table
from connectors.compiled.plan import Plan
from connectors.kafka.framing import BATCH_BYTES

__all__ = ["STRIP_BYTES", "Workspace"]

STRIP_BYTES = 2 * 1024 * 1024
"""Most bytes that the values of a strip may take."""

_MAX_CELLS = 1 << 16
_LF = b"\n"[0]


class Workspace:
    """Arrays for blocks of one file. For one thread at a time. Without partitions nothing can be framed.

    `source` has the texts of cells; of CSV the block itself, an LF, padding, and as much room again for cells
    without their doubled quotes. `out` and `texts` have `room`, the most bytes that the values of a strip
    take, `cells` and `errors` one item a cell.
    """

    def __init__(
        self, plan: Plan, *, room: int, partitions: int = 0, body_room: int = 0, letter_room: int = 0
    ) -> None:
        rows = max(1, _MAX_CELLS // plan.width)
        self.room = room
        self.rows: Table = np.empty((rows, layout.ROW_FIELDS), np.int64)
        self.cells: Table = np.empty((rows * plan.width, layout.CELL_FIELDS), np.int64)
        self.errors: Table = np.empty((rows * plan.width, layout.ERROR_FIELDS), np.int64)
        self.out: Bytes = np.empty(self.room + SLACK, np.uint8)
        self.texts: Bytes = np.empty(self.room + SLACK, np.uint8)
        self.source: Bytes = np.empty(0, np.uint8)
        self.bodies: Bytes = np.empty(partitions * body_room + SLACK, np.uint8)
        self.body_room = body_room
        self.fills = np.zeros(partitions, np.int64)
        self.counts = np.zeros(partitions, np.int64)
        self.letter: Bytes = np.empty(letter_room + SLACK, np.uint8)
        self.letter_body: Bytes = np.empty(BATCH_BYTES + letter_room + SLACK, np.uint8)
        self.letter_fill = np.zeros(1, np.int64)
        self.letter_count = np.zeros(1, np.int64)

    def begin(self) -> None:
        """Forget what is left of the block before."""
        for filled in (self.fills, self.counts, self.letter_fill, self.letter_count):
            filled[:] = 0

    def load(self, data: bytes) -> None:
        """Take a block of text."""
        size = len(data)
        self.make_source_room(0, 2 * size + PADDING)
        self.source[:size] = np.frombuffer(data, np.uint8)
        self.source[size : size + PADDING] = _LF

    def make_source_room(self, at: int, size: int) -> None:
        """Have room for `size` bytes in `source` behind the first `at`, which are kept."""
        if len(self.source) < at + size + SLACK:
            larger = np.empty(at + size + at // 2 + SLACK, np.uint8)
            larger[:at] = self.source[:at]
            self.source = larger

    def make_room(self, size: int) -> None:
        """Have room for values of `size` bytes; what was written before is lost."""
        if self.room < size:
            self.room = size
            self.out = np.empty(size + SLACK, np.uint8)
            self.texts = np.empty(size + SLACK, np.uint8)

    def make_letter_room(self, size: int) -> None:
        """Have room in `letter_body` for a record of `size` bytes behind those of a full batch."""
        if len(self.letter_body) < BATCH_BYTES + size + SLACK:
            larger = np.empty(BATCH_BYTES + size + SLACK, np.uint8)
            larger[: len(self.letter_body)] = self.letter_body
            self.letter_body = larger
