"""Five hundred jobs with a retention of seconds, and a worker and a broker that are as before."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from tests.conftest import Broker
from tests.harness import Topics, WorkerProcess, eventually
from tests.integration.test_large import pss_bytes
from tests.integration.test_many_jobs import cpu_seconds
from tests.integration.traces import Traces, everywhere, keep_for_seconds, listed

pytestmark = [pytest.mark.broker, pytest.mark.slow, pytest.mark.timeout(1800)]

JOBS = 500
WARM = 50  # the first jobs load code and fill pools
FAILED_EVERY = 10
PARTITIONS = 8
KIB, MIB = 1024, 1024 * 1024
MEMORY_MARGIN = 16 * MIB
CPU_MARGIN = 1.5  # times the CPU until it was ready before
EVENT_BYTES, ROW_BYTES, TOMBSTONE_BYTES = 4 * KIB, 8 * KIB, 200  # a job
SCHEMA = {"properties": {"id": {"type": "integer"}, "text": {"type": "string"}}}
WITH_REJECT = b"id,text\n1,a\nx,b\n2,c\n"
BROKEN = b"id,id\n1,2\n"


def run_through(worker: WorkerProcess, count: int) -> float:
    """Submit so many jobs, each tenth of them broken, and wait until all are forgotten; seconds it took."""
    began = time.monotonic()
    ends = [worker.log.count(f") {state}: ") for state in ("COMPLETED", "FAILED")]
    contents = [BROKEN if number % FAILED_EVERY == 0 else WITH_REJECT for number in range(count)]
    with ThreadPoolExecutor(4) as threads:
        answers = threads.map(lambda content: worker.upload("orders", "a.csv", content)[0], contents)
        assert set(answers) == {202}
    failed = count // FAILED_EVERY
    wanted = [ends[0] + count - failed, ends[1] + failed]
    eventually(
        lambda: [worker.log.count(f") {state}: ") for state in ("COMPLETED", "FAILED")] == wanted,
        "all have ended",
        timeout=600,
    )
    eventually(lambda: listed(worker) == set(), "all are forgotten", timeout=120)
    eventually(lambda: not list((worker.dropzone / "done").iterdir()), "their files are gone")
    return time.monotonic() - began


@dataclass(frozen=True)
class Start:
    """What it took until the worker was ready."""

    seconds: float
    cpu: float


def restarted(worker: WorkerProcess) -> Start:
    assert worker.terminate() == 0
    began = time.monotonic()
    worker.start()
    return Start(time.monotonic() - began, cpu_seconds(pid(worker)))


def pid(worker: WorkerProcess) -> int:
    assert worker.process is not None
    return worker.process.pid


def on_disk(broker: Broker, topic: str) -> int:
    """Bytes of a topic's records on the broker's disk."""
    return sum(log.stat().st_size for log in (broker.folder / "data").glob(f"{topic}-*/*.log"))


def compact_now(topics: Topics, topic: str) -> None:
    """Let the broker do at once what it does after hours by the settings that the worker gave the topic."""
    soon = {"segment.ms": "1000", "max.compaction.lag.ms": "1000", "min.cleanable.dirty.ratio": "0.01"}
    entries = [
        ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in soon.items()
    ]
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)
    topics.admin.incremental_alter_configs([resource])[resource].result(30)
    producer = Producer({"bootstrap.servers": topics.bootstrap, "log_level": 0})
    for partition in range(PARTITIONS):  # a segment is closed when the next record comes
        producer.produce(topic, None, b"nobody000000", partition=partition)
    assert producer.flush(30) == 0


def test_five_hundred_jobs_leave_worker_and_broker_as_they_were(
    new_worker: Callable[..., WorkerProcess],
    broker: Broker,
    topics: Topics,
    groups: Callable[[], set[str]],
    namespace: str,
) -> None:
    worker = new_worker(internal_partitions=PARTITIONS)
    keep_for_seconds(worker)
    worker.start()
    worker.create_model("orders", SCHEMA)
    traces = Traces(worker, topics, groups)
    run_through(worker, WARM)
    names = topics.names()
    start = restarted(worker)
    run_through(worker, WARM)
    memory = pss_bytes(pid(worker))
    events, jobs = f"{namespace}.job-events", f"{namespace}.jobs"
    sizes = {topic: on_disk(broker, topic) for topic in (events, jobs)}

    seconds = run_through(worker, JOBS)
    grown = pss_bytes(pid(worker)) - memory
    assert traces.of_jobs() == everywhere(set())
    assert topics.names() == names
    assert "cannot be removed" not in worker.log
    a_job = {topic: (on_disk(broker, topic) - size) // JOBS for topic, size in sizes.items()}
    again = restarted(worker)
    compact_now(topics, jobs)
    print(
        f"{seconds:.0f} s for {JOBS} jobs; memory {memory / MIB:.0f} MiB, then {grown / MIB:+.1f} MiB; "
        f"ready after {start.seconds:.1f} s ({start.cpu:.1f} s of CPU), then {again.seconds:.1f} s "
        f"({again.cpu:.1f} s); bytes a job: {a_job}"
    )
    assert grown < MEMORY_MARGIN
    assert again.cpu < CPU_MARGIN * start.cpu
    assert a_job[events] < EVENT_BYTES
    assert a_job[jobs] < ROW_BYTES
    eventually(
        lambda: on_disk(broker, jobs) < (JOBS + 2 * WARM) * TOMBSTONE_BYTES, "only tombstones are left", 120
    )
    assert worker.terminate() == 0
    assert traces.in_table() == set()
