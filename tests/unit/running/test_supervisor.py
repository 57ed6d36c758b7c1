"""One runner a job, never more than the slots, and nothing for jobs that ended or moved away."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from worker.jobs.events import Ended, JobEvent, WaitingFor
from worker.jobs.job import Job, Requested, Source, State
from worker.jobs.manifest import Manifest
from worker.running.runner import Outcome
from worker.running.supervisor import Supervisor

NOW = "2026-11-25T10:00:00.000Z"


def job(job_id: str, **changes: Any) -> Job:
    row = Job(
        job_id=job_id,
        model="orders",
        model_version=1,
        file=f"{job_id}.csv",
        source=Source.DROPZONE,
        size_bytes=1,
        sha256="",
        created_at=f"2026-11-25T10:00:0{job_id[-1]}.000Z",
        topic=f"batch_{job_id}",
        revision=1,
    )
    return row.with_(**changes)


class FakeRunner:
    """Runs until it is told to end."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.end = asyncio.Event()
        self.cancelled = False
        self.requests: list[Requested | None] = []

    def request(self, requested: Requested | None) -> None:
        self.requests.append(requested)

    async def run(self) -> Outcome:
        try:
            await self.end.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        self.job = self.job.with_(state=State.COMPLETED, revision=50)
        return Outcome.ENDED


class World:
    """Everything around one supervisor."""

    def __init__(self, slots: int) -> None:
        self.runners: dict[str, FakeRunner] = {}
        self.starts: list[str] = []
        self.published: list[tuple[str, JobEvent]] = []
        self.disposed: list[str] = []
        self.without_manifest: set[str] = set()
        self.in_failed: set[str] = set()
        self.supervisor = Supervisor(
            worker_id="w",
            commands=self,  # type: ignore[arg-type]
            folders=self,  # type: ignore[arg-type]
            new_runner=self.new_runner,  # type: ignore[arg-type]
            now=lambda: NOW,
            slots=slots,
        )

    def new_runner(self, job: Job, manifest: Manifest) -> FakeRunner:
        self.runners[job.job_id] = FakeRunner(job)
        self.starts.append(job.job_id)
        return self.runners[job.job_id]

    async def publish(self, job_id: str, event: JobEvent, timeout: float = 10.0) -> int:
        self.published.append((job_id, event))
        return len(self.published)

    def read_manifest(self, job_id: str) -> Manifest | None:
        return None if job_id in self.without_manifest else Manifest.__new__(Manifest)

    def reclaim(self, job_id: str) -> bool:
        if job_id in self.in_failed:
            self.without_manifest.discard(job_id)
            return True
        return False

    def dispose(self, job: Job) -> None:
        self.disposed.append(job.job_id)

    async def settle(self) -> None:
        """Let every task that can run do so."""
        for _ in range(20):
            await asyncio.sleep(0)
        await asyncio.gather(*self.supervisor._side_tasks)

    async def finish(self, job_id: str) -> None:
        self.runners[job_id].end.set()
        await self.settle()


@pytest.fixture
async def world() -> World:
    return World(slots=2)


async def test_jobs_start_in_the_order_of_their_creation_as_slots_come_free(world: World) -> None:
    world.supervisor.adopt([job("c3"), job("a1"), job("b2")])
    await world.settle()
    assert world.starts == ["a1", "b2"]
    (waiting,) = [(job_id, event) for job_id, event in world.published if isinstance(event, WaitingFor)]
    assert waiting[0] == "c3"
    assert waiting[1].waiting is not None
    assert waiting[1].waiting.code == "SLOT"
    await world.finish("a1")
    assert world.starts == ["a1", "b2", "c3"]
    await world.supervisor.stop()


async def test_a_job_told_of_twice_runs_once(world: World) -> None:
    world.supervisor.adopt([job("a1")])
    world.supervisor.row_changed(job("a1", state=State.RUNNING, revision=2))
    world.supervisor.adopt([job("a1", state=State.RUNNING, revision=2)])
    await world.settle()
    assert world.starts == ["a1"]
    await world.supervisor.stop()


async def test_rows_from_before_the_end_of_a_run_start_nothing(world: World) -> None:
    world.supervisor.adopt([job("a1")])
    await world.settle()
    await world.finish("a1")
    world.supervisor.row_changed(job("a1", state=State.RUNNING, revision=49))
    await world.settle()
    assert world.starts == ["a1"]
    world.supervisor.row_changed(job("a1", state=State.COMPLETED, revision=50))
    world.supervisor.row_changed(job("a1", state=State.QUEUED, attempt=2, revision=60))
    await world.settle()
    assert world.starts == ["a1", "a1"]
    await world.supervisor.stop()


async def test_a_request_reaches_the_runner(world: World) -> None:
    world.supervisor.adopt([job("a1")])
    world.supervisor.row_changed(job("a1", state=State.RUNNING, requested=Requested.CANCEL, revision=3))
    assert world.runners["a1"].requests == [Requested.CANCEL]
    await world.supervisor.stop()


async def test_a_queued_job_is_cancelled_without_a_runner(world: World) -> None:
    world.supervisor.row_changed(job("a1", requested=Requested.CANCEL))
    await world.settle()
    assert world.starts == []
    assert world.published == [("a1", Ended(1, State.CANCELLED, None, None, NOW))]
    world.supervisor.row_changed(job("a1", state=State.CANCELLED, revision=2))
    await world.settle()
    assert world.disposed == ["a1"]


async def test_a_paused_job_waits(world: World) -> None:
    world.supervisor.adopt([job("a1", state=State.PAUSED)])
    await world.settle()
    assert world.starts == []


async def test_a_retried_job_comes_back_from_failed(world: World) -> None:
    world.without_manifest.add("a1")
    world.in_failed.add("a1")
    world.supervisor.row_changed(job("a1", attempt=2))
    await world.settle()
    assert world.starts == ["a1"]
    await world.supervisor.stop()


async def test_a_job_without_its_folder_fails_with_what_to_do(world: World) -> None:
    world.without_manifest.add("a1")
    world.supervisor.row_changed(job("a1"))
    await world.settle()
    ((job_id, event),) = world.published
    assert isinstance(event, Ended)
    assert event.error is not None
    assert (job_id, event.state, event.error.code) == ("a1", State.FAILED, "FILE_GONE")
    assert "`a1.csv`" in event.error.message


async def test_lost_jobs_stop_and_kept_ones_run_on(world: World) -> None:
    world.supervisor.adopt([job("a1"), job("b2"), job("c3")])
    await world.settle()
    await world.supervisor.drop_lost(lambda job_id: job_id == "b2")
    assert world.runners["a1"].cancelled
    assert not world.runners["b2"].cancelled
    assert world.supervisor.running == {"b2"}
    assert world.starts == ["a1", "b2"]
    await world.supervisor.stop()


async def test_after_stop_nothing_starts(world: World) -> None:
    world.supervisor.adopt([job("a1"), job("b2"), job("c3")])
    await world.supervisor.stop()
    world.supervisor.adopt([job("c3")])
    assert world.supervisor.running == frozenset()
