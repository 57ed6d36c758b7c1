"""Exactly 1 GiB: uploads, completes in bounded memory, and keeps no small file waiting."""

from __future__ import annotations

import http.client
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.harness import Topics, WorkerProcess

GIB = 1024 * 1024 * 1024
MIB = 1024 * 1024
SCHEMA = {
    "type": "object",
    "properties": {"id": {"type": "integer"}, "text": {"type": "string"}},
    "required": ["id", "text"],
}
HEADER = b"id,text\n"
ROW_BYTES = 1024  # of `id`, a comma, text and LF


def gib_of_rows(size: int = GIB) -> Iterator[bytes]:
    """A CSV file of exactly `size` bytes in pieces of about 1 MiB: rows of 1 KiB, the last one shorter."""
    yield HEADER
    left = size - len(HEADER)
    text = os.urandom(2 * ROW_BYTES).hex().encode()  # half of it is noise, as in real text
    number = 0
    piece = bytearray()
    while left:
        length = ROW_BYTES if left >= 2 * ROW_BYTES else left
        row = b"%010d," % number + text[number % 500 :][: length - 12] + b"\n"
        piece += row
        left -= len(row)
        number += 1
        if len(piece) >= MIB or not left:
            yield bytes(piece)
            piece.clear()


def pss_bytes(pid: int) -> int:
    """Proportional set size of a process and its children (bytes), as Linux accounts it."""
    total = 0
    todo = [pid]
    while todo:
        one = todo.pop()
        try:
            for line in Path(f"/proc/{one}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
            for task in Path(f"/proc/{one}/task").iterdir():
                todo += [int(child) for child in (task / "children").read_text().split()]
        except (FileNotFoundError, ProcessLookupError):
            continue
    return total


class PssSampler(threading.Thread):
    """The highest memory seen, sampled ten times a second."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid = pid
        self.highest = 0
        self.done = threading.Event()

    def run(self) -> None:
        while not self.done.wait(0.1):
            self.highest = max(self.highest, pss_bytes(self.pid))


def post_file(worker: WorkerProcess, size: int, pieces: Iterator[bytes]) -> tuple[int, bytes]:
    """POST /jobs with a file of `size` bytes, streamed."""
    head = (
        b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\ntexts\r\n'
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="big.csv"\r\n\r\n'
    )
    tail = b"\r\n--b--\r\n"
    connection = http.client.HTTPConnection("127.0.0.1", worker.port, timeout=300)
    try:
        connection.putrequest("POST", "/jobs")
        connection.putheader("Content-Type", "multipart/form-data; boundary=b")
        connection.putheader("Content-Length", str(len(head) + size + len(tail)))
        connection.endheaders(head)
        try:
            for piece in pieces:
                connection.send(piece)
            connection.send(tail)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before the end: the answer says why
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.mark.timeout(600)
def test_exactly_one_gib(new_worker: Callable[..., WorkerProcess], topics: Topics) -> None:
    worker = new_worker(converter="compiled")
    worker.start()
    worker.create_model("texts", SCHEMA)
    assert worker.process is not None
    sampler = PssSampler(worker.process.pid)
    sampler.start()
    status, answer = post_file(worker, GIB, gib_of_rows())
    assert status == 202, answer
    job_id = json.loads(answer)["job_id"]
    assert worker.job(job_id)["size_bytes"] == GIB

    dropped = time.monotonic()
    worker.drop("small.csv", HEADER + b"".join(b"%d,small\n" % n for n in range(200)), model="texts")
    small = worker.wait_ended(worker.wait_job("small.csv")["job_id"])
    took = time.monotonic() - dropped
    assert small["state"] == "COMPLETED"
    assert worker.job(job_id)["state"] == "RUNNING"
    assert took < 10, f"the small file took {took:.1f} s"

    ended = worker.wait_ended(job_id, timeout=400)
    sampler.done.set()
    rows = sum(piece.count(b"\n") for piece in gib_of_rows()) - 1
    assert (ended["state"], ended["rows_delivered"], ended["bytes_read"]) == ("COMPLETED", rows, GIB)
    print(f"highest PSS {sampler.highest / MIB:.0f} MiB, the small file took {took:.1f} s")
    assert 0 < sampler.highest < 512_000_000


@pytest.mark.timeout(300)
def test_one_byte_over_is_refused_and_leaves_nothing(new_worker: Callable[..., WorkerProcess]) -> None:
    limit = 4 * MIB
    worker = new_worker(max_upload_bytes=limit)
    worker.start()
    worker.create_model("texts", SCHEMA)
    status, answer = post_file(worker, limit + 1, gib_of_rows(limit + 1))
    problem = json.loads(answer)
    assert (status, problem["code"]) == (413, "FILE_TOO_LARGE")
    assert str(limit) in problem["detail"]
    assert "BATCH_MAX_UPLOAD_BYTES" in problem["hint"]
    status, answer = post_file(worker, limit, gib_of_rows(limit))
    assert status == 202, answer
    assert list((worker.dropzone / ".uploads").glob("*")) == []
