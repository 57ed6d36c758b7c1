"""One try at delivering a job: from the committed position to the end of the file, in transactions.

The order of the calls is the guarantee (DESIGN.md, "Delivery"): fence, then read the progress; await every
delivery, then commit; nothing is retried here. Whatever goes wrong is raised, and the runner begins again
with a new sink.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from pathlib import Path

from connectors.api import BlockEncoder, Converter, Position, Progress, Sink, SourceReader
from connectors.errors import JobCode, JobError, RetriableError
from worker.crashpoints import CrashPoint, crash_point
from worker.jobs.job import Job, Work
from worker.jobs.manifest import Manifest
from worker.running.checks import JobChecks
from worker.running.chunk import Chunk
from worker.running.limits import RejectLimit
from worker.running.pipeline import BlockPipeline
from worker.running.ports import DeliveryHooks, RunnerPorts, StoppedError, YieldedError
from worker.running.redo import RejectsRedo

__all__ = ["Delivery"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Source:
    reader: SourceReader
    converter: Converter
    format: str


@dataclass(slots=True, kw_only=True)
class _FileChunk(Chunk):
    """The blocks of one transaction so far; the file was read up to `end`, that is `file_bytes` of it."""

    end: Position
    file_bytes: int


class Delivery:
    """Delivers one job through one sink. Use once."""

    def __init__(
        self, job: Job, manifest: Manifest, sink: Sink, ports: RunnerPorts, hooks: DeliveryHooks
    ) -> None:
        self._job = job
        self._manifest = manifest
        self._sink = sink
        self._ports = ports
        self._hooks = hooks
        self._path: Path = ports.files.job_file(manifest)
        self._checks = JobChecks(job, manifest, self._path)
        self._limit = RejectLimit(ports.max_reject_ratio)
        self._atomic = bool(manifest.options.get("atomic", False))
        self._loop = asyncio.get_running_loop()

    async def run(self) -> Progress:
        """Deliver everything; return the last progress, with `eof`.

        Raises JobError (the job fails), DeliveryError (begin again), StoppedError, YieldedError.
        """
        found = self._of_this_run(await self._sink.start())
        self._checks.progress(found)
        if found is not None:
            self._hooks.found(found)
            if found.eof:
                return await self._after_eof(found)
        if self._hooks.stop_asked():
            raise StoppedError
        source = await self._open(Position() if found is None else found.position)
        pipeline: BlockPipeline | None = None
        try:
            progress = await self._begin_or_resume(found, source.reader)
            # the first blocks are made while the start is committed: none is sent before
            making = asyncio.create_task(self._encoder(source, progress.partitions))
            pipeline = BlockPipeline(
                source.reader, making, self._ports.executor, depth=self._ports.pipeline_depth
            )
            if found is None:
                await self._commit_start(progress)
            encoder = await making
            await self._hooks.started(progress, source.format, encoder.name)
            while not progress.eof:
                progress = await self._deliver_chunk(pipeline, progress)
                self._hooks.committed(progress)
                await self._hooks.started(progress, source.format, encoder.name)
                if not progress.eof and self._hooks.yield_asked():
                    raise YieldedError
        finally:
            if pipeline is not None:
                await pipeline.close()
            else:
                await self._loop.run_in_executor(self._ports.executor, source.reader.close)
        await self._checks.topic(progress, self._sink)
        return progress

    def _of_this_run(self, found: Progress | None) -> Progress | None:
        """What an attempt before a retry from the start committed in a shared topic is history."""
        return None if found is None or found.attempt < self._job.first_attempt else found

    async def _after_eof(self, found: Progress) -> Progress:
        if self._job.work is Work.REJECTS:
            return await RejectsRedo(self._job, self._manifest, self._sink, self._ports, self._hooks).run(
                found
            )
        await self._checks.topic(found, self._sink)
        return found

    async def _begin_or_resume(self, found: Progress | None, reader: SourceReader) -> Progress:
        """The progress to start with, once there is a topic; the committed one if its topic still has it."""
        attempt = self._job.attempt
        if found is not None:
            await self._checks.topic(found, self._sink)
            _log.info(
                "job %s reads on from byte %d, row %d (block %d)",
                self._job.job_id,
                found.position.byte,
                found.position.row,
                found.position.block,
            )
            base = found.base if found.attempt == attempt else (found.rows_read, found.rejected)
            return replace(found, attempt=attempt, base=base)
        partitions = await self._sink.create_topics()
        return Progress(
            attempt=attempt,
            position=reader.snapshot(),
            eof=False,
            delivered=0,
            rejected=0,
            offsets={},
            size=self._manifest.size_bytes,
            mtime_ns=self._manifest.mtime_ns,
            partitions=partitions,
        )

    async def _commit_start(self, progress: Progress) -> None:
        """Commit the start progress, in a transaction of its own."""
        await self._sink.begin()
        await self._sink.flush()
        await self._sink.commit(progress)
        crash_point(CrashPoint.AFTER_START_PROGRESS)

    async def _deliver_chunk(self, pipeline: BlockPipeline, progress: Progress) -> Progress:
        """Send blocks until the chunk is full, the time is up or the file ends; commit them.

        A file that breaks in the middle fails its job after the rows before the damage are committed, those
        of an atomic job with none.
        """
        await self._sink.begin()
        crash_point(CrashPoint.AFTER_BEGIN)
        chunk = _FileChunk(end=progress.position, file_bytes=progress.file_bytes)
        eof = False
        failure: JobError | None = None
        while not eof and not self._full(chunk):
            try:
                block = await pipeline.next()
            except JobError as error:
                failure = error
                break
            if self._hooks.stop_asked():
                raise StoppedError
            if block is None:
                eof = True
                continue
            await chunk.send(block, self._sink)
            chunk.end, chunk.file_bytes = block.end, block.file_bytes
            crash_point(CrashPoint.MID_SEND)
            if self._limit.exceeded(progress, delivered=chunk.delivered, rejected=chunk.rejected):
                failure = self._limit.error(
                    _counted(progress, chunk), job_id=self._job.job_id, committed=not self._atomic
                )
                break
        if failure is not None and self._atomic:
            raise failure
        committed = await self._commit(progress, chunk, eof=eof)
        if failure is not None:
            self._hooks.committed(committed)
            raise failure
        return committed

    async def _commit(self, progress: Progress, chunk: _FileChunk, *, eof: bool) -> Progress:
        delivered = await self._sink.flush()
        if eof:
            await self._verify_file_at_end()
        letters = progress.dead_letters
        if delivered.rejects is not None:
            first, end = delivered.rejects
            letters = (first if letters is None else letters[0], end)
        committed = replace(
            _counted(progress, chunk),
            position=chunk.end,
            file_bytes=self._manifest.size_bytes if eof else chunk.file_bytes,
            eof=eof,
            offsets=self._checks.advanced(progress.offsets, delivered.spans),
            dead_letters=letters,
        )
        crash_point(CrashPoint.BEFORE_COMMIT)
        await self._sink.commit(committed)
        crash_point(CrashPoint.AFTER_COMMIT)
        read = committed.file_bytes - progress.file_bytes
        self._ports.report_chunk(chunk.report(self._job.model, file_bytes=read))
        return committed

    def _full(self, chunk: Chunk) -> bool:
        """Blocks are the unit of size: a Parquet file has no byte positions to measure by."""
        if self._atomic:
            self._check_atomic_time(chunk)
            return False
        limit = max(1, self._ports.chunk_bytes // self._manifest.block_bytes)
        return chunk.late or chunk.blocks >= limit

    def _check_atomic_time(self, chunk: Chunk) -> None:
        limit = self._ports.atomic_seconds
        if chunk.seconds >= limit:
            raise JobError(
                JobCode.DELIVERY_FAILED,
                f"the file is one transaction, which may last `{limit:g}` s; in that time "
                f"`{chunk.rows}` rows were sent",
                "split the file, or deliver it without the option `atomic`; nothing of it was delivered",
            )

    async def _open(self, position: Position) -> _Source:
        return await self._loop.run_in_executor(self._ports.executor, self._open_blocking, position)

    async def _encoder(self, source: _Source, partitions: int) -> BlockEncoder:
        make = self._ports.sources.encoder
        return await self._loop.run_in_executor(
            self._ports.executor, make, source.converter, self._job, self._manifest, partitions
        )

    def _open_blocking(self, position: Position) -> _Source:
        self._checks.file()
        sources = self._ports.sources
        try:
            format = sources.format_of(self._path)
            self._hooks.opened(format)
            reader = sources.open(self._path, format, self._manifest, position)
        except FileNotFoundError:
            raise self._checks.gone() from None
        try:
            return _Source(reader, sources.converter(reader, format, self._job, self._manifest), format)
        except BaseException:
            reader.close()
            raise

    async def _verify_file_at_end(self) -> None:
        try:
            await self._loop.run_in_executor(self._ports.executor, self._checks.file)
        except JobError as error:
            if error.code is JobCode.FILE_GONE:
                # a newer owner may have ended the job and moved the file: only a new start can tell
                raise RetriableError(error.message) from error
            raise


def _counted(progress: Progress, chunk: Chunk) -> Progress:
    return replace(
        progress,
        delivered=progress.delivered + chunk.delivered,
        rejected=progress.rejected + chunk.rejected,
    )
