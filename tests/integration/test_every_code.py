"""Every error code is reached over HTTP, and over the command line where that can provoke it."""

from __future__ import annotations

import ast
import io
import json
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from confluent_kafka.admin import NewTopic

from tests.conftest import ROOT, Broker
from tests.harness import Topics, WorkerProcess, eventually
from worker.jobs.codes import CODES, Where

pytestmark = pytest.mark.broker

PEOPLE: dict[str, Any] = {
    "properties": {"id": {"type": "integer"}, "name": {"type": "string"}},
    "required": ["id"],
    "additionalProperties": False,
}
READING = ROOT / "samples/bad/reading.schema.json"
UPLOAD_LIMIT = 4_000_000
MANY = b"id,name\n" + b"".join(b"%d,%s\n" % (n, b"x" * 40) for n in range(60_000))

# code → the test that reaches it; `here` is this file
HERE, BAD, BROKEN = (
    "tests/integration/test_every_code.py",
    "tests/integration/test_bad_input.py",
    "test_files_that_fail",
)
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
    "FORBIDDEN_HOST": f"{HERE}::test_another_name_of_the_worker",
    "FORBIDDEN_ORIGIN": f"{SEED}::test_error_08_what_the_state_or_the_sender_forbids",
    "NOT_FOUND": f"{HERE}::test_another_path_of_the_worker",
    "MODEL_NOT_FOUND": f"{HERE}::{REQUESTS}",
    "JOB_NOT_FOUND": f"{HERE}::{REQUESTS}",
    "METHOD_NOT_ALLOWED": f"{SEED}::test_error_01_an_address_or_a_method_that_is_not_there",
    "MODEL_EXISTS": f"{HERE}::{REQUESTS}",
    "MODEL_IN_USE": f"{HERE}::{REQUESTS}",
    "INVALID_STATE": f"{HERE}::{REQUESTS}",
    "FILE_GONE": f"{HERE}::test_a_failed_file_that_was_taken_away",
    "VERSION_CONFLICT": f"{HERE}::{REQUESTS}",
    "FILE_TOO_LARGE": f"{HERE}::{REQUESTS}",
    "INTERNAL": f"{PROBLEMS}::test_a_defect_is_500_logged_once_and_shows_nothing_of_the_inside",
    "KAFKA_UNAVAILABLE": f"{HERE}::test_without_kafka",
    "NOT_READY": "tests/unit/http/test_health.py::test_a_worker_that_recovers_is_not_ready",
    "NO_SPACE": f"{REFUSALS}::test_no_space_left",
}
OF_A_JOB = {
    "HEADER_MISSING": f"{HERE}::{BROKEN}",
    "HEADER_DUPLICATE": f"{HERE}::{BROKEN}",
    "COLUMN_MISSING": f"{HERE}::{BROKEN}",
    "COLUMN_UNKNOWN": f"{HERE}::{BROKEN}",
    "COLUMN_TYPE": f"{HERE}::{BROKEN}",
    "ENCODING": f"{HERE}::{BROKEN}",
    "PARQUET_INVALID": f"{HERE}::{BROKEN}",
    "PARQUET_ROW_GROUP_TOO_LARGE": f"{HERE}::{BROKEN}",
    "FILE_CHANGED": f"{BAD}::test_altered_after_the_claim",
    "TOPIC_REPLACED": f"{HERE}::test_a_topic_made_again_while_its_job_is_paused",
    "TOPIC_DENIED": f"{REFUSALS}::test_a_right_that_the_worker_lacks",
    "PROGRESS_EXPIRED": f"{HERE}::test_a_topic_deleted_while_its_job_is_paused",
    "DELIVERY_FAILED": f"{REFUSALS}::test_a_setting_of_the_broker_that_no_job_can_live_with",
    "SLOT": f"{HERE}::test_more_jobs_than_slots",
    "TOPIC_LIMIT": f"{REFUSALS}::test_a_policy_keeps_the_job_waiting",
}
OF_A_FILE = {
    "STILL_CHANGING": f"{HERE}::{DROPPED}",
    "NO_MODEL": f"{HERE}::{DROPPED}",
    "LINK_REFUSED": f"{HERE}::{DROPPED}",
    "NAME_IGNORED": f"{HERE}::{DROPPED}",
}
OF_A_ROW = {code: f"{HERE}::{ROWS}" for code, info in CODES.items() if Where.ROW in info.where}
REACHED = {**OF_A_ROW, **OF_A_FILE, **OF_A_JOB, **ON_REQUEST}
LATER = {
    "UNAUTHORIZED": "the token",
    "IDEMPOTENCY_MISMATCH": "submissions that are repeated safely",
    "DUPLICATE_FILE": "submissions that are repeated safely",
    "SHARED_TOPIC": "the option `topic`",
    "TOO_MANY_REJECTS": "the setting BATCH_MAX_REJECT_RATIO",
    "DECOMPRESSION_LIMIT": "compressed files",
    "RETRY_LATER": "waiting between attempts; until then the job goes on by itself, or fails",
}


