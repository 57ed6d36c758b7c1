"""What the blocks of one file share when they are converted, and what more when they are encoded."""

from __future__ import annotations

from typing import Protocol

from connectors.api import Converter
from connectors.compiled.kernels import layout
from connectors.compiled.kernels.layout import MAX_REJECTED_ROW
from connectors.compiled.pieces import header_bytes, letter_pieces
from connectors.compiled.plan import Plan
from connectors.compiled.workspace import STRIP_BYTES, Workspace
from connectors.headers import NO_HEADERS, OriginHeaders
from connectors.kafka.framing import BATCH_BYTES, Codec
from connectors.model import MemberRules, RowRules
from connectors.rejects import RejectOrigin

__all__ = ["BoundConverter", "ConverterJob", "EncoderJob"]

_SIZES = 200
"""Most bytes that the lengths, counts and numbers of a record take: ten of at most ten, five of twenty."""


class BoundConverter(Converter, Protocol):
    """A reference converter, and the rules that it checks rows by."""

    @property
    def rules(self) -> RowRules | MemberRules: ...


class ConverterJob:
    """A plan and the converter that it was made from. Thread-safe."""

    def __init__(self, plan: Plan, converter: BoundConverter, strip_bytes: int) -> None:
        self.plan = plan
        self.converter = converter
        self.strip_bytes = strip_bytes

    def workspace(self) -> Workspace:
        """Return memory for one thread."""
        return Workspace(self.plan, room=self.strip_bytes)


class EncoderJob(ConverterJob):
    """A ConverterJob, and where the records go. Thread-safe."""

    def __init__(
        self,
        plan: Plan,
        converter: BoundConverter,
        *,
        partitions: int,
        codec: Codec,
        reject_origin: RejectOrigin,
        headers: OriginHeaders = NO_HEADERS,
        strip_bytes: int = STRIP_BYTES,
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
