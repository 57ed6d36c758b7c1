"""Runs one job to its end: delivers, begins again after errors that pass, reports, ends, moves the file."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable
from enum import StrEnum

from connectors.api import Progress
from connectors.errors import DeliveryError, FencedError, JobCode, JobError, TopicLimitError
from worker.crashpoints import CrashPoint, crash_point
from worker.jobs.apply import apply
from worker.jobs.events import Counts, Ended, JobEvent, Progressed, Released, Started, WaitingFor
from worker.jobs.job import Job, JobFailure, Requested, State, Waiting
from worker.jobs.manifest import Manifest
from worker.running.delivery import Delivery
from worker.running.ports import DeliveryHooks, RunnerPorts, StoppedError, YieldedError
from worker.running.reporter import ProgressReporter, counts_of
from worker.state.api import UnavailableError

__all__ = ["MAX_ATTEMPTS", "JobRunner", "Outcome"]

MAX_ATTEMPTS = 8
_FIRST_BACKOFF = 0.2
_LONGEST_BACKOFF = 15.0
_OUTAGE_POLL = 0.5
_log = logging.getLogger(__name__)


class Outcome(StrEnum):
    """How a runner left its job."""

    ENDED = "ended"  # the ended event is acknowledged and the file moved
    RELEASED = "released"  # PAUSED on request
    YIELDED = "yielded"  # QUEUED again, for another job's turn
    WAITS = "waits"  # QUEUED again: it cannot go on now and needs no slot for that
    LOST = "lost"  # another worker's now: nothing was said and nothing moved


class JobRunner(DeliveryHooks):
    """One job's run on this worker. `run` once; `request` and cancelling the task are the ways to stop it.

    `yields` is asked after each commit whether another job is to have the slot.
    """

    def __init__(
        self,
        job: Job,
        manifest: Manifest,
        ports: RunnerPorts,
        yields: Callable[[], bool] = lambda: False,
    ) -> None:
        self._job = job
        self._manifest = manifest
        self._ports = ports
        self._yields = yields
        self._requested: Requested | None = job.requested
        self._committed: Progress | None = None
        self._failures = 0  # refusals in a row of a broker that answers
        self._tries = 0  # deliveries in a row that failed for whatever reason
        self._outage_said = False
        self._told: str | None = None  # the converter that the table knows of
        self._reporter: ProgressReporter | None = None
        self._format = job.format

    @property
    def job(self) -> Job:
        return self._job

    def request(self, requested: Requested | None) -> None:
        """Take note of what a user asks; it is done at the next block."""
        self._requested = requested

    # what the delivery tells and asks

    def stop_asked(self) -> bool:
        return self._requested is not None

    def yield_asked(self) -> bool:
        return self._yields()

    def found(self, progress: Progress) -> None:
        self._committed = progress

    def opened(self, format: str) -> None:
        self._format = format

    async def started(self, progress: Progress, format: str, converter: str) -> None:
        self._committed = progress
        if self._told == converter:
            return
        if self._told is None:
            _log.info("job %s (%s) RUNNING, attempt %d", self._job.job_id, self._job.file, self._job.attempt)
        event = Started(self._job.attempt, self._ports.worker_id, format, converter, self._ports.now())
        await self._publish(event)
        self._told = converter

    def committed(self, progress: Progress) -> None:
        self._committed = progress
        self._failures = self._tries = 0
        self._outage_said = False
        ends = progress.eof and progress.redo is None  # the ended event, which follows, says all of it
        counts = None if ends else self._counts()
        if self._reporter is not None and counts is not None:
            self._reporter.report(counts)

    # the run

    async def run(self) -> Outcome:
        """Run the job until it ends, pauses or is no longer this worker's."""
        self._reporter = ProgressReporter(self._ports.commands, self._job.job_id, self._job.attempt)
        try:
            return await self._until_ended_or_defect()
        except FencedError:
            return Outcome.LOST
        finally:
            await self._reporter.close()

    async def _until_ended_or_defect(self) -> Outcome:
        try:
            return await self._until_ended()
        except FencedError:
            raise
        except Exception as error:  # noqa: BLE001 (a defect fails its job, not the worker)
            _log.exception("job %s: unexpected error", self._job.job_id)
            return await self._end(State.FAILED, _defect(error, self._job.job_id))

    async def _until_ended(self) -> Outcome:
        while True:
            try:
                progress = await self._deliver_once()
            except StoppedError:
                if self._requested is not None:  # else it was taken back: on from the last commit
                    return await self._stopped()
            except YieldedError:
                return await self._yielded()
            except JobError as error:
                return await self._end(State.FAILED, JobFailure(error.code, error.message, error.hint))
            except FencedError as error:
                # a transaction that timed out is answered like one of an older owner
                if not self._ports.owns(self._job.job_id):
                    return Outcome.LOST
                self._say_again(error)
                await self._back_off()
            except TopicLimitError as error:
                return await self._wait_for(Waiting("TOPIC_LIMIT", error.message, error.hint))
            except DeliveryError as error:
                if (failure := self._give_up(error)) is not None:
                    return await self._end(State.FAILED, failure)
                await self._say_retry(error)
                await self._back_off()
            else:
                self._committed = progress
                return await self._end(State.COMPLETED, None)
            if not self._ports.owns(self._job.job_id):
                return Outcome.LOST

    async def _deliver_once(self) -> Progress:
        self._refuse_duplicate()
        if self._requested is not None and self._committed is None and self._job.started_at is None:
            raise StoppedError
        sink = self._ports.new_sink(self._job, self._manifest)
        committed = 0 if self._committed is None else self._committed.rows_read
        job = self._job.with_(rows_read=max(self._job.rows_read, committed))
        try:
            return await Delivery(job, self._manifest, sink, self._ports, self).run()
        finally:
            await sink.close()

    def _refuse_duplicate(self) -> None:
        """Only before it began: who sends the job back wants it delivered."""
        original, job = self._manifest.duplicate_of, self._job
        if original and self._ports.refuse_duplicates and job.attempt == 1 and job.started_at is None:
            raise JobError(
                JobCode.DUPLICATE_FILE,
                f"the file `{job.file}` has the bytes of job `{original}` of model `{job.model}`",
                f"`batch job retry {job.job_id}` delivers it all the same; BATCH_DUPLICATES says what to do",
            )

    async def _stopped(self) -> Outcome:
        if self._requested is Requested.CANCEL:
            return await self._end(State.CANCELLED, None)
        await self._report_committed()
        await self._publish(Released(self._job.attempt, State.PAUSED))
        _log.info("job %s paused at row %d", self._job.job_id, self._job.rows_read)
        return Outcome.RELEASED

    async def _yielded(self) -> Outcome:
        await self._report_committed()
        await self._publish(Released(self._job.attempt, State.QUEUED))
        _log.info("job %s gives up its slot for now at row %d", self._job.job_id, self._job.rows_read)
        return Outcome.YIELDED

    async def _end(self, state: State, error: JobFailure | None) -> Outcome:
        """The order of the end: the last commit is made; now the event, then the file.

        A file that cannot be moved does not change how the job ended: the reconcile makes up for the move.
        """
        if not self._ports.owns(self._job.job_id):
            raise FencedError("the job moved to another worker")
        event = Ended(self._job.attempt, state, error, self._counts(), self._ports.now(), format=self._format)
        await self._publish(event)
        crash_point(CrashPoint.AFTER_ENDED_EVENT)
        self._log_end(state, error)
        try:
            await asyncio.to_thread(self._ports.files.dispose, self._job)
        except OSError as error:
            _log.warning("job %s: its folder cannot be moved; it is tried again: %s", self._job.job_id, error)
        crash_point(CrashPoint.AFTER_MOVE)
        return Outcome.ENDED

    async def _report_committed(self) -> None:
        if (counts := self._counts()) is not None:
            await self._publish(Progressed(self._job.attempt, counts))

    async def _publish(self, event: JobEvent) -> None:
        """Publish until it is acknowledged, and keep the own row as the fold will have it."""
        while True:
            try:
                revision = await self._ports.commands.publish(self._job.job_id, event)
                break
            except UnavailableError:
                if not self._ports.owns(self._job.job_id):
                    raise FencedError("the job moved to another worker") from None
                await asyncio.sleep(random.uniform(0.5, 1.5))
        self._job = apply(self._job, event, revision) or self._job

    async def _wait_for(self, waiting: Waiting) -> Outcome:
        """Say why it cannot go on, and leave the slot to others; the supervisor tries again."""
        await self._report_committed()
        if self._job.state is not State.QUEUED:
            await self._publish(Released(self._job.attempt, State.QUEUED))
        if waiting != self._job.waiting:
            await self._publish(WaitingFor(self._job.attempt, waiting))
            _log.warning("job %s waits: %s: %s", self._job.job_id, waiting.code, waiting.message)
        return Outcome.WAITS

    async def _say_retry(self, error: DeliveryError) -> None:
        """A job that never started shows what holds it up; of one that runs, the log tells."""
        if self._job.state is not State.QUEUED or not self._ports.broker_ok():
            return
        waiting = Waiting(
            "RETRY_LATER",
            f"the delivery could not begin: {error}",
            f"it is tried again by itself, at most {MAX_ATTEMPTS} times in a row while Kafka answers",
        )
        if waiting != self._job.waiting:
            with contextlib.suppress(UnavailableError):
                revision = await self._ports.commands.publish(
                    self._job.job_id, event := WaitingFor(self._job.attempt, waiting)
                )
                self._job = apply(self._job, event, revision) or self._job

    def _give_up(self, error: DeliveryError) -> JobFailure | None:
        """An outage is waited out; a broker that answers and still refuses ends the job in the end."""
        self._failures = self._failures + 1 if self._ports.broker_ok() else 0
        self._say_again(error)
        if self._failures < MAX_ATTEMPTS:
            return None
        return JobFailure(
            JobCode.DELIVERY_FAILED,
            f"delivery failed `{MAX_ATTEMPTS}` times in a row, at last with: {error}",
            f"look at the broker; then `batch job retry {self._job.job_id}` goes on at the committed row",
        )

    def _say_again(self, error: DeliveryError) -> None:
        """Each refusal is said; an outage, which may last for hours, once."""
        outage = not self._ports.broker_ok()
        level = logging.DEBUG if outage and self._outage_said else logging.WARNING
        _log.log(level, "job %s: delivery failed, begins again: %s", self._job.job_id, error)
        self._outage_said = outage

    async def _back_off(self) -> None:
        """Longer from try to try; while the broker is away, until it is back."""
        pause = min(_LONGEST_BACKOFF, _FIRST_BACKOFF * 2 ** min(self._tries, 10))
        self._tries += 1
        await asyncio.sleep(pause * random.uniform(0.5, 1.5))
        for _ in range(round(_LONGEST_BACKOFF / _OUTAGE_POLL)):
            if self._ports.broker_ok():
                break
            await asyncio.sleep(_OUTAGE_POLL)

    def _counts(self) -> Counts | None:
        if self._committed is None:
            return None
        manifest = self._manifest
        return counts_of(self._committed, size_bytes=manifest.size_bytes, dlq_topic=manifest.dlq_topic)

    def _log_end(self, state: State, error: JobFailure | None) -> None:
        job = self._job
        counts = f"{job.rows_delivered} rows delivered, {job.rows_rejected} rejected"
        if error is None:
            _log.info("job %s (%s) %s: %s", job.job_id, job.file, state, counts)
        else:
            _log.warning(
                "job %s (%s) %s: %s: %s (%s)", job.job_id, job.file, state, error.code, error.message, counts
            )


def _defect(error: Exception, job_id: str) -> JobFailure:
    return JobFailure(
        JobCode.INTERNAL,
        f"unexpected error `{type(error).__name__}: {error}`",
        f"the worker's log has the details; `batch job retry {job_id}` goes on at the committed row",
    )