def test_every_code_has_its_test() -> None:
    assert sorted([*REACHED, *LATER]) == sorted(CODES)
    for path, test in sorted({tuple(test.split("::")) for test in REACHED.values()}):
        functions = ast.FunctionDef | ast.AsyncFunctionDef
        parsed = ast.parse((ROOT / path).read_text())
        assert test in {node.name for node in parsed.body if isinstance(node, functions)}, path


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
    worker.create_model("readings", json.loads(READING.read_text()))
    yield worker
    worker.close()


@pytest.fixture(scope="module")
def paused(worker: WorkerProcess) -> str:
    """A job of model `busy` that has not ended."""
    worker.create_model("busy", PEOPLE)
    return paused_job(worker, "busy")


def paused_job(worker: WorkerProcess, model: str) -> str:
    """A job that has committed some of its rows and is paused."""
    status, job = worker.upload(model, "many.csv", MANY)
    assert status == 202, job
    job_id = str(job["job_id"])
    eventually(lambda: worker.job(job_id)["rows_read"] > 0, "the job has begun")
    assert worker.json("POST", f"/jobs/{job_id}/pause")[0] == 202
    eventually(lambda: worker.job(job_id)["state"] == "PAUSED", "the job is paused")
    return job_id


def refused(output: tuple[int, str, str], code: str, exit_code: int = 1) -> None:
    """The command line says the code, and what to do, and exits as it should."""
    assert output[0] == exit_code, output
    error, hint = output[2].splitlines()
    assert error.startswith("error: ")
    assert error.endswith(f" ({code})")
    assert len(hint) > len("hint: ")


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


# --- jobs ----------------------------------------------------------------------------------------------


def parquet(table: pa.Table, **options: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out, **options)
    return out.getvalue()


def zeros() -> bytes:
    """A file of a few kB with a column chunk of 272 MB."""
    return parquet(pa.table({"id": pa.repeat(0, 34_000_000)}), use_dictionary=False, compression="zstd",
                   row_group_size=34_000_000)  # fmt: skip


BROKEN_FILES: dict[str, Callable[[], bytes]] = {
    "HEADER_MISSING": lambda: b"id,\n1,a\n",
    "HEADER_DUPLICATE": lambda: b"id,id\n1,a\n",
    "COLUMN_MISSING": lambda: b"name\na\n",
    "COLUMN_UNKNOWN": lambda: b"id,color\n1,red\n",
    "COLUMN_TYPE": lambda: parquet(pa.table({"id": ["a"]})),
    "ENCODING": lambda: b"id,n\xe4me\n1,a\n",
    "PARQUET_INVALID": lambda: b"PAR1" + bytes(50),
    "PARQUET_ROW_GROUP_TOO_LARGE": zeros,
}


@pytest.mark.parametrize("code", BROKEN_FILES)
def test_files_that_fail(worker: WorkerProcess, tmp_path: Path, code: str) -> None:
    (tmp_path / "broken.csv").write_bytes(BROKEN_FILES[code]())
    output = worker.batch("job", "create", "people", str(tmp_path / "broken.csv"), "--wait")
    refused(output, code, exit_code=3)
    job = worker.job(json.loads(output[1])["job_id"])
    assert (job["state"], job["error"]["code"], job["rows_read"]) == ("FAILED", code, 0)


