"""Ended jobs deleted over HTTP: what they had on the broker, in the table and in the read model is gone."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from confluent_kafka import Consumer
from confluent_kafka import TopicPartition as ConfluentPartition

from connectors.errors import RetriableError
from connectors.kafka.connection import KafkaConnection
from connectors.kafka.failures import CLIENT_ERRORS
from connectors.kafka.removal import KafkaRemover
from connectors.kafka.topics import TopicAdmin, TopicSpec
from connectors.kafka.transactional import close_producer
from tests.conftest import Broker
from tests.harness import Topics, WorkerProcess

pytestmark = pytest.mark.broker

JOBS = 20
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}}
ROWS = b"n\n1\nx\n2\n"  # one of them is a reject, so that there is a dead letter topic


@pytest.fixture
def ended(worker: WorkerProcess) -> list[dict[str, Any]]:
    """Twenty completed jobs with rejects, and one more."""
    worker.create_model("numbers", SCHEMA)
    ids = [worker.upload("numbers", f"{n}.csv", ROWS)[1]["job_id"] for n in range(JOBS + 1)]
    return [worker.wait_ended(job_id) for job_id in ids]


def test_twenty_deleted_jobs_leave_nothing(
    worker: WorkerProcess,
    ended: list[dict[str, Any]],
    topics: Topics,
    namespace: str,
    groups: Callable[[], set[str]],
) -> None:
    kept, *gone = ended
    for job in gone:
        assert {job["topic"], job["dlq_topic"]} <= topics.names()
    assert {f"{namespace}-{job['job_id']}" for job in ended} <= groups()

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda job: worker.call("DELETE", f"/jobs/{job['job_id']}"), gone))
    assert [(status, body) for status, _, body in answers] == [(204, b"")] * JOBS

    left = {name for name in topics.names() if name.startswith(f"{namespace}_")}
    assert left == {kept["topic"], kept["dlq_topic"]}
    assert groups() - {f"{namespace}-workers"} == {f"{namespace}-{kept['job_id']}"}
    assert [job["job_id"] for job in worker.jobs()] == [kept["job_id"]]
    for job in gone:
        status, problem = worker.json("GET", f"/jobs/{job['job_id']}")
        assert (status, problem["code"]) == (404, "JOB_NOT_FOUND")
        assert (worker.dropzone / "done" / job["job_id"]).is_dir()  # files have a retention of their own
    with sqlite3.connect(worker.folder / "data" / "read-model.sqlite") as database:
        assert database.execute("SELECT id FROM jobs").fetchall() == [(kept["job_id"],)]
    database.close()
    last = {record.key(): record.value() for record in topics.read(f"{namespace}.jobs")}
    assert {last[job["job_id"].encode()] for job in gone} == {None}
    assert last[kept["job_id"].encode()] is not None

    # the folders in done/ are no submissions, and the table has forgotten them too
    worker.terminate()
    worker.start()
    assert [job["job_id"] for job in worker.jobs()] == [kept["job_id"]]
    status, problem = worker.json("DELETE", f"/jobs/{gone[0]['job_id']}")
    assert (status, problem["code"]) == (404, "JOB_NOT_FOUND")


async def test_an_open_transaction_is_ended_and_what_is_gone_is_no_error(
    broker: Broker, topics: Topics, namespace: str, groups: Callable[[], set[str]]
) -> None:
    connection = KafkaConnection(broker.address)
    admin = TopicAdmin(connection)
    names = [f"{namespace}_job", f"{namespace}_job_dlq"]
    await admin.create([TopicSpec(names[0], 2), TopicSpec(f"{namespace}_job2", 1)])
    await admin.close()
    owner = AIOKafkaProducer(
        bootstrap_servers=broker.address, transactional_id=f"{namespace}-job", transaction_timeout_ms=60_000
    )
    await owner.start()
    async with owner.transaction():
        await owner.send_and_wait(names[0], b"row", partition=0)
        await owner.send_offsets_to_transaction({TopicPartition(names[0], 0): 1}, f"{namespace}-job")
    assert f"{namespace}-job" in groups()
    await owner.begin_transaction()
    await owner.send_and_wait(names[0], b"open", partition=1)

    remover = KafkaRemover(connection)
    assert await remover.remove({f"{namespace}-job": names}) == {}
    assert {name for name in topics.names() if name.startswith(namespace)} == {f"{namespace}_job2"}
    assert groups() == set()
    with pytest.raises(CLIENT_ERRORS):
        await owner.commit_transaction()
    await close_producer(owner)
    assert await remover.remove({f"{namespace}-job": names}) == {}


async def test_many_jobs_go_in_one_call_and_one_that_is_in_use_keeps_none_back(
    broker: Broker, topics: Topics, namespace: str, groups: Callable[[], set[str]]
) -> None:
    connection = KafkaConnection(broker.address)
    jobs = {f"{namespace}-{n}": [f"{namespace}_{n}", f"{namespace}_{n}_dlq"] for n in range(30)}
    admin = TopicAdmin(connection)
    await admin.create([TopicSpec(topic, 1) for names in jobs.values() for topic in names])
    await admin.close()
    for group, names in jobs.items():
        commit(broker, group, names[0])
    # with autocommit it would never stop: it commits for a topic that is gone, again and again
    member = AIOKafkaConsumer(
        names[0], bootstrap_servers=broker.address, group_id=f"{namespace}-7", enable_auto_commit=False
    )
    await member.start()
    try:
        refused = await KafkaRemover(connection).remove(
            {**jobs, f"{namespace}-never": [f"{namespace}_never"]}
        )
    finally:
        await member.stop()
    assert list(refused) == [f"{namespace}-7"]
    assert isinstance(refused[f"{namespace}-7"], RetriableError)
    assert f"`{namespace}-7` was not removed from the cluster" in str(refused[f"{namespace}-7"])
    assert {name for name in topics.names() if name.startswith(namespace)} == set()
    assert groups() == {f"{namespace}-7"}
    assert await KafkaRemover(connection).remove({f"{namespace}-7": jobs[f"{namespace}-7"]}) == {}
    assert groups() == set()


def commit(broker: Broker, group: str, topic: str) -> None:
    """Commit an offset as a group without members."""
    consumer = Consumer({"bootstrap.servers": broker.address, "group.id": group, "log_level": 0})
    consumer.commit(offsets=[ConfluentPartition(topic, 0, 1)], asynchronous=False)
    consumer.close()


async def test_a_broker_that_is_away_is_an_error_in_time() -> None:
    remover = KafkaRemover(KafkaConnection("127.0.0.1:1"), timeout=5)
    refused = await remover.remove({"ns-job": ["ns_job"], "ns-other": []})
    assert {identity: type(error) for identity, error in refused.items()} == {
        "ns-job": RetriableError,
        "ns-other": RetriableError,
    }
    assert "`ns-job`" in str(refused["ns-job"])
