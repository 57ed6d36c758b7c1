"""One try at delivering a job: from the committed position to the end of the file, in transactions.

The order of the calls is the guarantee (DESIGN.md, "Delivery"): fence, then read the progress; await every
delivery, then commit; nothing is retried here. Whatever goes wrong is raised, and the runner begins again
with a new sink.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, replace
from pathlib import Path

from connectors.api import BlockEncoder, EncodedBlock, Position, Progress, Sink, SourceReader
from connectors.errors import JobCode, JobError, RetriableError
from worker.crashpoints import CrashPoint, crash_point
from worker.jobs.job import Job
from worker.jobs.manifest import Manifest
from worker.running.pipeline import BlockPipeline
from worker.running.ports import RunnerPorts

__all__ = ["CHUNK_SECONDS", "Delivery", "DeliveryHooks", "StoppedError", "YieldedError"]

CHUNK_SECONDS = 5.0
_log = logging.getLogger(__name__)


class StoppedError(Exception):
    """The runner was asked to stop, and the open transaction is given up."""


class YieldedError(Exception):
    """The slot is given up after a commit, for a job that waits."""


class DeliveryHooks:
    """What a delivery tells its runner, and asks it. The runner overrides what it needs."""

    def found(self, progress: Progress) -> None:
        """The progress committed by an earlier run."""

    def opened(self, format: str) -> None:
        """What the file is by its content."""

    async def started(self, progress: Progress, format: str, converter: str) -> None:
        """Before any row: the start progress is committed, or one of an earlier run was found."""

    def committed(self, progress: Progress) -> None:
        """After each commit."""

    def stop_asked(self) -> bool:
        """Whether to give up what is open, at the next block."""
        return False

    def yield_asked(self) -> bool:
        """Whether to stop for now, after a commit."""
        return False


@dataclass(slots=True)
class _Chunk:
    """The blocks of one transaction so far."""

    end: Position
    blocks: int = 0
    delivered: int = 0
    rejected: int = 0
    rejects_sent: bool = False
    began: float = 0.0

    def add(self, block: EncodedBlock) -> None:
        self.end = block.end
        self.blocks += 1
        self.delivered += block.delivered
        self.rejected += block.rejected
        self.rejects_sent = self.rejects_sent or block.rejected > 0


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
        self._loop = asyncio.get_running_loop()

    async def run(self) -> Progress:
        """Deliver everything; return the last progress, with `eof`.

        Raises JobError (the job fails), DeliveryError (begin again), StoppedError, YieldedError.
        """
        found = await self._sink.start()
        self._verify_progress(found)
        if found is not None:
            self._hooks.found(found)
            if found.eof:
                await self._verify_topic(found)
                return found
        if self._hooks.stop_asked():
            raise StoppedError
        source = await self._open(Position() if found is None else found.position)
        pipeline: BlockPipeline | None = None
        try:
            reader, encoder, format = source
            progress = await self._begin_or_resume(found, reader)
            await self._hooks.started(progress, format, encoder.name)
            pipeline = BlockPipeline(reader, encoder, self._ports.executor, depth=self._ports.pipeline_depth)
            while not progress.eof:
                progress = await self._deliver_chunk(pipeline, progress)
                self._hooks.committed(progress)
                if not progress.eof and self._hooks.yield_asked():
                    raise YieldedError
        finally:
            if pipeline is not None:
                await pipeline.close()
            else:
                await self._loop.run_in_executor(self._ports.executor, source[0].close)
        await self._verify_topic(progress)
        return progress

    async def _begin_or_resume(self, found: Progress | None, reader: SourceReader) -> Progress:
        """The start progress in a transaction of its own, or the committed one if its topic still has it."""
        if found is not None:
            await self._verify_topic(found)
            _log.info(
                "job %s reads on from byte %d, row %d (block %d)",
                self._job.job_id,
                found.position.byte,
                found.position.row,
                found.position.block,
            )
            return replace(found, attempt=self._job.attempt)
        await self._sink.create_topics()
        progress = Progress(
            attempt=self._job.attempt,
            position=reader.snapshot(),
            eof=False,
            delivered=0,
            rejected=0,
            offsets={},
            size=self._manifest.size_bytes,
            mtime_ns=self._manifest.mtime_ns,
        )
        await self._sink.begin()
        await self._sink.flush()
        await self._sink.commit(progress)
        crash_point(CrashPoint.AFTER_START_PROGRESS)
        return progress

    async def _deliver_chunk(self, pipeline: BlockPipeline, progress: Progress) -> Progress:
        """Send blocks until the chunk is full, the time is up or the file ends; commit them."""
        chunk = _Chunk(end=progress.position)
        eof = False
        failure: JobError | None = None
        await self._sink.begin()
        crash_point(CrashPoint.AFTER_BEGIN)
        chunk.began = time.monotonic()
        while not eof and not self._full(chunk, progress):
            try:
                block = await pipeline.next()
            except JobError as error:
                failure = error  # the rows before it count
                break
            if self._hooks.stop_asked():
                raise StoppedError
            if block is None:
                eof = True
            else:
                await self._send(block)
                chunk.add(block)
                crash_point(CrashPoint.MID_SEND)
        spans = await self._sink.flush()
        if eof:
            await self._verify_file_at_end()
        committed = self._advance(progress, chunk, spans, eof=eof)
        crash_point(CrashPoint.BEFORE_COMMIT)
        await self._sink.commit(committed)
        crash_point(CrashPoint.AFTER_COMMIT)
        if failure is not None:
            self._hooks.committed(committed)
            raise failure
        return committed

    async def _send(self, block: EncodedBlock) -> None:
        for batch in block.batches:
            await self._sink.send(batch)
        for batch in block.reject_batches:
            await self._sink.send_rejects(batch)

    def _full(self, chunk: _Chunk, progress: Progress) -> bool:
        """Blocks are the unit of size: a Parquet file has no byte positions to measure by."""
        limit = max(1, self._ports.chunk_bytes // self._manifest.block_bytes)
        late = chunk.blocks > 0 and time.monotonic() - chunk.began >= CHUNK_SECONDS
        return late or chunk.blocks >= limit

    def _advance(
        self, progress: Progress, chunk: _Chunk, spans: dict[int, tuple[int, int]], *, eof: bool
    ) -> Progress:
        offsets = dict(progress.offsets)
        for partition, (first, end) in spans.items():
            earliest, before = offsets.get(partition, (first, first))
            if first < before:
                raise self._replaced(partition, first, before)
            offsets[partition] = (earliest, end)
        return replace(
            progress,
            position=chunk.end,
            eof=eof,
            delivered=progress.delivered + chunk.delivered,
            rejected=progress.rejected + chunk.rejected,
            offsets=offsets,
            dlq=progress.dlq or chunk.rejects_sent,
        )

    async def _open(self, position: Position) -> tuple[SourceReader, BlockEncoder, str]:
        return await self._loop.run_in_executor(self._ports.executor, self._open_blocking, position)

    def _open_blocking(self, position: Position) -> tuple[SourceReader, BlockEncoder, str]:
        self._verify_file()
        sources = self._ports.sources
        try:
            format = sources.format_of(self._path)
            self._hooks.opened(format)
            reader = sources.open(self._path, format, self._manifest, position)
        except FileNotFoundError:
            raise self._gone() from None
        try:
            return reader, sources.encoder(reader, format, self._job, self._manifest), format
        except BaseException:
            reader.close()
            raise

    def _verify_progress(self, found: Progress | None) -> None:
        """The table lags behind the progress, never the other way round."""
        if found is None and self._job.started_at is None:
            return
        if found is None or found.rows_read < self._job.rows_read:
            at = "nothing" if found is None else f"row {found.rows_read}"
            raise JobError(
                JobCode.PROGRESS_EXPIRED,
                f"`{self._job.rows_read}` rows were committed, but the broker has {at} of the job's progress",
                "the broker keeps committed offsets for a limited time (offsets.retention.minutes); "
                "submit the file again to deliver it from the start",
            )

    def _verify_file(self) -> None:
        """Size and mtime are the file's identity."""
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            raise self._gone() from None
        manifest = self._manifest
        if (stat.st_size, stat.st_mtime_ns) == (manifest.size_bytes, manifest.mtime_ns):
            return
        if stat.st_size != manifest.size_bytes:
            what = f"`{stat.st_size}` bytes now, `{manifest.size_bytes}` then"
        else:
            what = f"still `{stat.st_size}` bytes, but written to since"
        raise JobError(
            JobCode.FILE_CHANGED,
            f"the file `{manifest.file}` was altered after it was taken: {what}",
            "a job delivers its file as it was taken, also at a retry; submit the altered file as a new job",
        )

    async def _verify_file_at_end(self) -> None:
        try:
            await self._loop.run_in_executor(self._ports.executor, self._verify_file)
        except JobError as error:
            if error.code is JobCode.FILE_GONE:
                # a newer owner may have ended the job and moved the file: only a new start can tell
                raise RetriableError(error.message) from error
            raise

    def _gone(self) -> JobError:
        return JobError(
            JobCode.FILE_GONE,
            f"the file `{self._manifest.file}` is no longer in the job's folder",
            "submit the file again",
        )

    async def _verify_topic(self, progress: Progress) -> None:
        """A topic deleted and made again commits happily, with rows missing: its end offsets tell."""
        ends = await self._sink.end_offsets() if progress.offsets else {}
        for partition, (_, end) in progress.offsets.items():
            if ends.get(partition, 0) < end:
                raise self._replaced(partition, ends.get(partition, 0), end)

    def _replaced(self, partition: int, found: int, expected: int) -> JobError:
        return JobError(
            JobCode.TOPIC_REPLACED,
            f"topic `{self._job.topic}` goes on at offset `{found}` in partition {partition}, "
            f"but the job's rows reach to `{expected}`",
            "the topic was deleted or made again while the job ran; submit the file again",
        )
