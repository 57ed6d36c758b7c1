"""kill -9 while rejects are retried, while a file is one transaction, while two files share a topic."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

from tests.harness import Topics, WorkerProcess, eventually

ROWS = 60_000
STRICT = {
    "type": "object",
    "properties": {"id": {"type": "integer"}, "code": {"type": "string", "maxLength": 3}},
    "required": ["id", "code"],
}
MENDED = {**STRICT, "properties": {"id": {"type": "integer"}, "code": {"type": "string", "maxLength": 9}}}
HEADER = b"id,code\n"


def row_of(number: int) -> bytes:
    """Two of five rows have a code that is too long for the strict model."""
    return b"%d,%s\n" % (number, b"toolong" if number % 5 < 2 else b"ok")


def value_of(number: int) -> bytes:
    return b'{"id":%d,"code":"%s"}' % (number, b"toolong" if number % 5 < 2 else b"ok")


def content(rows: int = ROWS) -> bytes:
    return HEADER + b"".join(map(row_of, range(rows)))


def submitted(worker: WorkerProcess, model: str, name: str, data: bytes, **options: str) -> dict[str, Any]:
    status, job = worker.upload(model, name, data, **options)
    assert status == 202, job
    assert isinstance(job, dict)
    return job


def test_retried_rejects_through_five_kills(new_worker: Callable[..., WorkerProcess], topics: Topics) -> None:
    worker = new_worker(converter="compiled", chunk_bytes=256 * 1024)
    worker.start()
    worker.create_model("orders", STRICT)
    job = submitted(worker, "orders", "orders.csv", content())
    done = worker.wait_ended(job["job_id"])
    bad = [number for number in range(ROWS) if number % 5 < 2]
    assert (done["state"], done["rows_rejected"]) == ("COMPLETED", len(bad))

    assert worker.json("PUT", "/models/orders", {"schema": MENDED})[0] == 200
    status, retried = worker.json("POST", f"/jobs/{job['job_id']}/retry", {"rejects": True})
    assert (status, retried["work"], retried["model_version"]) == (202, "rejects", 2)
    resolved = len(topics.values(job["topic"]))
    for _ in range(5):
        target = resolved + random.randint(1, 4000)
        eventually(
            lambda target=target: len(topics.values(job["topic"])) >= min(target, ROWS), "rows are resolved"
        )
        worker.kill()
        resolved = len(topics.values(job["topic"]))
        worker.start(ready=False)
    worker.wait_ready()
    ended = worker.wait_ended(job["job_id"])
    assert (ended["state"], ended["rows_delivered"], ended["rows_rejected"]) == ("COMPLETED", ROWS, 0)
    values = topics.values(job["topic"])
    assert len(values) == ROWS
    assert set(values) == {value_of(number) for number in range(ROWS)}
    assert worker.call("GET", f"/jobs/{job['job_id']}/rejects")[2] == b""


def test_an_atomic_file_is_seen_whole_or_not_at_all(
    new_worker: Callable[..., WorkerProcess], topics: Topics
) -> None:
    worker = new_worker(converter="compiled", chunk_bytes=64 * 1024)
    worker.start(crash_at="mid-send:20")
    worker.create_model("orders", MENDED)
    job = submitted(worker, "orders", "atomic.csv", content(300_000), atomic="true")
    worker.wait_dead()
    assert topics.values(job["topic"]) == []
    worker.start()
    ended = worker.wait_ended(job["job_id"])
    assert (ended["state"], ended["rows_delivered"]) == ("COMPLETED", 300_000)
    assert topics.values(job["topic"]) == [value_of(number) for number in range(300_000)]

    rejected = submitted(worker, "orders", "bad.csv", HEADER + b"x,1\n" * 5000, atomic="true")
    failed = worker.wait_ended(rejected["job_id"])
    assert (failed["state"], failed["error"]["code"]) == ("FAILED", "TOO_MANY_REJECTS")
    assert (failed["rows_read"], failed["dlq_topic"]) == (0, None)
    assert topics.values(rejected["topic"]) == []


def test_two_files_for_one_topic_through_kills(
    new_worker: Callable[..., WorkerProcess], topics: Topics, namespace: str
) -> None:
    shared = f"orders-{namespace}"
    worker = new_worker(converter="compiled", chunk_bytes=128 * 1024, max_running_jobs=2)
    worker.start()
    worker.create_model("orders", {**MENDED, "x-batch": {"topic": shared, "partitions": 2, "key": "id"}})
    files = {"a.csv": range(200_000), "b.csv": range(200_000, 400_000)}
    jobs = {
        name: submitted(worker, "orders", name, HEADER + b"".join(map(row_of, rows)))
        for name, rows in files.items()
    }
    for kill in range(3):
        target = (kill + 1) * 40_000
        eventually(
            lambda target=target: (
                all(
                    (topics.committed(f"{namespace}-{job['job_id']}", shared) or 0) > 0
                    for job in jobs.values()
                )
                and sum(
                    topics.committed(f"{namespace}-{job['job_id']}", shared) or 0 for job in jobs.values()
                )
                > target
            ),
            f"over {target} rows",
        )
        worker.kill()
        worker.start(ready=False)
    worker.wait_ready()
    ids = {jobs[name]["job_id"].encode(): name for name in files}
    for job in jobs.values():
        assert worker.wait_ended(job["job_id"], timeout=240)["state"] == "COMPLETED"
    found: dict[str, list[int]] = {name: [] for name in files}
    for record in topics.read(shared):
        headers = dict(record.headers())
        name = ids[headers["batch.job_id"]]
        number = json.loads(record.value())["id"]
        assert headers["batch.file"] == name.encode()
        assert int(headers["batch.row"]) == number - files[name].start + 1
        found[name].append(number)
    assert {name: sorted(numbers) for name, numbers in found.items()} == {
        name: list(rows) for name, rows in files.items()
    }
