"""One answer that copies a topic's committed records, line by line, to the job's end or to now."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence

from aiohttp import web

from worker.http.feeds import Feed, Goal
from worker.http.ports import RecordReader, Services, StoredRecord
from worker.jobs.job import Job

__all__ = ["RecordStream", "StoppingError"]

_log = logging.getLogger(__name__)
_POLL_SECONDS = 0.25  # how late an idle stream sees a new record's job end, or its client's
_STALL_SECONDS = 5.0
_BROKER_SECONDS = 10.0
_MAX_RECORDS = 500
_WRITE_BYTES = 64 * 1024


class StoppingError(Exception):
    """The worker stops: the answer stays unfinished."""

    def __init__(self) -> None:
        super().__init__("the worker stops")


class RecordStream:
    """Memory is bounded by one read of the consumer; a slow client slows the consumer down."""

    def __init__(
        self,
        services: Services,
        request: web.Request,
        stopping: asyncio.Event,
        feed: Feed,
        limit: int | None,
        follow: bool,
    ) -> None:
        self._services = services
        self._request = request
        self._stopping = stopping
        self._feed = feed
        self._limit = limit
        self._follow = follow
        self._sent = 0
        self.response = web.StreamResponse(
            headers={"Content-Type": feed.media_type, "Cache-Control": "no-store"}
        )

    async def run(self, job: Job) -> None:
        """Send the records of `job` and return; when following, only once it has ended and all are sent.

        Nothing is sent before the topic could be read. Raises ConnectionError when the client goes away,
        StoppingError, Problem for a start behind the end, and ConnectorError or TimeoutError when the topic
        cannot be read.
        """
        current: Job | None = job
        if self._feed.topic(job) is None:
            self._feed.check(job, {})
            await self._begin()
            if self._follow and not job.ended:
                current = await self._with_topic(job.job_id)
        following: dict[int, int] = {}
        while current is not None and (topic := self._feed.topic(current)) is not None:
            start = {**self._feed.start(current), **following}
            async with self._services.open_topic(topic, start) as reader:
                end = await _committed_end(reader)
                if not self.response.prepared:
                    self._feed.check(current, end)
                    await self._begin()
                goal = None if self._follow and not current.ended else self._feed.goal(current, end)
                current = await self._copy(reader, current, frozenset(start), goal)
                following = dict(reader.positions)

    async def _begin(self) -> None:
        await self.response.prepare(self._request)
        if self._feed.head:
            await self.response.write(self._feed.head)

    async def _with_topic(self, job_id: str) -> Job | None:
        """Wait until the job's topic exists or never will; None when the job was deleted."""
        while True:
            self._check_listening()
            job = await self._services.jobs.get(job_id) or self._services.intake.pending(job_id)
            if job is None or job.ended or self._feed.topic(job) is not None:
                return job
            await asyncio.sleep(_POLL_SECONDS)

    async def _copy(
        self, reader: RecordReader, job: Job, partitions: frozenset[int], goal: Goal | None
    ) -> Job | None:
        """Copy to the goal; None: the one that the job has once it has ended.

        Returns the job as it then is when it has come to write into other partitions than these, else None.
        """
        clock = asyncio.get_running_loop().time
        heard = looked = clock()
        while self._limit is None or self._sent < self._limit:
            if goal is not None and goal.reached(reader.positions):
                return None
            self._check_listening()
            records = await reader.read(_POLL_SECONDS, _MAX_RECORDS)
            if records:
                await self._write([r for r in records if _before(goal, r) and self._feed.takes(job, r)])
                heard = clock()
            if goal is not None:
                if not records and clock() - heard > _STALL_SECONDS:
                    if await self._ends_here(reader, goal, job):
                        return None
                    heard = clock()
            elif not records or clock() - looked > _POLL_SECONDS:  # a shared topic may never be silent
                latest = await self._services.jobs.get(job.job_id)
                if latest is None or self._feed.topic(latest) != self._feed.topic(job):
                    return None
                if not partitions.issuperset(self._feed.start(latest)):
                    return latest
                if latest.ended:
                    goal = self._feed.goal(latest, await _committed_end(reader))
                    heard = clock()
                looked = clock()
        return None

    async def _ends_here(self, reader: RecordReader, goal: Goal, job: Job) -> bool:
        """Whether a topic that has been silent for long has no more to give now."""
        positions = reader.positions
        if not _at(positions, await _committed_end(reader)):
            return False
        async with asyncio.timeout(_BROKER_SECONDS):
            written = await reader.written_end()
        if not _at(positions, {p: end for p, end in written.items() if p in goal.offsets}):
            # another job's open transaction hides what comes after its first record
            return not self._follow
        # deleted by retention, or with its topic
        _log.warning("job `%s`: its topic no longer has all the records it counted", job.job_id)
        return True

    async def _write(self, records: Sequence[StoredRecord]) -> None:
        if self._limit is not None:
            records = records[: self._limit - self._sent]
        lines = bytearray()
        for record in records:
            lines += self._feed.line(record)
            lines += b"\n"
            if len(lines) >= _WRITE_BYTES:
                await self.response.write(bytes(lines))
                lines.clear()
        if lines:
            await self.response.write(bytes(lines))
        self._sent += len(records)

    def _check_listening(self) -> None:
        transport = self._request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client has gone")
        if self._stopping.is_set():
            raise StoppingError


async def _committed_end(reader: RecordReader) -> dict[int, int]:
    async with asyncio.timeout(_BROKER_SECONDS):
        return dict(await reader.committed_end())


def _before(goal: Goal | None, record: StoredRecord) -> bool:
    return goal is None or record.offset < goal.offsets.get(record.partition, 0)


def _at(positions: Mapping[int, int], end: Mapping[int, int]) -> bool:
    return all(positions.get(partition, offset) >= offset for partition, offset in end.items())
