"""What the reaper takes and what it leaves, with a clock and a world that the test controls."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from tests.unit.state.jobs import job
from worker.jobs.job import Job, State
from worker.running import reaper as module
from worker.running.reaper import Reaper
from worker.state.api import StateError, UnavailableError
from worker.state.testing import MemoryJobs

NOON = datetime(2026, 3, 2, 12, 0, 0, tzinfo=UTC)
HOURS = timedelta(hours=1.5)
DENIED = UnavailableError("KAFKA_UNAVAILABLE", "no DELETE on topic `x`", "grant it")


def ended(job_id: str, finished_at: str, state: State = State.COMPLETED) -> Job:
    return job(job_id, state=state, finished_at=finished_at)


@dataclass
class World:
    """Table, read model, folders; what was removed, sweep by sweep."""

    rows: list[Job] = field(default_factory=list)
    lagging: list[Job] | None = None  # what the read model shows instead of the rows
    own: str = "abcdefghij"  # the jobs whose id begins so
    broker: bool = True
    batches: list[list[str]] = field(default_factory=list)
    refusals: dict[str, StateError] = field(default_factory=dict)
    done: dict[str, float] = field(default_factory=dict)
    stuck: str = ""
    sweeps: int = 0
    unreadable: bool = False

    async def remove_all(self, jobs: Sequence[Job]) -> dict[str, StateError]:
        ids = [job.job_id for job in jobs]
        self.batches.append(ids)
        refused = {job_id: self.refusals[job_id] for job_id in ids if job_id in self.refusals}
        self.rows = [row for row in self.rows if row.job_id not in ids or row.job_id in refused]
        return refused

    def sweep(self) -> None:
        self.sweeps += 1

    def done_before(self, moment: float) -> Sequence[str]:
        if self.unreadable:
            raise PermissionError(13, "Permission denied", "done")
        return [job_id for job_id, moved in self.done.items() if moved < moment]

    def remove_done(self, job_id: str) -> bool:
        if job_id == self.stuck:
            raise PermissionError(13, "Permission denied", job_id)
        return self.done.pop(job_id, None) is not None

    def row(self, job_id: str) -> Job | None:
        return next((row for row in self.rows if row.job_id == job_id), None)

    async def sweep_once(self, done_retention: timedelta | None = None) -> None:
        await self.reaper(done_retention).run_once()

    def reaper(self, done_retention: timedelta | None = None) -> Reaper:
        return Reaper(
            jobs=MemoryJobs(self.rows if self.lagging is None else self.lagging),
            remover=self,
            files=self,
            owns=lambda job_id: job_id[0] in self.own,
            row=self.row,
            broker_ok=lambda: self.broker,
            job_retention=HOURS,
            done_retention=done_retention,
            seconds=300,
            clock=lambda: NOON,
        )


@pytest.fixture
def world() -> World:
    return World()


async def test_jobs_whose_end_is_longer_ago_than_the_retention_go(world: World) -> None:
    world.rows = [
        ended("later0000000", "2026-03-02T10:29:59.999Z", State.FAILED),
        ended("first0000000", "2025-12-31T23:00:00.000Z", State.CANCELLED),
        ended("exact0000000", "2026-03-02T10:30:00.000Z"),
        ended("fresh0000000", "2026-03-02T11:00:00.000Z"),
        job("active000000", state=State.RUNNING, created_at="2025-01-01T00:00:00.000Z"),
        job("halted000000", state=State.PAUSED, created_at="2025-01-01T00:00:00.000Z"),
    ]
    world.own += "l"
    await world.sweep_once()
    assert world.batches == [["first0000000", "later0000000"]]
    assert {row.job_id[0] for row in world.rows} == set("efah")


async def test_only_the_own_jobs_and_only_as_the_table_has_them(world: World) -> None:
    long_ago = "2026-01-01T00:00:00.000Z"
    world.lagging = [ended(f"{letter}00000000000", long_ago) for letter in "abcdez"]
    world.rows = [
        ended("a00000000000", long_ago),
        job("b00000000000", state=State.QUEUED, attempt=2),  # retried
        ended("c00000000000", "2026-03-02T11:59:00.000Z"),  # retried, and has ended again
        job("d00000000000", state=State.PAUSED, finished_at=long_ago),
        ended("z00000000000", long_ago),  # another worker's; e is gone already
    ]
    await world.sweep_once()
    assert world.batches == [["a00000000000"]]


async def test_many_go_in_batches_and_what_stays_is_met_once_a_sweep(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_JOBS_AT_ONCE", 3)
    same = "2026-01-01T00:00:00.000Z"  # ends in one millisecond are told apart by their ids
    world.rows = [ended(f"a{n:011}", same) for n in range(8)]
    world.refusals = {"a00000000001": DENIED}
    await world.sweep_once()
    ids = [f"a{n:011}" for n in range(8)]
    assert world.batches == [ids[:3], ids[3:6], ids[6:]]
    assert [row.job_id for row in world.rows] == ["a00000000001"]


async def test_trouble_is_said_once_until_it_is_over(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.rows = [ended("a00000000000", "2026-01-01T00:00:00.000Z")]
    world.refusals = {"a00000000000": DENIED}
    reaper = world.reaper()
    for _ in range(3):
        await reaper.run_once()
    assert len(world.batches) == 3
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING] == [
        "1 ended jobs outlived their retention and cannot be removed; tried again every 300 s: "
        "no DELETE on topic `x`; grant it"
    ]
    refusals, world.refusals = world.refusals, {}
    world.rows = []
    await reaper.run_once()
    world.refusals = refusals
    world.rows = [ended("a00000000000", "2026-01-01T00:00:00.000Z")]
    await reaper.run_once()
    assert len([record for record in caplog.records if record.levelno == logging.WARNING]) == 2


async def test_a_retry_in_this_moment_is_no_trouble(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.rows = [ended("a00000000000", "2026-01-01T00:00:00.000Z")]
    world.refusals = {"a00000000000": StateError("INVALID_STATE", "job `a` is QUEUED", "cancel it first")}
    await world.sweep_once()
    assert len(world.batches) == 1
    assert not caplog.records


async def test_without_a_broker_only_files_go(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.broker = False
    world.rows = [ended("a00000000000", "2026-01-01T00:00:00.000Z")]
    world.done = {"a00000000000": NOON.timestamp() - 3601}
    await world.sweep_once(timedelta(hours=1))
    assert (world.batches, world.done, world.sweeps) == ([], {}, 1)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_files_have_a_retention_of_their_own(world: World) -> None:
    moved = {"a00000000000": 7201.0, "b00000000000": 7199.0, "z00000000000": 9000.0, "c00000000000": 9000.0}
    world.done = {job_id: NOON.timestamp() - seconds for job_id, seconds in moved.items()}
    world.rows = [
        ended("b00000000000", "2026-01-01T00:00:00.000Z"),
        job("c00000000000", state=State.QUEUED, attempt=2),  # its rejects are delivered again
    ]
    await world.sweep_once(timedelta(hours=2))
    assert set(world.done) == {"b00000000000", "z00000000000", "c00000000000"}
    assert world.batches == [["b00000000000"]]  # its row goes before its file
    await world.sweep_once(None)
    assert set(world.done) == {"b00000000000", "z00000000000", "c00000000000"}


async def test_a_folder_that_stays_keeps_none_of_the_others(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.done = {f"{letter}00000000000": 0.0 for letter in "abc"}
    world.stuck = "a00000000000"
    reaper = world.reaper(timedelta(hours=1))
    await reaper.run_once()
    await reaper.run_once()
    assert set(world.done) == {"a00000000000"}
    world.unreadable = True
    await reaper.run_once()
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING] == [
        "1 files outlived their retention and cannot be removed; tried again every 300 s: "
        "[Errno 13] Permission denied: 'a00000000000'"
    ]
