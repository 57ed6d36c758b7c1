"""When the watchdog ends the worker, and when it does not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from worker.state.ownership import PartitionOwnership
from worker.state.watchdog import Watchdog


class World:
    def __init__(self) -> None:
        self.broker_ok = True
        self.folds = True
        self.ended = ""
        self.markers = 0
        self.ownership = PartitionOwnership(partition_of=lambda _: 0, send_marker=self.send, table={})
        self.watchdog = Watchdog(
            self.ownership, broker_ok=lambda: self.broker_ok, end=self.end, limit=0.05, tick=0.001
        )

    async def send(self, partition: int, nonce: str) -> None:
        self.markers += 1
        if self.folds:
            asyncio.get_running_loop().call_soon(self.ownership.marker_folded, partition, nonce)

    def end(self, reason: str) -> None:
        self.ended = reason

    async def settle(self) -> None:
        self.ownership.reassigned(frozenset({0}))
        self.ownership.recovered()
        async with asyncio.timeout(5):
            while not self.ownership.settled:
                await asyncio.sleep(0)

    async def still_runs(self) -> bool:
        """Run it for four times its limit."""
        try:
            async with asyncio.timeout(0.2):
                await self.watchdog.run()
        except TimeoutError:
            return True
        return False


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    yield world
    await world.ownership.close()


async def test_an_assignment_that_never_settles_ends_the_worker(world: World) -> None:
    assert not await world.still_runs()
    assert "although Kafka answers" in world.ended


async def test_without_a_broker_it_waits(world: World) -> None:
    world.broker_ok = False
    assert await world.still_runs()
    assert world.ended == ""


async def test_a_settled_assignment_is_left_alone(world: World) -> None:
    await world.settle()
    assert await world.still_runs()
    assert world.markers == 1


async def test_after_an_outage_the_fold_has_to_answer(world: World) -> None:
    await world.settle()
    world.watchdog.broker_is_back()
    assert await world.still_runs()
    assert world.markers == 2


async def test_a_fold_that_hangs_after_an_outage_ends_the_worker(world: World) -> None:
    await world.settle()
    world.folds = False
    world.watchdog.broker_is_back()
    assert not await world.still_runs()
    assert "although Kafka answers" in world.ended
