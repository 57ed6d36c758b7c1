"""Removes ended jobs: what they have in the cluster, then their rows."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from connectors.errors import ConnectorError, JobError
from worker.jobs.events import Deleted
from worker.jobs.job import Job
from worker.jobs.manifest import Manifest
from worker.jobs.topics import own_topic
from worker.state.api import JobCommands, JobReader, StateError, UnavailableError

__all__ = ["ClusterRemover", "JobRemover", "RemovableFolders", "own_topics"]

_MOVE_SECONDS = 5.0
_ROW_SECONDS = 10.0
_LOOK_SECONDS = 0.05
_AT_ONCE = 16  # folders looked at, and events under way
_log = logging.getLogger(__name__)


class ClusterRemover(Protocol):
    """Deletes in the cluster: `connectors.kafka.removal` fits."""

    async def remove(self, jobs: Mapping[str, Sequence[str]]) -> Mapping[str, ConnectorError]:
        """End the transactions of these ids, delete their topics and the groups of these names. Idempotent.

        Returns why some were not removed.
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
    data = [own_topic(namespace, job.job_id, attempt) for attempt in range(1, job.attempt + 1)]
    return [name for topic in data for name in (topic, f"{topic}_dlq")]


class JobRemover:
    """Removes ended jobs, of any worker.

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

        The caller has seen at a barrier that the job has ended. Raises StateError `INVALID_STATE` when it has
        not or was retried meanwhile, UnavailableError when Kafka is away or does not allow it.
        """
        for refusal in (await self.remove_all([job])).values():
            raise refusal

    async def remove_all(self, jobs: Sequence[Job]) -> dict[str, StateError]:
        """Remove many jobs, with few requests to the cluster. Return why some were not, by id.

        The reasons are those of `remove`.
        """
        removal = _Removal({job.job_id: job for job in jobs})
        removal.refuse({job.job_id: _not_ended(job) for job in jobs if not job.ended})
        removal.refuse(await self._each(removal, self._leave_processing))
        removal.refuse(await self._leave_cluster(removal.jobs.values()))
        removal.refuse(await self._each(removal, self._publish_deleted))
        removal.refuse(await self._rows_gone(set(removal.jobs)))
        for job in removal.jobs.values():
            _log.info("job %s (%s) deleted", job.job_id, job.file)
        return removal.refused

    async def _each(self, removal: _Removal, step: Callable[[Job], Awaitable[None]]) -> dict[str, StateError]:
        """Take a step for every job, some at once; return why it failed for some."""
        gate = asyncio.Semaphore(_AT_ONCE)
        refused: dict[str, StateError] = {}

        async def one(job: Job) -> None:
            async with gate:
                try:
                    await step(job)
                except StateError as error:
                    refused[job.job_id] = error

        await asyncio.gather(*map(one, list(removal.jobs.values())))
        return refused

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

    async def _leave_cluster(self, jobs: Iterable[Job]) -> dict[str, StateError]:
        by_identity = {f"{self._namespace}-{job.job_id}": job for job in jobs}
        if not by_identity:
            return {}
        refused = await self._cluster.remove(
            {identity: own_topics(self._namespace, job) for identity, job in by_identity.items()}
        )
        return {by_identity[identity].job_id: _unavailable(error) for identity, error in refused.items()}

    async def _publish_deleted(self, job: Job) -> None:
        await self._commands.publish(job.job_id, Deleted())

    async def _rows_gone(self, waiting: set[str]) -> dict[str, StateError]:
        """Wait until readers see no row of these jobs."""
        refused: dict[str, StateError] = {}
        deadline = asyncio.get_running_loop().time() + _ROW_SECONDS
        while waiting:
            try:
                await self._jobs.barrier()
            except UnavailableError as error:
                return {**refused, **dict.fromkeys(waiting, error)}
            rows = [await self._jobs.get(job_id) for job_id in sorted(waiting)]
            standing = {row.job_id: row for row in rows if row is not None}
            refused |= {job_id: _not_ended(row) for job_id, row in standing.items() if not row.ended}
            waiting = standing.keys() - refused.keys()
            if waiting and asyncio.get_running_loop().time() > deadline:
                return {**refused, **{job_id: _row_stands(job_id) for job_id in waiting}}
            if waiting:
                await asyncio.sleep(_LOOK_SECONDS)
        return refused


@dataclass(slots=True)
class _Removal:
    """The jobs that are still on their way out, by id, and why others are not."""

    jobs: dict[str, Job]
    refused: dict[str, StateError] = field(default_factory=dict)

    def refuse(self, refusals: Mapping[str, StateError]) -> None:
        for job_id in refusals:
            del self.jobs[job_id]
        self.refused.update(refusals)


def _unavailable(error: ConnectorError) -> UnavailableError:
    if isinstance(error, JobError):
        return UnavailableError("KAFKA_UNAVAILABLE", error.message, error.hint)
    return UnavailableError(
        "KAFKA_UNAVAILABLE", str(error), "it is safe to remove it again, once Kafka answers"
    )


def _row_stands(job_id: str) -> UnavailableError:
    return UnavailableError(
        "NOT_READY",
        f"the deletion of job `{job_id}` is recorded, but its row still stands",
        "it goes by itself as soon as the worker that owns the job answers",
    )


def _not_ended(job: Job) -> StateError:
    return StateError(
        "INVALID_STATE",
        f"job `{job.job_id}` is {job.state} and cannot be deleted",
        "only a job that has ended can be deleted; cancel it first",
    )
