"""Publishes JobEvents into the topic that the table folds."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from aiokafka.partitioner import murmur2

from worker.jobs.events import JobEvent, Marker
from worker.state.api import UnavailableError
from worker.state.fold import encode_event

__all__ = ["KafkaCommands"]

_MARKER_KEY = b""
_log = logging.getLogger(__name__)


class KafkaCommands:
    """Implements `JobCommands`.

    `send` takes key, value and partition and returns the offset once acknowledged; `refusal` says why nothing
    can be sent now, or None.
    """

    def __init__(
        self,
        *,
        send: Callable[[bytes, bytes, int], Awaitable[int]],
        refusal: Callable[[], UnavailableError | None],
        partitions: int,
        address: str,
    ) -> None:
        self._send = send
        self._refusal = refusal
        self._partitions = partitions
        self._address = address
        self._under_way: set[asyncio.Future[int]] = set()

    def partition_of(self, job_id: str) -> int:
        """As every Kafka client's default partitioner: murmur2 of the key."""
        hashed: int = murmur2(job_id.encode())
        return (hashed & 0x7FFFFFFF) % self._partitions

    async def publish(self, job_id: str, event: JobEvent, timeout: float = 10.0) -> int:
        return await self._publish(job_id.encode(), event, self.partition_of(job_id), timeout)

    async def publish_marker(self, partition: int, nonce: str) -> None:
        """Send a marker to one partition. Raises UnavailableError."""
        await self._publish(_MARKER_KEY, Marker(nonce), partition, 15.0)

    async def _publish(self, key: bytes, event: JobEvent, partition: int, timeout: float) -> int:
        if (refusal := self._refusal()) is not None:
            raise refusal
        sending = asyncio.ensure_future(self._send(key, encode_event(event), partition))
        self._under_way.add(sending)
        sending.add_done_callback(self._settled)
        # a wait that may be cancelled or end early, around a send that may not: cancelling Faust's future
        # breaks its producer
        await asyncio.wait({sending}, timeout=timeout)
        if not sending.done():
            raise self._unknown_outcome(event, f"did not acknowledge it within {timeout:g} s")
        if (error := sending.exception()) is not None:
            raise self._unknown_outcome(event, f"answered {type(error).__name__}: {error}") from error
        return sending.result()

    def _settled(self, sending: asyncio.Future[int]) -> None:
        self._under_way.discard(sending)
        if not sending.cancelled() and (error := sending.exception()) is not None:
            _log.debug("an event was not acknowledged: %r", error)

    def _unknown_outcome(self, event: JobEvent, what: str) -> UnavailableError:
        return UnavailableError(
            "KAFKA_UNAVAILABLE",
            f"{event.type} was sent, but Kafka at `{self._address}` {what}; it may still take effect",
            "look at the job once Kafka answers, and repeat the request if nothing has changed; "
            "repeating is safe",
        )
