"""The state on a real broker, in processes that are killed and left without Kafka."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from tests.conftest import ROOT, Broker, free_port
from tests.harness import Topics, eventually

PARTITIONS = 4


class StateProcess:
    """`state_main.py` on a free port. Start and kill it as often as needed."""

    def __init__(self, folder: Path, bootstrap: str, namespace: str, **settings: object) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.settings = {
            "BATCH_BOOTSTRAP_SERVERS": bootstrap,
            "BATCH_NAMESPACE": namespace,
            "BATCH_WEB_PORT": str(self.port),
            "BATCH_DATA_DIR": str(folder / "data"),
            "BATCH_DROPZONE": str(folder / "dropzone"),
            "BATCH_INTERNAL_PARTITIONS": str(PARTITIONS),
            **{f"BATCH_{name.upper()}": str(value) for name, value in settings.items()},
        }

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def start(self, *, ready: bool = True) -> None:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("BATCH_")} | self.settings
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.integration.state_main"],
                env=environment,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        if ready:
            self.wait_ready()

    def wait_web(self) -> None:
        eventually(lambda: self.health() is not None, "the web server answers", 20)

    def wait_ready(self, timeout: float = 60.0) -> None:
        def ready() -> bool:
            assert self.process is not None
            assert self.process.poll() is None, self.log[-4000:]
            return bool((self.health() or {}).get("ready"))

        eventually(ready, "the state is ready", timeout)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.wait()

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def wait(self, timeout: float = 30.0) -> int:
        assert self.process is not None
        return self.process.wait(timeout)

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()

    def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        url = f"http://127.0.0.1:{self.port}{path}"
        request = urllib.request.Request(url, data=data, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())

    def get(self, path: str) -> Any:
        status, answer = self.call("GET", path)
        assert status == 200, answer
        return answer

    def health(self) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self.get("/health")
        except OSError:
            return None
        return found

    def publish(self, job_id: str, event: dict[str, Any]) -> dict[str, int]:
        status, answer = self.call("POST", f"/events/{job_id}", event)
        assert status == 200, answer
        sent: dict[str, int] = answer
        return sent


def job_json(job_id: str, **changes: Any) -> dict[str, Any]:
    """Job JSON of a fresh submission, in the contract's order."""
    return {
        "job_id": job_id,
        "revision": -1,
        "model": "orders",
        "model_version": 1,
        "options": {"key": "id"},
        "source": "upload",
        "file": f"{job_id}.csv",
        "size_bytes": 11,
        "sha256": "00",
        "format": None,
        "converter": None,
        "state": "QUEUED",
        "requested": None,
        "waiting": None,
        "position": {"byte": 0, "row": 0, "line": 0, "block": 0, "row_group": 0},
        "rows_read": 0,
        "rows_delivered": 0,
        "rows_rejected": 0,
        "bytes_read": 0,
        "attempt": 1,
        "topic": f"batch_{job_id}",
        "dlq_topic": None,
        "offsets": {},
        "worker": None,
        "error": None,
        "created_at": "2026-01-01T00:00:00.000Z",
        "started_at": None,
        "finished_at": None,
        "first_attempt": 1,
        "work": "file",
        "dead_letters": None,
        "duplicate_of": None,
        "idempotency": None,
        **changes,
    }


def submitted(job_id: str) -> dict[str, Any]:
    return {"type": "SUBMITTED", "job": job_json(job_id)}


def progress(rows: int) -> dict[str, Any]:
    counts = {
        "position": {"byte": rows * 10, "row": rows, "line": rows, "block": 1, "row_group": 0},
        "rows_delivered": rows,
        "rows_rejected": 0,
        "bytes_read": rows * 10,
        "offsets": {"0": [0, rows]},
        "dlq_topic": None,
    }
    return {"type": "PROGRESS", "attempt": 1, "counts": counts}


