"""A job's life over HTTP and the command line: watched, paused, resumed, deleted; and its model's."""

from __future__ import annotations

import http.client
import json
import os
import random
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Broker
from tests.harness import BATCH, Topics, WorkerProcess, eventually

pytestmark = pytest.mark.broker

ROWS = 60_000
SCHEMA = {"properties": {"id": {"type": "integer"}, "text": {"type": "string"}}}


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory, broker: Broker) -> Iterator[WorkerProcess]:
    worker = WorkerProcess(
        tmp_path_factory.mktemp("life"),
        broker.address,
        f"life{random.randrange(10**9)}",
        chunk_bytes=65536,  # many commits
    )
    worker.start()
    worker.create_model("orders", SCHEMA)
    yield worker
    worker.close()


def rows(count: int) -> bytes:
    return b"id,text\n" + b"".join(b"%d,%s\n" % (number, b"x" * 40) for number in range(count))


def submit(worker: WorkerProcess, count: int, model: str = "orders") -> str:
    status, job = worker.upload(model, "orders.csv", rows(count))
    assert status == 202, job
    job_id: str = job["job_id"]
    return job_id


@contextmanager
def events(worker: WorkerProcess, job_id: str, **headers: str) -> Iterator[Iterator[dict[str, str]]]:
    connection = http.client.HTTPConnection("127.0.0.1", worker.port, timeout=60)
    connection.request("GET", f"/jobs/{job_id}/events", headers=headers)
    answer = connection.getresponse()
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/event-stream")

    def read() -> Iterator[dict[str, str]]:
        fields: dict[str, str] = {}
        for line in answer:
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name:
                fields[name] = value
            elif fields:
                if "event" in fields:
                    yield fields
                fields = {}

    try:
        yield read()
    finally:
        connection.close()


