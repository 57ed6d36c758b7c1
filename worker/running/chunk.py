"""What one transaction has taken up, whatever its blocks were made of."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

from connectors.api import EncodedBlock, Sink
from connectors.errors import RowCode
from worker.running.ports import ChunkReport

__all__ = ["CHUNK_SECONDS", "Chunk"]

CHUNK_SECONDS = 5.0
"""After so long a chunk that has something is committed."""


@dataclass(slots=True)
class Chunk:
    """The blocks of one transaction so far. It begins when it is made."""

    blocks: int = 0
    delivered: int = 0
    rejected: int = 0
    reject_codes: Counter[RowCode] = field(default_factory=Counter)
    began: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    @property
    def late(self) -> bool:
        return self.blocks > 0 and self.seconds >= CHUNK_SECONDS

    @property
    def rows(self) -> int:
        return self.delivered + self.rejected

    async def send(self, block: EncodedBlock, sink: Sink) -> None:
        """Hand a block to the open transaction, and count it."""
        for batch in block.batches:
            await sink.send(batch)
        for batch in block.reject_batches:
            await sink.send_rejects(batch)
        self.blocks += 1
        self.delivered += block.delivered
        self.rejected += block.rejected
        self.reject_codes.update(block.reject_codes)

    def report(self, model: str, *, file_bytes: int) -> ChunkReport:
        return ChunkReport(
            model=model,
            delivered=self.delivered,
            reject_codes=self.reject_codes,
            file_bytes=file_bytes,
            seconds=self.seconds,
        )
