"""The read model: every job of every worker, from `batch.jobs` into SQLite."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from connectors.kafka.connection import KafkaConnection
from worker.jobs.events import Touched
from worker.jobs.job import Job, State
from worker.state.api import Change, JobPage, JobQuery, Totals, UnavailableError
from worker.state.changes import ChangeFeed
from worker.state.cursor import encode_cursor
from worker.state.follower import Follower, TopicRecordLike
from worker.state.jobs_database import JobsDatabase

__all__ = ["ReadModel"]

_READERS = 2
_TOUCH_RETRY_SECONDS = 2.0
_GATHER_SECONDS = 0.05  # what comes in so long is read at once: a row at a time would cost most under load
T = TypeVar("T")


class ReadModel:
    """Implements `JobReader`. Answers from the file as soon as it is open; `run` keeps the file current.

    A row that is older than the one it would replace is not taken; its job is touched, so that the table's
    owner writes the row again for all to see.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        *,
        topic: str,
        partitions: int,
        path: Path,
        touch: Callable[[str, Touched], Awaitable[object]],
    ) -> None:
        self._database = JobsDatabase(path, topic)
        self._writer = ThreadPoolExecutor(1, "read-model-writer")
        self._readers = ThreadPoolExecutor(_READERS, "read-model-reader")
        self._follower = Follower(connection, topic, partitions, self, gather_seconds=_GATHER_SECONDS)
        self._feed = ChangeFeed()
        self._touch = touch
        self._stale: set[str] = set()
        self._stale_found = asyncio.Event()
        self._closed = False

    @property
    def caught_up(self) -> bool:
        """Whether the file has what the topic had when it was last connected to."""
        return self._follower.caught_up

    @property
    def next_offsets(self) -> Mapping[int, int]:
        """By partition of the topic, what is read next."""
        return self._follower.positions

    async def open(self) -> None:
        """Open the file; from then on the model answers."""
        await self._in_writer(self._database.open)

    async def run(self) -> None:
        """Follow the topic until cancelled. Only once the topic exists."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follower.run())
            tasks.create_task(self._repair())

    async def close(self) -> None:
        """Close the file. After `run` has ended; whoever still asks gets UnavailableError `NOT_READY`."""
        self._closed = True
        self._readers.shutdown()
        await self._in_writer(self._database.close)
        self._writer.shutdown()

    # the port

    async def get(self, job_id: str) -> Job | None:
        return await self._in_reader(lambda: self._database.get(job_id))

    async def list(self, query: JobQuery) -> JobPage:
        found = await self._in_reader(lambda: self._database.page(query))
        items = found[: query.limit]
        return JobPage(items, encode_cursor(items[-1]) if len(found) > len(items) else None)

    async def counts(self) -> dict[State, int]:
        return await self._in_reader(self._database.counts)

    async def last_ended(self, limit: int) -> Sequence[Job]:
        return await self._in_reader(lambda: self._database.last_ended(limit))

    async def ended_before(
        self, moment: str, *, after: tuple[str, str] = ("", ""), limit: int
    ) -> Sequence[Job]:
        return await self._in_reader(lambda: self._database.ended_before(moment, after, limit))

    async def totals(self, since: str) -> Totals:
        return await self._in_reader(lambda: self._database.totals(since))

    async def active(self) -> Sequence[Job]:
        return await self._in_reader(self._database.active)

    async def submitted_with(self, key: str) -> Job | None:
        return await self._in_reader(lambda: self._database.submitted_with(key))

    async def same_file(self, model: str, sha256: str, folder: str | None = None) -> Job | None:
        return await self._in_reader(lambda: self._database.same_file(model, sha256, folder))

    async def unknown(self, job_ids: Collection[str]) -> set[str]:
        return await self._in_reader(lambda: self._database.unknown(job_ids))

    async def barrier(self, timeout: float = 5.0) -> None:
        await self._follower.barrier(timeout)

    def changes(self) -> AsyncIterator[Change]:
        return self._feed.follow()

    # the follower's store

    async def positions(self) -> dict[int, int]:
        return await self._in_writer(self._database.positions)

    async def apply(self, records: Sequence[TopicRecordLike], positions: dict[int, int]) -> None:
        applied = await self._in_writer(lambda: self._database.apply(records, positions))
        self._stale -= applied.repaired
        self._stale |= applied.stale
        if self._stale and self.caught_up:  # before, the topic may still bring the repair
            self._stale_found.set()
        self._feed.publish(applied.changes)

    async def reset(self) -> None:
        self._feed.publish(await self._in_writer(self._database.reset))

    # stale rows

    async def _repair(self) -> None:
        while True:
            await self._stale_found.wait()
            self._stale_found.clear()
            for job_id in list(self._stale):
                try:
                    await self._touch(job_id, Touched())
                except UnavailableError:
                    await asyncio.sleep(_TOUCH_RETRY_SECONDS)
                    self._stale_found.set()
                    break
                self._stale.discard(job_id)

    async def _in_writer(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._writer, call)

    async def _in_reader(self, call: Callable[[], T]) -> T:
        if self._closed:
            raise UnavailableError("NOT_READY", "the worker stops", "ask again when it has started again")
        return await asyncio.get_running_loop().run_in_executor(self._readers, call)
