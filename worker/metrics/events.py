"""What is counted when it happens: commits of rows, and jobs that end."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Protocol

from connectors.errors import RowCode
from worker.jobs.job import Job
from worker.metrics.instruments import Instruments

__all__ = ["CommittedChunk", "EndedJobs", "count_chunk"]


class CommittedChunk(Protocol):
    """What one transaction committed: rows, file bytes, and seconds from its begin to its commit."""

    @property
    def model(self) -> str: ...
    @property
    def delivered(self) -> int: ...
    @property
    def reject_codes(self) -> Mapping[RowCode, int]: ...
    @property
    def file_bytes(self) -> int: ...
    @property
    def seconds(self) -> float: ...


def count_chunk(
    instruments: Instruments, chunk: CommittedChunk, clock: Callable[[], float] = time.time
) -> None:
    """Count a transaction whose commit was acknowledged. `clock` gives Unix time (seconds)."""
    instruments.rows_delivered.labels(chunk.model).inc(chunk.delivered)
    for code, rows in chunk.reject_codes.items():
        instruments.rows_rejected.labels(chunk.model, code).inc(rows)
    instruments.bytes_read.labels(chunk.model).inc(chunk.file_bytes)
    instruments.commit_seconds.observe(chunk.seconds)
    instruments.last_commit.set(clock())


class EndedJobs:
    """Counts the jobs of the own partitions as they end: an `OwnershipListener`.

    A retried job that ends again counts again. What ended while no worker had the partition is not counted.
    """

    def __init__(self, instruments: Instruments) -> None:
        self._ended = instruments.jobs_ended

    async def partitions_ready(self, partitions: frozenset[int]) -> None:
        """Nothing to count: these rows stand as they were."""

    async def partitions_lost(self, partitions: frozenset[int]) -> None:
        """Nothing to count: they go on elsewhere."""

    def row_changed(self, job_id: str, job: Job | None, previous: Job | None) -> None:
        if job is not None and job.ended and previous is not None and not previous.ended:
            self._ended.labels(job.model, job.state.value).inc()
