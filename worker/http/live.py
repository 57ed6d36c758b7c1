"""Live jobs: one watcher of the read model a process, which tells every client of its job."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from worker.http.answers import job_answer
from worker.jobs.job import Job
from worker.state.api import Change, JobReader

__all__ = ["JobWatcher", "Update", "Watch"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Update:
    """A job as it stands, None when it was deleted; `frame` is its Server-Sent Event, made once for all."""

    job: Job | None
    frame: bytes

    @classmethod
    def of(cls, job: Job | None) -> Update:
        if job is None:
            return cls(None, b"")
        data = json.dumps(job_answer(job), ensure_ascii=False).encode("utf-8", "replace")
        return cls(job, b"event: job\nid: %d\ndata: %b\n\n" % (job.revision, data))


@dataclass(eq=False, slots=True)
class Watch:
    """One client's view of one job: the newest update that it has not taken yet, so it may be slow."""

    _newest: Update | None = None
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, update: Update) -> None:
        self._newest = update
        self._news.set()

    def wake(self) -> None:
        """Let `next` return, with or without news."""
        self._news.set()

    async def next(self, seconds: float) -> Update | None:
        """Return the newest update as soon as there is one; None after `seconds`, or when woken."""
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return None
        self._news.clear()
        update, self._newest = self._newest, None
        return update


class JobWatcher:
    """Follows `JobReader.changes` from the first client on. On the event loop's thread only."""

    def __init__(self, jobs: JobReader) -> None:
        self._jobs = jobs
        self._watches: dict[str, set[Watch]] = {}
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def stopping(self) -> bool:
        return self._stopping

    @contextmanager
    def watch(self, job_id: str) -> Iterator[Watch]:
        """Take part in the changes of a job from now on: what is read after this call misses none."""
        if self._task is None and not self._stopping:
            self._task = asyncio.create_task(self._follow(self._jobs.changes()), name="live-jobs")
        watch = Watch()
        self._watches.setdefault(job_id, set()).add(watch)
        try:
            yield watch
        finally:
            watches = self._watches[job_id]
            watches.discard(watch)
            if not watches:
                del self._watches[job_id]

    async def stop(self) -> None:
        """Wake every client, so that it sees `stopping` and ends."""
        self._stopping = True
        for watches in self._watches.values():
            for watch in watches:
                watch.wake()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _follow(self, changes: AsyncIterator[Change]) -> None:
        async for change in changes:
            watches = self._watches.get(change.job_id)
            if not watches:
                continue
            try:
                update = Update.of(change.job)
            except Exception:  # noqa: BLE001 (one row that cannot be shown must not end all clients)
                _log.exception("job `%s` cannot be shown to its clients", change.job_id)
                continue
            for watch in watches:
                watch.put(update)