def batch(worker: WorkerProcess, *argv: str) -> tuple[int, Any, str]:
    """Run a command; its exit code, its JSON and its stderr."""
    done = subprocess.run(
        [str(BATCH), *argv],
        env={**os.environ, "BATCH_URL": worker.url},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, json.loads(done.stdout or "null"), done.stderr


def test_a_job_is_watched_from_its_start_to_its_end(worker: WorkerProcess) -> None:
    job_id = submit(worker, ROWS)
    seen: list[tuple[int, dict[str, Any]]] = []
    with events(worker, job_id) as stream:
        for event in stream:
            if event["event"] == "end":
                break
            assert event["event"] == "job"
            seen.append((int(event["id"]), json.loads(event["data"])))
        assert list(stream) == []
    assert event == {"event": "end", "data": '{"reason": "ended"}'}
    assert [revision for revision, _ in seen] == sorted({revision for revision, _ in seen})
    assert seen[0][1]["state"] in ("QUEUED", "RUNNING")
    read = [job["rows_read"] for _, job in seen]
    assert read == sorted(read)
    assert any(job["state"] == "RUNNING" for _, job in seen)
    revision, last = seen[-1]
    assert (last["state"], last["rows_delivered"], last["revision"]) == ("COMPLETED", ROWS, revision)
    assert last == worker.job(job_id)
    with events(worker, job_id, **{"Last-Event-ID": str(revision)}) as stream:
        assert [event["event"] for event in stream] == ["end"]


def test_a_running_job_is_paused_resumed_and_every_row_stands_once(
    worker: WorkerProcess, topics: Topics
) -> None:
    job_id = submit(worker, ROWS)
    eventually(lambda: worker.job(job_id)["rows_read"] > 0, "the job runs")
    status, answer = worker.json("POST", f"/jobs/{job_id}/pause")
    assert (status, answer["requested"]) == (202, "pause")
    paused = eventually(
        lambda: job if (job := worker.job(job_id))["state"] == "PAUSED" else None, "the job is paused"
    )
    assert 0 < paused["rows_read"] < ROWS
    assert paused["requested"] is None
    assert len(topics.values(paused["topic"])) == paused["rows_delivered"]
    assert worker.json("POST", f"/jobs/{job_id}/pause")[1]["code"] == "INVALID_STATE"
    assert worker.json("DELETE", f"/jobs/{job_id}")[1]["code"] == "INVALID_STATE"
    assert worker.json("DELETE", "/models/orders")[1]["code"] == "MODEL_IN_USE"
    code, answer, _ = batch(worker, "job", "resume", job_id)
    assert (code, answer["state"]) == (0, "QUEUED")
    ended = worker.wait_ended(job_id)
    assert (ended["state"], ended["rows_delivered"], ended["attempt"]) == ("COMPLETED", ROWS, 1)
    delivered = [json.loads(value)["id"] for value in topics.values(ended["topic"])]
    assert delivered == list(range(ROWS))


def test_an_ended_job_is_deleted_with_its_topics(worker: WorkerProcess, topics: Topics) -> None:
    job_id = submit(worker, 10)
    job = worker.wait_ended(job_id)
    assert job["topic"] in topics.names()
    assert batch(worker, "job", "delete", job_id) == (0, {"deleted": job_id}, "")
    assert worker.json("GET", f"/jobs/{job_id}")[1]["code"] == "JOB_NOT_FOUND"
    assert job_id not in [found["job_id"] for found in worker.jobs()]
    eventually(lambda: job["topic"] not in topics.names(), "the topic is gone")
    code, answer, said = batch(worker, "job", "delete", job_id)
    assert (code, answer) == (1, None)
    assert f"error: job `{job_id}` does not exist (JOB_NOT_FOUND)" in said


def test_a_model_is_updated_and_deleted_under_guard(worker: WorkerProcess, tmp_path: Path) -> None:
    worker.create_model("guarded", SCHEMA)
    schema = tmp_path / "schema.json"
    schema.write_text('{"properties": {"id": {"maximum": 1.10}}}')
    code, model, _ = batch(worker, "model", "update", "guarded", str(schema), "--if-version", "1")
    assert (code, model["version"]) == (0, 2)
    code, _, said = batch(worker, "model", "update", "guarded", str(schema), "--if-version", "1")
    assert (code, "(VERSION_CONFLICT)" in said, "`--if-version 2`" in said) == (1, True, True)
    status, headers, body = worker.call("GET", "/models/guarded")
    assert (status, headers["ETag"], b'"maximum":1.10' in body) == (200, '"2"', True)
    assert batch(worker, "model", "delete", "guarded")[:2] == (0, {"deleted": "guarded"})
    assert worker.json("GET", "/models/guarded?version=1")[1]["code"] == "MODEL_NOT_FOUND"
    status, answer = worker.json("POST", "/models", {"name": "guarded", "schema": SCHEMA})
    assert (status, answer["version"]) == (201, 3)


def test_what_waits_in_the_drop_folder(worker: WorkerProcess) -> None:
    worker.drop("waits.csv", b"id\n1\n", model="nosuchmodel")

    def waits() -> dict[str, Any] | None:
        items = batch(worker, "dropzone")[1]
        return next((item for item in items if item["code"] == "MODEL_NOT_FOUND"), None)

    found = eventually(waits, "the file is listed")
    assert found["path"] == "nosuchmodel/waits.csv"
    assert found["message"] == "model `nosuchmodel` does not exist"
    assert (found["size_bytes"], found["since"][:2]) == (5, "20")
    assert found["hint"]
    assert list(found) == ["path", "code", "message", "hint", "size_bytes", "since"]


def test_the_description_and_its_page(worker: WorkerProcess) -> None:
    status, document = worker.json("GET", "/openapi.json")
    assert (status, document["openapi"]) == (200, "3.1.0")
    status, headers, page = worker.call("GET", "/docs")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert b"/jobs/{job_id}/events" in page


def test_a_watcher_outlives_a_restart_of_the_worker(worker: WorkerProcess) -> None:
    job_id = submit(worker, ROWS)
    with events(worker, job_id) as stream:
        first = next(stream)
        assert first["event"] == "job"
        assert worker.terminate() == 0
        seen = [first, *stream]
    assert {event["event"] for event in seen} == {"job"}  # no `end`: the job has not ended
    worker.start()
    last = int(seen[-1]["id"])
    with events(worker, job_id, **{"Last-Event-ID": str(last)}) as stream:
        later = list(stream)
    revisions = [int(event["id"]) for event in later if event["event"] == "job"]
    assert all(revision > last for revision in revisions)
    assert later[-1]["event"] == "end"
    ended = json.loads(later[-2]["data"])
    assert (ended["state"], ended["rows_delivered"]) == ("COMPLETED", ROWS)
