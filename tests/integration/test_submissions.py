"""Submissions that are repeated, files that come twice, and folders below a model's: on real workers."""

from __future__ import annotations

import http.client
import json
import random
import signal
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.harness import Topics, WorkerProcess, eventually
from worker.crashpoints import CrashPoint

pytestmark = pytest.mark.broker

PEOPLE = {"properties": {"id": {"type": "integer"}, "name": {"type": "string"}}, "required": ["id"]}
ROWS = b"id,name\n1,a\n2,b\n"
VALUES = [b'{"id":1,"name":"a"}', b'{"id":2,"name":"b"}']


def submit(
    worker: WorkerProcess, key: str | None, file: str = "people.csv", content: bytes = ROWS, **options: str
) -> tuple[int, dict[str, str], Any]:
    boundary = uuid.uuid4().hex
    fields = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in {"model": "people", **options}.items()
    )
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{file}"\r\n\r\n'
    body = fields.encode() + head.encode() + content + f"\r\n--{boundary}--\r\n".encode()
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    if key is not None:
        headers["Idempotency-Key"] = key
    status, answered, answer = worker.call("POST", "/jobs", body, headers)
    return status, answered, json.loads(answer)


def jobs_of(worker: WorkerProcess, file: str) -> list[str]:
    return [job["job_id"] for job in worker.jobs() if job["file"] == file]


@pytest.mark.parametrize(
    "point", [CrashPoint.AFTER_MANIFEST, CrashPoint.AFTER_RENAME, CrashPoint.AFTER_SUBMISSION]
)
def test_a_request_repeated_over_kills_makes_one_job(
    new_worker: Callable[..., WorkerProcess], topics: Topics, tmp_path: Path, point: CrashPoint
) -> None:
    worker = new_worker()
    wish = tmp_path / "wish"
    worker.start(crash_at=f"@{wish}")
    worker.create_model("people", PEOPLE)
    wish.write_text(point)
    for kill in range(2):  # the second kill meets what the first has left
        with pytest.raises((OSError, http.client.HTTPException)):
            submit(worker, "one key")
        assert worker.wait_dead() == -signal.SIGKILL
        if kill or point is not CrashPoint.AFTER_MANIFEST:
            wish.unlink()  # from the rename on the file is a job, which is found and not claimed again
        worker.start(crash_at=f"@{wish}")
        if not wish.exists():
            break
    status, headers, job = submit(worker, "one key")
    assert status == 202
    assert headers["Idempotency-Replayed"] == ("false" if point is CrashPoint.AFTER_MANIFEST else "true")
    ended = worker.wait_ended(job["job_id"])
    assert ended["state"] == "COMPLETED"
    again = submit(worker, "one key")
    assert (again[0], again[2]["job_id"], again[2]["state"]) == (202, job["job_id"], "COMPLETED")
    assert again[1]["Idempotency-Replayed"] == "true"
    assert again[1]["Location"] == headers["Location"]
    assert topics.values(ended["topic"]) == VALUES
    assert jobs_of(worker, "people.csv") == [job["job_id"]]
    eventually(lambda: (worker.dropzone / "done" / job["job_id"]).is_dir(), "the file is in done/")
    assert list((worker.dropzone / ".uploads").iterdir()) == []


def test_one_key_at_two_workers_at_once(
    new_worker: Callable[..., WorkerProcess], topics: Topics, tmp_path: Path
) -> None:
    workers = [new_worker(dropzone=tmp_path / "shared") for _ in range(2)]
    for worker in workers:
        worker.start(ready=False)
    for worker in workers:
        worker.wait_ready()
    workers[0].create_model("people", PEOPLE)
    for worker in workers:
        eventually(lambda worker=worker: worker.status("/models/people") == 200, "both know the model")
    for attempt in range(5):
        key = f"key {random.random()}"
        file = f"{attempt}.csv"
        with ThreadPoolExecutor(6) as pool:
            asked = [pool.submit(submit, workers[number % 2], key, file) for number in range(6)]
            answers = [answer.result() for answer in asked]
        assert [status for status, _, _ in answers] == [202] * 6
        (job_id,) = {job["job_id"] for _, _, job in answers}
        assert (
            sorted(headers["Idempotency-Replayed"] for _, headers, _ in answers) == ["false"] + ["true"] * 5
        )
        ended = workers[attempt % 2].wait_ended(job_id)
        assert topics.values(ended["topic"]) == VALUES
        assert jobs_of(workers[0], file) == [job_id]