def resumed(worker: WorkerProcess, job_id: str, code: str) -> None:
    """The job fails as soon as it goes on; what it had committed still counts."""
    before = worker.job(job_id)
    assert worker.batch("job", "resume", job_id)[0] == 0
    refused(worker.batch("job", "wait", job_id), code, exit_code=3)
    job = worker.job(job_id)
    assert (job["state"], job["error"]["code"], job["rows_read"]) == ("FAILED", code, before["rows_read"])


def test_a_topic_deleted_while_its_job_is_paused(worker: WorkerProcess, topics: Topics) -> None:
    job_id = paused_job(worker, "people")
    topic = worker.job(job_id)["topic"]
    topics.admin.delete_topics([topic])[topic].result(20)
    eventually(lambda: topic not in topics.names(), "the topic is gone")
    resumed(worker, job_id, "PROGRESS_EXPIRED")


async def test_a_topic_made_again_while_its_job_is_paused(worker: WorkerProcess, topics: Topics) -> None:
    job_id = paused_job(worker, "people")
    topic, group = worker.job(job_id)["topic"], f"{worker.namespace}-{job_id}"
    admin = AIOKafkaAdminClient(bootstrap_servers=topics.bootstrap)
    await admin.start()
    consumer = AIOKafkaConsumer(bootstrap_servers=topics.bootstrap, group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        progress = await admin.list_consumer_group_offsets(group)
        topics.admin.delete_topics([topic])[topic].result(20)
        eventually(lambda: topic not in topics.names(), "the topic is gone")
        topics.admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(20)
        eventually(lambda: topic in topics.names(), "the topic is back")
        # as if the broker had lost the records alone
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        await consumer.commit({partition: progress[partition]})
    finally:
        await consumer.stop()
        await admin.close()
    resumed(worker, job_id, "TOPIC_REPLACED")


def test_more_jobs_than_slots(worker: WorkerProcess) -> None:
    ids = [worker.upload("people", f"slot-{n}.csv", MANY)[1]["job_id"] for n in range(6)]

    def reasons() -> list[dict[str, Any]]:
        jobs = worker.json("GET", "/jobs?q=slot-&state=QUEUED")[1]["items"]
        return [job["waiting"] for job in jobs if job["waiting"]]

    reason = eventually(reasons, "a job waits for a slot")[0]
    assert (reason["code"], bool(reason["message"]), bool(reason["hint"])) == ("SLOT", True, True)
    for job_id in ids:
        worker.json("POST", f"/jobs/{job_id}/cancel")
    for job_id in ids:
        worker.wait_ended(job_id)


# --- rows ----------------------------------------------------------------------------------------------

ROWS_OF = {
    "TYPE": b"a-1,attic,warm,,,",
    "ENUM": b"a-1,garage,1,,,",
    "RANGE": b"a-1,attic,61,,,",
    "LENGTH": b"a-1,attic,1,,,thirteen long",
    "PATTERN": b"A1,attic,1,,,",
    "FORMAT": b"a-1,attic,1,,yesterday,",
    "REQUIRED": b"a-1,attic,,,,",
    "SCHEMA": b"a-1,lab,1,,,",
    "COLUMN_COUNT": b"a-1,attic",
    "ENCODING": b"a-1,attic,1,,,\xff",
    "ROW_TOO_LARGE": b"a-1,attic,1,,," + b"x" * 900_000,
    "UNCLOSED_QUOTE": b'a-1,attic,1,,,"open',
}


def test_every_code_of_rows(worker: WorkerProcess) -> None:
    assert sorted(ROWS_OF) == sorted(OF_A_ROW)
    content = b"sensor,room,celsius,samples,taken_at,label\na-1,attic,1,,,\n" + b"\n".join(ROWS_OF.values())
    job = worker.wait_ended(worker.upload("readings", "rows.csv", content)[1]["job_id"])
    assert (job["state"], job["rows_delivered"], job["rows_rejected"]) == ("COMPLETED", 1, 12)
    code, out, said = worker.batch("job", "rejects", job["job_id"])
    assert (code, said) == (0, "")
    assert [
        [error["code"] for error in json.loads(line)["errors"]] for line in out.splitlines()
    ] == [[code] for code in ROWS_OF]  # fmt: skip
