"""Kafka away at boot, at an upload, in the middle of a job; and stopping without it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Broker
from tests.harness import Topics, WorkerProcess, eventually

SCHEMA = {
    "type": "object",
    "properties": {"id": {"type": "integer"}, "name": {"type": "string"}},
    "required": ["id"],
}
CSV = b"id,name\n" + b"".join(b"%d,name %d\n" % (n, n) for n in range(300))
VALUES = [b'{"id":%d,"name":"name %d"}' % (n, n) for n in range(300)]


@pytest.fixture
def worker(tmp_path: Path, own_broker: Broker, namespace: str) -> Iterator[WorkerProcess]:
    worker = WorkerProcess(tmp_path, own_broker.address, namespace, chunk_bytes=64 * 1024)
    yield worker
    worker.close()


def unreachable(worker: WorkerProcess, own_broker: Broker) -> None:
    """What every answer says while Kafka is away."""
    status, _, body = worker.call("GET", "/healthz")
    assert status == 200, body
    status, problem = worker.json("GET", "/readyz")
    assert status == 503
    assert problem["code"] == "KAFKA_UNAVAILABLE"
    status, problem = worker.upload("orders", "orders.csv", CSV)
    assert (status, problem["code"], problem["status"]) == (503, "KAFKA_UNAVAILABLE", 503)
    assert own_broker.address in problem["detail"]
    assert "BATCH_BOOTSTRAP_SERVERS" in problem["hint"]
    status, problem = worker.json("POST", "/models", {"name": "orders", "schema": SCHEMA})
    assert (status, problem["code"]) == (503, "KAFKA_UNAVAILABLE")


def test_away_at_boot_then_a_dropped_file_completes_by_itself(
    worker: WorkerProcess, own_broker: Broker
) -> None:
    # once with a broker, so that the model is known
    own_broker.start()
    worker.start()
    worker.create_model("orders", SCHEMA)
    assert worker.terminate() == 0
    own_broker.stop()

    worker.start(ready=False)
    eventually(lambda: worker.status("/healthz") == 200, "the worker answers without a broker")
    unreachable(worker, own_broker)
    worker.drop("orders.csv", CSV, model="orders")
    own_broker.start()
    worker.wait_ready()
    ended = worker.wait_ended(worker.wait_job("orders.csv")["job_id"])
    assert ended["state"] == "COMPLETED"
    assert Topics(own_broker.address).values(ended["topic"]) == VALUES


def test_sigterm_while_kafka_was_never_there(worker: WorkerProcess) -> None:
    worker.start(ready=False)
    eventually(lambda: worker.status("/healthz") == 200, "the worker answers without a broker")
    assert worker.terminate(20) == 0


def test_away_while_running_then_sigterm(worker: WorkerProcess, own_broker: Broker) -> None:
    own_broker.start()
    worker.start()
    worker.create_model("orders", SCHEMA)
    own_broker.stop()
    eventually(lambda: worker.status("/readyz") == 503, "the worker notices", 60)
    unreachable(worker, own_broker)
    assert worker.terminate(20) == 0


def test_away_in_the_middle_of_a_job(worker: WorkerProcess, own_broker: Broker, namespace: str) -> None:
    rows = 200_000
    own_broker.start()
    worker.start()
    worker.create_model("orders", SCHEMA)
    worker.drop(
        "big.csv", b"id,name\n" + b"".join(b"%d,name %d\n" % (n, n) for n in range(rows)), model="orders"
    )
    job = worker.wait_job("big.csv")
    topics = Topics(own_broker.address)
    group = f"{namespace}-{job['job_id']}"
    eventually(lambda: job["topic"] in topics.names(), "the topic is made")
    at = eventually(lambda: topics.committed(group, job["topic"]), "first progress")
    assert at < rows
    own_broker.crash()
    eventually(lambda: worker.status("/readyz") == 503, "the worker notices", 60)
    assert worker.job(job["job_id"])["state"] == "RUNNING"
    own_broker.start()
    ended = worker.wait_ended(job["job_id"])
    assert (ended["state"], ended["rows_delivered"]) == ("COMPLETED", rows)
    values = Topics(own_broker.address).values(job["topic"])
    assert values == [b'{"id":%d,"name":"name %d"}' % (n, n) for n in range(rows)]
    assert "Traceback" not in worker.log
    assert len(worker.log.splitlines()) < 500
