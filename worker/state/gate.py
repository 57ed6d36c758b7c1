"""Holds the boot until Kafka answers and the internal topics stand."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from connectors.errors import ConnectorError, JobError
from connectors.kafka.connection import KafkaConnection
from connectors.kafka.diagnosis import Refusal, find_refusal
from connectors.kafka.topics import TopicAdmin
from worker.state.internal_topics import InternalTopics
from worker.state.topic_checks import (
    TopicSettings,
    UnusableTopicError,
    check_history,
    newest_revisions,
    topic_settings,
)

__all__ = ["Gate", "PartitionsChangedError"]

_RETRY_SECONDS = 1.0
_REFUSED_SECONDS = 5.0
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
        self._said: set[str] = set()
        self.error: str | None = None  # why it did not open at the last try
        self.refusal: Refusal | None = None  # what to mend in the settings, if it is that

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
            except UnusableTopicError as error:
                self.refusal = error.refusal
                self._note(error)
                await asyncio.sleep(_REFUSED_SECONDS)
            except (ConnectorError, KafkaError, OSError, TimeoutError) as error:
                self.refusal = await find_refusal(self._connection)
                self._note(error)
                # a wrong password tried every second may lock its user out
                certain = self.refusal is not None and self.refusal.certain
                await asyncio.sleep(_REFUSED_SECONDS if certain else _RETRY_SECONDS)
        self.refusal = None
        _log.info("Kafka at `%s` answers", self._connection.bootstrap_servers)

    def _note(self, error: Exception) -> None:
        reason = self.refusal.message if self.refusal else str(error) or type(error).__name__
        if reason != self.error:
            known = self.refusal or (error if isinstance(error, JobError) else None)
            level, hint = (logging.WARNING, "") if known is None else (logging.ERROR, f"; {known.hint}")
            servers = self._connection.bootstrap_servers
            _log.log(level, "waiting for Kafka at `%s`: %s%s", servers, reason, hint)
        self.error = reason

    async def _prepare_topics(self) -> None:
        admin = AIOKafkaAdminClient(**self._connection.client_options(), request_timeout_ms=5000)
        creator = TopicAdmin(self._connection, timeout=_TRY_SECONDS)
        try:
            await admin.start()
            await self._check_partitions(admin)
            specs = self._topics.specs(self._connection)
            await creator.create(specs)
            await self._check_partitions(admin)  # another worker may have been faster
            self._check_settings(await topic_settings(admin, specs))
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

    def _check_settings(self, found: Sequence[TopicSettings]) -> None:
        for settings in found:
            settings.check_policy()
        for settings in found:
            for sentence in settings.differences():
                self._say_once(logging.WARNING, sentence)
            if settings.unknown:
                names = "`, `".join(settings.unknown)
                self._say_once(
                    logging.INFO, f"the broker has no setting `{names}` for topic `{settings.spec.name}`"
                )

    def _say_once(self, level: int, sentence: str) -> None:
        if sentence not in self._said:
            self._said.add(sentence)
            _log.log(level, "%s", sentence)

    async def _changelog_ends(self) -> dict[int, int]:
        """Return the changelog's end offsets by partition, once it is seen that it fits the events."""
        events, jobs = self._topics.events, self._topics.jobs
        consumer = AIOKafkaConsumer(
            **self._connection.client_options(), group_id=None, enable_auto_commit=False
        )
        try:
            await consumer.start()
            ends = await self._ends(consumer, jobs)
            revisions = await newest_revisions(consumer, jobs, ends)
            # asked last: the events of rows that were written meanwhile are counted
            check_history(events, jobs, revisions, await self._ends(consumer, events))
            return ends
        finally:
            await consumer.stop()

    async def _ends(self, consumer: AIOKafkaConsumer, topic: str) -> dict[int, int]:
        found = await consumer.end_offsets([TopicPartition(topic, p) for p in range(self._topics.partitions)])
        return {tp.partition: end for tp, end in found.items()}
