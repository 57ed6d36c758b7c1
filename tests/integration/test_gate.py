"""The gate stays closed before internal topics that would lose jobs, and opens when they are mended."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic, ResourceType

from tests.harness import Topics, WorkerProcess, eventually

pytestmark = pytest.mark.broker

CSV = b"n\n1\n2\n"
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}}


def make(topics: Topics, name: str, partitions: int, **config: str) -> None:
    made = topics.admin.create_topics(
        [NewTopic(name, partitions, 1, config={k.replace("_", "."): v for k, v in config.items()})]
    )
    made[name].result(30)


def set_config(topics: Topics, topic: str, name: str, value: str) -> None:
    entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    topics.admin.incremental_alter_configs([resource])[resource].result(30)


def refused(worker: WorkerProcess, words: str) -> dict[str, str]:
    """The answer of /readyz once it says so."""

    def said() -> dict[str, str] | None:
        try:
            status, answer = worker.json("GET", "/readyz")
        except OSError:
            return None
        return answer if status == 503 and words in json.dumps(answer) else None

    return eventually(said, f"/readyz says {words}; the log: {worker.log[-3000:]}")


def test_a_changelog_that_is_deleted_from_keeps_the_gate_closed_until_it_is_mended(
    new_worker: Callable[..., WorkerProcess], topics: Topics, namespace: str
) -> None:
    jobs = f"{namespace}.jobs"
    make(topics, jobs, 8, cleanup_policy="compact,delete", segment_ms="600000")
    worker = new_worker()
    worker.start(ready=False)
    answer = json.dumps(refused(worker, "cleanup.policy"))
    assert f"topic `{jobs}` has `cleanup.policy` = `compact,delete`, but must have `compact`" in answer
    assert f"rpk topic alter-config {jobs} --set cleanup.policy=compact" in answer
    assert "has not answered" not in answer
    status, problem = worker.upload("numbers", "a.csv", CSV)
    assert (status, problem["code"]) == (503, "KAFKA_UNAVAILABLE")
    set_config(topics, jobs, "cleanup.policy", "compact")
    worker.wait_ready()
    lines = [line for line in worker.log.splitlines() if "mend it with" in line]
    policy = [line for line in lines if "`cleanup.policy`" in line]
    # one for what stopped it, however often it was tried, and one for each other setting
    assert [len(policy), len(lines)] == [1, 3]
    assert any("`segment.ms` = `600000` instead of `3600000`" in line for line in lines)
    assert any("`max.compaction.lag.ms`" in line for line in lines)


def test_events_that_were_made_anew_under_old_rows_are_noticed(
    new_worker: Callable[..., WorkerProcess], topics: Topics, namespace: str
) -> None:
    events, jobs = f"{namespace}.job-events", f"{namespace}.jobs"
    worker = new_worker(internal_partitions=1)
    worker.start()
    worker.create_model("numbers", SCHEMA)
    job = worker.wait_ended(worker.upload("numbers", "a.csv", CSV)[1]["job_id"])
    assert worker.terminate() == 0
    # more tombstones than are looked at first
    producer = Producer({"bootstrap.servers": topics.bootstrap, "log_level": 0})
    for number in range(150):
        producer.produce(jobs, None, f"gone{number:08}".encode())
    assert producer.flush(30) == 0

    topics.admin.delete_topics([events])[events].result(30)
    eventually(lambda: events not in topics.names(), "the topic is gone")
    worker.start(ready=False)
    answer = json.dumps(refused(worker, "was made anew"))
    assert f"its partition 0 ends at `0`, but topic `{jobs}` has rows as of `{job['revision']}`" in answer
    assert f"delete topic `{jobs}` as well" in answer

    topics.admin.delete_topics([jobs])[jobs].result(30)
    worker.wait_ready()
    assert worker.jobs() == []
    worker.wait_ended(worker.upload("numbers", "b.csv", CSV)[1]["job_id"])
