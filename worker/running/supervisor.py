"""Runs the jobs of the own partitions: starts what is queued, passes requests on, stops what moved away."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from worker.jobs.events import Ended, JobEvent, WaitingFor
from worker.jobs.job import Job, JobFailure, Requested, State, Waiting
from worker.jobs.manifest import Manifest
from worker.running.runner import JobRunner, Outcome
from worker.state.api import JobCommands, UnavailableError

__all__ = ["JobFolders", "Supervisor"]

_log = logging.getLogger(__name__)


class JobFolders(Protocol):
    """Where the manifests and files of jobs lie."""

    def read_manifest(self, job_id: str) -> Manifest | None:
        """The manifest in `processing/`, or None."""

    def reclaim(self, job_id: str) -> bool:
        """Bring the folder of a retried job back from `failed/`; False when it is not there."""

    def dispose(self, job: Job) -> None:
        """Move the folder of an ended job to `done/` or `failed/`. Idempotent."""


@dataclass(slots=True)
class _Run:
    runner: JobRunner
    task: asyncio.Task[None]


class Supervisor:
    """At most one runner a job, at most `slots` runners. Everything happens on the event loop's thread.

    It is told of the rows of the own partitions and of changes to them; what it is told twice it does once.
    """

    def __init__(
        self,
        *,
        worker_id: str,
        commands: JobCommands,
        folders: JobFolders,
        new_runner: Callable[[Job, Manifest], JobRunner],
        now: Callable[[], str],
        slots: int,
    ) -> None:
        self._worker_id = worker_id
        self._commands = commands
        self._folders = folders
        self._new_runner = new_runner
        self._now = now
        self._slots = slots
        self._queue: dict[str, Job] = {}
        self._running: dict[str, _Run] = {}
        self._side_tasks: set[asyncio.Task[None]] = set()
        self._left_at: dict[str, int] = {}  # revision at which a runner left its job: older rows are history
        self._stopping = False

    @property
    def running(self) -> frozenset[str]:
        """The ids of the jobs that have a runner here."""
        return frozenset(self._running)

    def adopt(self, jobs: Iterable[Job]) -> None:
        """Take over the unfinished rows of partitions that became this worker's."""
        for job in sorted(jobs, key=lambda job: (job.created_at, job.job_id)):
            self.row_changed(job)

    def row_changed(self, job: Job) -> None:
        """A row of an own partition is new or has changed."""
        if job.revision < self._left_at.get(job.job_id, -1):
            return
        self._left_at.pop(job.job_id, None)
        if job.ended:
            self._queue.pop(job.job_id, None)
            if job.job_id not in self._running:
                self._spawn(asyncio.to_thread(self._folders.dispose, job))
        elif job.state is State.PAUSED and job.requested is None:
            self._queue.pop(job.job_id, None)
        elif (run := self._running.get(job.job_id)) is not None:
            run.runner.request(job.requested)
        elif job.state is not State.RUNNING and job.requested is Requested.CANCEL:
            self._queue.pop(job.job_id, None)
            self._spawn(self._cancel_unstarted(job))
        else:
            self._queue[job.job_id] = job
        self._fill_slots()

    def row_deleted(self, job_id: str) -> None:
        self._queue.pop(job_id, None)

    async def drop_lost(self, owns: Callable[[str], bool]) -> None:
        """Stop the runners of jobs that are no longer this worker's; the others run on."""
        for job_id in [job_id for job_id in self._queue if not owns(job_id)]:
            del self._queue[job_id]
        await self._cancel([run.task for job_id, run in self._running.items() if not owns(job_id)])

    async def stop(self) -> None:
        """Stop every runner: what is open is aborted, and goes on from the last commit at the next start."""
        self._stopping = True
        self._queue.clear()
        await self._cancel([run.task for run in self._running.values()])
        await self._cancel(list(self._side_tasks))

    async def _cancel(self, tasks: list[asyncio.Task[None]]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _fill_slots(self) -> None:
        if self._stopping:
            return
        for job_id in list(self._queue):
            if len(self._running) >= self._slots:
                self._say_waiting()
                return
            self._start(self._queue.pop(job_id))

    def _say_waiting(self) -> None:
        for job_id, job in self._queue.items():
            if job.state is State.QUEUED and (job.waiting is None or job.waiting.code != "SLOT"):
                waiting = Waiting(
                    "SLOT",
                    f"all `{self._slots}` slots for running jobs are taken",
                    "it starts when a job before it ends; BATCH_MAX_RUNNING_JOBS sets the slots",
                )
                self._queue[job_id] = job.with_(waiting=waiting)
                self._spawn(self._tell(job_id, WaitingFor(job.attempt, waiting)))

    def _start(self, job: Job) -> None:
        manifest = self._manifest(job)
        if manifest is None:
            self._spawn(self._fail_without_file(job))
            return
        runner = self._new_runner(job, manifest)
        task = asyncio.create_task(self._run(job.job_id, runner), name=f"job-{job.job_id}")
        task.add_done_callback(lambda _: self._left(runner))
        self._running[job.job_id] = _Run(runner, task)

    def _manifest(self, job: Job) -> Manifest | None:
        manifest = self._folders.read_manifest(job.job_id)
        if manifest is None and self._folders.reclaim(job.job_id):
            manifest = self._folders.read_manifest(job.job_id)
        return manifest

    async def _run(self, job_id: str, runner: JobRunner) -> None:
        try:
            outcome = await runner.run()
            if outcome is Outcome.LOST:
                _log.info("job %s is another worker's now", job_id)
        except Exception:  # noqa: BLE001 (the reconcile starts it again; nothing of it is lost)
            _log.exception("job %s: its runner failed", job_id)

    def _left(self, runner: JobRunner) -> None:
        del self._running[runner.job.job_id]
        self._left_at[runner.job.job_id] = runner.job.revision
        self._fill_slots()

    async def _cancel_unstarted(self, job: Job) -> None:
        ended = Ended(job.attempt, State.CANCELLED, None, None, self._now())
        if await self._tell(job.job_id, ended):
            _log.info("job %s (%s) CANCELLED before it ran", job.job_id, job.file)

    async def _fail_without_file(self, job: Job) -> None:
        failure = JobFailure(
            "FILE_GONE",
            f"the folder of the file `{job.file}` is not in processing/ nor in failed/",
            "submit the file again",
        )
        if await self._tell(job.job_id, Ended(job.attempt, State.FAILED, failure, None, self._now())):
            _log.warning("job %s (%s) FAILED: FILE_GONE: %s", job.job_id, job.file, failure.message)

    async def _tell(self, job_id: str, event: JobEvent) -> bool:
        """Publish once: what Kafka does not take now, the next reconcile says again."""
        try:
            await self._commands.publish(job_id, event)
        except UnavailableError:
            return False
        return True

    def _spawn(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        task: asyncio.Task[None] = asyncio.create_task(coroutine)
        self._side_tasks.add(task)
        task.add_done_callback(self._side_tasks.discard)
