"""What a disk or a broker refuses: the job or the client says which, and goes on when it is mended."""

from __future__ import annotations

import io
import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourcePatternType,
    ResourceType,
)

from tests.conftest import Broker
from tests.harness import Topics, WorkerProcess, eventually
from tests.integration.broker_policy import policy_jar

pytestmark = pytest.mark.broker

SCHEMA: dict[str, Any] = {"properties": {"id": {"type": "integer"}, "text": {"type": "string"}}}
CSV = b"id,text\n1,a\n2,b\n"
CLUSTER = ResourceType.BROKER
VALUES = [b'{"id":1,"text":"a"}', b'{"id":2,"text":"b"}']


def submit(worker: WorkerProcess, name: str, content: bytes = CSV, **options: str) -> dict[str, Any]:
    status, job = worker.upload("orders", name, content, **options)
    assert status == 202, job
    return worker.wait_ended(job["job_id"])


# --- the disk ------------------------------------------------------------------------------------------


def test_no_space_left(new_worker: Callable[..., WorkerProcess], topics: Topics, tmp_path: Path) -> None:
    worker = new_worker(min_free_bytes=2**62)
    worker.start()
    worker.create_model("orders", SCHEMA)
    status, problem = worker.upload("orders", "uploaded.csv", CSV)
    assert (status, problem["status"], problem["code"]) == (507, 507, "NO_SPACE")
    assert f"nothing is taken below `{2**62}`" in problem["detail"]
    assert "BATCH_MIN_FREE_BYTES" in problem["hint"]
    (tmp_path / "sent.csv").write_bytes(CSV)
    code, out, said = worker.batch("job", "create", "orders", str(tmp_path / "sent.csv"))
    assert (code, out, "(NO_SPACE)" in said, "BATCH_MIN_FREE_BYTES" in said) == (1, "", True, True)

    worker.drop("dropped.csv", CSV, model="orders")
    items = eventually(
        lambda: [i for i in worker.json("GET", "/dropzone")[1]["items"] if i["code"] == "NO_SPACE"],
        "the file waits for space",
    )
    assert [item["path"] for item in items] == ["orders/dropped.csv"]
    assert worker.jobs() == []
    assert worker.terminate() == 0

    worker.settings["BATCH_MIN_FREE_BYTES"] = "0"
    worker.start()
    job = worker.wait_ended(worker.wait_job("dropped.csv")["job_id"])
    assert topics.values(job["topic"]) == VALUES


# --- the broker refuses the topic ----------------------------------------------------------------------


def test_more_replicas_than_brokers(worker: WorkerProcess, topics: Topics) -> None:
    worker.create_model("orders", SCHEMA)
    assert worker.terminate() == 0
    worker.settings["BATCH_REPLICATION_FACTOR"] = "3"
    worker.start()  # its internal topics are there already
    job = submit(worker, "replicas.csv")
    assert (job["state"], job["error"]["code"]) == ("FAILED", "TOPIC_DENIED")
    assert f"the broker refuses topic `{job['topic']}`" in job["error"]["message"]
    assert job["error"]["hint"] == "set `BATCH_REPLICATION_FACTOR` to fit the cluster"
    assert job["topic"] not in topics.names()

    assert worker.terminate() == 0
    worker.settings["BATCH_REPLICATION_FACTOR"] = "1"
    worker.start()
    assert worker.batch("job", "retry", job["job_id"])[0] == 0
    assert worker.wait_ended(job["job_id"])["state"] == "COMPLETED"
    assert topics.values(job["topic"]) == VALUES


# --- a broker with rules -------------------------------------------------------------------------------


