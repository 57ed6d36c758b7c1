"""A data dir whose disk is full: the worker ends and says why, and goes on once there is space."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException
from pathlib import Path

import pytest

from tests.harness import Topics, WorkerProcess

pytestmark = pytest.mark.broker

SCHEMA = {"properties": {"id": {"type": "integer"}}}
CSV = b"id\n1\n2\n"


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Mount 64 MiB of memory there; only root may."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "none", str(folder)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path) -> Path:
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    return filler


def test_it_ends_before_an_event_is_lost(new_worker: Callable[..., WorkerProcess], topics: Topics) -> None:
    worker = new_worker()  # with BATCH_MIN_FREE_BYTES=0 it takes files to the bitter end
    data = worker.folder / "data"
    with small_disk(data):
        worker.start()
        worker.create_model("orders", SCHEMA)
        filler = fill(data)

        with suppress(OSError, HTTPException):  # it may be faster than its answer
            worker.upload("orders", "a.csv", CSV)
        assert worker.wait_dead() == 1
        assert f"the table in `{data}` cannot be written: " in worker.log
        assert "free some space, or set BATCH_DATA_DIR, and start it again: nothing is lost" in worker.log

        filler.unlink()
        worker.start()
        job = worker.wait_ended(worker.wait_job("a.csv")["job_id"])
        assert topics.values(job["topic"]) == [b'{"id":1}', b'{"id":2}']
        assert [one["job_id"] for one in worker.jobs()] == [job["job_id"]]
        worker.close()
