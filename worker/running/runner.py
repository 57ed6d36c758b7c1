"""Runs one job to its end: delivers, begins again after errors that pass, reports, ends, moves the file."""

from __future__ import annotations

import asyncio
import logging
import random
from enum import StrEnum

from connectors.api import Progress
from connectors.errors import DeliveryError, FencedError, JobCode, JobError, TopicLimitError
from worker.crashpoints import CrashPoint, crash_point
from worker.jobs.apply import apply
from worker.jobs.events import Counts, Ended, JobEvent, Progressed, Released, Started, WaitingFor
from worker.jobs.job import Job, JobFailure, Requested, State, Waiting
from worker.jobs.manifest import Manifest
from worker.running.delivery import Delivery, DeliveryHooks, StoppedError
from worker.running.ports import RunnerPorts
from worker.running.reporter import ProgressReporter, counts_of
from worker.state.api import UnavailableError

__all__ = ["MAX_ATTEMPTS", "JobRunner", "Outcome"]

MAX_ATTEMPTS = 8
_FIRST_BACKOFF = 0.2
_LONGEST_BACKOFF = 15.0
_log = logging.getLogger(__name__)


class Outcome(StrEnum):
    """How a runner left its job."""

    ENDED = "ended"  # the ended event is acknowledged and the file moved
    RELEASED = "released"  # PAUSED on request
    LOST = "lost"  # another worker's now: nothing was said and nothing moved


class JobRunner(DeliveryHooks):
    """One job's run on this worker. `run` once; `request` and cancelling the task are the ways to stop it."""

    def __init__(self, job: Job, manifest: Manifest, ports: RunnerPorts) -> None:
        self._job = job
        self._manifest = manifest
        self._ports = ports
        self._requested: Requested | None = job.requested
        self._committed: Progress | None = None
        self._failures = 0
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

    def found(self, progress: Progress) -> None:
        self._committed = progress

    def opened(self, format: str) -> None:
        self._format = format

    async def started(self, progress: Progress, format: str, converter: str) -> None:
        self._committed = progress
        _log.info("job %s (%s) RUNNING, attempt %d", self._job.job_id, self._job.file, self._job.attempt)
        event = Started(self._job.attempt, self._ports.worker_id, format, converter, self._ports.now())
        await self._publish(event)

    def committed(self, progress: Progress) -> None:
        self._committed = progress
        self._failures = 0
        counts = self._counts()
        if self._reporter is not None and counts is not None:
            self._reporter.report(counts)

    # the run

    async def run(self) -> Outcome:
        """Run the job until it ends, pauses or is no longer this worker's."""
        self._reporter = ProgressReporter(self._ports.commands, self._job.job_id, self._job.attempt)
        try:
            return await self._until_ended()
        except FencedError:
            return Outcome.LOST
        except Exception as error:  # noqa: BLE001 (a defect fails its job, not the worker)
            _log.exception("job %s: unexpected error", self._job.job_id)
            return await self._end(State.FAILED, _defect(error, self._job.job_id))
        finally:
            await self._reporter.close()

    async def _until_ended(self) -> Outcome:
        while True:
            try:
                progress = await self._deliver_once()
            except StoppedError:
                return await self._stopped()
            except JobError as error:
                return await self._end(State.FAILED, JobFailure(error.code, error.message, error.hint))
            except FencedError:
                # a transaction that timed out is answered like one of an older owner
                if not self._ports.owns(self._job.job_id):
                    return Outcome.LOST
                await self._back_off()
            except TopicLimitError as error:
                await self._wait_for(Waiting("TOPIC_LIMIT", error.message, error.hint))
            except DeliveryError as error:
                if (failure := self._give_up(error)) is not None:
                    return await self._end(State.FAILED, failure)
                await self._back_off()
            else:
                self._committed = progress
                return await self._end(State.COMPLETED, None)
            if not self._ports.owns(self._job.job_id):
                return Outcome.LOST

    async def _deliver_once(self) -> Progress:
        if self._requested is not None and self._committed is None and self._job.started_at is None:
            raise StoppedError
        sink = self._ports.new_sink(self._job, self._manifest)
        try:
            return await Delivery(self._job, self._manifest, sink, self._ports, self).run()
        finally:
            await sink.close()

    async def _stopped(self) -> Outcome:
        if self._requested is Requested.CANCEL:
            return await self._end(State.CANCELLED, None)
        await self._report_committed()
        await self._publish(Released(self._job.attempt, State.PAUSED))
        _log.info("job %s paused at row %d", self._job.job_id, self._job.rows_read)
        return Outcome.RELEASED

    async def _end(self, state: State, error: JobFailure | None) -> Outcome:
        """The order of the end: the last commit is made; now the event, then the file."""
        event = Ended(self._job.attempt, state, error, self._counts(), self._ports.now(), format=self._format)
        await self._publish(event)
        crash_point(CrashPoint.AFTER_ENDED_EVENT)
        self._log_end(state, error)
        await asyncio.to_thread(self._ports.files.dispose, self._job)
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

    async def _wait_for(self, waiting: Waiting) -> None:
        await self._publish(WaitingFor(self._job.attempt, waiting))
        _log.warning("job %s waits: %s: %s", self._job.job_id, waiting.code, waiting.message)
        await asyncio.sleep(_LONGEST_BACKOFF * random.uniform(0.5, 1.0))

    def _give_up(self, error: DeliveryError) -> JobFailure | None:
        """An outage is waited out; a broker that answers and still refuses ends the job in the end."""
        if self._ports.broker_ok():
            self._failures += 1
        _log.warning("job %s: delivery failed, begins again: %s", self._job.job_id, error)
        if self._failures < MAX_ATTEMPTS:
            return None
        return JobFailure(
            JobCode.DELIVERY_FAILED,
            f"delivery failed `{MAX_ATTEMPTS}` times in a row, at last with: {error}",
            f"look at the broker; then `batch job retry {self._job.job_id}` goes on at the committed row",
        )

    async def _back_off(self) -> None:
        pause = min(_LONGEST_BACKOFF, _FIRST_BACKOFF * 2 ** min(self._failures, 10))
        await asyncio.sleep(pause * random.uniform(0.5, 1.5))

    def _counts(self) -> Counts | None:
        if self._committed is None:
            return None
        dlq_topic = f"{self._manifest.topic}_dlq"
        return counts_of(self._committed, size_bytes=self._manifest.size_bytes, dlq_topic=dlq_topic)

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
