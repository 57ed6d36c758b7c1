"""Which records `/records` and `/rejects` give: topic, start, end and the form of a line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from worker.http.ports import StoredRecord
from worker.http.problems import Problem
from worker.jobs.job import Job

__all__ = ["DataFeed", "Feed", "Goal", "RejectFeed"]


@dataclass(frozen=True, slots=True)
class Goal:
    """Where a stream ends: at these next offsets, and not before so many records."""

    offsets: Mapping[int, int]
    records: int = 0

    def reached(self, positions: Mapping[int, int], sent: int) -> bool:
        return sent >= self.records and all(positions.get(p, 0) >= end for p, end in self.offsets.items())


class Feed(Protocol):
    """One kind of records of one job."""

    def topic(self, job: Job) -> str | None:
        """The topic, None while it does not exist."""

    def start(self, job: Job) -> dict[int, int]:
        """The first offset to read of each partition."""

    def check(self, job: Job, committed_end: Mapping[int, int]) -> None:
        """Raises Problem when the start lies behind the end."""

    def goal(self, job: Job, committed_end: Mapping[int, int]) -> Goal:
        """Where the stream ends when these are the committed ends now.

        A broker may answer an end from before a commit that is acknowledged already; what the job's row has
        counted belongs to the goal all the same.
        """

    def line(self, record: StoredRecord) -> bytes:
        """The record as one line, without its end. The value's bytes pass through as they are."""


@dataclass(frozen=True, slots=True)
class DataFeed:
    """The records in the job's topic; `next_offsets` are the user's, over the job's first."""

    next_offsets: Mapping[int, int] = field(default_factory=dict)
    envelope: bool = False

    def topic(self, job: Job) -> str | None:
        # its owner has created the topic before it reports the start
        return job.topic if job.started_at is not None else None

    def start(self, job: Job) -> dict[int, int]:
        partitions = int(job.options.get("partitions", 1))
        for partition in self.next_offsets:
            if partition >= partitions:
                raise Problem(
                    "INVALID_REQUEST",
                    f"parameter `from` names partition `{partition}`, which `{job.topic}` does not have",
                    f"its partitions are 0 to {partitions - 1}",
                )
        firsts = {p: job.offsets.get(str(p), [0])[0] for p in range(partitions)}
        return {**firsts, **self.next_offsets}

    def check(self, job: Job, committed_end: Mapping[int, int]) -> None:
        ends = self.goal(job, committed_end).offsets
        for partition, offset in self.next_offsets.items():
            if offset > ends[partition]:
                raise Problem(
                    "INVALID_REQUEST",
                    f"parameter `from` names offset `{offset}` of partition `{partition}`, "
                    f"which ends at {ends[partition]}",
                    "name the offset after the last record that you have read",
                )

    def goal(self, job: Job, committed_end: Mapping[int, int]) -> Goal:
        counted = {p: job.offsets.get(str(p), [0, 0])[1] for p in self.start(job)}
        return Goal({p: max(end, committed_end.get(p, 0)) for p, end in counted.items()})

    def line(self, record: StoredRecord) -> bytes:
        value = record.value if record.value is not None else b"null"
        if not self.envelope:
            return value
        key = None if record.key is None else record.key.decode("utf-8", "replace")
        return b'{"partition":%d,"offset":%d,"timestamp":%d,"key":%s,"value":%s}' % (
            record.partition,
            record.offset,
            record.timestamp_ms,
            json.dumps(key, ensure_ascii=False).encode(),
            value,
        )


@dataclass(frozen=True, slots=True)
class RejectFeed:
    """The dead letters of the job, in row order."""

    def topic(self, job: Job) -> str | None:
        return job.dlq_topic

    def start(self, job: Job) -> dict[int, int]:
        return {0: 0}

    def check(self, job: Job, committed_end: Mapping[int, int]) -> None:
        """Nothing to check: there is no choice of a start."""

    def goal(self, job: Job, committed_end: Mapping[int, int]) -> Goal:
        return Goal({0: committed_end.get(0, 0)}, records=job.rows_rejected)

    def line(self, record: StoredRecord) -> bytes:
        return record.value if record.value is not None else b"null"
