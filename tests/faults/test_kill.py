"""kill -9 of the worker, anywhere: every row once, in file order, every reject once."""

from __future__ import annotations

import http.client
import json
import random
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Broker
from tests.harness import Topics, WorkerProcess, eventually
from worker.crashpoints import CrashPoint

SCHEMA = {
    "type": "object",
    "properties": {"id": {"type": "integer"}, "name": {"type": "string"}, "amount": {"type": "number"}},
    "required": ["id", "name", "amount"],
}
HEADER = b"id,name,amount\n"


def row_of(number: int) -> bytes:
    """Every 1,000th row has an amount that is not a number."""
    amount = b"n/a" if number % 1000 == 999 else b"%d.50" % (number % 97)
    return b"%d,name %d,%s\n" % (number, number, amount)


def expected_value(number: int) -> bytes:
    return b'{"id":%d,"name":"name %d","amount":%d.50}' % (number, number, number % 97)


def write_rows(path: Path, rows: int) -> list[int]:
    """Write the file; return the byte offset of each row, and the end."""
    offsets = [len(HEADER)]
    with path.open("wb") as file:
        file.write(HEADER)
        for number in range(rows):
            row = row_of(number)
            file.write(row)
            offsets.append(offsets[-1] + len(row))
    return offsets


def check_all(topics: Topics, job: dict[str, Any], rows: int, offsets: list[int]) -> None:
    """Read both topics back with another client and compare them with the file."""
    good = [number for number in range(rows) if number % 1000 != 999]
    bad = [number for number in range(rows) if number % 1000 == 999]
    assert topics.values(job["topic"]) == [expected_value(number) for number in good]
    if bad:
        rejects = [json.loads(value) for value in topics.values(job["dlq_topic"])]
        found = [(r["row"], r["line"], r["byte_offset"], r["raw"], r["errors"][0]["code"]) for r in rejects]
        assert found == [
            (number + 1, number + 2, offsets[number], row_of(number)[:-1].decode(), "TYPE") for number in bad
        ]
    counts = (job["state"], job["rows_read"], job["rows_delivered"], job["rows_rejected"])
    assert counts == ("COMPLETED", rows, len(good), len(bad))


def check_file_done(worker: WorkerProcess, job_id: str) -> None:
    eventually(lambda: (worker.dropzone / "done" / job_id).is_dir(), "the file is in done/")
    assert not (worker.dropzone / "processing" / job_id).exists()
    assert [p.name for p in (worker.dropzone / "incoming").rglob("*") if p.is_file()] == []


