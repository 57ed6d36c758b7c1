"""Every error code is reached over HTTP, and over the command line where that can provoke it."""

from __future__ import annotations

import ast
import json
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT, Broker
from tests.harness import WorkerProcess, eventually
from tests.integration.people import PEOPLE, paused_job, refused
from worker.jobs.codes import CODES, Where

pytestmark = pytest.mark.broker

UPLOAD_LIMIT = 4_000_000

# code → the test that reaches it; `here` is this file
HERE, JOBS, BAD = (
    "tests/integration/test_every_code.py",
    "tests/integration/test_every_job_code.py",
    "tests/integration/test_bad_input.py",
)
BROKEN, UNPACKED = "test_files_that_fail", "test_a_file_that_unpacks_to_too_much"
REQUESTS, REFUSALS, SEED = "test_by_command", "tests/integration/test_refusals.py", "tests/test_seed.py"
PROBLEMS, DROPPED, ROWS = (
    "tests/unit/http/test_problems.py",
    "test_files_that_wait",
    "test_every_code_of_rows",
)
ON_REQUEST = {
    "INVALID_REQUEST": f"{HERE}::{REQUESTS}",
    "INVALID_SCHEMA": f"{HERE}::{REQUESTS}",
    "INVALID_OPTION": f"{HERE}::{REQUESTS}",
    "UNSUPPORTED_FILE_TYPE": f"{HERE}::{REQUESTS}",
    "INCOMPLETE_UPLOAD": f"{HERE}::test_an_upload_that_ends_too_soon",
    "UNAUTHORIZED": "tests/integration/test_token_and_metrics.py::test_a_worker_with_a_token",
    "FORBIDDEN_HOST": f"{HERE}::test_another_name_of_the_worker",
    "FORBIDDEN_ORIGIN": f"{SEED}::test_error_08_what_the_state_or_the_sender_forbids",
    "NOT_FOUND": f"{HERE}::test_another_path_of_the_worker",
    "MODEL_NOT_FOUND": f"{HERE}::{REQUESTS}",
    "JOB_NOT_FOUND": f"{HERE}::{REQUESTS}",
    "METHOD_NOT_ALLOWED": f"{SEED}::test_error_01_an_address_or_a_method_that_is_not_there",
    "MODEL_EXISTS": f"{HERE}::{REQUESTS}",
    "MODEL_IN_USE": f"{HERE}::{REQUESTS}",
    "INVALID_STATE": f"{HERE}::{REQUESTS}",
    "IDEMPOTENCY_MISMATCH": f"{HERE}::test_a_key_of_another_request",
    "DUPLICATE_FILE": "tests/integration/test_submissions.py::test_the_same_bytes_again_are_refused",
    "FILE_GONE": f"{HERE}::test_a_failed_file_that_was_taken_away",
    "SHARED_TOPIC": "tests/integration/test_bad_night.py::test_jobs_that_share_their_topics",
    "VERSION_CONFLICT": f"{HERE}::{REQUESTS}",
    "FILE_TOO_LARGE": f"{HERE}::{REQUESTS}",
    "INTERNAL": f"{PROBLEMS}::test_a_defect_is_500_logged_once_and_shows_nothing_of_the_inside",
    "KAFKA_UNAVAILABLE": f"{HERE}::test_without_kafka",
    "NOT_READY": "tests/unit/http/test_health.py::test_a_worker_that_recovers_is_not_ready",
    "NO_SPACE": f"{REFUSALS}::test_no_space_left",
}
OF_A_JOB = {
    "HEADER_MISSING": f"{JOBS}::{BROKEN}",
    "HEADER_DUPLICATE": f"{JOBS}::{BROKEN}",
    "COLUMN_MISSING": f"{JOBS}::{BROKEN}",
    "COLUMN_UNKNOWN": f"{JOBS}::{BROKEN}",
    "COLUMN_TYPE": f"{JOBS}::{BROKEN}",
    "ENCODING": f"{JOBS}::{BROKEN}",
    "PARQUET_INVALID": f"{JOBS}::{BROKEN}",
    "PARQUET_ROW_GROUP_TOO_LARGE": f"{JOBS}::{BROKEN}",
    "DECOMPRESSION_LIMIT": f"{JOBS}::{UNPACKED}",
    "TOO_MANY_REJECTS": f"{JOBS}::test_more_rejects_than_are_allowed",
    "FILE_CHANGED": f"{BAD}::test_altered_after_the_claim",
    "TOPIC_REPLACED": f"{JOBS}::test_a_topic_made_again_while_its_job_is_paused",
    "TOPIC_DENIED": f"{REFUSALS}::test_a_right_that_the_worker_lacks",
    "PROGRESS_EXPIRED": f"{JOBS}::test_a_topic_deleted_while_its_job_is_paused",
    "DELIVERY_FAILED": f"{REFUSALS}::test_a_setting_of_the_broker_that_no_job_can_live_with",
    "SLOT": f"{JOBS}::test_more_jobs_than_slots",
    "TOPIC_LIMIT": f"{REFUSALS}::test_a_policy_keeps_jobs_waiting_until_it_is_lifted",
    "RETRY_LATER": f"{REFUSALS}::test_a_broker_that_refuses_for_now",
}
OF_A_FILE = {
    "STILL_CHANGING": f"{HERE}::{DROPPED}",
    "NO_MODEL": f"{HERE}::{DROPPED}",
    "LINK_REFUSED": f"{HERE}::{DROPPED}",
    "NAME_IGNORED": f"{HERE}::{DROPPED}",
}
OF_A_ROW = {code: f"{JOBS}::{ROWS}" for code, info in CODES.items() if Where.ROW in info.where}
REACHED = {**OF_A_ROW, **OF_A_FILE, **OF_A_JOB, **ON_REQUEST}


