"""The ports of the data path in memory, for tests of what stands around them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from aiokafka.record.default_records import DefaultRecordBatch

from connectors.api import Batch, Delivered, Progress
from connectors.errors import ConnectorError, FencedError

__all__ = ["MemoryCluster", "MemorySink", "StoredRecord", "decode_batch"]


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record of a batch."""

    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


def decode_batch(batch: Batch) -> list[StoredRecord]:
    """Return the records of a finished batch."""
    return [StoredRecord(r.key, r.value, tuple(r.headers)) for r in DefaultRecordBatch(bytearray(batch.data))]


@dataclass(slots=True)
class MemoryCluster:
    """What a cluster holds: committed records by topic and partition, progress and newest owner by job.

    A commit takes an offset of each partition that it wrote, as a transaction marker does.
    """

    records: dict[str, dict[int, dict[int, StoredRecord]]] = field(default_factory=dict)
    ends: dict[str, dict[int, int]] = field(default_factory=dict)
    progress: dict[str, Progress] = field(default_factory=dict)
    epochs: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def create(self, topic: str, partitions: int) -> None:
        """Create a topic, unless it exists."""
        self.records.setdefault(topic, {p: {} for p in range(partitions)})
        self.ends.setdefault(topic, dict.fromkeys(range(partitions), 0))

    def values(self, topic: str, partition: int = 0) -> list[bytes]:
        """Return the committed values of a partition, in order."""
        return [record.value for record in self.records[topic][partition].values()]


class MemorySink:
    """A Sink on a MemoryCluster. `failures` maps the name of a call to the error that it raises, once."""

    def __init__(
        self,
        cluster: MemoryCluster,
        *,
        job_id: str,
        topic: str,
        partitions: int = 1,
        dlq_topic: str,
        failures: dict[str, ConnectorError] | None = None,
    ) -> None:
        self._cluster = cluster
        self._job_id = job_id
        self._topic = topic
        self._partitions = partitions
        self._dlq_topic = dlq_topic
        self._failures = {} if failures is None else failures
        self._epoch = 0
        self._sent: list[tuple[str, Batch]] = []
        self.closed = False

    async def start(self) -> Progress | None:
        self._cluster.epochs[self._job_id] += 1
        self._epoch = self._cluster.epochs[self._job_id]
        self._check("start")
        return self._cluster.progress.get(self._job_id)

    async def create_topics(self) -> int:
        self._check("create_topics")
        self._cluster.create(self._topic, self._partitions)
        return len(self._cluster.ends[self._topic])

    async def begin(self) -> None:
        self._check("begin")
        self._sent = []

    async def send(self, batch: Batch) -> None:
        self._check("send")
        self._sent.append((self._topic, batch))

    async def send_rejects(self, batch: Batch) -> None:
        self._check("send_rejects")
        self._cluster.create(self._dlq_topic, 1)
        self._sent.append((self._dlq_topic, batch))

    async def flush(self) -> Delivered:
        self._check("flush")
        spans: dict[str, dict[int, tuple[int, int]]] = {self._topic: {}, self._dlq_topic: {}}
        for topic, batch in self._sent:
            end = self._cluster.ends[topic][batch.partition]
            first, end = spans[topic].get(batch.partition, (end, end))
            spans[topic][batch.partition] = (first, end + batch.count)
        return Delivered(spans[self._topic], spans[self._dlq_topic].get(0))

    async def commit(self, progress: Progress) -> None:
        self._check("commit")
        touched = set()
        for topic, batch in self._sent:
            ends = self._cluster.ends[topic]
            for record in decode_batch(batch):
                self._cluster.records[topic][batch.partition][ends[batch.partition]] = record
                ends[batch.partition] += 1
            touched.add((topic, batch.partition))
        for topic, partition in touched:
            self._cluster.ends[topic][partition] += 1
        self._cluster.progress[self._job_id] = progress
        self._sent = []

    async def end_offsets(self) -> dict[int, int]:
        self._check("end_offsets")
        return dict(self._cluster.ends.get(self._topic, {}))

    async def dead_letter_end(self) -> int:
        self._check("dead_letter_end")
        return self._cluster.ends.get(self._dlq_topic, {}).get(0, 0)

    async def close(self) -> None:
        self.closed = True

    def _check(self, call: str) -> None:
        if (failure := self._failures.pop(call, None)) is not None:
            raise failure
        if self._epoch != self._cluster.epochs[self._job_id]:
            raise FencedError(f"another sink of job `{self._job_id}` has started")
