"""Jobs that outlive their retention: what they had is gone everywhere, and what must stay stays."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.harness import Topics, WorkerProcess, eventually
from tests.integration.traces import Traces, everywhere, keep_for_seconds, listed

pytestmark = pytest.mark.broker

SCHEMA = {"properties": {"id": {"type": "integer"}, "text": {"type": "string"}}}
COMPLETED = 20
WITH_REJECT = b"id,text\n1,a\nx,b\n2,c\n"
LONG_ROWS = 20_000
LATE_ROW = b"1," + b"x" * 1000 + b"\n"


class Night:
    """Jobs of every end, one that is paused, and topics that belong to nobody."""

    def __init__(self, worker: WorkerProcess) -> None:
        self._worker = worker
        self.shared = {f"{worker.namespace}-orders", f"{worker.namespace}-orders-dlq"}
        worker.create_model("orders", SCHEMA)
        uploads: list[tuple[str, bytes, dict[str, str]]] = [
            (f"{n}.csv", WITH_REJECT, {}) for n in range(COMPLETED)
        ]
        topic, dlq_topic = sorted(self.shared)
        uploads += [
            ("shared.csv", WITH_REJECT, {"topic": topic, "dlq_topic": dlq_topic}),
            ("wide.csv", WITH_REJECT, {"partitions": "3"}),
            ("empty.csv", b"", {}),
            ("broken.csv", b"id,id\n1,2\n", {}),
            ("rejected.csv", b"id,text\n" + b"x,\n" * 1200, {}),
        ]
        ids = [self._submit(name, content, **options) for name, content, options in uploads]
        self.ended = {job["file"]: job for job in map(worker.wait_ended, ids)}
        again = self.ended["0.csv"]["job_id"]
        assert worker.json("POST", f"/jobs/{again}/retry", {"from_start": True})[0] == 202
        self.ended["0.csv"] = worker.wait_ended(again)
        self.ended["cancelled.csv"] = self._stopped("cancelled.csv", "cancel", "CANCELLED")
        self.paused = self._stopped("paused.csv", "pause", "PAUSED")

    @property
    def ids(self) -> set[str]:
        return {job["job_id"] for job in self.ended.values()}

    def in_state(self, *states: str) -> set[str]:
        return {job["job_id"] for job in self.ended.values() if job["state"] in states}

    def _submit(self, name: str, content: bytes, **options: str) -> str:
        status, job = self._worker.upload("orders", name, content, **options)
        assert status == 202, job
        job_id: str = job["job_id"]
        return job_id

    def _stopped(self, name: str, request: str, state: str) -> dict[str, Any]:
        """A job that was asked to stop in the middle of its file, with rows and a reject committed."""
        rows = b"".join(b"%d,%s\n" % (number, b"x" * 120) for number in range(LONG_ROWS))
        job_id = self._submit(name, b"id,text\nnone,\n" + rows)
        eventually(lambda: self._worker.job(job_id)["rows_read"] > 0, f"{name} runs")
        assert self._worker.json("POST", f"/jobs/{job_id}/{request}")[0] == 202
        return eventually(
            lambda: job if (job := self._worker.job(job_id))["state"] == state else None,
            f"{name} is {state}",
        )


@contextmanager
def upload_under_way(worker: WorkerProcess, content: bytes) -> Iterator[Callable[[], tuple[int, bytes]]]:
    """Half of an upload; what is yielded sends the rest and returns the answer.

    A part file begins when some 100 KiB are there, from which the kind of the file is told.
    """
    body = (
        b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\norders\r\n'
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="late.csv"\r\n\r\n'
        + content
        + b"\r\n--b--\r\n"
    )
    half = len(body) // 2
    connection = http.client.HTTPConnection("127.0.0.1", worker.port, timeout=60)
    connection.putrequest("POST", "/jobs")
    connection.putheader("Content-Type", "multipart/form-data; boundary=b")
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body[:half])

    def finish() -> tuple[int, bytes]:
        connection.send(body[half:])
        answer = connection.getresponse()
        return answer.status, answer.read()

    try:
        yield finish
    finally:
        connection.close()


def folders(worker: WorkerProcess) -> dict[str, set[str]]:
    names = ("processing", "done", "failed")
    return {name: {path.name for path in (worker.dropzone / name).iterdir()} for name in names}


def test_what_outlived_its_retention_is_gone_and_the_rest_stays(
    new_worker: Callable[..., WorkerProcess], topics: Topics, groups: Callable[[], set[str]]
) -> None:
    worker = new_worker(chunk_bytes=16384)  # many commits
    worker.start()
    traces = Traces(worker, topics, groups)
    before = {name for name in topics.names() if not name.startswith("__")}
    night = Night(worker)
    paused = night.paused["job_id"]
    completed = night.in_state("COMPLETED")
    failed = night.in_state("FAILED", "CANCELLED")
    assert (len(completed), len(failed), night.ended["0.csv"]["attempt"]) == (COMPLETED + 3, 3, 2)

    # with the retention of a week all of it stands
    broken, empty, shared, again = (
        night.ended[f"{name}.csv"]["job_id"] for name in ("broken", "empty", "shared", "0")
    )
    all_of_them = night.ids | {paused}
    assert traces.of_jobs() == everywhere(all_of_them) | {"groups": all_of_them - {broken}}
    wanted = {"processing": {paused}, "done": completed, "failed": failed}
    eventually(lambda: folders(worker) == wanted, "the files of ended jobs are moved")
    kept = {f"{worker.namespace}_{paused}{end}" for end in ("", "_dlq")}
    assert traces.own_topics() == kept | {f"{worker.namespace}_{empty}"} | {
        f"{worker.namespace}_{job}{end}"
        for job in [f"{again}_r2", *night.ids - {broken, empty, shared}]
        for end in ("", "_dlq")
    }
    assert worker.terminate() == 0
    assert traces.in_table() == all_of_them

    keep_for_seconds(worker)
    worker.start()
    unfinished = worker.dropzone / "incoming/orders/unfinished.csv.part"
    unfinished.parent.mkdir()
    unfinished.write_bytes(b"id,te")
    with upload_under_way(worker, b"id,text\n" + LATE_ROW * 1000) as finish:
        live = eventually(lambda: list((worker.dropzone / ".uploads").iterdir()), "the upload has begun")
        for name in ("0123456789abcdef.part", f"{'0' * 64}.lock"):
            (worker.dropzone / ".uploads" / name).write_bytes(b"id,text\n")
        eventually(lambda: listed(worker) == {paused}, "only the paused job is left")
        assert traces.of_jobs() == everywhere({paused})  # the row goes last
        wanted = {"processing": {paused}, "done": set(), "failed": failed}
        eventually(lambda: folders(worker) == wanted, "the files of completed jobs are gone")
        eventually(
            lambda: list((worker.dropzone / ".uploads").iterdir()) == live,
            "what dead processes left is gone, and the upload is not",
        )
        assert finish()[0] == 202
    # the same without a restart between its end and its retention
    eventually(lambda: "(late.csv) COMPLETED" in worker.log, "the upload is a job and ends")
    eventually(lambda: folders(worker) == wanted, "its file is gone")
    eventually(lambda: listed(worker) == {paused}, "it is gone")
    assert traces.of_jobs() == everywhere({paused})
    assert {name for name in topics.names() if not name.startswith("__")} == (before | night.shared | kept)
    assert [len(topics.values(name)) for name in sorted(night.shared)] == [2, 1]
    assert unfinished.read_bytes() == b"id,te"
    assert "cannot be removed" not in worker.log

    assert worker.terminate() == 0
    assert traces.in_table() == {paused}
    worker.start()
    assert traces.of_jobs() == everywhere({paused})
    assert (folders(worker), traces.own_topics()) == (wanted, kept)
    for job_id in (again, broken, shared):
        status, problem = worker.json("GET", f"/jobs/{job_id}")
        assert (status, problem["code"]) == (404, "JOB_NOT_FOUND")

    # what stayed is whole
    assert worker.terminate() == 0
    del worker.settings["BATCH_JOB_RETENTION_HOURS"]
    worker.start()
    assert worker.json("POST", f"/jobs/{paused}/resume")[0] == 202
    ended = worker.wait_ended(paused)
    assert (ended["state"], ended["rows_delivered"], ended["rows_rejected"]) == ("COMPLETED", LONG_ROWS, 1)
    delivered = topics.values(ended["topic"])
    assert (len(delivered), len(set(delivered))) == (LONG_ROWS, LONG_ROWS)