class Strict:
    """A worker on a broker of its own that takes at most 100,000 bytes a batch and knows who may do what.

    With a JDK to compile it with, a policy allows at most 8 partitions a topic until it is lifted.
    """

    def __init__(self, folder: Path) -> None:
        self.broker = Broker(folder / "kafka")
        self._folder = folder
        self._lifted = folder / "lifted"

    def lift_policy(self) -> None:
        self._lifted.touch()

    def silence_policy(self, *, silent: bool) -> None:
        """A policy that cannot ask its service answers like a broker that is overloaded: for now, no."""
        flag = self._lifted.with_name("silent")
        flag.touch() if silent else flag.unlink()

    def start(self) -> None:
        extra = (
            "message.max.bytes=100000\n"
            "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n"
            "allow.everyone.if.no.acl.found=true\n"
        )
        with pytest.MonkeyPatch.context() as patch:
            if shutil.which("javac"):
                jar = policy_jar(self._folder)
                patch.setenv("JAVA_TOOL_OPTIONS", f"-javaagent:{jar}={self._lifted}")
                extra += "create.topic.policy.class.name=FewPartitions\n"
            patch.setenv("BATCH_KAFKA_EXTRA", extra)
            self.broker.start()
        self.topics = Topics(self.broker.address)
        self.worker = WorkerProcess(self._folder, self.broker.address, "strict")
        self.worker.start()
        self.worker.create_model("orders", SCHEMA)

    def rule(self, verdict: str, operation: AclOperation, kind: ResourceType, prefix: str) -> None:
        """Add a rule: `allow` or `deny`. What has rules allows nothing but what they allow."""
        permission = AclPermissionType.ALLOW if verdict == "allow" else AclPermissionType.DENY
        pattern = ResourcePatternType.LITERAL if kind is CLUSTER else ResourcePatternType.PREFIXED
        rule = AclBinding(kind, prefix, pattern, "User:ANONYMOUS", "*", operation, permission)
        for future in self.topics.admin.create_acls([rule]).values():
            future.result(20)

    def allow_everything(self) -> None:
        every = AclBindingFilter(ResourceType.ANY, None, ResourcePatternType.ANY, None, None,
                                 AclOperation.ANY, AclPermissionType.ANY)  # fmt: skip
        for future in self.topics.admin.delete_acls([every]).values():
            future.result(20)

    def close(self) -> None:
        if hasattr(self, "worker"):
            self.worker.close()
        self.broker.stop()


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Strict]:
    strict = Strict(tmp_path_factory.mktemp("strict"))
    try:
        strict.start()
        yield strict
    finally:
        strict.close()


def test_a_record_too_large_for_the_broker(strict: Strict) -> None:
    noise = random.Random(5).randbytes(200_000).hex().encode()  # no codec makes it small
    job = submit(strict.worker, "large.csv", b"id,text\n1,a\n2," + noise + b"\n")
    assert (job["state"], job["error"]["code"]) == ("FAILED", "TOPIC_DENIED")
    assert f"record batch of topic `{job['topic']}` as too large" in job["error"]["message"]
    assert "max.message.bytes" in job["error"]["hint"]
    assert job["rows_read"] == 0
    assert strict.topics.values(job["topic"]) == []
    # the hint helps, and the retry goes on
    entry = ConfigEntry("max.message.bytes", "1048588", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ConfigResource.Type.TOPIC, job["topic"], incremental_configs=[entry])
    strict.topics.admin.incremental_alter_configs([resource])[resource].result(20)
    assert strict.worker.json("POST", f"/jobs/{job['job_id']}/retry")[0] == 202
    ended = strict.worker.wait_ended(job["job_id"])
    assert (ended["state"], ended["rows_delivered"], ended["attempt"]) == ("COMPLETED", 2, 2)
    assert [json.loads(value)["id"] for value in strict.topics.values(job["topic"])] == [1, 2]


TOPIC, GROUP, TRANSACTION = ResourceType.TOPIC, ResourceType.GROUP, ResourceType.TRANSACTIONAL_ID
ALL, CREATE = AclOperation.ALL, AclOperation.CREATE
WRITE, DESCRIBE = AclOperation.WRITE, AclOperation.DESCRIBE
LACKS: dict[str, list[tuple[str, AclOperation, ResourceType, str]]] = {
    "CREATE on the topic": [
        ("allow", ALL, CLUSTER, "kafka-cluster"),
        ("deny", CREATE, CLUSTER, "kafka-cluster"),
        ("allow", ALL, TOPIC, "strict_"),
        ("deny", CREATE, TOPIC, "strict_"),
    ],
    "WRITE on the topic": [("allow", ALL, TOPIC, "strict_"), ("deny", WRITE, TOPIC, "strict_")],
    "WRITE on the transactional id": [("allow", DESCRIBE, TRANSACTION, "strict-")],
    "READ on the group": [("allow", ALL, GROUP, "strict-workers"), ("allow", DESCRIBE, GROUP, "strict-")],
}


@pytest.mark.parametrize("right", LACKS)
def test_a_right_that_the_worker_lacks(strict: Strict, right: str) -> None:
    try:
        for rule in LACKS[right]:
            strict.rule(*rule)
        job = submit(strict.worker, "denied.csv")
    finally:
        strict.allow_everything()
    assert (job["state"], job["error"]["code"]) == ("FAILED", "TOPIC_DENIED")
    assert right in job["error"]["hint"]
    assert job["error"]["hint"].startswith("grant the worker's user ")
    assert strict.worker.json("POST", f"/jobs/{job['job_id']}/retry")[0] == 202
    ended = strict.worker.wait_ended(job["job_id"])
    assert (ended["state"], ended["rows_delivered"]) == ("COMPLETED", 2)
    assert strict.topics.values(job["topic"]) == VALUES
    assert "Traceback" not in strict.worker.log