@pytest.fixture
def new_state(tmp_path: Path, broker: Broker, namespace: str) -> Iterator[Callable[..., StateProcess]]:
    made: list[StateProcess] = []

    def new(bootstrap: str = broker.address, **settings: object) -> StateProcess:
        made.append(StateProcess(tmp_path / f"state-{len(made)}", bootstrap, namespace, **settings))
        return made[-1]

    yield new
    for state in made:
        state.close()


@pytest.fixture
def state(new_state: Callable[..., StateProcess]) -> StateProcess:
    state = new_state()
    state.start()
    return state


def last_value(topics: Topics, topic: str, key: str) -> dict[str, Any] | None:
    records = [record for record in topics.read(topic) if record.key() == key.encode()]
    value = records[-1].value()
    return None if value is None else json.loads(value)


def test_an_event_becomes_a_row(state: StateProcess, broker: Broker, namespace: str) -> None:
    sent = state.publish("aaaaaaaaaaaa", submitted("aaaaaaaaaaaa"))
    state.publish("aaaaaaaaaaaa", progress(7))
    row = eventually(
        lambda: (r := state.get("/jobs/aaaaaaaaaaaa?barrier=1")) and r["rows_read"] == 7 and r, "the row"
    )
    assert row == job_json(
        "aaaaaaaaaaaa",
        revision=sent["offset"] + 1,
        position={"byte": 70, "row": 7, "line": 7, "block": 1, "row_group": 0},
        rows_read=7,
        rows_delivered=7,
        bytes_read=70,
        offsets={"0": [0, 7]},
    )
    assert list(row) == list(job_json("aaaaaaaaaaaa"))
    assert state.get("/own/aaaaaaaaaaaa") == row
    assert state.get("/own")["rows"] == [
        ["aaaaaaaaaaaa", "QUEUED", None],
        ["aaaaaaaaaaaa", "QUEUED", "QUEUED"],
    ]
    topics = Topics(broker.address)
    for topic in (f"{namespace}.job-events", f"{namespace}.jobs"):
        records = [record for record in topics.read(topic) if record.key() == b"aaaaaaaaaaaa"]
        assert [record.partition() for record in records] == [sent["partition"]] * 2
    assert last_value(topics, f"{namespace}.jobs", "aaaaaaaaaaaa") == row


def test_partitions_are_those_of_any_other_client(
    state: StateProcess, broker: Broker, namespace: str
) -> None:
    ids = [f"{number:012d}" for number in range(40)]
    producer = Producer({"bootstrap.servers": broker.address, "partitioner": "murmur2_random"})
    for job_id in ids:
        producer.produce(f"{namespace}.job-events", json.dumps(submitted(job_id)), key=job_id)
    assert producer.flush(20) == 0
    eventually(lambda: len(state.get("/jobs?barrier=1")) == 40, "40 rows")
    for job_id in ids:
        assert state.get(f"/own/{job_id}")["job_id"] == job_id  # its row is where partition_of looks
    taken = {state.publish(job_id, progress(1))["partition"] for job_id in ids}
    assert taken == set(range(PARTITIONS))


def test_kill_and_restart_keep_every_acknowledged_event(state: StateProcess) -> None:
    ids = [f"{number:012d}" for number in range(60)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda job_id: state.publish(job_id, submitted(job_id)), ids))
        list(threads.map(lambda job_id: state.publish(job_id, progress(int(job_id) + 1)), ids))
    state.kill()
    restarted_at = time.monotonic()
    state.start()
    assert time.monotonic() - restarted_at < 20
    for number, job_id in enumerate(ids):
        assert state.get(f"/own/{job_id}")["rows_read"] == number + 1
    wanted = {job_id: number + 1 for number, job_id in enumerate(ids)}

    def rows() -> dict[str, int]:
        return {job["job_id"]: job["rows_read"] for job in state.get("/jobs?barrier=1")}

    # the owner's rows are ahead of the changelog by what is on its way there
    eventually(lambda: rows() == wanted, "the read model has every row")
    assert state.get("/own")["active"] == ids


