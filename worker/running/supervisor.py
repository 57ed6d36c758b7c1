"""Runs the jobs of the own partitions: starts what is queued, passes requests on, stops what moved away."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from connectors.errors import ConnectorError, JobError
from worker.jobs.events import Ended, JobEvent, Touched, WaitingFor
from worker.jobs.job import Job, JobFailure, Requested, State, Waiting
from worker.jobs.manifest import Manifest
from worker.running.parking import Parking
from worker.running.runner import JobRunner, Outcome
from worker.running.slots import JobQueue, is_small
from worker.state.api import JobCommands, UnavailableError

__all__ = ["TURN_SECONDS", "JobFolders", "Supervisor"]

TURN_SECONDS = 30.0
"""How long a big job keeps its slot while another big one waits."""

_WAIT_SECONDS = 15.0  # until a job that could not go on is tried again

_log = logging.getLogger(__name__)


class JobFolders(Protocol):
    """Where the manifests and files of jobs lie. Blocking."""

    def read_manifest(self, job_id: str) -> Manifest | None:
        """The manifest in `processing/`, or None."""

    def reclaim(self, job_id: str) -> bool:
        """Bring the folder of a retried job back from `failed/`; False when it is not there."""

    def dispose(self, job: Job) -> None:
        """Move the folder of an ended job to `done/` or `failed/`. Idempotent."""


class Renewal(Protocol):
    async def renewed(self, manifest: Manifest, job: Job) -> Manifest:
        """Return the manifest of the job's attempt. Raises JobError, UnavailableError."""


@dataclass(slots=True)
class _Run:
    """A job in its slot. `row` is the newest that was told; `runner` is None until the folder is found."""

    row: Job
    began: Job
    since: float
    yielding: bool = False
    task: asyncio.Task[None] | None = None
    runner: JobRunner | None = None
    outcome: Outcome | None = None

    def tell(self, row: Job) -> None:
        if _age(row) < _age(self.row):
            return
        self.row = row
        stands = row.ended or (row.state is State.PAUSED and row.requested is None)
        if self.runner is not None and row.attempt == self.runner.job.attempt and not stands:
            self.runner.request(row.requested)

    @property
    def left(self) -> Job:
        """The row as the runner left it."""
        return self.began if self.runner is None else self.runner.job


