"""What a disk or a broker refuses: the job or the client says which, and goes on when it is mended."""

from __future__ import annotations

import io
import json
import os
import random
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterator
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

from tests.conftest import ROOT, Broker
from tests.harness import Topics, WorkerProcess, eventually

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
    """A worker on a broker of its own that takes at most 100,000 bytes a batch and knows who may do what."""

    def __init__(self, folder: Path) -> None:
        self.broker = Broker(folder / "kafka")
        self._folder = folder

    def start(self) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(
                "BATCH_KAFKA_EXTRA",
                "message.max.bytes=100000\n"
                "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer\n"
                "allow.everyone.if.no.acl.found=true\n",
            )
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
ALL, CREATE, WRITE, DESCRIBE = (
    AclOperation.ALL,
    AclOperation.CREATE,
    AclOperation.WRITE,
    AclOperation.DESCRIBE,
)
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


# --- a broker that is set up in another way -------------------------------------------------------------

POLICY = """
import java.util.Map;
import org.apache.kafka.server.policy.CreateTopicPolicy;

public class FewPartitions implements CreateTopicPolicy {
    public static class Agent {
        public static void premain(String arguments) {}
    }
    public void configure(Map<String, ?> settings) {}
    public void close() {}
    public void validate(RequestMetadata topic) {
        if (topic.numPartitions() != null && topic.numPartitions() > 8)
            throw new org.apache.kafka.common.errors.PolicyViolationException("at most 8 partitions a topic");
    }
}
"""


def policy_jar(folder: Path) -> Path:
    """Compile the policy; as an agent's, its jar comes onto the broker's class path."""
    (folder / "FewPartitions.java").write_text(POLICY)
    done = subprocess.run(
        ["javac", "-cp", str(ROOT / ".kafka/libs/*"), "-d", str(folder), str(folder / "FewPartitions.java")],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    jar = folder / "policy.jar"
    with zipfile.ZipFile(jar, "w") as archive:
        archive.writestr(
            "META-INF/MANIFEST.MF", "Manifest-Version: 1.0\nPremain-Class: FewPartitions$Agent\n\n"
        )
        for compiled in folder.glob("*.class"):
            archive.write(compiled, compiled.name)
    return jar


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerProcess]:
    """A worker on a broker that keeps 16 bytes of metadata with an offset and has a policy for topics."""
    folder = tmp_path_factory.mktemp("narrow")
    extra = "offset.metadata.max.bytes=16\n"
    broker = Broker(folder / "kafka")
    with pytest.MonkeyPatch.context() as patch:
        if shutil.which("javac"):
            patch.setenv("JAVA_TOOL_OPTIONS", f"-javaagent:{policy_jar(folder)}")
            extra += "create.topic.policy.class.name=FewPartitions\n"
        patch.setenv("BATCH_KAFKA_EXTRA", extra)
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


@pytest.mark.skipif(shutil.which("javac") is None, reason="a policy is a class, and javac was not found")
def test_a_policy_keeps_the_job_waiting(narrow: WorkerProcess) -> None:
    status, job = narrow.upload("orders", "wide.csv", CSV, partitions="9")
    assert status == 202, job
    waiting = eventually(lambda: narrow.job(job["job_id"])["waiting"], "the job says why it waits")
    assert (waiting["code"], narrow.job(job["job_id"])["state"]) == ("TOPIC_LIMIT", "QUEUED")
    assert f"topic `{job['topic']}` with 9 partitions: at most 8 partitions a topic" in waiting["message"]
    assert narrow.batch("job", "cancel", job["job_id"])[0] == 0
    assert narrow.wait_ended(job["job_id"])["state"] == "CANCELLED"


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