def test_the_broker_comes_after_the_worker(
    own_broker: Broker, new_state: Callable[..., StateProcess]
) -> None:
    state = new_state(own_broker.address)
    state.start(ready=False)
    state.wait_web()
    health = state.health()
    assert health is not None
    assert (health["broker_ok"], health["ready"]) == (False, False)
    assert own_broker.address in health["message"]
    assert "BATCH_BOOTSTRAP_SERVERS" in health["hint"]
    asked_at = time.monotonic()
    status, answer = state.call("POST", "/events/aaaaaaaaaaaa", submitted("aaaaaaaaaaaa"))
    assert (status, answer["code"]) == (503, "KAFKA_UNAVAILABLE")
    assert own_broker.address in answer["message"]
    status, answer = state.call("POST", "/models/m", {})
    assert (status, answer["code"]) == (503, "KAFKA_UNAVAILABLE")
    assert state.get("/jobs") == []
    assert time.monotonic() - asked_at < 2
    own_broker.start()
    state.wait_ready()
    state.publish("aaaaaaaaaaaa", submitted("aaaaaaaaaaaa"))
    eventually(lambda: state.get("/jobs/aaaaaaaaaaaa?barrier=1"), "the row")
    assert "Traceback" not in state.log


def test_the_broker_goes_away_and_comes_back(
    own_broker: Broker, new_state: Callable[..., StateProcess]
) -> None:
    own_broker.start()
    state = new_state(own_broker.address)
    state.start()
    state.publish("aaaaaaaaaaaa", submitted("aaaaaaaaaaaa"))
    eventually(lambda: state.get("/jobs?barrier=1"), "the row")
    own_broker.stop()
    health = eventually(
        lambda: (h := state.health()) and not h["broker_ok"] and h, "the outage is noticed", 30
    )
    assert not health["ready"]
    assert f"Kafka at `{own_broker.address}` has not answered for" in health["message"]
    status, answer = state.call("POST", "/events/aaaaaaaaaaaa", progress(1))
    assert (status, answer["code"]) == (503, "KAFKA_UNAVAILABLE")
    assert [job["job_id"] for job in state.get("/jobs")] == ["aaaaaaaaaaaa"]
    own_broker.start()
    state.wait_ready()
    state.publish("aaaaaaaaaaaa", progress(5))
    eventually(lambda: state.get("/jobs/aaaaaaaaaaaa?barrier=1")["rows_read"] == 5, "the fold goes on")
    assert "Traceback" not in state.log
    assert len(state.log.splitlines()) < 150


def ends_with_0(state: StateProcess) -> None:
    asked_at = time.monotonic()
    state.signal(signal.SIGTERM)
    state.signal(signal.SIGTERM)
    assert state.wait() == 0
    assert time.monotonic() - asked_at < 8
    assert "Traceback" not in state.log


def test_sigterm_with_kafka(state: StateProcess) -> None:
    ends_with_0(state)


def test_sigterm_before_kafka_ever_answered(
    own_broker: Broker, new_state: Callable[..., StateProcess]
) -> None:
    state = new_state(own_broker.address)
    state.start(ready=False)
    state.wait_web()
    ends_with_0(state)


def test_sigterm_after_kafka_went_away(own_broker: Broker, new_state: Callable[..., StateProcess]) -> None:
    own_broker.start()
    state = new_state(own_broker.address)
    state.start()
    own_broker.stop()
    ends_with_0(state)  # before the outage is noticed


def test_sigterm_in_an_outage(own_broker: Broker, new_state: Callable[..., StateProcess]) -> None:
    own_broker.start()
    state = new_state(own_broker.address)
    state.start()
    own_broker.stop()
    eventually(lambda: not (state.health() or {"broker_ok": True})["broker_ok"], "the outage is noticed", 30)
    ends_with_0(state)


