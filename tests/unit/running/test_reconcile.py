"""Gaps between folders and rows are closed, and one bad folder does not leave the others open."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import pytest

from tests.unit.running.test_supervisor import job
from worker.jobs.events import JobEvent, Submitted
from worker.jobs.job import Job, State
from worker.jobs.manifest import Manifest
from worker.running.reconcile import Reconciler
from worker.running.supervisor import Supervisor
from worker.state.testing import kafka_away


def manifest(job_id: str) -> Manifest:
    row = job(job_id)
    return Manifest(
        job_id=job_id,
        model=row.model,
        model_version=1,
        schema={},
        options={},
        source=row.source,
        file=row.file,
        stored_name=row.file,
        size_bytes=1,
        mtime_ns=1,
        sha256="",
        block_bytes=1,
        topic=row.topic,
        dlq_topic="dlq",
        created_at=row.created_at,
    )


class World:
    """Folders, rows and a supervisor that starts nothing: it has no slots."""

    def __init__(self) -> None:
        self.rows: dict[str, Job] = {}
        self.folders: dict[str, Manifest | None] = {}
        self.broken: set[str] = set()
        self.fileless: set[str] = set()
        self.discarded: list[str] = []
        self.disposed: list[str] = []
        self.published: list[tuple[str, JobEvent]] = []
        self.available = True
        self.supervisor = Supervisor(
            commands=self,  # type: ignore[arg-type]
            folders=self,  # type: ignore[arg-type]
            renewal=self,
            new_runner=lambda job, manifest: pytest.fail("nothing starts here"),
            end_transaction=lambda job, manifest: pytest.fail("nothing is open here"),
            now=lambda: "",
            slots=0,
        )
        self.reconciler = Reconciler(
            folders=self,
            commands=self,  # type: ignore[arg-type]
            supervisor=self.supervisor,
            row=self.rows.get,
            own_jobs=lambda: list(self.rows.values()),
            owns=lambda job_id: not job_id.startswith("x"),
        )

    async def renewed(self, manifest: Manifest, job: Job) -> Manifest:
        return manifest

    def processing(self) -> Sequence[str]:
        return sorted(self.folders)

    def read_manifest(self, job_id: str) -> Manifest | None:
        if job_id in self.broken:
            raise PermissionError(13, "Permission denied")
        return self.folders[job_id]

    def has_file(self, manifest: Manifest) -> bool:
        return manifest.job_id not in self.fileless

    def discard_unclaimed(self, job_id: str) -> None:
        self.discarded.append(job_id)

    def reclaim(self, job_id: str) -> bool:
        return False

    def dispose(self, job: Job) -> None:
        if job.job_id in self.broken:
            raise OSError(28, "No space left on device")
        self.disposed.append(job.job_id)

    async def publish(self, job_id: str, event: JobEvent, timeout: float = 10.0) -> int:
        if not self.available:
            raise kafka_away()
        self.published.append((job_id, event))
        return len(self.published)

    def submitted(self) -> list[str]:
        return [job_id for job_id, event in self.published if isinstance(event, Submitted)]


@pytest.fixture
async def world() -> World:
    return World()


async def test_each_gap_is_closed(world: World) -> None:
    world.folders = {name: manifest(name) for name in ("a1", "b2", "c3", "x9")} | {"d4": None}
    world.fileless = {"b2"}
    world.rows["c3"] = job("c3", state=State.COMPLETED)
    await world.reconciler.run_once()
    assert world.submitted() == ["a1"]
    assert world.discarded == ["b2", "d4"]
    assert world.disposed == ["c3"]


async def test_a_bad_folder_holds_no_other_up(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.folders = {name: manifest(name) for name in ("a1", "b2", "c3", "d4")}
    world.broken = {"a1", "b2"}
    world.rows["b2"] = job("b2", state=State.FAILED)
    world.rows["d4"] = job("d4", state=State.FAILED)
    with caplog.at_level(logging.WARNING):
        await world.reconciler.run_once()
    assert world.submitted() == ["c3"]
    assert world.disposed == ["d4"]
    assert [(r.levelname, r.exc_info) for r in caplog.records] == [("WARNING", None)] * 2


async def test_jobs_are_adopted_also_when_kafka_takes_no_submission(world: World) -> None:
    world.folders["a1"] = manifest("a1")
    world.rows["b2"] = job("b2")
    world.available = False
    with pytest.raises(Exception, match="does not answer"):
        await world.reconciler.run_once()
    assert list(world.supervisor._queue.ids()) == ["b2"]
    await world.supervisor.stop()


async def test_a_folder_under_a_runner_is_left_alone(world: World) -> None:
    started = asyncio.Event()

    class Runner:
        def __init__(self, row: Job) -> None:
            self.job = row

        async def run(self) -> Any:
            started.set()
            await asyncio.Event().wait()

    world.supervisor._queue.slots = 1
    world.supervisor._new_runner = lambda row, manifest, yields: Runner(row)  # type: ignore[assignment,return-value]
    world.folders["a1"] = manifest("a1")
    world.supervisor.row_changed(job("a1"))
    await started.wait()
    world.rows["a1"] = job("a1", state=State.COMPLETED, revision=2)  # its move is the runner's
    await world.reconciler.run_once()
    assert world.disposed == []
    await world.supervisor.stop()
