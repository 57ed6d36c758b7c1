"""The claim: the one function in which a dropped and an uploaded file become a job."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from worker.crashpoints import CrashPoint, crash_point
from worker.intake.dropzone import Dropzone, sync_folder, write_durably
from worker.intake.names import printable, stored_name
from worker.intake.received import Identity, ReceivedFile, SourceChangedError
from worker.intake.space import DiskSpace, is_full
from worker.jobs.events import Submitted
from worker.jobs.job import Idempotency, Job, Source, Waiting, new_job_id
from worker.jobs.manifest import MANIFEST_NAME, Manifest
from worker.jobs.topics import job_dlq_topic, job_topic
from worker.state.api import Health, JobCommands, JobReader, Model, UnavailableError

__all__ = ["Claims", "Submission"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Submission:
    """What a file is submitted as: `file` is the user's name for it, a path below the model's folder.

    `options` are those of the model with the request's `overrides` over them.
    """

    file: str
    model: Model
    options: dict[str, Any]
    source: Source
    overrides: dict[str, Any] = field(default_factory=dict)
    duplicate_of: str | None = None
    idempotency: Idempotency | None = None


class Claims:
    """Turns received files into jobs, and remembers those that the read model has not shown yet.

    `now` gives RFC 3339 in UTC, `foreseen` what a job will wait for: said with the submission, it needs no
    event of its own. On the event loop's thread; file work happens in threads.
    """

    def __init__(
        self,
        *,
        zone: Dropzone,
        space: DiskSpace,
        commands: JobCommands,
        jobs: JobReader,
        health: Callable[[], Health],
        namespace: str,
        block_bytes: int,
        now: Callable[[], str],
        new_id: Callable[[], str] = new_job_id,
        foreseen: Callable[[Job], Waiting | None] = lambda job: None,
    ) -> None:
        self._zone = zone
        self._space = space
        self._commands = commands
        self._jobs = jobs
        self._health = health
        self._namespace = namespace
        self._block_bytes = block_bytes
        self._now = now
        self._new_id = new_id
        self._foreseen = foreseen
        self._pending: dict[str, Job] = {}

    def pending(self, job_id: str) -> Job | None:
        """Return a job claimed here that the read model has not shown yet."""
        return self._pending.get(job_id)

    def pending_where(self, wanted: Callable[[Job], bool]) -> Job | None:
        """Return the first of the pending jobs that are `wanted`."""
        return next((job for job in self._pending.values() if wanted(job)), None)

    async def follow(self) -> None:
        """Forget pending jobs as the read model shows them. Runs until it is cancelled."""
        async for change in self._jobs.changes():
            self._pending.pop(change.job_id, None)

    async def claim(self, received: ReceivedFile, submission: Submission) -> Job:
        """Move the file into `processing/<job_id>/` beside its manifest and publish the submission.

        From the rename on the file is a job, whatever happens to Kafka or this process: the reconcile
        publishes its manifest. Of several claims of one file one wins. Until the rename an error leaves
        nothing behind: UnavailableError `KAFKA_UNAVAILABLE`, StateError `NO_SPACE`, SourceChangedError when
        the file vanished or is not the one that was hashed, OSError. Cancelled only when the worker stops:
        a thread may still move the file then.
        """
        health = self._health()
        if not health.broker_ok:
            raise UnavailableError("KAFKA_UNAVAILABLE", health.message, health.hint)
        try:
            job = await self._claimed(received, submission)
        except OSError as error:
            if is_full(error):
                raise self._space.error() from error
            raise
        await self._publish(job)
        return job

    async def submit_again(self, job: Job) -> None:
        """Publish the submission of a job that has no row yet and whose claim did not get that far."""
        self._pending[job.job_id] = job
        await self._publish(job)

    async def _claimed(self, received: ReceivedFile, submission: Submission) -> Job:
        while True:
            manifest = self._manifest(await self._fresh_id(), received, submission)
            job = manifest.job()
            job = job.with_(waiting=self._foreseen(job))
            self._pending[job.job_id] = job  # before the move: a reconcile may be faster with the rest
            try:
                await asyncio.to_thread(self._move_in, received, manifest)
            except FileExistsError:
                self._pending.pop(job.job_id, None)  # another worker chose this id in this moment
            except BaseException:
                self._pending.pop(job.job_id, None)
                raise
            else:
                return job

    async def _fresh_id(self) -> str:
        """Return an id that no folder and no row has."""
        while True:
            job_id = self._new_id()
            if job_id in self._pending or self._zone.job_folder(job_id) is not None:
                continue
            if await self._jobs.get(job_id) is None:
                return job_id

    def _manifest(self, job_id: str, received: ReceivedFile, submission: Submission) -> Manifest:
        model, options = submission.model, submission.options
        return Manifest(
            job_id=job_id,
            model=model.name,
            model_version=model.version,
            schema=model.schema,
            options=options,
            source=submission.source,
            file=submission.file,
            stored_name=stored_name(submission.file),
            size_bytes=received.size,
            mtime_ns=received.mtime_ns,
            sha256=received.sha256,
            block_bytes=self._block_bytes,
            topic=job_topic(self._namespace, job_id, options),
            dlq_topic=job_dlq_topic(self._namespace, job_id, options),
            created_at=self._now(),
            overrides=submission.overrides,
            duplicate_of=submission.duplicate_of,
            idempotency=submission.idempotency,
        )

    def _move_in(self, received: ReceivedFile, manifest: Manifest) -> None:
        """Blocking. What a crash leaves on the way, the reconcile completes or removes."""
        folder = self._zone.processing / manifest.job_id
        folder.mkdir()
        try:
            write_durably(folder / MANIFEST_NAME, manifest.to_bytes())
            sync_folder(folder)
            sync_folder(self._zone.processing)
            crash_point(CrashPoint.AFTER_MANIFEST)
            _rename_same(received, folder / manifest.stored_name)
        except (OSError, SourceChangedError):
            _remove(folder)
            raise
        crash_point(CrashPoint.AFTER_RENAME)
        sync_folder(folder)
        with suppress(FileNotFoundError):  # a folder in incoming/ may go once it is empty
            sync_folder(received.path.parent)

    async def _publish(self, job: Job) -> None:
        try:
            await self._commands.publish(job.job_id, Submitted(job))
        except UnavailableError as error:
            _log.warning(
                "job %s (%s) is claimed and not submitted yet: %s; it is submitted by itself later",
                job.job_id,
                printable(job.file),
                error.message,
            )
            return
        crash_point(CrashPoint.AFTER_SUBMISSION)
        _log.info("job %s (%s) submitted for model `%s`", job.job_id, printable(job.file), job.model)


def _rename_same(received: ReceivedFile, target: Path) -> None:
    """Rename if the file is still the one that was hashed.

    One that is altered between this look and the rename has another size or time than its manifest: the job
    fails with FILE_CHANGED instead of delivering it.
    """
    try:
        if Identity.of(os.lstat(received.path)) != received.identity:
            raise SourceChangedError(f"`{received.path}` changed")
        received.path.rename(target)
    except FileNotFoundError as error:
        raise SourceChangedError(f"`{received.path}` vanished") from error


def _remove(folder: Path) -> None:
    try:
        (folder / MANIFEST_NAME).unlink(missing_ok=True)
        folder.rmdir()
    except FileNotFoundError:
        pass  # the reconcile of another worker took it for abandoned
    except OSError as error:
        _log.warning("the folder `%s` of a claim that failed stays: %s", folder, error)
