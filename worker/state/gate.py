"""Holds the boot until Kafka answers and the internal topics stand."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from connectors.errors import ConnectorError, JobError
from connectors.kafka.connection import KafkaConnection
from connectors.kafka.topics import TopicAdmin
from worker.state.internal_topics import InternalTopics

__all__ = ["Gate", "PartitionsChangedError"]

_RETRY_SECONDS = 1.0
_TRY_SECONDS = 15.0
_log = logging.getLogger(__name__)


class PartitionsChangedError(Exception):
    """BATCH_INTERNAL_PARTITIONS is not what the topics were made with: the worker cannot start."""


class Gate:
    """Closed until a broker has answered once and the internal topics exist; then open for good.

    Nothing may be sent to Kafka before: Faust's producer would count as started and never connect.
    """

    def __init__(self, connection: KafkaConnection, topics: InternalTopics) -> None:
        self._connection = connection
        self._topics = topics
        self._opened = asyncio.Event()
        self.error: str | None = None  # why it did not open at the last try

    @property
    def is_open(self) -> bool:
        return self._opened.is_set()

    async def wait_open(self) -> None:
        await self._opened.wait()

    async def open(self, before: Callable[[dict[int, int]], Awaitable[None]]) -> None:
        """Try until it works; `before` gets the end offsets of the changelog and runs before the gate opens.

        Raises PartitionsChangedError.
        """
        while not self.is_open:
            try:
                async with asyncio.timeout(_TRY_SECONDS):
                    await self._prepare_topics()
                    ends = await self._changelog_ends()
                await before(ends)
                self._opened.set()
            except (ConnectorError, KafkaError, OSError, TimeoutError) as error:
                self._note(error)
                await asyncio.sleep(_RETRY_SECONDS)
        _log.info("Kafka at `%s` answers", self._connection.bootstrap_servers)

    def _note(self, error: Exception) -> None:
        reason = str(error) or type(error).__name__
        if reason != self.error:
            level = logging.ERROR if isinstance(error, JobError) else logging.WARNING
            hint = f"; {error.hint}" if isinstance(error, JobError) else ""
            servers = self._connection.bootstrap_servers
            _log.log(level, "waiting for Kafka at `%s`: %s%s", servers, reason, hint)
        self.error = reason

    async def _prepare_topics(self) -> None:
        admin = AIOKafkaAdminClient(**self._connection.client_options(), request_timeout_ms=5000)
        creator = TopicAdmin(self._connection, timeout=_TRY_SECONDS)
        try:
            await admin.start()
            await self._check_partitions(admin)
            await creator.create(self._topics.specs(self._connection))
            await self._check_partitions(admin)  # another worker may have been faster
        finally:
            await creator.close()
            await admin.close()

    async def _check_partitions(self, admin: AIOKafkaAdminClient) -> None:
        wanted = self._topics.partitions
        for answer in await admin.describe_topics([self._topics.events, self._topics.jobs]):
            found = len(answer["partitions"])
            if answer["error_code"] == 0 and found != wanted:
                raise PartitionsChangedError(
                    f"BATCH_INTERNAL_PARTITIONS is `{wanted}`, but topic `{answer['topic']}` was made with "
                    f"`{found}` partitions, which is fixed; set BATCH_INTERNAL_PARTITIONS={found}, or choose "
                    "another BATCH_NAMESPACE"
                )

    async def _changelog_ends(self) -> dict[int, int]:
        consumer = AIOKafkaConsumer(**self._connection.client_options(), group_id=None)
        try:
            await consumer.start()
            partitions = [TopicPartition(self._topics.jobs, p) for p in range(self._topics.partitions)]
            ends = await consumer.end_offsets(partitions)
            return {tp.partition: end for tp, end in ends.items()}
        finally:
            await consumer.stop()
