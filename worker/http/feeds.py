"""Which records `/records` and `/rejects` give: topic, start, end, whose they are, and the form of a line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from connectors.headers import JOB_ID_HEADER
from worker.http.ports import StoredRecord
from worker.http.problems import Problem
from worker.http.reject_csv import CSV_HEAD, csv_line
from worker.jobs.job import Job

__all__ = ["DataFeed", "Feed", "Goal", "RejectFeed"]

_NDJSON = "application/x-ndjson"


@dataclass(frozen=True, slots=True)
class Goal:
    """Where a stream ends: at these next offsets."""

    offsets: Mapping[int, int]

    def reached(self, positions: Mapping[int, int]) -> bool:
        return all(positions.get(p, 0) >= end for p, end in self.offsets.items())


class Feed(Protocol):
    """One kind of records of one job."""

    @property
    def media_type(self) -> str:
        """What the lines are together."""

    @property
    def head(self) -> bytes:
        """What stands before the first record."""

    def topic(self, job: Job) -> str | None:
        """The topic, None while it is not known to exist or, if it is shared, to hold anything of the job."""

    def start(self, job: Job) -> dict[int, int]:
        """The first offset to read of each partition. While a job runs in a shared topic, more may come.

        Raises Problem when the user's start names a partition that is not there.
        """

    def check(self, job: Job, committed_end: Mapping[int, int]) -> None:
        """Raises Problem when the user's start lies behind the end; without a topic, all ends are 0."""

    def goal(self, job: Job, committed_end: Mapping[int, int]) -> Goal:
        """Where the stream ends when these are the committed ends now.

        A broker may answer an end from before a commit that is acknowledged already; what the job's row has
        counted belongs to the goal all the same. In a shared topic it is the goal: behind it is others'.
        """

    def takes(self, job: Job, record: StoredRecord) -> bool:
        """Whether the record is the job's."""

    def line(self, record: StoredRecord) -> bytes:
        """The record as one line, without its end. The value's bytes pass through as they are."""


@dataclass(frozen=True, slots=True)
class DataFeed:
    """The records in the job's topic; `next_offsets` are the user's, over the job's first."""

    next_offsets: Mapping[int, int] = field(default_factory=dict)
    envelope: bool = False

    @property
    def media_type(self) -> str:
        return _NDJSON

    @property
    def head(self) -> bytes:
        return b""

    def topic(self, job: Job) -> str | None:
        if _shares_topic(job):
            return job.topic if job.offsets else None
        # its owner has created the topic before it reports the start
        return job.topic if job.started_at is not None else None

    def start(self, job: Job) -> dict[int, int]:
        counted = {int(p): first for p, (first, _) in job.offsets.items()}
        if _shares_topic(job):
            # from an earlier offset on would be others' records, or those of an attempt that does not count
            return {p: max(first, self.next_offsets.get(p, 0)) for p, first in counted.items()}
        partitions = int(job.options.get("partitions", 1))
        for partition in self.next_offsets:
            if partition >= partitions:
                raise Problem(
                    "INVALID_REQUEST",
                    f"parameter `from` names partition `{partition}`, which `{job.topic}` does not have",
                    f"its partitions are 0 to {partitions - 1}",
                )
        return {p: self.next_offsets.get(p, counted.get(p, 0)) for p in range(partitions)}

    def check(self, job: Job, committed_end: Mapping[int, int]) -> None:
        ends = self.goal(job, committed_end).offsets
        for partition, offset in self.next_offsets.items():
            if partition not in ends:
                raise Problem(
                    "INVALID_REQUEST",
                    f"parameter `from` names partition `{partition}`, where job `{job.job_id}` has nothing",
                    "name the partitions in `offsets` of the job, or leave `from` out",
                )
            if offset > ends[partition]:
                raise Problem(
                    "INVALID_REQUEST",
                    f"parameter `from` names offset `{offset}` of partition `{partition}`, "
                    f"which ends at {ends[partition]}",
                    "name the offset after the last record that you have read",
                )

    def goal(self, job: Job, committed_end: Mapping[int, int]) -> Goal:
        counted = {p: job.offsets.get(str(p), [0, 0])[1] for p in self.start(job)}
        if _shares_topic(job):
            return Goal(counted)
        return Goal({p: max(end, committed_end.get(p, 0)) for p, end in counted.items()})

    def takes(self, job: Job, record: StoredRecord) -> bool:
        return not _shares_topic(job) or _owner(record) == job.job_id

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
    """The job's dead letters from the first unresolved one on, in row order within an attempt."""

    as_csv: bool = False

    @property
    def media_type(self) -> str:
        return "text/csv" if self.as_csv else _NDJSON

    @property
    def head(self) -> bytes:
        return CSV_HEAD if self.as_csv else b""

    def topic(self, job: Job) -> str | None:
        if _shares_dlq(job):
            return job.dlq_topic if job.dead_letters else None
        return job.dlq_topic

    def start(self, job: Job) -> dict[int, int]:
        return {0: job.dead_letters[0] if job.dead_letters else 0}

    def check(self, job: Job, committed_end: Mapping[int, int]) -> None:
        """Nothing to check: there is no choice of a start."""

    def goal(self, job: Job, committed_end: Mapping[int, int]) -> Goal:
        counted = job.dead_letters[1] if job.dead_letters else 0
        return Goal({0: counted if _shares_dlq(job) else max(counted, committed_end.get(0, 0))})

    def takes(self, job: Job, record: StoredRecord) -> bool:
        return not _shares_dlq(job) or _owner(record) == job.job_id

    def line(self, record: StoredRecord) -> bytes:
        value = record.value if record.value is not None else b"null"
        return csv_line(value) if self.as_csv else value


def _shares_topic(job: Job) -> bool:
    return job.options.get("topic") is not None


def _shares_dlq(job: Job) -> bool:
    return job.options.get("dlq_topic") is not None


def _owner(record: StoredRecord) -> str | None:
    """The id of the job that wrote the record, None for a record of another program."""
    found = (value.decode("ascii", "replace") for name, value in record.headers if name == JOB_ID_HEADER)
    return next(found, None)