@pytest.mark.skipif(shutil.which("javac") is None, reason="a policy is a class, and javac was not found")
def test_a_policy_keeps_jobs_waiting_until_it_is_lifted(strict: Strict) -> None:
    worker, waiting = strict.worker, []

    def waits(name: str) -> dict[str, Any] | None:
        return next((job for job in worker.jobs() if job["file"] == name and job["waiting"]), None)

    for name in ("cancelled.csv", "patient.csv"):
        assert worker.upload("orders", name, CSV, partitions="9")[0] == 202
        waiting.append(eventually(partial(waits, name), f"the job of {name} says why it waits"))
    for job in waiting:
        assert (job["state"], job["waiting"]["code"]) == ("QUEUED", "TOPIC_LIMIT")
        words = f"topic `{job['topic']}` with 9 partitions: at most 8 partitions a topic"
        assert words in job["waiting"]["message"]
        assert job["topic"] not in strict.topics.names()
    cancelled, patient = waiting
    assert worker.batch("job", "cancel", cancelled["job_id"])[0] == 0
    assert worker.wait_ended(cancelled["job_id"])["state"] == "CANCELLED"
    submit(worker, "narrow.csv")  # those that wait keep no other job from running

    strict.lift_policy()  # and nobody asks for anything
    assert worker.wait_ended(patient["job_id"])["state"] == "COMPLETED"
    assert strict.topics.values(patient["topic"]) == VALUES
    assert cancelled["topic"] not in strict.topics.names()


@pytest.mark.skipif(shutil.which("javac") is None, reason="a policy is a class, and javac was not found")
def test_a_broker_that_refuses_for_now(strict: Strict) -> None:
    worker = strict.worker
    strict.silence_policy(silent=True)
    try:
        job = worker.upload("orders", "later.csv", CSV)[1]
        waits = eventually(lambda: worker.job(job["job_id"])["waiting"], "the job says why it waits")
        shown = json.loads(worker.batch("job", "show", job["job_id"])[1])
        assert (waits["code"], shown["state"], shown["waiting"]) == ("RETRY_LATER", "QUEUED", waits)
        assert f"topic `{job['topic']}` was not created: the policy's service is silent" in waits["message"]
        assert "it is tried again by itself" in waits["hint"]
    finally:
        strict.silence_policy(silent=False)
    ended = worker.wait_ended(job["job_id"])
    assert (ended["state"], ended["waiting"], ended["attempt"]) == ("COMPLETED", None, 1)
    assert strict.topics.values(job["topic"]) == VALUES


# --- a broker that is set up in another way -------------------------------------------------------------


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerProcess]:
    """A worker on a broker that keeps 16 bytes of metadata with an offset."""
    folder = tmp_path_factory.mktemp("narrow")
    broker = Broker(folder / "kafka")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BATCH_KAFKA_EXTRA", "offset.metadata.max.bytes=16\n")
        broker.start()
    worker = WorkerProcess(folder, broker.address, "narrow")
    try:
        worker.start()
        worker.create_model("orders", SCHEMA)
        yield worker
    finally:
        worker.close()
        broker.stop()


def test_a_setting_of_the_broker_that_no_job_can_live_with(narrow: WorkerProcess) -> None:
    job = submit(narrow, "metadata.csv")
    assert (job["state"], job["error"]["code"]) == ("FAILED", "DELIVERY_FAILED")
    assert "offset.metadata.max.bytes" in job["error"]["hint"]


# --- a file that fails in the middle -------------------------------------------------------------------


def test_what_was_read_before_a_file_breaks_is_kept(worker: WorkerProcess, topics: Topics) -> None:
    out = io.BytesIO()
    table = pa.table({"id": list(range(3000)), "text": [os.urandom(8).hex() for _ in range(3000)]})
    pq.write_table(table, out, row_group_size=1000, compression="none")
    broken = bytearray(out.getvalue())
    start = pq.ParquetFile(io.BytesIO(out.getvalue())).metadata.row_group(1).column(1).data_page_offset
    broken[start : start + 40] = bytes(40)
    worker.create_model("orders", SCHEMA)
    job = submit(worker, "middle.parquet", bytes(broken))
    assert (job["state"], job["error"]["code"]) == ("FAILED", "PARQUET_INVALID")
    assert (job["rows_read"], job["rows_delivered"], job["offsets"]) == (1000, 1000, {"0": [0, 1000]})
    assert [json.loads(value)["id"] for value in topics.values(job["topic"])] == list(range(1000))
