"""Campaigns (-m slow): big files in every slot and one more waiting; a Parquet file of about 1 GiB."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.harness import Topics, WorkerProcess, eventually
from tests.integration.test_large import GIB, HEADER, MIB, SCHEMA, PssSampler, gib_of_rows

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def drop_big(worker: WorkerProcess, name: str) -> None:
    incoming = worker.dropzone / "incoming/texts"
    incoming.mkdir(parents=True, exist_ok=True)
    part = incoming / f".{name}.part"
    with part.open("wb") as file:
        for piece in gib_of_rows():
            file.write(piece)
    part.rename(incoming / name)


def test_a_small_file_beside_big_ones_in_every_slot(new_worker: Callable[..., WorkerProcess]) -> None:
    worker = new_worker(max_running_jobs=2)
    worker.start()
    worker.create_model("texts", SCHEMA)
    for number in range(3):
        drop_big(worker, f"big-{number}.csv")
    big = [worker.wait_job(f"big-{number}.csv", 120)["job_id"] for number in range(3)]
    eventually(
        lambda: sum(worker.job(job_id)["state"] == "RUNNING" for job_id in big) == 2, "both slots are taken"
    )
    took = []
    for number in range(5):
        dropped = time.monotonic()
        name = f"small-{number}.csv"
        worker.drop(name, HEADER + b"".join(b"%d,small\n" % n for n in range(200)), model="texts")
        ended = worker.wait_ended(worker.wait_job(name)["job_id"])
        took.append(time.monotonic() - dropped)
        assert ended["state"] == "COMPLETED"
        assert [worker.job(job_id)["state"] for job_id in big].count("COMPLETED") == 0
    print("small files took", [round(seconds, 1) for seconds in took])
    assert statistics.median(took) < 10
    rows = sum(piece.count(b"\n") for piece in gib_of_rows()) - 1
    for job_id in big:
        ended = worker.wait_ended(job_id, 900)
        assert (ended["state"], ended["rows_delivered"]) == ("COMPLETED", rows)


def write_parquet(path: Path, size: int) -> int:
    """Write about `size` bytes of incompressible text in row groups of about 64 MiB; return the rows."""
    rows = 0
    schema = pa.schema([("id", pa.int64()), ("text", pa.string())])
    with pq.ParquetWriter(path, schema, compression="none", use_dictionary=False) as writer:
        while path.stat().st_size < size:
            text = [os.urandom(500).hex() for _ in range(64 * MIB // 1000)]
            table = pa.table({"id": range(rows, rows + len(text)), "text": text}, schema=schema)
            writer.write_table(table, row_group_size=len(text))
            rows += len(text)
    return rows


def test_a_parquet_file_of_a_gib_stays_in_memory_bounds(
    new_worker: Callable[..., WorkerProcess], topics: Topics, tmp_path: Path
) -> None:
    worker = new_worker()
    worker.start()
    worker.create_model("texts", SCHEMA)
    rows = write_parquet(tmp_path / "big.parquet", GIB - 100 * MIB)
    assert worker.process is not None
    sampler = PssSampler(worker.process.pid)
    sampler.start()
    incoming = worker.dropzone / "incoming/texts"
    incoming.mkdir(parents=True)
    (tmp_path / "big.parquet").rename(incoming / "big.parquet")
    ended = worker.wait_ended(worker.wait_job("big.parquet", 120)["job_id"], 900)
    sampler.done.set()
    print(f"highest PSS {sampler.highest / MIB:.0f} MiB")
    assert (ended["state"], ended["rows_delivered"]) == ("COMPLETED", rows)
    assert 0 < sampler.highest < 512_000_000
