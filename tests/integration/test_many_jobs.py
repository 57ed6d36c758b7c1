"""100,000 ended jobs in the changelog, and a worker with an empty data dir in front of it."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import NewTopic

from tests.conftest import Broker
from tests.harness import Topics, WorkerProcess
from tests.integration.test_large import PssSampler

pytestmark = pytest.mark.broker

JOBS = 100_000
FAILED_EVERY = 10
MODELS = 7
PARTITIONS = 8
READY_SECONDS = 30.0
RESTART_SECONDS = 10.0
ANSWER_SECONDS = 1.0
MIB = 1024 * 1024
MEMORY_BYTES = 512 * MIB


def job_id(number: int) -> str:
    """An id for each number, in no order: as far as an index is concerned, a random one."""
    return hashlib.sha256(str(number).encode()).hexdigest()[:12]


def ended_job(namespace: str, number: int) -> dict[str, Any]:
    """Job JSON as a worker writes it; every tenth is FAILED, one a second was submitted."""
    failed = number % FAILED_EVERY == 0
    created = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(1_760_000_000 + number))
    return {
        "job_id": job_id(number),
        "revision": 0,  # the one event of each partition that `seed` writes
        "model": f"model{number % MODELS}",
        "model_version": 1,
        "options": {"partitions": 1},
        "source": "dropzone",
        "file": f"orders-{number}.csv",
        "size_bytes": 48_231,
        "sha256": f"{number:064x}",
        "format": "csv",
        "converter": "reference",
        "state": "FAILED" if failed else "COMPLETED",
        "requested": None,
        "waiting": None,
        "position": {"byte": 48_231, "row": 1000, "line": 1001, "block": 1, "row_group": 0},
        "rows_read": 1000,
        "rows_delivered": 990,
        "rows_rejected": 10,
        "bytes_read": 48_231,
        "attempt": 1,
        "topic": f"{namespace}_{job_id(number)}",
        "dlq_topic": f"{namespace}_{job_id(number)}_dlq",
        "offsets": {"0": [0, 991]},
        "worker": "worker-1",
        "error": {"code": "DELIVERY_FAILED", "message": "delivery failed", "hint": "retry"}
        if failed
        else None,
        "created_at": created,
        "started_at": created,
        "finished_at": created,
    }


def seed(topics: Topics, namespace: str) -> None:
    """Write the changelog as the fold would: murmur2 of the key, one row a job."""
    name, events = f"{namespace}.jobs", f"{namespace}.job-events"
    compacted = {"cleanup.policy": "compact", "segment.ms": "3600000", "max.compaction.lag.ms": "21600000"}
    created = topics.admin.create_topics(
        [NewTopic(name, PARTITIONS, 1, config=compacted), NewTopic(events, PARTITIONS, 1)]
    )
    for made in created.values():
        made.result(30)
    producer = Producer(
        {
            "bootstrap.servers": topics.bootstrap,
            "partitioner": "murmur2_random",
            "linger.ms": 20,
            "queue.buffering.max.messages": 2 * JOBS,
        }
    )
    for partition in range(PARTITIONS):
        producer.produce(
            events, json.dumps({"type": "DELETED"}).encode(), b"long-gone-0", partition=partition
        )
    for number in range(JOBS):
        value = json.dumps(ended_job(namespace, number), separators=(",", ":"))
        producer.produce(name, value.encode(), job_id(number).encode())
        if number % 1000 == 0:
            producer.poll(0)
    assert producer.flush(60) == 0


@pytest.fixture(scope="module")
def worker(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerProcess]:
    """A worker that has never run, not started, on the seeded changelog."""
    namespace = f"many{time.time_ns():x}"
    seed(Topics(broker.address), namespace)
    worker = WorkerProcess(tmp_path_factory.mktemp("many"), broker.address, namespace)
    yield worker
    worker.close()


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far, as Linux accounts it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def get(worker: WorkerProcess, path: str) -> tuple[float, bytes]:
    """Seconds and body of a GET: the best of three, on a machine that does other things too."""
    seconds = []
    for _ in range(3):
        began = time.monotonic()
        status, _, body = worker.call("GET", path)
        seconds.append(time.monotonic() - began)
        assert status == 200, body
    return min(seconds), body


def test_a_new_data_dir_is_ready_in_time(worker: WorkerProcess) -> None:
    began = time.monotonic()
    worker.start(ready=False)
    assert worker.process is not None
    sampler = PssSampler(worker.process.pid)
    sampler.start()
    worker.wait_ready(240)
    seconds = time.monotonic() - began
    sampler.done.set()
    sampler.join()
    cpu = cpu_seconds(worker.process.pid)
    print(f"ready in {seconds:.1f} s ({cpu:.1f} s of CPU), {sampler.highest / MIB:.0f} MiB at the most")
    assert f"the table is restored: {JOBS} records" in worker.log
    assert sampler.highest < MEMORY_BYTES
    # what a machine of two cores that does nothing else needs: the CPU time says it on a busy one too
    assert min(seconds, cpu) < READY_SECONDS


def test_lists_counts_and_pages_answer_in_time(worker: WorkerProcess) -> None:
    seconds, body = get(worker, "/jobs?state=FAILED&model=model3&limit=500")
    found = json.loads(body)["items"]
    expected = [n for n in range(JOBS - 1, -1, -1) if n % FAILED_EVERY == 0 and n % MODELS == 3]
    assert [job["job_id"] for job in found] == [job_id(n) for n in expected[:500]]
    taken = {"state and model": seconds}

    taken["file name"], body = get(worker, "/jobs?q=orders-99999.")
    assert [job["job_id"] for job in json.loads(body)["items"]] == [job_id(99_999)]
    taken["rare state"], body = get(worker, "/jobs?state=RUNNING")
    assert json.loads(body)["items"] == []
    taken["a job"], body = get(worker, f"/jobs/{job_id(4711)}")
    assert json.loads(body)["file"] == "orders-4711.csv"
    taken["overview"], _ = get(worker, "/ui/")
    print({name: f"{seconds * 1000:.0f} ms" for name, seconds in taken.items()})
    assert max(taken.values()) < ANSWER_SECONDS


def test_the_restored_table_folds_what_comes(worker: WorkerProcess) -> None:
    status, answer = worker.json("POST", f"/jobs/{job_id(20)}/cancel")
    assert (status, answer["code"]) == (409, "INVALID_STATE")
    status, _, _ = worker.call("DELETE", f"/jobs/{job_id(20)}")
    assert status == 204
    assert worker.status(f"/jobs/{job_id(20)}") == 404


def test_a_restart_is_ready_at_once(worker: WorkerProcess) -> None:
    assert worker.terminate() == 0
    began = time.monotonic()
    worker.start(ready=False)
    worker.wait_ready(120)
    assert worker.process is not None
    cpu = cpu_seconds(worker.process.pid)
    seconds = time.monotonic() - began
    print(f"ready again in {seconds:.1f} s ({cpu:.1f} s of CPU)")
    assert worker.log.count("the table is restored") == 1
    assert min(seconds, cpu) < RESTART_SECONDS
