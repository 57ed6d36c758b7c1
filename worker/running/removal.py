"""Removes an ended job: what it has in the cluster, then its row."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Protocol

from connectors.errors import ConnectorError, JobError
from worker.jobs.events import Deleted
from worker.jobs.job import Job
from worker.jobs.manifest import Manifest
from worker.state.api import JobCommands, JobReader, StateError, UnavailableError

__all__ = ["ClusterRemover", "JobRemover", "RemovableFolders", "own_topics"]

_MOVE_SECONDS = 5.0
_ROW_SECONDS = 10.0
_LOOK_SECONDS = 0.05
_log = logging.getLogger(__name__)


class ClusterRemover(Protocol):
    """Deletes in the cluster: `connectors.kafka.removal` fits."""

    async def remove(self, identity: str, topics: Sequence[str]) -> None:
        """End the transaction of this id, delete the topics and the group of this name. Idempotent.

        Raises ConnectorError.
        """


class RemovableFolders(Protocol):
    def read_manifest(self, job_id: str) -> Manifest | None:
        """The manifest in `processing/`, or None."""

    def dispose(self, job: Job) -> None:
        """Move the folder of an ended job to `done/` or `failed/`. Idempotent."""


def own_topics(namespace: str, job: Job) -> list[str]:
    """Return every topic that the job may have made for itself alone, whether or not it stands.

    Named after the job, so that a topic that it shares with others is never among them: the first attempt's,
    those of retries from the start, and each one's dead letter topic, which the row may not know of yet.
    """
    first = f"{namespace}_{job.job_id}"
    data = [first, *(f"{first}_r{attempt}" for attempt in range(2, job.attempt + 1))]
    return [name for topic in data for name in (topic, f"{topic}_dlq")]


class JobRemover:
    """Removes ended jobs, of any worker. The caller has seen at a barrier that the job has ended.

    The order makes every crash harmless: the row goes last, so that a removal that broke off can be repeated,
    and before anything else the folder leaves `processing/`, where a folder without a row would be submitted
    again. The job's folder in `done/` or `failed/` stays: files have a retention of their own.
    """

    def __init__(
        self,
        *,
        namespace: str,
        cluster: ClusterRemover,
        folders: RemovableFolders,
        commands: JobCommands,
        jobs: JobReader,
    ) -> None:
        self._namespace = namespace
        self._cluster = cluster
        self._folders = folders
        self._commands = commands
        self._jobs = jobs

    async def remove(self, job: Job) -> None:
        """Remove the job's own topics, its progress and its row; return once the row is gone for readers.

        Raises StateError `INVALID_STATE` when the job has not ended or was retried meanwhile,
        UnavailableError when Kafka is away or does not allow it.
        """
        if not job.ended:
            raise _not_ended(job)
        await self._leave_processing(job)
        try:
            await self._cluster.remove(f"{self._namespace}-{job.job_id}", own_topics(self._namespace, job))
        except JobError as error:
            raise UnavailableError("KAFKA_UNAVAILABLE", error.message, error.hint) from error
        except ConnectorError as error:
            raise UnavailableError(
                "KAFKA_UNAVAILABLE", str(error), "repeat the request once Kafka answers; repeating is safe"
            ) from error
        await self._commands.publish(job.job_id, Deleted())
        await self._row_gone(job)
        _log.info("job %s (%s) deleted", job.job_id, job.file)

    async def _leave_processing(self, job: Job) -> None:
        """Usually done long ago; right after the end another hand may be at it, and this one waits for it."""
        deadline = asyncio.get_running_loop().time() + _MOVE_SECONDS
        while True:
            reason = "it still stands there"
            try:
                await asyncio.to_thread(self._folders.dispose, job)
            except OSError as error:
                reason = str(error)
            if await asyncio.to_thread(self._folders.read_manifest, job.job_id) is None:
                return
            if asyncio.get_running_loop().time() > deadline:
                raise UnavailableError(
                    "NOT_READY",
                    f"the folder of job `{job.job_id}` cannot leave `processing/`: {reason}",
                    "look at the permissions and the free space of the drop zone, then repeat the request",
                )
            await asyncio.sleep(_LOOK_SECONDS)

    async def _row_gone(self, job: Job) -> None:
        deadline = asyncio.get_running_loop().time() + _ROW_SECONDS
        while True:
            await self._jobs.barrier()
            row = await self._jobs.get(job.job_id)
            if row is None:
                return
            if not row.ended:
                raise _not_ended(row)
            if asyncio.get_running_loop().time() > deadline:
                raise UnavailableError(
                    "NOT_READY",
                    f"the deletion of job `{job.job_id}` is recorded, but its row still stands",
                    "it goes by itself as soon as the worker that owns the job answers",
                )
            await asyncio.sleep(_LOOK_SECONDS)


def _not_ended(job: Job) -> StateError:
    return StateError(
        "INVALID_STATE",
        f"job `{job.job_id}` is {job.state} and cannot be deleted",
        "only a job that has ended can be deleted; cancel it first",
    )
