"""Retries a job's rejects: the dead letters go through the model again, exactly once, into the same topic.

Consume, transform, produce: the offset of the dead letter read last is committed in the transaction of what
became of it. The file was read to its end before; nothing else of the progress changes.
"""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

from connectors.api import Progress, Redo, Sink
from connectors.errors import JobCode, JobError
from connectors.headers import JOB_ID_HEADER
from worker.crashpoints import CrashPoint, crash_point
from worker.jobs.job import Job
from worker.jobs.manifest import Manifest
from worker.running.checks import JobChecks
from worker.running.chunk import Chunk
from worker.running.ports import (
    DeliveryHooks,
    LetterEncoder,
    LetterReader,
    RunnerPorts,
    StoppedError,
    StoredLetter,
    YieldedError,
)

__all__ = ["RejectsRedo"]

_LETTERS = 500  # asked for at once
_CHUNK_LETTERS = 5000
_POLL_SECONDS = 1.0
_PARTITION = 0  # a job's dead letters are all in the first
_log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class _LetterChunk(Chunk):
    """The dead letters of one transaction so far; `next` is the offset after them."""

    next: int

    @property
    def full(self) -> bool:
        return self.rows >= _CHUNK_LETTERS or self.late


class RejectsRedo:
    """One try at retrying the rejects of a job whose file was read to its end. Use once."""

    def __init__(
        self, job: Job, manifest: Manifest, sink: Sink, ports: RunnerPorts, hooks: DeliveryHooks
    ) -> None:
        self._job = job
        self._manifest = manifest
        self._sink = sink
        self._ports = ports
        self._hooks = hooks
        self._path = ports.files.job_file(manifest)
        self._checks = JobChecks(job, manifest, self._path)
        self._format = ""
        self._loop = asyncio.get_running_loop()

    async def run(self, found: Progress) -> Progress:
        """Retry what is unresolved of the rejects that there were when the attempt began.

        `sink` has started, `found` is its progress, with `eof`. Raises as `Delivery.run`.
        """
        await self._checks.topic(found, self._sink)
        await self._checks.dead_letters(found, self._sink)
        progress = self._begin_or_resume(found)
        if progress.dead_letters is None or progress.redo is None:
            return progress
        if self._hooks.stop_asked():
            raise StoppedError
        async with AsyncExitStack() as stack:
            encoder = await self._open(progress)
            stack.push_async_callback(self._loop.run_in_executor, self._ports.executor, encoder.close)
            await self._hooks.started(progress, self._format, encoder.name)
            start = {_PARTITION: progress.dead_letters[0]}
            reader = await stack.enter_async_context(self._ports.open_topic(self._manifest.dlq_topic, start))
            while progress.dead_letters[0] < progress.redo.end:
                progress = await self._retry_chunk(reader, encoder, progress)
                assert progress.dead_letters is not None
                assert progress.redo is not None
                self._hooks.committed(progress)
                if progress.dead_letters[0] < progress.redo.end and self._hooks.yield_asked():
                    raise YieldedError
        self._check_complete(progress)
        await self._checks.topic(progress, self._sink)
        return progress

    def _begin_or_resume(self, found: Progress) -> Progress:
        """The end is fixed when the attempt begins: what fails again comes after it."""
        if found.dead_letters is None or (found.redo is not None and found.redo.attempt == self._job.attempt):
            return replace(found, attempt=self._job.attempt)
        redo = Redo(self._job.attempt, end=found.dead_letters[1], again=0)
        return replace(found, attempt=self._job.attempt, redo=redo)

    async def _open(self, progress: Progress) -> LetterEncoder:
        def blocking() -> LetterEncoder:
            self._checks.file()
            sources = self._ports.sources
            self._format = sources.format_of(self._path)
            self._hooks.opened(self._format)
            return sources.letter_encoder(
                self._path, self._format, self._job, self._manifest, progress.partitions
            )

        return await self._loop.run_in_executor(self._ports.executor, blocking)

    async def _retry_chunk(
        self, reader: LetterReader, encoder: LetterEncoder, progress: Progress
    ) -> Progress:
        assert progress.dead_letters is not None
        assert progress.redo is not None
        end = progress.redo.end
        chunk = _LetterChunk(next=progress.dead_letters[0])
        letters = await self._next_letters(reader, chunk, end)  # before begin: a wait must not age it
        await self._sink.begin()
        crash_point(CrashPoint.AFTER_BEGIN)
        while letters:
            block = await self._loop.run_in_executor(
                self._ports.executor, encoder.encode, [value for _, value in letters], letters[0][0]
            )
            await chunk.send(block, self._sink)
            crash_point(CrashPoint.MID_SEND)
            if self._hooks.stop_asked():
                raise StoppedError
            letters = [] if chunk.full else await self._next_letters(reader, chunk, end)
        return await self._commit(progress, chunk)

    async def _next_letters(
        self, reader: LetterReader, chunk: _LetterChunk, end: int
    ) -> list[tuple[int, bytes]]:
        """The next of the job's own before `end`, with their offsets; none when there are no more."""
        while chunk.next < end:
            if self._hooks.stop_asked():
                raise StoppedError
            records = await reader.read(_POLL_SECONDS, _LETTERS)
            chunk.next = min(end, max(chunk.next, reader.positions.get(_PARTITION, 0)))
            if own := [letter for record in records if (letter := self._own(record, end)) is not None]:
                return own
        return []

    def _own(self, record: StoredLetter, end: int) -> tuple[int, bytes] | None:
        if record.partition != _PARTITION or record.offset >= end or record.value is None:
            return None
        headers = dict(record.headers)
        if headers.get(JOB_ID_HEADER) != self._job.job_id.encode():
            return None
        # none is from before the first attempt, so that not every letter has to be parsed here
        if self._job.first_attempt > 1 and json.loads(record.value)["attempt"] < self._job.first_attempt:
            return None
        return record.offset, record.value

    async def _commit(self, progress: Progress, chunk: _LetterChunk) -> Progress:
        assert progress.dead_letters is not None
        assert progress.redo is not None
        delivered = await self._sink.flush()
        last = progress.dead_letters[1] if delivered.rejects is None else delivered.rejects[1]
        committed = replace(
            progress,
            delivered=progress.delivered + chunk.delivered,
            rejected=progress.rejected - chunk.delivered,
            offsets=self._checks.advanced(progress.offsets, delivered.spans),
            dead_letters=(chunk.next, last),
            redo=replace(progress.redo, again=progress.redo.again + chunk.rejected),
        )
        crash_point(CrashPoint.BEFORE_COMMIT)
        await self._sink.commit(committed)
        crash_point(CrashPoint.AFTER_COMMIT)
        self._ports.report_chunk(chunk.report(self._job.model, file_bytes=0))
        return committed

    def _check_complete(self, progress: Progress) -> None:
        """What is left are those that failed again; more are letters that the broker no longer has."""
        assert progress.redo is not None
        if (lost := progress.rejected - progress.redo.again) > 0:
            raise JobError(
                JobCode.PROGRESS_EXPIRED,
                f"`{lost}` dead letters of the job are no longer in topic `{self._manifest.dlq_topic}`",
                "the broker keeps them for BATCH_TOPIC_RETENTION_HOURS; "
                f"`batch job retry {self._job.job_id} --from-start` delivers the whole file again",
            )
