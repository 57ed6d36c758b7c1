"""How far table and lists are behind the broker's topics: asked every few seconds, for the metrics."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Collection, Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from connectors.kafka.connection import KafkaConnection
from worker.state.api import Lag
from worker.state.internal_topics import InternalTopics

__all__ = ["LagMeter"]

_INTERVAL_SECONDS = 5.0
_ANSWER_SECONDS = 5.0
_UNKNOWN = Lag(math.nan, math.nan)


class LagMeter:
    """Compares end offsets with what was folded and what was read.

    `owned` gives the partitions that are this worker's, `read` the next offset of each partition of the
    jobs topic that the read model has not read. Told of each folded event.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        topics: InternalTopics,
        *,
        owned: Callable[[], Collection[int]],
        read: Callable[[], Mapping[int, int]],
    ) -> None:
        self._connection = connection
        self._topics = topics
        self._owned = owned
        self._read = read
        self._folded: dict[int, int] = {}
        self._consumer: AIOKafkaConsumer | None = None
        self.lag = _UNKNOWN
        """As of the last answer; NaN while there is none."""

    def folded(self, partition: int, offset: int) -> None:
        """An event was folded."""
        self._folded[partition] = offset + 1

    async def run(self) -> None:
        """Ask until cancelled. Only once the topics exist."""
        try:
            while True:
                await self._ask()
                await asyncio.sleep(_INTERVAL_SECONDS)
        finally:
            await self._disconnect()

    async def _ask(self) -> None:
        topics = (self._topics.events, self._topics.jobs)
        wanted = [TopicPartition(topic, p) for topic in topics for p in range(self._topics.partitions)]
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                if self._consumer is None:
                    self._consumer = AIOKafkaConsumer(
                        **self._connection.client_options(), group_id=None, request_timeout_ms=5000
                    )
                    await self._consumer.start()
                ends = await self._consumer.end_offsets(wanted)
        except (KafkaError, OSError, TimeoutError):  # an outage is the probe's to tell
            await self._disconnect()
            self.lag = _UNKNOWN
        else:
            self.lag = self.behind({(tp.topic, tp.partition): end for tp, end in ends.items()})

    def behind(self, ends: Mapping[tuple[str, int], int]) -> Lag:
        """Return the lag against the end offsets by topic and partition."""
        read = self._read()
        return Lag(
            # of a partition without a folded event nothing is known; one that is owned has folded its marker
            sum(
                max(0, ends[self._topics.events, p] - self._folded[p])
                for p in self._owned()
                if p in self._folded
            ),
            sum(max(0, ends[self._topics.jobs, p] - at) for p, at in read.items()),
        )

    async def _disconnect(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await consumer.stop()
