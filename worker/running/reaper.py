"""Removes what has outlived its retention: ended jobs, and the files of completed ones."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

from worker.jobs.clock import rfc3339
from worker.jobs.job import Job
from worker.state.api import StateError

__all__ = ["EndedJobs", "ManyRemover", "Reaper", "RetainedFiles"]

_JOBS_AT_ONCE = 250  # their topics go in one request, their events are under way together
_log = logging.getLogger(__name__)


class EndedJobs(Protocol):
    """The part of the read model that is asked."""

    async def ended_before(
        self, moment: str, *, after: tuple[str, str] = ("", ""), limit: int
    ) -> Sequence[Job]:
        """The jobs that ended before `moment`, the earliest first, that follow `after`."""


class ManyRemover(Protocol):
    """Removes ended jobs: `JobRemover`."""

    async def remove_all(self, jobs: Sequence[Job]) -> dict[str, StateError]:
        """Remove topics, group and row of each; return why some were not removed, by id."""


class RetainedFiles(Protocol):
    """What lies in `done/`, and what dead processes left. Blocking; raises OSError."""

    def sweep(self) -> None:
        """Remove what nobody will finish."""

    def done_before(self, moment: float) -> Sequence[str]:
        """The ids of the folders that came into `done/` before `moment` (Unix seconds)."""

    def remove_done(self, job_id: str) -> bool:
        """Remove a job's folder; False when it was not there any more."""


class Reaper:
    """Looks every `seconds` for what has outlived its retention, and removes what is this worker's.

    `owns` says whether a job's partition is this worker's and folded; `row` is then its row as it is now: the
    read model, which finds what is due, may lag. Only ended jobs are due: a paused one never. Where
    `done_retention` is None, files in `done/` are kept for good. Trouble is said once, until a sweep without
    any; what could not be removed is due again at the next one.
    """

    def __init__(
        self,
        *,
        jobs: EndedJobs,
        remover: ManyRemover,
        files: RetainedFiles,
        owns: Callable[[str], bool],
        row: Callable[[str], Job | None],
        broker_ok: Callable[[], bool],
        job_retention: timedelta,
        done_retention: timedelta | None,
        seconds: float,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._jobs = jobs
        self._remover = remover
        self._files = files
        self._owns = owns
        self._row = row
        self._broker_ok = broker_ok
        self._job_retention = job_retention
        self._done_retention = done_retention
        self._seconds = seconds
        self._clock = clock
        self._said: set[str] = set()

    async def run_forever(self) -> None:
        while True:
            await asyncio.sleep(self._seconds)
            try:
                await self.run_once()
            except Exception:  # noqa: BLE001 (nothing is lost by waiting for the next sweep)
                _log.exception("looking for what outlived its retention failed")

    async def run_once(self) -> None:
        """One sweep: files, which need no broker, then jobs."""
        self._say("files", await self._reap_files())
        self._say("ended jobs", await self._reap_jobs())

    # jobs

    async def _reap_jobs(self) -> list[Exception]:
        before = rfc3339(self._clock() - self._job_retention)
        after = ("", "")
        troubles: list[Exception] = []
        # an outage is said by who watches the broker
        while self._broker_ok():
            found = await self._jobs.ended_before(before, after=after, limit=_JOBS_AT_ONCE)
            if not found:
                break
            after = (found[-1].finished_at or "", found[-1].job_id)
            due = [row for job in found if (row := self._due(job.job_id, before)) is not None]
            refusals = await self._remover.remove_all(due) if due else {}
            # a job that was retried in this moment is kept by right
            troubles += [refusal for refusal in refusals.values() if refusal.code != "INVALID_STATE"]
        return troubles

    def _due(self, job_id: str, before: str) -> Job | None:
        row = self._row(job_id) if self._owns(job_id) else None
        if row is None or not row.ended or row.finished_at is None or row.finished_at >= before:
            return None
        return row

    # files

    async def _reap_files(self) -> list[Exception]:
        troubles: list[Exception] = []
        try:
            await asyncio.to_thread(self._files.sweep)
        except OSError as error:
            troubles.append(error)
        try:
            due = await self._due_folders()
        except OSError as error:
            return [*troubles, error]
        for job_id in due:
            try:
                if await asyncio.to_thread(self._files.remove_done, job_id):
                    _log.info("job %s: its file in done/ outlived its retention and is removed", job_id)
            except OSError as error:
                troubles.append(error)
        return troubles

    async def _due_folders(self) -> list[str]:
        if self._done_retention is None:
            return []
        before = (self._clock() - self._done_retention).timestamp()
        found = await asyncio.to_thread(self._files.done_before, before)
        return [job_id for job_id in found if self._owns(job_id) and not self._is_active(job_id)]

    def _is_active(self, job_id: str) -> bool:
        row = self._row(job_id)  # a retry that has begun may need the file
        return row is not None and not row.ended

    def _say(self, what: str, troubles: Sequence[Exception]) -> None:
        if not troubles:
            self._said.discard(what)
        elif what not in self._said:
            self._said.add(what)
            first = troubles[0]
            _log.warning(
                "%d %s outlived their retention and cannot be removed; tried again every %g s: %s%s",
                len(troubles),
                what,
                self._seconds,
                first,
                f"; {first.hint}" if isinstance(first, StateError) else "",
            )