def test_a_deleted_job_leaves_a_tombstone(state: StateProcess, topics: Topics, namespace: str) -> None:
    ended = {"type": "SUBMITTED", "job": job_json("aaaaaaaaaaaa", state="COMPLETED")}
    state.publish("aaaaaaaaaaaa", ended)
    eventually(lambda: state.get("/jobs/aaaaaaaaaaaa?barrier=1"), "the row")
    state.publish("aaaaaaaaaaaa", {"type": "DELETED"})
    eventually(lambda: state.get("/jobs/aaaaaaaaaaaa?barrier=1") is None, "the row is gone")
    assert state.get("/own/aaaaaaaaaaaa") is None
    assert last_value(topics, f"{namespace}.jobs", "aaaaaaaaaaaa") is None
    state.kill()
    state.start()
    assert state.get("/own/aaaaaaaaaaaa") is None
    assert state.get("/jobs?barrier=1") == []
    assert state.get("/own")["active"] == []


def test_a_stale_row_is_not_shown_and_is_repaired(
    state: StateProcess, broker: Broker, topics: Topics, namespace: str
) -> None:
    sent = state.publish("aaaaaaaaaaaa", submitted("aaaaaaaaaaaa"))
    state.publish("aaaaaaaaaaaa", progress(9))
    eventually(lambda: state.get("/jobs/aaaaaaaaaaaa?barrier=1")["rows_read"] == 9, "nine rows")
    # what a worker writes that thaws after it has lost its partitions
    stale = json.dumps(job_json("aaaaaaaaaaaa", revision=sent["offset"]))
    producer = Producer({"bootstrap.servers": broker.address})
    producer.produce(f"{namespace}.jobs", stale, key="aaaaaaaaaaaa", partition=sent["partition"])
    assert producer.flush(20) == 0
    repaired = eventually(
        lambda: (row := state.get("/jobs/aaaaaaaaaaaa?barrier=1"))["revision"] > sent["offset"] + 1 and row,
        "the row is written again",
    )
    assert repaired["rows_read"] == 9
    assert last_value(topics, f"{namespace}.jobs", "aaaaaaaaaaaa") == repaired


def test_a_touch_of_an_unknown_id_writes_a_tombstone(
    state: StateProcess, topics: Topics, namespace: str
) -> None:
    state.publish("aaaaaaaaaaaa", {"type": "TOUCHED"})
    eventually(
        lambda: [r.value() for r in topics.read(f"{namespace}.jobs") if r.key() == b"aaaaaaaaaaaa"] == [None],
        "a tombstone",
    )


def test_records_that_are_no_events_stop_nothing(state: StateProcess, broker: Broker, namespace: str) -> None:
    producer = Producer({"bootstrap.servers": broker.address})
    for value in (b"", b"not json", b"[]", b'{"type":"LATER"}', b'{"type":"ENDED"}', None):
        for partition in range(PARTITIONS):
            producer.produce(f"{namespace}.job-events", value, key="x", partition=partition)
            producer.produce(f"{namespace}.jobs", value, key="x", partition=partition)
    assert producer.flush(20) == 0
    state.publish("aaaaaaaaaaaa", submitted("aaaaaaaaaaaa"))
    eventually(lambda: state.get("/jobs/aaaaaaaaaaaa?barrier=1"), "the row")
    assert "unknown job event type `LATER`" in state.log
    assert state.log.count("`LATER`") == 1


def test_two_workers_share_the_partitions(new_state: Callable[..., StateProcess]) -> None:
    first, second = new_state(), new_state()
    first.start()
    ids = [f"{number:012d}" for number in range(30)]
    for job_id in ids:
        first.publish(job_id, submitted(job_id))
    second.start(ready=False)
    second.wait_web()

    def shared() -> bool:
        owned = [state.get("/own")["owned"] for state in (first, second)]
        return all(owned) and sorted(owned[0] + owned[1]) == list(range(PARTITIONS))

    eventually(shared, "each has its partitions", 60)
    second.wait_ready()
    own = first.get("/own")
    assert own["lost"] == [sorted(set(range(PARTITIONS)) - set(own["owned"]))]
    assert sorted(own["active"] + second.get("/own")["active"]) == ids
    for job_id in ids:
        second.publish(job_id, progress(3))
        assert (first.get(f"/own/{job_id}") is None) != (second.get(f"/own/{job_id}") is None)
    second.kill()
    eventually(lambda: len(first.get("/own")["owned"]) == PARTITIONS, "the first takes over", 60)
    assert first.get("/own")["active"] == ids
    # an event that the second did not come to is folded by the first
    eventually(lambda: {first.get(f"/own/{job_id}")["rows_read"] for job_id in ids} == {3}, "all is folded")