class Supervisor:
    """One runner a job; `slots` runners, one more for a small file and `tiny_slots` for tiny ones.

    No folder moves under a runner.

    It is told of the rows of the own partitions and of changes to them; what it is told twice it does once.
    Everything is decided on the event loop's thread; file work happens in threads.
    """

    def __init__(
        self,
        *,
        commands: JobCommands,
        folders: JobFolders,
        renewal: Renewal,
        new_runner: Callable[[Job, Manifest, Callable[[], bool]], JobRunner],
        end_transaction: Callable[[Job, Manifest], Coroutine[Any, Any, None]],
        now: Callable[[], str],
        slots: int,
        tiny_slots: int = 0,
        clock: Callable[[], float] = time.monotonic,
        wait_seconds: float = _WAIT_SECONDS,
    ) -> None:
        self._commands = commands
        self._folders = folders
        self._renewal = renewal
        self._new_runner = new_runner
        self._end_transaction = end_transaction
        self._now = now
        self._clock = clock
        self._queue = JobQueue(slots, tiny_slots)
        self._running: dict[str, _Run] = {}
        self._parking = Parking(wait_seconds, self.row_changed, _age)
        self._unblocked: set[str] = set()
        self._disposals: dict[str, asyncio.Task[None]] = {}
        self._side_tasks: set[asyncio.Task[None]] = set()
        # the age at which a runner left its job, until a row as new is told: older ones are history
        self._left_at: dict[str, tuple[int, int]] = {}
        self._stopping = False

    @property
    def running(self) -> frozenset[str]:
        """The ids of the jobs that have a slot here."""
        return frozenset(self._running)

    def foreseen(self, job: Job) -> Waiting | None:
        """What a job will wait for that is submitted now, as far as it shows here; None if it can begin."""
        running = [run.row for run in self._running.values()]
        return self._no_slot(job) if self._queue.would_wait(job, running) else None

    def adopt(self, jobs: Iterable[Job]) -> None:
        """Take over the unfinished rows of the own partitions, all there are. No runner is stopped."""
        rows = sorted(jobs, key=lambda job: (job.created_at, job.job_id))
        unfinished = {job.job_id for job in rows}
        self._queue.keep(unfinished.__contains__)  # the others ended while nothing was told: a rebalance
        for job in rows:
            if self._is_history(job):
                # the fold is behind, or took no notice of the runner's last event: what it answers is new
                self._spawn(self._tell(job.job_id, Touched()))
            else:
                self.row_changed(job)
                self._unblock_readers(job)

    def row_changed(self, job: Job) -> None:
        """A row of an own partition is new or has changed."""
        if self._stopping or self._is_history(job):
            return
        self._left_at.pop(job.job_id, None)
        if self._parking.keeps(job):
            return
        if (run := self._running.get(job.job_id)) is not None:
            run.tell(job)
            return
        if job.ended:
            self._queue.discard(job.job_id)
            self.dispose(job)
        elif job.state is State.PAUSED and job.requested is None:
            self._queue.discard(job.job_id)
        elif job.state is not State.RUNNING and job.requested is Requested.CANCEL:
            self._queue.discard(job.job_id)
            self._spawn(self._cancel_unstarted(job))
        else:
            self._queue.put(job)
            self._fill_slots()
            self._say_waiting(job.job_id)

    def row_deleted(self, job_id: str) -> None:
        self._queue.discard(job_id)
        self._parking.forget(job_id)
        self._unblocked.discard(job_id)
        self._left_at.pop(job_id, None)

    def dispose(self, job: Job) -> asyncio.Task[None]:
        """Move the folder of an ended job that has no slot. A retry of the job begins after that."""
        task = self._spawn(self._dispose(job, self._disposals.get(job.job_id)))
        self._disposals[job.job_id] = task
        task.add_done_callback(lambda _: self._disposed(job.job_id, task))
        return task

    async def drop_lost(self, owns: Callable[[str], bool]) -> None:
        """Stop the runners of jobs that are no longer this worker's; the others run on."""
        self._queue.keep(owns)
        self._parking.keep_only(owns)
        self._left_at = {job_id: age for job_id, age in self._left_at.items() if owns(job_id)}
        await _cancel([run.task for job_id, run in self._running.items() if not owns(job_id)])

    async def stop(self) -> None:
        """Stop every runner: what is open is aborted, and goes on from the last commit at the next start."""
        self._stopping = True
        self._queue.keep(lambda _: False)
        self._parking.keep_only(lambda _: False)
        await _cancel([run.task for run in self._running.values()])
        await _cancel(list(self._side_tasks))

    def _is_history(self, job: Job) -> bool:
        return _age(job) < self._left_at.get(job.job_id, (0, -1))

    # slots

    def _fill_slots(self) -> None:
        while not self._stopping:
            job = self._queue.take([run.row for run in self._running.values()])
            if job is None:
                return
            self._start(job)

    def _yields(self, run: _Run) -> bool:
        """Whether a big job that has had its turn makes room for another one; asked after each commit."""
        if is_small(run.row) or self._clock() - run.since < TURN_SECONDS:
            return False
        yielding = sum(other.yielding for other in self._running.values())
        run.yielding = run.yielding or yielding < self._queue.big_waiting
        return run.yielding

    def _say_waiting(self, job_id: str) -> None:
        job = self._queue.get(job_id)
        if job is None or job.state is not State.QUEUED:
            return
        if job.waiting is None or job.waiting.code != "SLOT":
            waiting = self._no_slot(job)
            self._queue.put(job.with_(waiting=waiting))
            self._spawn(self._tell(job_id, WaitingFor(job.attempt, waiting)))

    def _no_slot(self, job: Job) -> Waiting:
        return Waiting(
            "SLOT",
            f"all `{self._queue.slots_for(job)}` slots for running jobs are taken",
            "it starts when a job before it ends; BATCH_MAX_RUNNING_JOBS sets the slots",
        )

    def _start(self, job: Job) -> None:
        run = _Run(row=job, began=job, since=self._clock())
        self._running[job.job_id] = run
        run.task = asyncio.create_task(self._run(run), name=f"job-{job.job_id}")
        run.task.add_done_callback(lambda _: self._left(run))

    async def _run(self, run: _Run) -> None:
        job_id = run.row.job_id
        try:
            if (disposal := self._disposals.get(job_id)) is not None:
                await asyncio.wait({disposal})
            manifest = await asyncio.to_thread(self._manifest, job_id)
            if manifest is None:
                await self._fail_unstarted(run.row, _without_file(run.row))
                run.outcome = Outcome.ENDED
                return
            manifest = await self._renewal.renewed(manifest, run.row)
            run.runner = self._new_runner(run.row, manifest, lambda: self._yields(run))
            run.outcome = await run.runner.run()
            if run.outcome is Outcome.LOST:
                _log.info("job %s is another worker's now", job_id)
        except JobError as error:
            await self._fail_unstarted(run.row, JobFailure(error.code, error.message, error.hint))
            run.outcome = Outcome.ENDED
        except UnavailableError as error:
            run.outcome = Outcome.WAITS
            _log.warning("job %s cannot begin; it is tried again: %s", job_id, error.message)
        except OSError as error:
            _log.warning("job %s: its folder cannot be used; it is tried again: %s", job_id, error)
        except Exception:  # noqa: BLE001 (the reconcile starts it again; nothing of it is lost)
            _log.exception("job %s: its runner failed", job_id)

    def _manifest(self, job_id: str) -> Manifest | None:
        manifest = self._folders.read_manifest(job_id)
        if manifest is None and self._folders.reclaim(job_id):
            manifest = self._folders.read_manifest(job_id)
        return manifest

    def _left(self, run: _Run) -> None:
        job_id = run.row.job_id
        del self._running[job_id]
        told, left = _age(run.row), _age(run.left)
        if run.outcome is Outcome.WAITS and not self._stopping:
            row = max(run.row, run.left, key=_age)
            self._parking.park(row)
            self.row_changed(row)
        elif told < left:
            self._left_at[job_id] = left
        elif run.outcome is Outcome.YIELDED or (
            told > left and run.outcome in (Outcome.ENDED, Outcome.RELEASED)
        ):
            self.row_changed(run.row)  # its turn over, or retried or resumed while the runner was leaving
        self._fill_slots()

    # what needs no slot

    def _unblock_readers(self, job: Job) -> None:
        """A dead worker's open transaction holds back all readers of a shared topic, or for long."""
        holds = any(job.options.get(name) for name in ("topic", "dlq_topic", "atomic"))
        waits = job.state is State.RUNNING and self._queue.get(job.job_id) is not None
        if holds and waits and job.job_id not in self._unblocked:
            self._unblocked.add(job.job_id)
            self._spawn(self._end_abandoned(job))

    async def _end_abandoned(self, job: Job) -> None:
        try:
            manifest = await asyncio.to_thread(self._folders.read_manifest, job.job_id)
            if manifest is not None and job.job_id not in self._running:
                await self._end_transaction(job, manifest)
        except (ConnectorError, OSError) as error:
            _log.warning("job %s: its open transaction was not ended yet: %s", job.job_id, error)

    async def _dispose(self, job: Job, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait({before})
        try:
            await asyncio.to_thread(self._folders.dispose, job)
        except OSError as error:
            _log.warning(
                "job %s is %s, but its folder cannot be moved; it is tried again: %s",
                job.job_id,
                job.state,
                error,
            )

    def _disposed(self, job_id: str, task: asyncio.Task[None]) -> None:
        if self._disposals.get(job_id) is task:
            del self._disposals[job_id]

    async def _cancel_unstarted(self, job: Job) -> None:
        ended = Ended(job.attempt, State.CANCELLED, None, None, self._now())
        if await self._tell(job.job_id, ended):
            _log.info("job %s (%s) CANCELLED before it ran", job.job_id, job.file)

    async def _fail_unstarted(self, job: Job, failure: JobFailure) -> None:
        if await self._tell(job.job_id, Ended(job.attempt, State.FAILED, failure, None, self._now())):
            _log.warning("job %s (%s) FAILED: %s: %s", job.job_id, job.file, failure.code, failure.message)

    async def _tell(self, job_id: str, event: JobEvent) -> bool:
        """Publish once: what Kafka does not take now, the next reconcile says again."""
        try:
            await self._commands.publish(job_id, event)
        except UnavailableError:
            return False
        return True

    def _spawn(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.create_task(coroutine)
        self._side_tasks.add(task)
        task.add_done_callback(self._side_tasks.discard)
        return task


def _without_file(job: Job) -> JobFailure:
    return JobFailure(
        "FILE_GONE",
        f"the folder of the file `{job.file}` is in none of processing/, failed/ and done/",
        "submit the file again",
    )


def _age(job: Job) -> tuple[int, int]:
    """Orders the rows of one job. The attempt counts first: the fold ignores late events of earlier ones."""
    return job.attempt, job.revision


async def _cancel(tasks: Iterable[asyncio.Task[None] | None]) -> None:
    running = [task for task in tasks if task is not None]
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
