"""Tells the table how far a job is: absolute values, at most one event a second, beside the sender."""

from __future__ import annotations

import asyncio
import contextlib

from connectors.api import Progress
from worker.jobs.events import Counts, Progressed
from worker.state.api import JobCommands, UnavailableError

__all__ = ["ProgressReporter", "counts_of"]


def counts_of(progress: Progress, *, size_bytes: int, dlq_topic: str) -> Counts:
    """Return committed progress in the shape of Job JSON."""
    return Counts(
        position=progress.position.to_json(),
        rows_delivered=progress.delivered,
        rows_rejected=progress.rejected,
        bytes_read=min(progress.file_bytes, size_bytes),
        offsets={str(p): [first, end] for p, (first, end) in progress.offsets.items()},
        dlq_topic=None if progress.dead_letters is None else dlq_topic,
        dead_letters=None if progress.dead_letters is None else list(progress.dead_letters),
    )


class ProgressReporter:
    """Publishes the newest counts of one job. Kafka being away loses nothing: the next report says it all."""

    def __init__(self, commands: JobCommands, job_id: str, attempt: int, *, interval: float = 1.0) -> None:
        self._commands = commands
        self._job_id = job_id
        self._attempt = attempt
        self._interval = interval
        self._newest: Counts | None = None
        self._news = asyncio.Event()
        self._task = asyncio.create_task(self._run())

    def report(self, counts: Counts) -> None:
        self._newest = counts
        self._news.set()

    async def close(self) -> None:
        """Stop; what was not published yet is in the ended event."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            if self._newest is not None:
                with contextlib.suppress(UnavailableError):
                    await self._commands.publish(self._job_id, Progressed(self._attempt, self._newest))
            await asyncio.sleep(self._interval)