def test_a_model_is_created_once_by_many_at_once(
    new_state: Callable[..., StateProcess], topics: Topics, namespace: str
) -> None:
    workers = [new_state(), new_state()]
    for worker in workers:
        worker.start()
    schemas = [b'{"type":"object","x":%d.0}' % number for number in range(6)]

    def create(number: int) -> tuple[int, Any]:
        return workers[number % 2].call("POST", "/models/orders", schemas[number])

    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(create, range(6)))
    assert sorted(status for status, _ in answers) == [200, 409, 409, 409, 409, 409], answers
    winner = next(number for number, (status, _) in enumerate(answers) if status == 200)
    assert answers[winner][1] == {"version": 1, "text": schemas[winner].decode(), "created": True}
    assert {answer["code"] for status, answer in answers if status == 409} == {"MODEL_EXISTS"}
    for worker in workers:
        assert worker.get("/models") == {"orders": schemas[winner].decode()}
        status, same = worker.call("POST", "/models/orders", b" " + schemas[winner])
        assert (status, same["created"]) == (200, False)
    # numbers are compared as text
    status, other = workers[0].call("POST", "/models/orders", schemas[winner].replace(b".0", b""))
    assert (status, other["code"]) == (409, "MODEL_EXISTS")
    (record,) = topics.read(f"{namespace}.models")
    assert record.key() == b"orders@1"


def test_the_read_model_is_built_again_from_the_topic(state: StateProcess) -> None:
    ids = [f"{number:012d}" for number in range(20)]
    for job_id in ids:
        state.publish(job_id, submitted(job_id))
    before = eventually(lambda: len(rows := state.get("/jobs?barrier=1")) == 20 and rows, "20 rows")
    state.signal(signal.SIGTERM)
    assert state.wait() == 0
    files = list((state.folder / "data").glob("read-model.sqlite*"))
    assert files
    for file in files:
        file.unlink()
    state.start()
    assert state.get("/jobs?barrier=1") == before


def test_another_number_of_partitions_is_a_clear_error(state: StateProcess, namespace: str) -> None:
    state.signal(signal.SIGTERM)
    assert state.wait() == 0
    state.settings["BATCH_INTERNAL_PARTITIONS"] = "6"
    state.start(ready=False)
    assert state.wait() == 1
    assert (
        f"BATCH_INTERNAL_PARTITIONS is `6`, but topic `{namespace}.job-events` was made with `4` partitions"
    ) in state.log
    assert "Traceback" not in state.log


def test_topics_made_anew_are_not_mixed_with_old_files(
    state: StateProcess, topics: Topics, namespace: str
) -> None:
    state.publish("aaaaaaaaaaaa", submitted("aaaaaaaaaaaa"))
    eventually(lambda: state.get("/jobs?barrier=1"), "the row")
    state.signal(signal.SIGTERM)
    assert state.wait() == 0
    names = [f"{namespace}.job-events", f"{namespace}.jobs", f"{namespace}.models"]
    for deletion in topics.admin.delete_topics(names).values():
        deletion.result(20)
    eventually(lambda: not set(names) & topics.names(), "the topics are gone")
    state.start()
    assert state.get("/jobs?barrier=1") == []
    assert state.get("/own/aaaaaaaaaaaa") is None
    state.publish("bbbbbbbbbbbb", submitted("bbbbbbbbbbbb"))
    eventually(lambda: state.get("/jobs/bbbbbbbbbbbb?barrier=1"), "the new row")
