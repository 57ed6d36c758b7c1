"""What is counted when it happens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest

from connectors.errors import RowCode
from tests.unit.http.twins import job
from worker.jobs.job import State
from worker.metrics.events import EndedJobs, count_chunk
from worker.metrics.instruments import Instruments
from worker.metrics.loop_delay import LoopDelay, Maximum


@dataclass(frozen=True)
class Chunk:
    model: str = "orders"
    delivered: int = 0
    reject_codes: Mapping[RowCode, int] = field(default_factory=dict)
    file_bytes: int = 0
    seconds: float = 0.0


def value(instruments: Instruments, name: str, **labels: str) -> float | None:
    return instruments.registry.get_sample_value(name, labels)


def test_chunks_add_up_by_model_and_code() -> None:
    instruments = Instruments()
    first = Chunk(delivered=10, reject_codes={RowCode.TYPE: 2, RowCode.RANGE: 1}, file_bytes=500, seconds=0.2)
    count_chunk(instruments, first, clock=lambda: 1000.5)
    second = Chunk(delivered=5, reject_codes={RowCode.TYPE: 1}, file_bytes=50, seconds=3)
    count_chunk(instruments, second, clock=lambda: 2000.5)
    count_chunk(instruments, Chunk(model="other", delivered=1), clock=lambda: 1999.0)
    assert value(instruments, "batch_rows_delivered_total", model="orders") == 15
    assert value(instruments, "batch_rows_delivered_total", model="other") == 1
    assert value(instruments, "batch_rows_rejected_total", model="orders", code="TYPE") == 3
    assert value(instruments, "batch_rows_rejected_total", model="orders", code="RANGE") == 1
    assert value(instruments, "batch_rows_rejected_total", model="other", code="TYPE") is None
    assert value(instruments, "batch_file_bytes_total", model="orders") == 550
    assert value(instruments, "batch_chunk_commit_seconds_count") == 3
    assert value(instruments, "batch_chunk_commit_seconds_sum") == pytest.approx(3.2)
    assert value(instruments, "batch_chunk_commit_seconds_bucket", le="0.25") == 2
    assert value(instruments, "batch_last_commit_timestamp_seconds") == 1999.0


def test_a_job_counts_when_it_ends_and_again_after_a_retry() -> None:
    instruments = Instruments()
    listener = EndedJobs(instruments)
    running, failed = job(), job(state=State.FAILED)
    steps = [
        (running, None),  # taken over
        (running, running),
        (failed, running),
        (failed, failed),  # touched
        (running, failed),  # retried
        (failed, running),
        (None, failed),  # deleted
        (failed, None),  # seen for the first time, ended long ago
    ]
    for now, before in steps:
        listener.row_changed("aaaaaaaaaaaa", now, before)
    labels = {"model": failed.model, "state": "FAILED"}
    assert value(instruments, "batch_jobs_ended_total", **labels) == 2


def test_two_workers_of_a_process_do_not_share_their_numbers() -> None:
    one, two = Instruments(), Instruments()
    count_chunk(one, Chunk(delivered=1))
    assert value(two, "batch_rows_delivered_total", model="orders") is None


def test_the_maximum_is_that_of_the_last_one_to_two_windows() -> None:
    maximum = Maximum(window=60)
    seen = [(5.0, 1.0), (1.0, 30.0), (2.0, 61.0), (1.5, 119.0), (0.1, 122.0), (0.2, 183.0), (0.3, 400.0)]
    assert [maximum.note(value, at) for value, at in seen] == [5, 5, 5, 5, 2, 0.2, 0.3]


def test_delays_of_the_loop_are_counted() -> None:
    instruments = Instruments()
    delays = LoopDelay(instruments)
    delays.note(0.02, 100.0)
    delays.note(0.7, 100.8)
    delays.note(0.0, 100.9)
    assert value(instruments, "batch_event_loop_delay_seconds_count") == 3
    assert value(instruments, "batch_event_loop_delay_seconds_bucket", le="0.025") == 2
    assert value(instruments, "batch_event_loop_delay_max_seconds") == 0.7
