"""The batches of one transaction that are on their way."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Any

from connectors.api import Batch, Delivered
from connectors.errors import RetriableError

__all__ = ["Deliveries"]


@dataclass(frozen=True, slots=True)
class _Pending:
    rejects: bool
    partition: int
    count: int
    size: int
    future: asyncio.Future[Any]


class Deliveries:
    """Every delivery future of a transaction, and the offsets that the broker gave. Use once.

    A commit succeeds even when a batch was lost, so each future is awaited, and the first failure is raised.
    """

    def __init__(self) -> None:
        self._pending: deque[_Pending] = deque()
        self._bytes = 0
        self._spans: dict[int, tuple[int, int]] = {}
        self._rejects: dict[int, tuple[int, int]] = {}

    @property
    def bytes_in_flight(self) -> int:
        return self._bytes

    def add(self, batch: Batch, future: asyncio.Future[Any], *, rejects: bool) -> None:
        """Watch over a batch of rows, or of `rejects` for the dead letter topic."""
        self._pending.append(_Pending(rejects, batch.partition, batch.count, len(batch.data), future))
        self._bytes += len(batch.data)

    async def wait_below(self, limit: int) -> None:
        """Return when less than `limit` bytes are on their way."""
        while self._pending and self._bytes >= limit:
            await self._wait_oldest()

    async def wait_all(self) -> Delivered:
        """Return where everything stands, once it is delivered."""
        while self._pending:
            await self._wait_oldest()
        return Delivered(dict(self._spans), next(iter(self._rejects.values()), None))

    def abandon(self) -> None:
        """Stop watching; what fails later is nobody's business."""
        for pending in self._pending:
            pending.future.cancel()
        self._pending.clear()

    async def _wait_oldest(self) -> None:
        oldest = self._pending[0]
        delivered = await oldest.future
        self._pending.popleft()
        self._bytes -= oldest.size
        if delivered.offset < 0:
            raise RetriableError(f"the broker no longer knows the offset of a batch in {oldest.partition}")
        spans = self._rejects if oldest.rejects else self._spans
        first, _ = spans.get(oldest.partition, (delivered.offset, 0))
        spans[oldest.partition] = (first, delivered.offset + oldest.count)