def test_every_code_has_its_test() -> None:
    assert sorted(REACHED) == sorted(CODES)
    for code, test in REACHED.items():
        path, _, name = test.partition("::")
        source = (ROOT / path).read_text()
        functions = ast.FunctionDef | ast.AsyncFunctionDef
        assert name in {node.name for node in ast.parse(source).body if isinstance(node, functions)}, path
        assert f'"{code}"' in source or f"({code})" in source, test


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory, broker: Broker) -> Iterator[WorkerProcess]:
    worker = WorkerProcess(
        tmp_path_factory.mktemp("codes"),
        broker.address,
        f"codes{random.randrange(10**9)}",
        chunk_bytes=64 * 1024,
        max_upload_bytes=UPLOAD_LIMIT,
    )
    worker.start()
    worker.create_model("people", PEOPLE)
    yield worker
    worker.close()


@pytest.fixture(scope="module")
def paused(worker: WorkerProcess) -> str:
    """A job of model `busy` that has not ended."""
    worker.create_model("busy", PEOPLE)
    return paused_job(worker, "busy")


# --- requests ------------------------------------------------------------------------------------------

FILES = {
    "bad.schema.json": b'{"type": "whole"}',
    "other.schema.json": b"{}",
    "people.csv": b"id,name\n1,a\n",
    "picture.png": b"\x89PNG\r\n\x1a\n" + bytes(64),
    "large.csv": b"id\n" + b"1" * UPLOAD_LIMIT,
}
COMMANDS = {
    "INVALID_REQUEST": "model create No! other.schema.json",
    "INVALID_SCHEMA": "model create bad bad.schema.json",
    "INVALID_OPTION": "job create people people.csv --option delimeter=;",
    "UNSUPPORTED_FILE_TYPE": "job create people picture.png",
    "FILE_TOO_LARGE": "job create people large.csv",
    "MODEL_NOT_FOUND": "job create nobody people.csv",
    "JOB_NOT_FOUND": "job show abcdefghijkl",
    "MODEL_EXISTS": "model create people other.schema.json",
    "MODEL_IN_USE": "model delete busy",
    "VERSION_CONFLICT": "model delete busy --if-version 9",
    "INVALID_STATE": "job retry PAUSED",
}


@pytest.mark.parametrize("code", COMMANDS)
def test_by_command(worker: WorkerProcess, paused: str, tmp_path: Path, code: str) -> None:
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    argv = [
        paused if word == "PAUSED" else str(tmp_path / word) if word in FILES else word
        for word in COMMANDS[code].split()
    ]
    refused(worker.batch(*argv), code)


def test_another_name_of_the_worker(worker: WorkerProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WorkerProcess, "url", f"http://0.0.0.0:{worker.port}")  # it leads to loopback
    refused(worker.batch("job", "list"), "FORBIDDEN_HOST")
    assert worker.json("GET", "/jobs")[0] == 403


