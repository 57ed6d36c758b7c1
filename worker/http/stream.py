"""One answer that copies a topic's committed records, line by line, to the job's end or to now."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

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
    ) -> None:
        self._services = services
        self._request = request
        self._stopping = stopping
        self._feed = feed
        self._limit = limit
        self._sent = 0
        self.response = web.StreamResponse(
            headers={"Content-Type": "application/x-ndjson", "Cache-Control": "no-store"}
        )

    async def run(self, job: Job, follow: bool) -> None:
        """Send the records of `job` and return; with `follow` only when it has ended and all are sent.

        Nothing is sent before the topic could be read. Raises ConnectionError when the client goes away,
        StoppingError, Problem for a start behind the end, and ConnectorError or TimeoutError when the topic
        cannot be read.
        """
        current: Job | None = job
        if follow and not job.ended and self._feed.topic(job) is None:
            await self.response.prepare(self._request)
            current = await self._with_topic(job.job_id)
        topic = self._feed.topic(current) if current is not None else None
        if current is None or topic is None:
            await self.response.prepare(self._request)
            return
        async with self._services.open_topic(topic, self._feed.start(current)) as reader:
            end = await _committed_end(reader)
            self._feed.check(current, end)
            if not self.response.prepared:
                await self.response.prepare(self._request)
            goal = None if follow and not current.ended else self._feed.goal(current, end)
            await self._copy(reader, current, goal)

    async def _with_topic(self, job_id: str) -> Job | None:
        """Wait until the job's topic exists or never will; None when the job was deleted."""
        while True:
            self._check_listening()
            job = await self._services.jobs.get(job_id) or self._services.intake.pending(job_id)
            if job is None or job.ended or self._feed.topic(job) is not None:
                return job
            await asyncio.sleep(_POLL_SECONDS)

    async def _copy(self, reader: RecordReader, job: Job, goal: Goal | None) -> None:
        """Copy to the goal; None: the one that the job has once it has ended."""
        clock = asyncio.get_running_loop().time
        heard = clock()
        while self._limit is None or self._sent < self._limit:
            if goal is not None and goal.reached(reader.positions, self._sent):
                return
            self._check_listening()
            records = await reader.read(_POLL_SECONDS, self._room())
            if records:
                await self._write(records)
                heard = clock()
            elif goal is None:
                latest = await self._services.jobs.get(job.job_id)
                if latest is None:
                    return
                if latest.ended:
                    goal = self._feed.goal(latest, await _committed_end(reader))
                    heard = clock()
            elif clock() - heard > _STALL_SECONDS:
                if _at_end(reader, await _committed_end(reader)):
                    # deleted by retention, or with its topic
                    _log.warning("job `%s`: its topic no longer has all the records it counted", job.job_id)
                    return
                heard = clock()

    def _room(self) -> int:
        return _MAX_RECORDS if self._limit is None else min(_MAX_RECORDS, self._limit - self._sent)

    async def _write(self, records: Sequence[StoredRecord]) -> None:
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


def _at_end(reader: RecordReader, end: dict[int, int]) -> bool:
    positions = reader.positions
    return all(positions.get(partition, 0) >= offset for partition, offset in end.items())
