"""What the blocks of one file share when they are converted, and what more when they are encoded."""

from __future__ import annotations

from connectors.csv.compiled.kernels import layout
from connectors.csv.compiled.kernels.layout import MAX_REJECTED_ROW
from connectors.csv.compiled.pieces import header_bytes, letter_pieces
from connectors.csv.compiled.plan import Plan
from connectors.csv.compiled.workspace import Workspace
from connectors.csv.reader import CsvBlock
from connectors.csv.reference import CsvReferenceConverter
from connectors.encodings import UTF_8
from connectors.headers import OriginHeaders
from connectors.kafka.framing import BATCH_BYTES, Codec
from connectors.rejects import RejectOrigin

__all__ = ["ConverterJob", "EncoderJob"]

_SIZES = 200
"""Most bytes that the lengths, counts and numbers of a record take: ten of at most ten, five of twenty."""

_MAX_KNOWN = 2000
_MAX_KNOWN_BYTES = 64
_MAX_BLOCK_BYTES = 1 << 29  # offsets have 32 bits


class ConverterJob:
    """A plan and the converter that it was made from. Thread-safe."""

    def __init__(self, plan: Plan, converter: CsvReferenceConverter, strip_bytes: int) -> None:
        self.plan = plan
        self.converter = converter
        self.strip_bytes = strip_bytes
        self._known: dict[int, dict[bytes, tuple[bytes, int]]] = {column: {} for column in plan.side}

    def takes(self, block: CsvBlock) -> bool:
        """Whether the kernels can read a block: it holds rows, as they stand in a file of UTF-8."""
        return (
            block.skipped is None
            and block.encoding == block.file_codec == UTF_8
            and len(block.data) <= _MAX_BLOCK_BYTES
        )

    def read_cell(self, column: int, cell: bytes) -> tuple[bytes, int]:
        """Return the JSON text of a cell of a SIDE column, and the flags that say why it has none.

        Short cells are remembered, as long as they are few: a pattern is often that of a code.
        """
        known = self._known[column]
        if (answer := known.get(cell)) is None:
            outcome = self.converter.readers[column](cell.decode())
            if isinstance(outcome, str):
                answer = outcome.encode(), 0
            else:
                answer = b"", layout.MISSING if outcome is None else layout.UNKNOWN
            if len(known) < _MAX_KNOWN and len(cell) <= _MAX_KNOWN_BYTES:
                known[cell] = answer
        return answer

    def workspace(self) -> Workspace:
        """Return memory for one thread."""
        return Workspace(self.plan, room=self.strip_bytes)


class EncoderJob(ConverterJob):
    """A ConverterJob, and where the records go. Thread-safe."""

    def __init__(
        self,
        plan: Plan,
        converter: CsvReferenceConverter,
        partitions: int,
        codec: Codec,
        reject_origin: RejectOrigin,
        headers: OriginHeaders,
        strip_bytes: int,
    ) -> None:
        super().__init__(plan, converter, strip_bytes)
        self.partitions = partitions
        self.codec = codec
        self.reject_origin = reject_origin
        self.headers = header_bytes(headers)
        self.letter = letter_pieces(reject_origin)

    def workspace(self) -> Workspace:
        """Return memory for one thread, with room for the largest record and the largest compiled reject.

        A record's value, key and headers are within the limit of a row. A reject has the row, each byte of
        it up to six times, and its errors, the first of them once more as a header.
        """
        record = int(self.plan.program.facts[layout.MAX_ROW]) + len(self.headers) + _SIZES
        errors = (int(self.plan.program.facts[layout.MAX_ERRORS]) + 1) * self.plan.error_bytes
        letter = len(self.letter.text) + 6 * MAX_REJECTED_ROW + errors + _SIZES
        return Workspace(
            self.plan,
            room=self.strip_bytes,
            partitions=self.partitions,
            body_room=BATCH_BYTES + record,
            letter_room=letter,
        )
