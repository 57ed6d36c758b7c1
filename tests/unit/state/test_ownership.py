"""Rebalances as the consumer group tells them, in every order that was seen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from tests.unit.state.jobs import job
from worker.jobs.job import Job, State
from worker.state.api import UnavailableError
from worker.state.fold import encode_row
from worker.state.ownership import PartitionOwnership


def partition_of(job_id: str) -> int:
    return int(job_id[-1])


class Listener:
    def __init__(self) -> None:
        self.told: list[tuple[str, list[int]]] = []
        self.rows: list[tuple[str, str | None]] = []
        self.slow: asyncio.Event | None = None

    async def partitions_ready(self, partitions: frozenset[int]) -> None:
        self.told.append(("ready", sorted(partitions)))

    async def partitions_lost(self, partitions: frozenset[int]) -> None:
        if self.slow is not None:
            await self.slow.wait()
        self.told.append(("lost", sorted(partitions)))

    def row_changed(self, job_id: str, job: Job | None, previous: Job | None) -> None:
        self.rows.append((job_id, job and job.state.value))


class World:
    """A fold that returns markers when the test says so."""

    def __init__(self) -> None:
        self.table: dict[bytes, bytes] = {}
        self.sent: list[tuple[int, str]] = []
        self.away = False
        self.folds = True
        self.listener = Listener()
        self.ownership = PartitionOwnership(
            partition_of=partition_of, send_marker=self.send, table=self.table
        )
        self.ownership.follow(self.listener)

    async def send(self, partition: int, nonce: str) -> None:
        if self.away:
            raise UnavailableError("KAFKA_UNAVAILABLE", "away", "")
        self.sent.append((partition, nonce))
        if self.folds:
            asyncio.get_running_loop().call_soon(self.ownership.marker_folded, partition, nonce)

    def put(self, row: Job) -> None:
        self.table[row.job_id.encode()] = encode_row(row)

    async def settled(self) -> None:
        await until(lambda: self.ownership.settled)

    async def told(self, count: int) -> None:
        await until(lambda: len(self.listener.told) >= count)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():
            await asyncio.sleep(0)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.ownership.close()


async def test_a_partition_is_owned_after_its_marker(world: World) -> None:
    world.folds = False
    world.ownership.reassigned(frozenset({0, 1}))
    assert world.ownership.owned() == frozenset()
    world.ownership.recovered()
    await until(lambda: len(world.sent) == 2)
    world.ownership.marker_folded(*world.sent[0])
    world.ownership.marker_folded(1, "another's")
    await asyncio.sleep(0)
    assert (world.ownership.owned(), world.ownership.settled) == (frozenset(), False)
    world.ownership.marker_folded(*world.sent[1])
    await world.settled()
    assert world.ownership.owned() == frozenset({0, 1})
    await world.told(1)
    assert world.listener.told == [("ready", [0, 1])]


async def test_a_rebalance_loses_only_what_does_not_come_back(world: World) -> None:
    world.put(job("aaaaaaaaaaa0"))
    world.put(job("aaaaaaaaaaa1"))
    world.ownership.reassigned(frozenset({0, 1, 2}))
    world.ownership.recovered()
    await world.told(1)
    world.ownership.revoked()
    assert (world.ownership.owned(), world.ownership.settled) == (frozenset(), False)
    assert world.ownership.assigned() == frozenset({0, 1, 2})  # what is kept runs on
    assert world.ownership.owns("aaaaaaaaaaa1")
    world.ownership.reassigned(frozenset({0, 2}))
    assert not world.ownership.owns("aaaaaaaaaaa1")
    assert world.ownership.row("aaaaaaaaaaa1") is None
    world.ownership.recovered()
    await world.told(3)
    assert world.listener.told == [("ready", [0, 1, 2]), ("lost", [1]), ("ready", [0, 2])]
    assert [row.job_id for row in world.ownership.active_jobs()] == ["aaaaaaaaaaa0"]


async def test_an_empty_assignment_is_settled(world: World) -> None:
    world.ownership.reassigned(frozenset())
    world.ownership.recovered()
    await world.settled()
    assert world.listener.told == []


async def test_listeners_are_told_one_thing_after_the_other(world: World) -> None:
    world.ownership.reassigned(frozenset({0, 1}))
    world.ownership.recovered()
    await world.told(1)
    world.listener.slow = asyncio.Event()
    world.ownership.reassigned(frozenset({0}))
    world.ownership.recovered()
    await world.settled()
    for _ in range(10):
        await asyncio.sleep(0)
    assert world.listener.told == [("ready", [0, 1])]
    world.listener.slow.set()
    await world.told(3)
    assert world.listener.told[1:] == [("lost", [1]), ("ready", [0])]


async def test_a_rebalance_during_the_markers_begins_again(world: World) -> None:
    world.folds = False
    world.ownership.reassigned(frozenset({0}))
    world.ownership.recovered()
    await until(lambda: len(world.sent) == 1)
    world.ownership.reassigned(frozenset({1}))
    world.ownership.marker_folded(*world.sent[0])
    world.folds = True
    world.ownership.recovered()
    await world.settled()
    assert world.ownership.owned() == frozenset({1})
    await world.told(2)
    assert world.listener.told == [("lost", [0]), ("ready", [1])]


async def test_the_broker_going_away_delays_the_markers(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("worker.state.ownership._RETRY_SECONDS", 0)
    world.away = True
    world.ownership.reassigned(frozenset({0}))
    world.ownership.recovered()
    for _ in range(50):
        await asyncio.sleep(0)
    assert not world.ownership.settled
    assert len([r for r in caplog.records if r.levelname == "WARNING"]) == 1
    world.away = False
    await world.settled()
    assert world.ownership.owned() == frozenset({0})


async def test_active_jobs_follow_the_fold(world: World) -> None:
    world.put(job("aaaaaaaaaaa0", state=State.COMPLETED))
    world.put(job("bbbbbbbbbbb0", state=State.RUNNING))
    world.put(job("ccccccccccc5"))  # of a partition that this worker had once
    world.ownership.reassigned(frozenset({0, 1}))
    world.ownership.row_folded(0, "ddddddddddd0", job("ddddddddddd0"), None)
    assert world.listener.rows == []  # not owned yet: it is adopted with the others
    world.put(job("ddddddddddd0"))
    world.ownership.recovered()
    await world.settled()
    assert sorted(row.job_id for row in world.ownership.active_jobs()) == ["bbbbbbbbbbb0", "ddddddddddd0"]
    ended = job("bbbbbbbbbbb0", state=State.FAILED)
    world.ownership.row_folded(0, "bbbbbbbbbbb0", ended, job("bbbbbbbbbbb0"))
    world.ownership.row_folded(1, "eeeeeeeeeee1", job("eeeeeeeeeee1"), None)
    world.ownership.row_folded(0, "ddddddddddd0", None, job("ddddddddddd0"))
    assert [row.job_id for row in world.ownership.active_jobs()] == ["eeeeeeeeeee1"]
    assert world.listener.rows == [
        ("bbbbbbbbbbb0", "FAILED"),
        ("eeeeeeeeeee1", "QUEUED"),
        ("ddddddddddd0", None),
    ]


async def test_a_failing_listener_stops_nothing(world: World, caplog: pytest.LogCaptureFixture) -> None:
    class Failing(Listener):
        async def partitions_ready(self, partitions: frozenset[int]) -> None:
            raise RuntimeError("no")

        def row_changed(self, job_id: str, job: Job | None, previous: Job | None) -> None:
            raise RuntimeError("no")

    last = Listener()
    world.ownership.follow(Failing())
    world.ownership.follow(last)
    world.ownership.reassigned(frozenset({0}))
    world.ownership.recovered()
    await until(lambda: bool(last.told))
    world.ownership.row_folded(0, "aaaaaaaaaaa0", job("aaaaaaaaaaa0"), None)
    assert last.rows == [("aaaaaaaaaaa0", "QUEUED")]
    assert caplog.text.count("RuntimeError: no") == 2


async def test_confirm_waits_for_the_fold(world: World) -> None:
    world.ownership.reassigned(frozenset({0}))
    world.ownership.recovered()
    await world.settled()
    world.folds = False
    confirming = asyncio.create_task(world.ownership.confirm())
    await until(lambda: len(world.sent) == 2)
    assert not confirming.done()
    world.ownership.marker_folded(*world.sent[1])
    await confirming
