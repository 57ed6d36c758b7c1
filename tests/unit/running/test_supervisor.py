"""One runner a job, never more than the slots, and nothing for jobs that ended or moved away."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from connectors.errors import JobCode, JobError
from worker.jobs.events import Ended, JobEvent, Touched, WaitingFor
from worker.jobs.job import Job, Requested, Source, State
from worker.jobs.manifest import Manifest
from worker.running.runner import Outcome
from worker.running.supervisor import Supervisor

NOW = "2026-11-25T10:00:00.000Z"

BIG = 32 * 1024 * 1024


def job(job_id: str, **changes: Any) -> Job:
    row = Job(
        job_id=job_id,
        model="orders",
        model_version=1,
        file=f"{job_id}.csv",
        source=Source.DROPZONE,
        size_bytes=BIG,
        sha256="",
        created_at=f"2026-11-25T10:00:0{job_id[-1]}.000Z",
        topic=f"batch_{job_id}",
        revision=1,
    )
    return row.with_(**changes)


class FakeRunner:
    """Runs until it is told to end."""

    def __init__(self, job: Job, yields: Callable[[], bool]) -> None:
        self.job = job
        self.yields = yields
        self.end = asyncio.Event()
        self.cancelled = False
        self.requests: list[Requested | None] = []
        self.leaves_as = State.COMPLETED
        self.leaves_how = Outcome.YIELDED

    def request(self, requested: Requested | None) -> None:
        self.requests.append(requested)

    async def run(self) -> Outcome:
        try:
            await self.end.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        self.job = self.job.with_(state=self.leaves_as, revision=50)
        if self.leaves_as is State.QUEUED:
            return self.leaves_how
        return Outcome.ENDED if self.job.ended else Outcome.RELEASED


class World:
    """Everything around one supervisor."""

    def __init__(self, slots: int) -> None:
        self.runners: dict[str, FakeRunner] = {}
        self.starts: list[str] = []
        self.published: list[tuple[str, JobEvent]] = []
        self.disposed: list[str] = []
        self.without_manifest: set[str] = set()
        self.in_failed: set[str] = set()
        self.calls: list[str] = []
        self.seconds = 0.0
        self.renewal_error: Exception | None = None
        self.broken: set[str] = set()
        self.disposal = threading.Event()
        self.disposal.set()
        self.supervisor = Supervisor(
            commands=self,  # type: ignore[arg-type]
            folders=self,  # type: ignore[arg-type]
            renewal=self,
            new_runner=self.new_runner,  # type: ignore[arg-type]
            end_transaction=self.end_transaction,
            now=lambda: NOW,
            slots=slots,
            clock=lambda: self.seconds,
            wait_seconds=0.02,
        )

    def new_runner(self, job: Job, manifest: Manifest, yields: Callable[[], bool]) -> FakeRunner:
        self.runners[job.job_id] = FakeRunner(job, yields)
        self.starts.append(job.job_id)
        return self.runners[job.job_id]

    async def renewed(self, manifest: Manifest, job: Job) -> Manifest:
        if self.renewal_error is not None:
            raise self.renewal_error
        return manifest

    async def end_transaction(self, job: Job, manifest: Manifest) -> None:
        self.calls.append(f"end {job.job_id}")

    async def publish(self, job_id: str, event: JobEvent, timeout: float = 10.0) -> int:
        self.published.append((job_id, event))
        return len(self.published)

    def read_manifest(self, job_id: str) -> Manifest | None:
        self.calls.append(f"read {job_id}")
        if job_id in self.broken:
            raise PermissionError(13, "Permission denied")
        return None if job_id in self.without_manifest else Manifest.__new__(Manifest)

    def reclaim(self, job_id: str) -> bool:
        if job_id in self.in_failed:
            self.without_manifest.discard(job_id)
            return True
        return False

    def dispose(self, job: Job) -> None:
        assert self.disposal.wait(10)
        if job.job_id in self.broken:
            raise OSError(28, "No space left on device")
        self.disposed.append(job.job_id)
        self.calls.append(f"dispose {job.job_id}")

    async def settle(self) -> None:
        """Let every task that can run do so."""
        async with asyncio.timeout(10):
            while not self.still():
                await asyncio.sleep(0.001)

    def still(self) -> bool:
        runs = self.supervisor._running.values()
        return not self.supervisor._side_tasks and all(
            run.runner is not None and not run.runner.end.is_set()  # type: ignore[attr-defined]
            for run in runs
        )

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


async def test_a_job_that_was_submitted_as_waiting_for_a_slot_is_not_said_to_wait_again(world: World) -> None:
    assert world.supervisor.foreseen(job("c3")) is None
    world.supervisor.adopt([job("a1"), job("b2")])
    waiting = world.supervisor.foreseen(job("c3"))
    assert waiting is not None
    assert waiting.code == "SLOT"
    world.supervisor.row_changed(job("c3", waiting=waiting))
    await world.settle()
    assert world.published == []
    assert world.starts == ["a1", "b2"]
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
    await world.settle()
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


async def test_a_retry_told_while_its_runner_is_on_the_way_out_starts_at_once(world: World) -> None:
    world.supervisor.adopt([job("a1")])
    await world.settle()
    # the end is folded and retried before the runner has moved the file
    world.supervisor.row_changed(job("a1", state=State.FAILED, revision=50))
    world.supervisor.row_changed(job("a1", attempt=2, revision=51))
    assert world.runners["a1"].requests == []
    await world.finish("a1")
    assert world.starts == ["a1", "a1"]
    assert world.runners["a1"].job.attempt == 2
    await world.supervisor.stop()


async def test_a_job_resumed_while_its_runner_pauses_starts_at_once(world: World) -> None:
    world.supervisor.adopt([job("a1")])
    await world.settle()
    world.runners["a1"].leaves_as = State.PAUSED
    world.supervisor.row_changed(job("a1", state=State.PAUSED, revision=50))
    world.supervisor.row_changed(job("a1", state=State.QUEUED, revision=51))
    await world.finish("a1")
    assert world.starts == ["a1", "a1"]
    await world.supervisor.stop()


async def test_an_event_that_the_fold_ignored_does_not_hide_a_retry(world: World) -> None:
    world.supervisor.adopt([job("a1")])
    await world.settle()
    # the end was sent twice, at 40 and at 50, and a retry came between
    world.supervisor.row_changed(job("a1", state=State.FAILED, revision=40))
    await world.finish("a1")
    world.supervisor.row_changed(job("a1", attempt=2, revision=45))
    await world.settle()
    assert world.starts == ["a1", "a1"]
    await world.supervisor.stop()


async def test_a_row_that_stays_older_than_its_runner_is_asked_for_again(world: World) -> None:
    world.supervisor.adopt([job("a1")])
    await world.settle()
    world.runners["a1"].leaves_as = State.PAUSED
    await world.finish("a1")
    world.supervisor.adopt([job("a1", revision=45)])
    await world.settle()
    assert world.starts == ["a1"]
    assert world.published == [("a1", Touched())]
    world.supervisor.row_changed(job("a1", revision=51))
    await world.settle()
    assert world.starts == ["a1", "a1"]
    await world.supervisor.stop()


async def test_a_retry_waits_until_the_folder_has_moved(world: World) -> None:
    world.disposal.clear()
    world.supervisor.row_changed(job("a1", state=State.CANCELLED, revision=2))
    world.supervisor.row_changed(job("a1", attempt=2, revision=3))
    await asyncio.sleep(0.02)
    assert world.calls == []
    world.disposal.set()
    await world.settle()
    assert world.calls == ["dispose a1", "read a1"]
    assert world.starts == ["a1"]
    await world.supervisor.stop()


async def test_a_folder_that_cannot_be_read_keeps_no_other_job_from_starting(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.broken.add("a1")
    with caplog.at_level(logging.WARNING):
        world.supervisor.adopt([job("a1"), job("b2")])
        await world.settle()
    assert world.starts == ["b2"]
    (line,) = caplog.records
    assert "Permission denied" in line.getMessage()
    assert line.exc_info is None
    world.broken.clear()
    world.supervisor.adopt([job("a1"), job("b2", revision=2)])
    await world.settle()
    assert world.starts == ["b2", "a1"]
    await world.supervisor.stop()


async def test_a_folder_that_cannot_be_moved_is_said_in_one_line(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.broken.add("a1")
    world.supervisor.row_changed(job("a1", state=State.CANCELLED, revision=2))
    await world.settle()
    (line,) = caplog.records
    assert "No space left" in line.getMessage()
    assert line.exc_info is None


async def test_a_job_that_ended_while_nothing_was_told_does_not_start(world: World) -> None:
    world.supervisor.adopt([job("a1"), job("b2"), job("c3")])
    await world.settle()
    world.supervisor.adopt([job("a1"), job("b2")])
    await world.finish("a1")
    assert world.starts == ["a1", "b2"]
    await world.supervisor.stop()


async def test_hundreds_of_jobs_leave_nothing_behind(world: World) -> None:
    for number in range(200):
        job_id = f"j{number}"
        world.supervisor.row_changed(job(job_id))
        await world.settle()
        world.supervisor.row_changed(job(job_id, state=State.COMPLETED, revision=50))
        await world.finish(job_id)
    kept = vars(world.supervisor)
    assert {name: kept[name] for name in kept if isinstance(kept[name], dict | set) and kept[name]} == {}


async def test_queueing_a_job_costs_the_same_however_many_wait(world: World) -> None:
    jobs = [job(f"q{number:05}0") for number in range(5000)]
    began = time.process_time()
    world.supervisor.adopt(jobs)
    assert time.process_time() - began < 2  # looking at all for each took 25 million looks
    await world.settle()
    assert len([event for _, event in world.published if isinstance(event, WaitingFor)]) == 4998
    await world.supervisor.stop()


async def test_a_small_file_has_a_slot_that_no_big_one_takes(world: World) -> None:
    world.supervisor.adopt([job("a1"), job("b2"), job("c3")])
    await world.settle()
    assert world.starts == ["a1", "b2"]
    world.supervisor.row_changed(job("d4", size_bytes=BIG - 1))
    world.supervisor.row_changed(job("e5", size_bytes=1))
    await world.settle()
    assert world.starts == ["a1", "b2", "d4"]
    await world.finish("d4")
    assert world.starts == ["a1", "b2", "d4", "e5"]
    await world.finish("a1")
    assert world.starts == ["a1", "b2", "d4", "e5", "c3"]
    await world.supervisor.stop()


async def test_a_big_job_that_had_its_turn_makes_room_for_another_big_one(world: World) -> None:
    world.supervisor.adopt([job("a1"), job("b2")])
    await world.settle()
    world.seconds = 31.0
    assert not world.runners["a1"].yields()  # nobody waits
    world.supervisor.row_changed(job("c3"))
    assert world.runners["a1"].yields()
    assert not world.runners["b2"].yields()  # one waits, one makes room
    world.runners["a1"].leaves_as = State.QUEUED
    await world.finish("a1")
    assert world.starts == ["a1", "b2", "c3"]
    world.supervisor.row_changed(job("a1", state=State.QUEUED, revision=50))
    await world.finish("c3")
    assert world.starts == ["a1", "b2", "c3", "a1"]
    assert not world.runners["a1"].yields()  # its new turn has begun
    await world.supervisor.stop()


async def test_a_big_job_keeps_its_slot_for_its_turn_and_from_small_ones(world: World) -> None:
    world.supervisor.adopt([job("a1"), job("b2"), job("c3")])
    await world.settle()
    world.seconds = 29.0
    assert not world.runners["a1"].yields()
    await world.supervisor.drop_lost(lambda job_id: job_id != "c3")
    world.seconds = 60.0
    world.supervisor.row_changed(job("d4", size_bytes=1))
    world.supervisor.row_changed(job("e5", size_bytes=1))
    assert not world.runners["a1"].yields()
    await world.supervisor.stop()


async def test_a_job_that_cannot_go_on_leaves_its_slot_and_is_tried_again() -> None:
    world = World(slots=1)
    world.supervisor.adopt([job("a1"), job("b2")])
    await world.settle()
    assert world.starts == ["a1"]
    world.runners["a1"].leaves_as, world.runners["a1"].leaves_how = State.QUEUED, Outcome.WAITS
    world.runners["a1"].end.set()
    await world.settle()
    assert world.starts == ["a1", "b2"]
    # its own report comes back from the fold, and is no reason to try at once
    world.supervisor.row_changed(job("a1", revision=50))
    world.runners["b2"].end.set()
    async with asyncio.timeout(5):
        while world.starts.count("a1") < 2:
            await asyncio.sleep(0.001)
    await world.supervisor.stop()


async def test_a_cancel_reaches_a_job_that_waits() -> None:
    world = World(slots=1)
    world.supervisor.adopt([job("a1")])
    await world.settle()
    world.runners["a1"].leaves_as, world.runners["a1"].leaves_how = State.QUEUED, Outcome.WAITS
    world.runners["a1"].end.set()
    await world.settle()
    world.supervisor.row_changed(job("a1", revision=51, requested=Requested.CANCEL))
    await world.settle()
    assert [(i, e.state) for i, e in world.published if isinstance(e, Ended)] == [("a1", State.CANCELLED)]
    await world.supervisor.stop()


async def test_a_retry_with_a_model_that_was_deleted_fails() -> None:
    world = World(slots=1)
    world.renewal_error = JobError(JobCode.INTERNAL, "the model was deleted", "create it")
    world.supervisor.adopt([job("a1")])
    await world.settle()
    (ended,) = [event for _, event in world.published if isinstance(event, Ended)]
    assert ended.error is not None
    assert (ended.state, ended.error.message) == (State.FAILED, "the model was deleted")
    assert world.starts == []


async def test_the_open_transaction_of_a_shared_topic_is_ended_before_its_turn() -> None:
    world = World(slots=1)
    shared = {"options": {"topic": "orders"}, "state": State.RUNNING}
    world.supervisor.adopt([job("a1"), job("b2", **shared), job("c3", state=State.RUNNING)])
    await world.settle()
    assert world.starts == ["a1"]
    assert [call for call in world.calls if call.startswith("end ")] == ["end b2"]
    await world.supervisor.stop()
