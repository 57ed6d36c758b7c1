"""Reads the committed records of one topic, for those who want to see them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka import errors as kafka

from connectors.errors import RetriableError
from connectors.kafka.cluster import end_offsets, partition_leaders
from connectors.kafka.connection import KafkaConnection

__all__ = ["TopicReader", "TopicRecord"]

_FETCH_WAIT_MS = 100  # how late a committed record may be seen
_FETCH_BYTES = 4 * 1024 * 1024  # held per reader, whatever the number of partitions
_TOPIC_POLL_SECONDS = 0.2
_ASK_SECONDS = 10.0
_FAILURES = (kafka.KafkaError, OSError, TimeoutError)


@dataclass(frozen=True, slots=True)
class TopicRecord:
    """A record as it stands in its topic. `timestamp_ms` is Unix time in milliseconds."""

    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]


class TopicReader:
    """A read_committed consumer without a group.

    `start` maps the partitions to read to their first offset; those that the topic lacks are left out. An
    offset that retention has removed moves up to the first record that is left. A topic that does not exist
    (yet) reads as empty and is looked for at each `read`. Raises RetriableError for a broker that does not
    answer; one that goes away while reading leaves `read` empty until it is back.
    """

    def __init__(self, connection: KafkaConnection, topic: str, start: Mapping[int, int]) -> None:
        self._connection = connection
        self._topic = topic
        self._start = start
        self._consumer: AIOKafkaConsumer | None = None
        self._partitions: list[TopicPartition] = []
        self._positions: dict[int, int] = {}

    async def __aenter__(self) -> Self:
        self._consumer = AIOKafkaConsumer(
            **self._connection.client_options(),
            group_id=None,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            fetch_max_wait_ms=_FETCH_WAIT_MS,
            fetch_max_bytes=_FETCH_BYTES,
            retry_backoff_ms=50,
            request_timeout_ms=10_000,
        )
        try:
            async with asyncio.timeout(_ASK_SECONDS):
                await self._consumer.start()
                await self._find_topic()
        except _FAILURES as error:
            await self._stop()
            raise self._unreadable(error) from error
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    @property
    def positions(self) -> dict[int, int]:
        """The offset of the next read of each partition; it also moves over transaction markers."""
        return dict(self._positions)

    async def committed_end(self) -> dict[int, int]:
        """Return the last stable offset of each partition of the topic, as the broker has them now."""
        return await self._end(committed=True)

    async def written_end(self) -> dict[int, int]:
        """Return the high watermark of each partition of the topic: also of what is not committed."""
        return await self._end(committed=False)

    async def read(self, timeout: float, max_records: int = 500) -> list[TopicRecord]:
        """Return the next records as soon as there are any; none when `timeout` seconds have passed.

        In order within a partition.
        """
        try:
            if not self._partitions and not await self._await_topic(timeout):
                return []
            consumer = self._running()
            fetched = await consumer.getmany(timeout_ms=round(timeout * 1000), max_records=max_records)
            for partition in self._partitions:
                self._positions[partition.partition] = await consumer.position(partition)
        except _FAILURES as error:
            raise self._unreadable(error) from error
        return [
            TopicRecord(r.partition, r.offset, r.timestamp, r.key, r.value, tuple(r.headers))
            for records in fetched.values()
            for r in records
        ]

    async def _end(self, *, committed: bool) -> dict[int, int]:
        try:
            async with asyncio.timeout(_ASK_SECONDS):
                return await end_offsets(self._running()._client, self._topic, committed=committed)
        except _FAILURES as error:
            raise self._unreadable(error) from error

    async def _await_topic(self, timeout: float) -> bool:
        """Look for the topic until `timeout` seconds have passed."""
        end = asyncio.get_running_loop().time() + timeout
        async with asyncio.timeout(timeout + _ASK_SECONDS):
            while not await self._find_topic():
                left = end - asyncio.get_running_loop().time()
                if left <= 0:
                    return False
                await asyncio.sleep(min(left, _TOPIC_POLL_SECONDS))
        return True

    async def _find_topic(self) -> bool:
        consumer = self._running()
        numbers = sorted(await partition_leaders(consumer._client, self._topic))
        if not numbers:
            return False
        self._partitions = [
            TopicPartition(self._topic, number) for number in numbers if number in self._start
        ]
        consumer.assign(self._partitions)
        for partition in self._partitions:
            consumer.seek(partition, self._start[partition.partition])
        self._positions = {p.partition: self._start[p.partition] for p in self._partitions}
        return True

    def _running(self) -> AIOKafkaConsumer:
        assert self._consumer is not None, "a TopicReader is used as a context manager"
        return self._consumer

    async def _stop(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await consumer.stop()

    def _unreadable(self, error: BaseException) -> RetriableError:
        reason = str(error) or type(error).__name__
        return RetriableError(f"topic `{self._topic}` cannot be read now: {reason}")