def test_another_path_of_the_worker(worker: WorkerProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WorkerProcess, "url", f"http://127.0.0.1:{worker.port}/batch")
    refused(worker.batch("job", "list"), "NOT_FOUND")


def test_an_upload_that_ends_too_soon(worker: WorkerProcess) -> None:
    body = (
        b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\npeople\r\n--b\r\nContent-Disposition: '
    )
    body += b'form-data; name="file"; filename="half.csv"\r\n\r\nid,name\n1,a\n'
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    status, _, answer = worker.call("POST", "/jobs", body, headers)
    assert (status, json.loads(answer)["code"]) == (400, "INCOMPLETE_UPLOAD")


def test_a_key_of_another_request(worker: WorkerProcess, tmp_path: Path) -> None:
    (tmp_path / "first.csv").write_bytes(FILES["people.csv"])
    (tmp_path / "second.csv").write_bytes(FILES["people.csv"])
    key = ("--idempotency-key", "tonight")
    code, out, said = worker.batch("job", "create", "people", str(tmp_path / "first.csv"), *key)
    assert code == 0, said
    output = worker.batch("job", "create", "people", str(tmp_path / "second.csv"), *key)
    refused(output, "IDEMPOTENCY_MISMATCH")
    assert json.loads(out)["job_id"] in output[2]


def test_a_failed_file_that_was_taken_away(worker: WorkerProcess) -> None:
    job = worker.wait_ended(worker.upload("people", "gone.csv", b"name\na\n")[1]["job_id"])
    file = worker.dropzone / "failed" / job["job_id"] / "gone.csv"
    eventually(file.exists, "the file is in failed/")
    file.unlink()
    assert worker.json("POST", f"/jobs/{job['job_id']}/retry")[1]["code"] == "FILE_GONE"
    refused(worker.batch("job", "retry", job["job_id"]), "FILE_GONE")


def test_without_kafka(tmp_path: Path, namespace: str) -> None:
    worker = WorkerProcess(tmp_path, "127.0.0.1:1", namespace)
    try:
        worker.start(ready=False)
        eventually(lambda: worker.status("/healthz") == 200, "the worker answers without a broker")
        (tmp_path / "a.csv").write_bytes(FILES["people.csv"])
        worker.drop("a.csv", FILES["people.csv"], model="people")
        refused(worker.batch("status"), "KAFKA_UNAVAILABLE")
        refused(worker.batch("job", "create", "people", str(tmp_path / "a.csv")), "KAFKA_UNAVAILABLE")
        assert worker.json("GET", "/jobs/abcdefghijkl")[1]["code"] == "KAFKA_UNAVAILABLE"
        (item,) = eventually(lambda: worker.json("GET", "/dropzone")[1]["items"], "the file waits")
        assert (item["path"], item["code"]) == ("people/a.csv", "KAFKA_UNAVAILABLE")
    finally:
        worker.close()


# --- files that wait -----------------------------------------------------------------------------------


def test_files_that_wait(worker: WorkerProcess, tmp_path: Path) -> None:
    incoming = worker.dropzone / "incoming"
    for folder in ("people", "Not a model"):
        (incoming / folder).mkdir(parents=True, exist_ok=True)
    (tmp_path / "target.csv").write_bytes(b"id\n1\n")
    (incoming / "people/link.csv").symlink_to(tmp_path / "target.csv")
    (incoming / "people/_mine.csv").write_bytes(b"id\n1\n")
    (incoming / "people/large.csv").write_bytes(FILES["large.csv"])
    (incoming / "Not a model/a.csv").write_bytes(b"id\n1\n")
    (incoming / "people/new.csv").touch()  # an empty file must stand still for long
    expected = {
        ("people/link.csv", "LINK_REFUSED"),
        ("people/_mine.csv", "NAME_IGNORED"),
        ("people/large.csv", "FILE_TOO_LARGE"),
        ("Not a model/a.csv", "NO_MODEL"),
        ("people/new.csv", "STILL_CHANGING"),
    }

    def listed() -> bool:
        os.utime(incoming / "people/new.csv")
        items = json.loads(worker.batch("dropzone")[1])
        assert items == [] or all(item["message"] and item["hint"] for item in items)
        return expected <= {(item["path"], item["code"]) for item in items}

    eventually(listed, "every file is listed with its reason")
    for path, _ in expected:
        (incoming / path).unlink()