def test_a_key_with_another_request(worker: WorkerProcess) -> None:
    worker.create_model("people", PEOPLE)
    _, _, job = submit(worker, "key")
    assert worker.wait_ended(job["job_id"])["state"] == "COMPLETED"
    for changes in ({"content": ROWS + b"3,c\n"}, {"file": "other.csv"}, {"partitions": "2"}):
        status, _, problem = submit(worker, "key", **changes)  # type: ignore[arg-type]
        assert (status, problem["code"]) == (422, "IDEMPOTENCY_MISMATCH")
        assert job["job_id"] in problem["detail"]
    assert [row["job_id"] for row in worker.jobs()] == [job["job_id"]]
    assert worker.call("DELETE", f"/jobs/{job['job_id']}")[0] == 204
    status, headers, fresh = submit(worker, "key", content=ROWS + b"3,c\n")  # forgotten with its job
    assert (status, headers["Idempotency-Replayed"]) == (202, "false")
    assert fresh["job_id"] != job["job_id"]


def test_the_same_bytes_again_are_refused(new_worker: Callable[..., WorkerProcess], topics: Topics) -> None:
    worker = new_worker(duplicates="reject")
    worker.start()
    worker.create_model("people", PEOPLE)
    worker.create_model("others", PEOPLE)
    worker.drop("a.csv", ROWS, model="people")
    first = worker.wait_ended(worker.wait_job("a.csv")["job_id"])
    assert (first["state"], first["duplicate_of"]) == ("COMPLETED", None)
    status, _, problem = submit(worker, None, "b.csv")
    assert (status, problem["code"]) == (409, "DUPLICATE_FILE")
    assert first["job_id"] in problem["detail"]
    (worker.folder / "again.csv").write_bytes(ROWS)
    code, _, said = worker.batch("job", "create", "people", str(worker.folder / "again.csv"))
    assert (code, said.splitlines()[0].endswith(" (DUPLICATE_FILE)")) == (1, True)
    worker.drop("c.csv", ROWS, model="people")
    refused = worker.wait_ended(worker.wait_job("c.csv")["job_id"])
    assert (refused["state"], refused["error"]["code"]) == ("FAILED", "DUPLICATE_FILE")
    assert refused["duplicate_of"] == first["job_id"]
    eventually(
        lambda: (worker.dropzone / "failed" / refused["job_id"] / "c.csv").is_file(), "the file is in failed/"
    )
    assert refused["topic"] not in topics.names()
    worker.drop("d.csv", ROWS, model="others")
    assert worker.wait_ended(worker.wait_job("d.csv")["job_id"])["state"] == "COMPLETED"
    # who means it sends it back
    assert worker.call("POST", f"/jobs/{refused['job_id']}/retry")[0] == 202
    retried = eventually(
        lambda: (job := worker.job(refused["job_id"]))["state"] == "COMPLETED" and job, "the retry completes"
    )
    assert topics.values(retried["topic"]) == VALUES


def test_files_in_folders_below_the_models(worker: WorkerProcess, topics: Topics) -> None:
    worker.create_model("people", PEOPLE)
    folder = worker.dropzone / "incoming/people/year=2024/month=05"
    folder.mkdir(parents=True)
    (folder / ".x.part").write_bytes(ROWS)
    (folder / ".x.part").rename(folder / "x.csv")
    dropped = worker.wait_ended(worker.wait_job("year=2024/month=05/x.csv")["job_id"])
    status, _, uploaded = submit(worker, None, "year=2024/y.csv")
    assert (status, uploaded["file"]) == (202, "year=2024/y.csv")
    for job in (dropped, worker.wait_ended(uploaded["job_id"])):
        assert job["state"] == "COMPLETED"
        assert topics.values(job["topic"]) == VALUES
        done = worker.dropzone / "done" / job["job_id"]
        eventually(done.is_dir, "the file is in done/")
        assert (done / job["file"].rpartition("/")[2]).read_bytes() == ROWS
    assert folder.is_dir()
    status, found = worker.json("GET", "/jobs?q=month%3D05")
    assert [job["job_id"] for job in found["items"]] == [dropped["job_id"]]
