"""Ended jobs deleted over HTTP: what they had on the broker, in the table and in the read model is gone."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

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


@pytest.fixture
def groups(topics: Topics, namespace: str) -> Callable[[], set[str]]:
    """The ids of the namespace's groups, as the broker lists them."""

    def listed() -> set[str]:
        found = topics.admin.list_consumer_groups(request_timeout=10).result(20)
        return {group.group_id for group in found.valid if group.group_id.startswith(f"{namespace}-")}

    return listed


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
    await remover.remove(f"{namespace}-job", names)
    assert {name for name in topics.names() if name.startswith(namespace)} == {f"{namespace}_job2"}
    assert groups() == set()
    with pytest.raises(CLIENT_ERRORS):
        await owner.commit_transaction()
    await close_producer(owner)
    await remover.remove(f"{namespace}-job", names)


async def test_a_broker_that_is_away_is_an_error_in_time() -> None:
    with pytest.raises(RetriableError) as caught:
        await KafkaRemover(KafkaConnection("127.0.0.1:1"), timeout=5).remove("ns-job", ["ns_job"])
    assert "`ns-job`" in str(caught.value)
