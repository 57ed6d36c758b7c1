"""The read model on a real broker, beside a topic that changes under it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import NewTopic

from connectors.kafka.connection import KafkaConnection
from tests.conftest import Broker
from tests.harness import Topics, eventually
from tests.unit.state.jobs import job
from worker.jobs.events import Touched
from worker.jobs.job import Job
from worker.state.api import JobQuery, UnavailableError
from worker.state.fold import encode_row
from worker.state.read_model import ReadModel

PARTITIONS = 3


class Running:
    """A read model that follows `topic`; what it would touch is kept."""

    def __init__(self, broker: Broker, topic: str, path: Path) -> None:
        self.topic = topic
        self.topics = Topics(broker.address)
        self.producer = Producer({"bootstrap.servers": broker.address, "log_level": 0})
        self.touched: list[str] = []
        self.model = ReadModel(
            KafkaConnection(broker.address), topic=topic, partitions=PARTITIONS, path=path, touch=self.touch
        )
        self.make_topic()

    async def touch(self, job_id: str, event: Touched) -> None:
        self.touched.append(job_id)

    def make_topic(self) -> None:
        new = NewTopic(self.topic, PARTITIONS, 1, config={"cleanup.policy": "compact"})
        self.topics.admin.create_topics([new])[self.topic].result(20)

    def delete_topic(self) -> None:
        self.topics.admin.delete_topics([self.topic])[self.topic].result(20)
        eventually(lambda: self.topic not in self.topics.names(), "the topic is gone")

    def write(self, *rows: Job, partition: int = 0) -> None:
        for row in rows:
            self.producer.produce(self.topic, encode_row(row), key=row.job_id, partition=partition)
        assert self.producer.flush(20) == 0

    async def ids(self) -> list[str]:
        await self.model.barrier(20)
        return sorted(row.job_id for row in (await self.model.list(JobQuery())).items)


@pytest.fixture
async def running(broker: Broker, namespace: str, tmp_path: Path) -> AsyncIterator[Running]:
    running = Running(broker, f"{namespace}.jobs", tmp_path / "db")
    await running.model.open()
    following = asyncio.create_task(running.model.run())
    yield running
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    await running.model.close()


async def test_after_the_barrier_all_that_was_acknowledged_is_there(running: Running) -> None:
    for number in range(30):
        await asyncio.to_thread(running.write, job(f"{number:012d}", revision=number), partition=number % 3)
        await running.model.barrier()
        assert (await running.model.get(f"{number:012d}")) == job(f"{number:012d}", revision=number)
    assert running.model.caught_up


async def test_a_topic_made_anew_while_it_is_followed(running: Running) -> None:
    await asyncio.to_thread(running.write, *(job(f"{n:012d}", revision=n) for n in range(5)))
    assert len(await running.ids()) == 5
    await asyncio.to_thread(running.delete_topic)
    await asyncio.to_thread(running.make_topic)
    await asyncio.to_thread(running.write, job("new000000000", revision=0))

    async def only_the_new_one() -> bool:
        try:
            return await running.ids() == ["new000000000"]
        except UnavailableError:
            return False

    async with asyncio.timeout(60):
        while not await only_the_new_one():
            await asyncio.sleep(0.1)


async def test_a_stale_row_is_touched_once_the_topic_is_read(running: Running) -> None:
    await asyncio.to_thread(running.write, job("aaaaaaaaaaaa", revision=5), job("bbbbbbbbbbbb", revision=5))
    await running.ids()
    await asyncio.to_thread(
        running.write,
        job("aaaaaaaaaaaa", revision=3),
        job("bbbbbbbbbbbb", revision=3),
        job("bbbbbbbbbbbb", revision=6),
    )
    async with asyncio.timeout(20):
        while "aaaaaaaaaaaa" not in running.touched:
            await asyncio.sleep(0.01)
    kept = await running.model.get("aaaaaaaaaaaa")
    assert kept is not None
    assert kept.revision == 5
