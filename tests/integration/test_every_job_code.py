"""Every code with which a job fails or waits: from files, topics, slots and rows, over HTTP and the CLI."""

from __future__ import annotations

import gzip
import io
import json
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
from tests.integration.people import MANY, PEOPLE, paused_job, refused
from worker.jobs.codes import CODES, Where

pytestmark = pytest.mark.broker

READING = ROOT / "samples/bad/reading.schema.json"
UNPACKED_LIMIT = 3_000_000


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory, broker: Broker) -> Iterator[WorkerProcess]:
    worker = WorkerProcess(
        tmp_path_factory.mktemp("job-codes"),
        broker.address,
        f"codes{random.randrange(10**9)}",
        chunk_bytes=64 * 1024,
        max_decompressed_bytes=UNPACKED_LIMIT,
    )
    worker.start()
    worker.create_model("people", PEOPLE)
    worker.create_model("readings", json.loads(READING.read_text()))
    yield worker
    worker.close()


# --- files ---------------------------------------------------------------------------------------------


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


def failed(worker: WorkerProcess, path: Path, content: bytes, code: str) -> dict[str, Any]:
    """Submit a file whose job fails with `code` after some of its rows were committed."""
    path.write_bytes(content)
    output = worker.batch("job", "create", "people", str(path), "--wait")
    refused(output, code, exit_code=3)
    job = worker.job(json.loads(output[1])["job_id"])
    assert (job["state"], job["error"]["code"]) == ("FAILED", code)
    assert job["error"]["message"] in output[2]
    return job


def test_more_rejects_than_are_allowed(worker: WorkerProcess, topics: Topics, tmp_path: Path) -> None:
    half = b"id,name\n" + b"x,a\n1,b\n" * 2000
    job = failed(worker, tmp_path / "bad.csv", half + b"x,c\n", "TOO_MANY_REJECTS")
    assert "`2001` of `4001` rows were rejected" in job["error"]["message"]
    assert (job["rows_read"], job["rows_delivered"], job["rows_rejected"]) == (4001, 2000, 2001)
    # what was committed stays, and a retry goes on behind it
    assert topics.values(job["topic"]) == [b'{"id":1,"name":"b"}'] * 2000
    assert len(topics.values(job["dlq_topic"])) == 2001
    code, out, said = worker.batch("job", "retry", job["job_id"], "--wait")
    assert code == 0, said
    assert [json.loads(out)[name] for name in ("state", "rows_read", "attempt")] == ["COMPLETED", 4001, 2]
    # half is allowed, and of fewer than a thousand rows all are
    for name, content in {"half.csv": half, "few.csv": b"id\n" + b"x\n" * 999}.items():
        ended = worker.wait_ended(worker.upload("people", name, content)[1]["job_id"])
        assert (ended["state"], ended["rows_rejected"]) == ("COMPLETED", content.count(b"x"))


def test_a_file_that_unpacks_to_too_much(worker: WorkerProcess, topics: Topics, tmp_path: Path) -> None:
    assert len(MANY) < UNPACKED_LIMIT < 2 * len(MANY)
    twice = MANY + MANY.partition(b"\n")[2]
    job = failed(worker, tmp_path / "large.csv.gz", gzip.compress(twice), "DECOMPRESSION_LIMIT")
    assert f"more than `{UNPACKED_LIMIT}` bytes" in job["error"]["message"]
    assert "BATCH_MAX_DECOMPRESSED_BYTES" in job["error"]["hint"]
    # the whole rows before the limit are there, the one that it cuts is not
    assert job["rows_delivered"] == twice[:UNPACKED_LIMIT].count(b"\n") - 1
    assert len(topics.values(job["topic"])) == job["rows_delivered"]


def test_a_file_that_unpacks_to_many_times_its_size(worker: WorkerProcess, tmp_path: Path) -> None:
    bomb = gzip.compress(b"id,name\n" + b"1,a\n" * 600_000)
    job = failed(worker, tmp_path / "bomb.csv.gz", bomb, "DECOMPRESSION_LIMIT")
    assert "more than 500 times its size" in job["error"]["message"]
    assert "unpack the file" in job["error"]["hint"]
    assert 249_000 < job["rows_delivered"] < 600_000  # a MB passes whatever its ratio


# --- topics and slots ----------------------------------------------------------------------------------


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
    assert sorted(ROWS_OF) == sorted(code for code, info in CODES.items() if Where.ROW in info.where)
    content = b"sensor,room,celsius,samples,taken_at,label\na-1,attic,1,,,\n" + b"\n".join(ROWS_OF.values())
    job = worker.wait_ended(worker.upload("readings", "rows.csv", content)[1]["job_id"])
    assert (job["state"], job["rows_delivered"], job["rows_rejected"]) == ("COMPLETED", 1, 12)
    code, out, said = worker.batch("job", "rejects", job["job_id"])
    assert (code, said) == (0, "")
    assert [
        [error["code"] for error in json.loads(line)["errors"]] for line in out.splitlines()
    ] == [[code] for code in ROWS_OF]  # fmt: skip
