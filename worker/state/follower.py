"""Follows a whole topic outside of any consumer group, for ever, through every outage."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from connectors.kafka.connection import KafkaConnection
from worker.state.api import UnavailableError

__all__ = ["Follower", "FollowerStore", "TopicRecordLike"]

_POLL_MS = 200
_FETCH_WAIT_MS = 100
_GATHER_BYTES = 64 * 1024
_MAX_RECORDS = 2000
_CONNECT_SECONDS = 15.0
_BACKOFF_SECONDS = (0.2, 0.5, 1.0, 2.0)
_STABLE_SECONDS = 30.0
_log = logging.getLogger(__name__)


class TopicRecordLike(Protocol):
    """A record of the topic: aiokafka's ConsumerRecord fits."""

    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...


class FollowerStore(Protocol):
    """Where the records go."""

    async def positions(self) -> dict[int, int]:
        """The next offset of each partition; one that is not there starts at its beginning."""

    async def apply(self, records: Sequence[TopicRecordLike], positions: dict[int, int]) -> None:
        """Take the records and the new positions, both or none."""

    async def reset(self) -> None:
        """Forget everything: the topic is another one than before."""


@dataclass(slots=True)
class _Waiter:
    ends: dict[int, int]
    reached: asyncio.Future[None]


class Follower:
    """Feeds `store` with a topic's records in partition order. `run` never returns; errors are retried.

    Positions are the consumer's, not last offset + 1: they also move over what compaction took and over
    transaction markers, so that the end can be reached. With `gather_seconds` the broker lets records gather
    for so long before it answers, unless there are many: a store that is late by that costs less under load.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        topic: str,
        partitions: int,
        store: FollowerStore,
        *,
        isolation_level: str = "read_uncommitted",
        gather_seconds: float = 0.0,
    ) -> None:
        self._connection = connection
        self._topic = topic
        self._partitions = [TopicPartition(topic, partition) for partition in range(partitions)]
        self._store = store
        self._isolation_level = isolation_level
        self._gather_seconds = gather_seconds
        self._positions: dict[int, int] = {}
        self._waiters: list[_Waiter] = []
        self._asker: AIOKafkaConsumer | None = None
        self._asking = asyncio.Lock()
        self._session: asyncio.Task[None] | None = None
        self._caught_up = False

    @property
    def caught_up(self) -> bool:
        """Whether the end that the topic had at the last connect was reached once."""
        return self._caught_up

    @property
    def positions(self) -> Mapping[int, int]:
        """The next offset of each partition; empty before the first connect."""
        return self._positions

    async def run(self) -> None:
        """Follow until cancelled."""
        loop = asyncio.get_running_loop()
        backoff = iter(_BACKOFF_SECONDS)
        try:
            while True:
                started_at = loop.time()
                self._session = asyncio.create_task(self._follow(), name=f"follow-{self._topic}")
                await asyncio.wait({self._session})
                self._log_failure(self._session)
                if loop.time() - started_at > _STABLE_SECONDS:
                    backoff = iter(_BACKOFF_SECONDS)
                await asyncio.sleep(next(backoff, _BACKOFF_SECONDS[-1]))
        finally:
            await self._close()

    async def barrier(self, timeout: float) -> None:
        """Return when the store has all that was in the topic at the call. Raises UnavailableError."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        ends = await self._ask_ends(timeout)
        if self._reached(ends):
            return
        before = self._positions
        if any(end < before.get(partition, 0) for partition, end in ends.items()):
            self._reconnect()  # the topic was made anew: the next session looks into it
        waiter = _Waiter(ends, loop.create_future())
        self._waiters.append(waiter)
        try:
            await asyncio.wait_for(waiter.reached, deadline - loop.time())
        except TimeoutError:
            if self._positions == before:
                self._reconnect()  # the broker has more and answers: this connection is stuck
            raise UnavailableError(
                "NOT_READY",
                f"topic `{self._topic}` was not read to its end within {timeout:g} s",
                "repeat the request in a moment",
            ) from None
        finally:
            self._waiters.remove(waiter)

    def _reconnect(self) -> None:
        if self._session is not None:
            self._session.cancel()

    def _log_failure(self, session: asyncio.Task[None]) -> None:
        if session.cancelled():
            return
        error = session.exception()
        if isinstance(error, KafkaError | OSError | TimeoutError):
            _log.warning(
                "following `%s` was interrupted: %s", self._topic, str(error) or type(error).__name__
            )
        elif error is not None:
            _log.error("following `%s` failed; it is tried again", self._topic, exc_info=error)

    async def _close(self) -> None:
        if self._session is not None:
            self._session.cancel()
            await asyncio.gather(self._session, return_exceptions=True)
        await self._disconnect_asker()

    # the session

    async def _follow(self) -> None:
        consumer = AIOKafkaConsumer(
            **self._connection.client_options(),
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level=self._isolation_level,
            fetch_min_bytes=_GATHER_BYTES if self._gather_seconds else 1,
            fetch_max_wait_ms=round(self._gather_seconds * 1000) or _FETCH_WAIT_MS,
            max_partition_fetch_bytes=1024 * 1024,
        )
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                await consumer.start()
                ends = await self._seek(consumer)
            while True:
                await self._poll(consumer)
                if not self._caught_up and self._reached(ends):
                    self._caught_up = True
        finally:
            await consumer.stop()

    async def _seek(self, consumer: AIOKafkaConsumer) -> dict[int, int]:
        consumer.assign(self._partitions)
        first = await consumer.beginning_offsets(self._partitions)
        ends = {tp.partition: end for tp, end in (await consumer.end_offsets(self._partitions)).items()}
        stored = await self._store.positions()
        if any(stored.get(partition, 0) > end for partition, end in ends.items()):
            _log.warning("topic `%s` was made anew; what was read of the old one is dropped", self._topic)
            await self._store.reset()
            stored = {}
        self._positions = {
            tp.partition: max(stored.get(tp.partition, 0), first[tp]) for tp in self._partitions
        }
        for tp in self._partitions:
            consumer.seek(tp, self._positions[tp.partition])
        self._wake()
        return ends

    async def _poll(self, consumer: AIOKafkaConsumer) -> None:
        fetched = await consumer.getmany(timeout_ms=_POLL_MS, max_records=_MAX_RECORDS)
        positions = {tp.partition: await consumer.position(tp) for tp in self._partitions}
        moved = {p: at for p, at in positions.items() if at != self._positions[p]}
        if fetched or moved:
            records: list[Any] = [record for batch in fetched.values() for record in batch]
            await self._store.apply(records, moved)
            self._positions = positions
            self._wake()

    def _reached(self, ends: dict[int, int]) -> bool:
        return bool(self._positions) and all(self._positions[p] >= end for p, end in ends.items())

    def _wake(self) -> None:
        for waiter in self._waiters:
            if not waiter.reached.done() and self._reached(waiter.ends):
                waiter.reached.set_result(None)

    # the second connection, for questions

    async def _ask_ends(self, timeout: float) -> dict[int, int]:
        """Ask the broker for the end offsets: on the first connection the question would wait for a poll."""
        try:
            async with asyncio.timeout(timeout), self._asking:
                return await self._ask()
        except (KafkaError, OSError, TimeoutError) as error:
            reason = str(error) or "no answer in time"
            servers = self._connection.bootstrap_servers
            raise UnavailableError(
                "KAFKA_UNAVAILABLE",
                f"Kafka at `{servers}` did not say where topic `{self._topic}` ends: {reason}",
                "start the broker, or set BATCH_BOOTSTRAP_SERVERS to the address of one that runs",
            ) from error

    async def _ask(self) -> dict[int, int]:
        try:
            if self._asker is None:
                self._asker = AIOKafkaConsumer(
                    **self._connection.client_options(),
                    group_id=None,  # and uncommitted: the last stable offset lags behind a commit's answer
                    request_timeout_ms=5000,
                )
                await self._asker.start()
            ends = await self._asker.end_offsets(self._partitions)
        except BaseException:
            await self._disconnect_asker()
            raise
        return {tp.partition: end for tp, end in ends.items()}

    async def _disconnect_asker(self) -> None:
        asker, self._asker = self._asker, None
        if asker is not None:
            await asker.stop()