def test_five_kills_in_a_million_rows(
    new_worker: Callable[..., WorkerProcess], topics: Topics, namespace: str, tmp_path: Path
) -> None:
    rows = 1_000_000
    source = tmp_path / "big.csv"
    offsets = write_rows(source, rows)
    worker = new_worker(converter="reference", chunk_bytes=1024 * 1024)  # slow enough to be hit anywhere
    worker.start()
    worker.create_model("orders", SCHEMA)
    incoming = worker.dropzone / "incoming/orders"
    incoming.mkdir(parents=True)
    source.rename(incoming / "big.csv")
    job = worker.wait_job("big.csv")
    group, topic = f"{namespace}-{job['job_id']}", job["topic"]

    def progress_after(before: int) -> int | None:
        now = topics.committed(group, topic)
        return now if now is not None and now > before else None

    eventually(lambda: topic in topics.names(), "the topic is made")
    topic_id = topics.topic_id(topic)
    at = eventually(lambda: progress_after(0), "first progress")
    for kill in range(5):
        # somewhere in the next stretch of the file, always before its end
        target = at + random.randint(1, (rows - at) // (7 - kill))
        at = eventually(lambda target=target: progress_after(target), f"progress over row {target}")
        worker.kill()
        at = topics.committed(group, topic) or 0
        assert 0 < at < rows
        worker.start(ready=False)
        resumed = eventually(
            lambda kill=kill: re.findall(r"reads on from byte (\d+)", worker.log)[kill:],
            "the restart reads on",
        )
        assert int(resumed[0]) == offsets[at]
        at = eventually(lambda at=at: progress_after(at), "fresh progress after the restart")
    worker.wait_ready()
    ended = worker.wait_ended(job["job_id"], timeout=240)
    check_all(topics, ended, rows, offsets)
    assert topics.topic_id(topic) == topic_id
    check_file_done(worker, job["job_id"])


def test_five_deaths_of_the_compiled_converter(
    new_worker: Callable[..., WorkerProcess], topics: Topics, namespace: str, tmp_path: Path
) -> None:
    rows = 1_000_000
    source = tmp_path / "big.csv"
    offsets = write_rows(source, rows)
    worker = new_worker(converter="compiled", chunk_bytes=1024 * 1024)
    armed = ArmedWorker(worker)
    armed.start()
    worker.wait_ready()
    worker.create_model("orders", SCHEMA)
    incoming = worker.dropzone / "incoming/orders"
    incoming.mkdir(parents=True)
    armed.arm(f"{random.choice(REPEATED)}:{random.randint(2, 4)}")
    source.rename(incoming / "big.csv")
    committed = []
    for death in range(5):
        assert worker.wait_dead() == -signal.SIGKILL
        (folder,) = (worker.dropzone / "processing").iterdir()
        at = topics.committed(f"{namespace}-{folder.name}", f"{namespace}_{folder.name}") or 0
        assert 0 < at < rows
        committed.append(offsets[at])
        if death == 4:
            armed.recover()
        else:  # at most four of more than twenty transactions on
            armed.arm(f"{random.choice(REPEATED)}:{random.randint(2, 4)}")
            armed.start(ready=False)
    worker.wait_ready()
    ended = worker.wait_ended(folder.name, timeout=240)
    assert ended["converter"] == "compiled"
    check_all(topics, ended, rows, offsets)
    assert [int(byte) for byte in re.findall(r"reads on from byte (\d+)", worker.log)] == committed
    check_file_done(worker, folder.name)


class ArmedWorker:
    """One worker that can be told to die at a crash point, and is started again after each death."""

    def __init__(self, worker: WorkerProcess) -> None:
        self.worker = worker
        self._wish = worker.folder / "crash-at"

    def start(self, *, ready: bool = True) -> None:
        self.worker.start(crash_at=f"@{self._wish}", ready=ready)

    def arm(self, wish: str) -> None:
        self._wish.write_text(wish)

    def recover(self) -> None:
        """Wait for the death by SIGKILL; start again, disarmed."""
        assert self.worker.wait_dead() == -signal.SIGKILL
        self._wish.unlink()
        self.start()


@pytest.fixture(scope="module")
def armed(tmp_path_factory: pytest.TempPathFactory, broker: Broker) -> Iterator[ArmedWorker]:
    namespace = f"armed{random.randrange(10**9)}"
    worker = WorkerProcess(
        tmp_path_factory.mktemp("armed"),
        broker.address,
        namespace,
        converter="compiled",
        chunk_bytes=16 * 1024,
    )
    armed = ArmedWorker(worker)
    armed.start()
    worker.create_model("orders", SCHEMA)
    yield armed
    worker.close()


def jobs_of(worker: WorkerProcess, file: str) -> list[dict[str, Any]]:
    return [job for job in worker.jobs() if job["file"] == file]


REPEATED = (CrashPoint.AFTER_BEGIN, CrashPoint.MID_SEND, CrashPoint.BEFORE_COMMIT, CrashPoint.AFTER_COMMIT)


@pytest.mark.parametrize("point", list(CrashPoint))
def test_a_kill_at_each_crash_point(
    armed: ArmedWorker, topics: Topics, tmp_path: Path, point: CrashPoint
) -> None:
    rows = 5_000
    file = f"{point}.csv"
    offsets = write_rows(tmp_path / file, rows)
    worker = armed.worker
    armed.arm(f"{point}:3" if point in REPEATED else point)
    worker.drop(file, (tmp_path / file).read_bytes(), model="orders")
    armed.recover()
    ended = worker.wait_ended(worker.wait_job(file)["job_id"])
    check_all(topics, ended, rows, offsets)
    check_file_done(worker, ended["job_id"])
    assert [job["job_id"] for job in jobs_of(worker, file)] == [ended["job_id"]]


@pytest.mark.parametrize(
    "point", [CrashPoint.AFTER_MANIFEST, CrashPoint.AFTER_RENAME, CrashPoint.AFTER_SUBMISSION]
)
def test_a_kill_at_each_crash_point_of_an_upload(
    armed: ArmedWorker, topics: Topics, tmp_path: Path, point: CrashPoint
) -> None:
    rows = 2_000
    file = f"upload-{point}.csv"
    offsets = write_rows(tmp_path / file, rows)
    content = (tmp_path / file).read_bytes()
    worker = armed.worker
    armed.arm(point)
    with pytest.raises((OSError, http.client.HTTPException)):  # the connection ends without an answer
        worker.upload("orders", file, content)
    armed.recover()
    if point is CrashPoint.AFTER_MANIFEST:
        # nothing was claimed and nothing answered: the client sends it again
        status, job = worker.upload("orders", file, content)
        assert status == 202
    else:
        job = worker.wait_job(file)
    ended = worker.wait_ended(job["job_id"])
    check_all(topics, ended, rows, offsets)
    check_file_done(worker, job["job_id"])
    assert [job["job_id"] for job in jobs_of(worker, file)] == [ended["job_id"]]
    assert list((worker.dropzone / ".uploads").glob("*")) == []
