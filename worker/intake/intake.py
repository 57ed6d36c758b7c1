"""The intake as the rest of the worker sees it: drop folder and uploads, joined at the claim."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

from config.settings import Settings
from worker.intake.claim import Claims
from worker.intake.dropzone import Dropzone
from worker.intake.folders import JobFolders
from worker.intake.locks import KeyLocks
from worker.intake.reasons import WaitingFile
from worker.intake.retained import RetainedFolders
from worker.intake.space import DiskSpace
from worker.intake.submit import Submitter
from worker.intake.upload import Upload, open_upload, sweep_uploads
from worker.intake.watch import Watcher
from worker.jobs.job import Job, Waiting
from worker.jobs.manifest import Manifest
from worker.state.api import Health, JobCommands, JobReader, Model, ModelStore

__all__ = ["FileIntake"]


class FileIntake:
    """The way of files into jobs.

    `options_of` gives the options of a model, `now` RFC 3339 in UTC, `foreseen` what a job will wait for.
    `folders` serves runners, supervisor and reconcile, `retained` the reaper.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        commands: JobCommands,
        jobs: JobReader,
        models: ModelStore,
        health: Callable[[], Health],
        options_of: Callable[[Model], dict[str, Any]],
        now: Callable[[], str],
        foreseen: Callable[[Job], Waiting | None] = lambda job: None,
    ) -> None:
        self._zone = Dropzone(settings.dropzone)
        self._space = DiskSpace(settings.dropzone, settings.min_free_bytes, data_dir=settings.data_dir)
        self._max_bytes = settings.max_upload_bytes
        self.folders = JobFolders(self._zone)
        self.retained = RetainedFolders(self._zone)
        self._claims = Claims(
            zone=self._zone,
            space=self._space,
            commands=commands,
            jobs=jobs,
            health=health,
            namespace=settings.namespace,
            block_bytes=settings.block_bytes,
            now=now,
            foreseen=foreseen,
        )
        self._submitter = Submitter(
            claims=self._claims,
            jobs=jobs,
            folders=self.folders,
            keys=KeyLocks(self._zone.uploads),
            duplicates=settings.duplicates,
        )
        self._watcher = Watcher(
            zone=self._zone,
            submitter=self._submitter,
            space=self._space,
            models=models,
            health=health,
            options_of=options_of,
            default_model=settings.default_model,
            max_bytes=settings.max_upload_bytes,
            settle_seconds=settings.settle_seconds,
            rescan_seconds=settings.rescan_seconds,
            clock=time.monotonic,
            now=now,
        )
        self._tasks: list[asyncio.Task[None]] = []

    def prepare(self) -> None:
        """Make the folders and remove what dead processes left of uploads; before anything else is called.

        Blocking. Raises DropzoneError.
        """
        self._zone.create()
        sweep_uploads(self._zone)

    def start(self) -> None:
        """Begin to watch; what needs Kafka waits for it by itself."""
        self._tasks = [
            asyncio.create_task(self._claims.follow(), name="intake-pending"),
            asyncio.create_task(self._watcher.run(), name="intake-watch"),
        ]

    async def stop(self) -> None:
        """Take nothing more, at once: what is under way stays in `incoming/` or is a job. Idempotent."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        await self._submitter.close()

    def open_upload(self, sent_name: str) -> Upload:
        """Begin a part file for a file that the client calls `sent_name`.

        Raises StateError `INVALID_REQUEST` for a name with too many folders, and `NO_SPACE`.
        """
        return open_upload(
            self._zone, sent_name, submitter=self._submitter, space=self._space, max_bytes=self._max_bytes
        )

    def pending(self, job_id: str) -> Job | None:
        """Return a job claimed here that the read model may not know yet."""
        return self._claims.pending(job_id)

    def manifest(self, job_id: str) -> Manifest | None:
        """Return the manifest of a job whose file stands in the drop folder, None if it is gone. Blocking."""
        return self.folders.manifest(job_id)

    def waiting(self) -> Sequence[WaitingFile]:
        """Return what lies in `incoming/` and why."""
        return self._watcher.waiting()
