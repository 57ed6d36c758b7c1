"""Asks the broker every other second whether it is there."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from connectors.kafka.connection import KafkaConnection
from connectors.kafka.diagnosis import Refusal, find_refusal
from worker.jobs.clock import utc_now

__all__ = ["BrokerProbe"]

_INTERVAL_SECONDS = 2.0
_ANSWER_SECONDS = 3.0
_REASON_SECONDS = 1.0
_MISSES = 2  # one late answer under load is no outage
_log = logging.getLogger(__name__)


class BrokerProbe:
    """Whether the broker answers, on a connection of its own: that of others may wait in a long poll.

    `refusal` is what to mend in the settings while it does not answer, if it is that.
    `ok` and `since` follow the gate until it is open, then a ListOffsets request for one partition of
    `topic`. `on_back` is called each time the broker answers again.
    """

    def __init__(self, connection: KafkaConnection, topic: str, on_back: Callable[[], None]) -> None:
        self._connection = connection
        self._partition = TopicPartition(topic, 0)
        self._on_back = on_back
        self._consumer: AIOKafkaConsumer | None = None
        self._misses = 0
        self._answered_at = time.monotonic()
        self.ok = False
        self.refusal: Refusal | None = None
        self.since = utc_now()

    @property
    def silent_seconds(self) -> float:
        """Seconds since the last answer, or since the start."""
        return time.monotonic() - self._answered_at

    async def run(self) -> None:
        """Ask until cancelled; the first answer is the gate's."""
        self._answered(first=True)
        try:
            while True:
                await asyncio.sleep(_INTERVAL_SECONDS)
                await self._ask()
        finally:
            await self._disconnect()

    async def _ask(self) -> None:
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                if self._consumer is None:
                    self._consumer = AIOKafkaConsumer(
                        **self._connection.client_options(),
                        group_id=None,
                        request_timeout_ms=int(_ANSWER_SECONDS * 1000),
                    )
                    await self._consumer.start()
                await self._consumer.end_offsets([self._partition])
        except (KafkaError, OSError, TimeoutError) as error:
            await self._disconnect()
            await self._missed(error)
        else:
            self._answered()

    def _answered(self, *, first: bool = False) -> None:
        self._misses = 0
        self.refusal = None
        if not self.ok:
            if not first:
                servers = self._connection.bootstrap_servers
                _log.warning("Kafka at `%s` answers again after %.0f s", servers, self.silent_seconds)
                self._on_back()
            self.ok, self.since = True, utc_now()
        self._answered_at = time.monotonic()

    async def _missed(self, error: Exception) -> None:
        self._misses += 1
        if self._misses < _MISSES:
            return
        lost = self.ok
        if lost:
            self.ok, self.since = False, utc_now()
        found = await find_refusal(self._connection, _REASON_SECONDS)
        # it did answer: an uncertain reason is an outage
        self.refusal = found if found is not None and found.certain else None
        if lost:
            refusal = self.refusal
            reason = f"{refusal.message}; {refusal.hint}" if refusal else str(error) or "no answer in time"
            _log.warning("Kafka at `%s` does not answer: %s", self._connection.bootstrap_servers, reason)

    async def _disconnect(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await consumer.stop()
