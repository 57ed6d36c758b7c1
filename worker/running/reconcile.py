"""Closes every gap that a crash can leave between table, folders and runners of the own partitions."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from worker.jobs.events import Submitted
from worker.jobs.job import Job
from worker.jobs.manifest import Manifest
from worker.running.supervisor import Supervisor
from worker.state.api import JobCommands, UnavailableError

__all__ = ["ReconcilableFolders", "Reconciler"]

RECONCILE_SECONDS = 60.0
_FOLDERS_A_TURN = 200  # between two turns of the event loop
_log = logging.getLogger(__name__)


class ReconcilableFolders(Protocol):
    def processing(self) -> Sequence[str]:
        """The ids of the folders in `processing/`."""

    def read_manifest(self, job_id: str) -> Manifest | None: ...

    def has_file(self, manifest: Manifest) -> bool:
        """Whether the file stands beside its manifest."""

    def discard_unclaimed(self, job_id: str) -> None:
        """Remove a folder whose file was never moved in, unless a claim may still be under way."""


class Reconciler:
    """Compares the folders with the rows; run at the start, after each rebalance and every 60 s.

    A folder without a row: its manifest is the submission, published again. A manifest without a file: the
    claim did not happen. An ended row whose folder stands in `processing/`: the move is made up for. A row
    that has not ended: the supervisor gets it. A folder that cannot be read or moved holds no other up.
    """

    def __init__(
        self,
        *,
        folders: ReconcilableFolders,
        commands: JobCommands,
        supervisor: Supervisor,
        row: Callable[[str], Job | None],
        own_jobs: Callable[[], Sequence[Job]],
        owns: Callable[[str], bool],
    ) -> None:
        self._folders = folders
        self._commands = commands
        self._supervisor = supervisor
        self._row = row
        self._own_jobs = own_jobs
        self._owns = owns
        self._lock = asyncio.Lock()

    async def run_once(self) -> None:
        """Close the gaps of the partitions that are this worker's and folded to their end."""
        async with self._lock:
            self._supervisor.adopt(job for job in self._own_jobs() if not job.ended)
            await self._folders_to_rows()

    async def run_forever(self) -> None:
        while True:
            await asyncio.sleep(RECONCILE_SECONDS)
            try:
                await self.run_once()
            except UnavailableError as error:
                _log.warning("reconcile: %s", error.message)
            except Exception:  # noqa: BLE001 (the next run may find it mended)
                _log.exception("reconcile failed; it runs again in %d s", RECONCILE_SECONDS)

    async def _folders_to_rows(self) -> None:
        for number, job_id in enumerate(await asyncio.to_thread(self._folders.processing), start=1):
            if self._owns(job_id):
                try:
                    await self._folder_to_row(job_id)
                except OSError as error:
                    _log.warning("reconcile: `processing/%s/` is left as it is for now: %s", job_id, error)
            if number % _FOLDERS_A_TURN == 0:
                await asyncio.sleep(0)

    async def _folder_to_row(self, job_id: str) -> None:
        row = self._row(job_id)
        if row is not None:
            if row.ended and job_id not in self._supervisor.running:
                await asyncio.wait({self._supervisor.dispose(row)})
            return
        manifest = await asyncio.to_thread(self._folders.read_manifest, job_id)
        if manifest is None or not await asyncio.to_thread(self._folders.has_file, manifest):
            await asyncio.to_thread(self._folders.discard_unclaimed, job_id)
            return
        await self._commands.publish(job_id, Submitted(manifest.job()))
        _log.info("job %s (%s) submitted from its manifest", job_id, manifest.file)
