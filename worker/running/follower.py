"""Passes on what the ownership tells: ready partitions to the reconcile, changed rows to the supervisor."""

from __future__ import annotations

from collections.abc import Callable

from worker.jobs.job import Job
from worker.running.reconcile import Reconciler
from worker.running.supervisor import Supervisor

__all__ = ["RunningFollower"]


class RunningFollower:
    """The OwnershipListener of the runners."""

    def __init__(self, supervisor: Supervisor, reconciler: Reconciler, owns: Callable[[str], bool]) -> None:
        self._supervisor = supervisor
        self._reconciler = reconciler
        self._owns = owns

    async def partitions_ready(self, partitions: frozenset[int]) -> None:
        await self._reconciler.run_once()

    async def partitions_lost(self, partitions: frozenset[int]) -> None:
        await self._supervisor.drop_lost(self._owns)

    def row_changed(self, job_id: str, job: Job | None, previous: Job | None) -> None:
        if job is None:
            self._supervisor.row_deleted(job_id)
        else:
            self._supervisor.row_changed(job)
