"""Submissions that may be repeated: the same key makes one job, the same bytes are noticed."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Collection
from dataclasses import replace
from typing import Literal

from worker.intake.claim import Claims, Submission
from worker.intake.folders import JobFolders
from worker.intake.locks import KeyLocks, NamedLocks
from worker.intake.names import printable
from worker.intake.received import ReceivedFile
from worker.jobs.job import Idempotency, Job, Source
from worker.state.api import JobReader, StateError

__all__ = ["Submitter"]

_log = logging.getLogger(__name__)


class Submitter:
    """Claims files unless their submission was made before. On the event loop's thread.

    A key is found wherever its job stands: claimed here, in the read model, or in `processing/` where a
    process that died has left it. It is forgotten with its job. `duplicates` is BATCH_DUPLICATES: what counts
    is the same bytes in a job of the same model that neither FAILED nor was CANCELLED, and in the same folder
    where folders are columns, as far as this worker knows; two workers that take the same bytes in the same
    moment may both miss it.
    """

    def __init__(
        self,
        *,
        claims: Claims,
        jobs: JobReader,
        folders: JobFolders,
        keys: KeyLocks,
        duplicates: Literal["off", "warn", "reject"] = "off",
    ) -> None:
        self._claims = claims
        self._jobs = jobs
        self._folders = folders
        self._keys = keys
        self._files = NamedLocks()
        self._duplicates = duplicates
        self._under_way: set[asyncio.Task[tuple[Job, bool]]] = set()

    async def submit(
        self, received: ReceivedFile, submission: Submission, key: str | None = None
    ) -> tuple[Job, bool]:
        """Claim the file and return its job; (job, False) when the `Idempotency-Key` has made it before.

        Then the file is left where it is. Beside what a claim raises: StateError `IDEMPOTENCY_MISMATCH` when
        the key came with another submission, `DUPLICATE_FILE` for an upload whose bytes are refused, and
        UnavailableError when only Kafka could tell. A caller that is cancelled does not stop it.
        """
        task = asyncio.create_task(self._submitted(received, submission, key))
        self._under_way.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Give up what is under way: a crash could do no more harm."""
        tasks = list(self._under_way)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[tuple[Job, bool]]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.debug("a submission failed: %r", error)  # its caller, unless cancelled, says it in full

    async def _submitted(
        self, received: ReceivedFile, submission: Submission, key: str | None
    ) -> tuple[Job, bool]:
        if key is None:
            return await self._claimed(received, submission), True
        idempotency = Idempotency(key, _fingerprint(submission, received.sha256))
        async with self._keys.hold(key):
            first = await self._first(key)
            if first is None:
                return await self._claimed(received, replace(submission, idempotency=idempotency)), True
            if first.idempotency != idempotency:
                raise _mismatch(first, key, submission, received.sha256)
            return first, False

    async def _first(self, key: str) -> Job | None:
        """The job that the key has made, looked for in the order in which a job passes by."""

        def made_with(job: Job) -> bool:
            return job.idempotency is not None and job.idempotency.key == key

        if (pending := self._claims.pending_where(made_with)) is not None:
            return pending
        standing = await asyncio.to_thread(self._folders.processing)
        await self._jobs.barrier()
        if (row := await self._jobs.submitted_with(key)) is not None:
            return row
        rowless = await self._jobs.unknown(standing)
        left = next((job for job in await asyncio.to_thread(self._left, rowless) if made_with(job)), None)
        if left is not None:
            await self._claims.submit_again(left)
            return left
        # its row may have come after the first look, and its folder gone its way
        return await self._jobs.submitted_with(key)

    def _left(self, job_ids: Collection[str]) -> list[Job]:
        """The jobs in `processing/` that no row tells of yet. Blocking."""
        manifests = [self._folders.read_manifest(job_id) for job_id in sorted(job_ids)]
        return [found.job() for found in manifests if found is not None and self._folders.has_file(found)]

    async def _claimed(self, received: ReceivedFile, submission: Submission) -> Job:
        if self._duplicates == "off":
            return await self._claims.claim(received, submission)
        async with self._files.hold((submission.model.name, received.sha256)):
            first = await self._same_file(submission, received.sha256)
            if first is None:
                return await self._claims.claim(received, submission)
            if self._duplicates == "reject" and submission.source is Source.UPLOAD:
                raise _duplicate(first)
            job = await self._claims.claim(received, replace(submission, duplicate_of=first.job_id))
        _log.warning(
            "job %s (%s) has the same bytes as job %s (%s)",
            job.job_id,
            printable(job.file),
            first.job_id,
            printable(first.file),
        )
        return job

    async def _same_file(self, submission: Submission, sha256: str) -> Job | None:
        model = submission.model.name
        folder = _folder(submission.file) if submission.options.get("partition_columns") else None
        pending = self._claims.pending_where(
            lambda job: (job.model, job.sha256) == (model, sha256) and folder in (None, _folder(job.file))
        )
        if pending is not None:
            return pending
        await self._jobs.barrier()
        return await self._jobs.same_file(model, sha256, folder)


def _folder(file: str) -> str:
    return file.rpartition("/")[0]


def _fingerprint(submission: Submission, sha256: str) -> str:
    """Hash all that a client sends with a file."""
    sent = [submission.model.name, submission.overrides, submission.file, sha256]
    return hashlib.sha256(json.dumps(sent, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _mismatch(first: Job, key: str, submission: Submission, sha256: str) -> StateError:
    other = [
        name
        for name, before, now in (
            ("model", first.model, submission.model.name),
            ("file name", first.file, submission.file),
            ("content", first.sha256, sha256),
        )
        if before != now
    ]
    differs = f"another {' and '.join(other)}" if other else "other options"
    return StateError(
        "IDEMPOTENCY_MISMATCH",
        f"the key `{key}` came before with {differs}, and made job `{first.job_id}`",
        "send a new key with a new submission; the same key only to repeat the same request",
    )


def _duplicate(first: Job) -> StateError:
    return StateError(
        "DUPLICATE_FILE",
        f"job `{first.job_id}` of model `{first.model}` has the same bytes: `{printable(first.file)}`",
        f"look at it with `batch job show {first.job_id}`; to deliver the file twice set "
        "BATCH_DUPLICATES to `warn`",
    )
