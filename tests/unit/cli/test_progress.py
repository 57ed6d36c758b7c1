"""The figures of a job's bar."""

from __future__ import annotations

from tests.unit.cli.fake_worker import job
from worker.cli.progress import JobProgress


def test_a_file_is_measured_in_bytes() -> None:
    shown = JobProgress().measure(job("RUNNING", bytes_read=250, rows_read=7_000, rows_rejected=2))
    assert shown == (250, 1000, "RUNNING  7,000 rows, 2 rejected")


def test_a_retry_of_rejects_is_measured_in_dead_letters() -> None:
    """Those that fail again are appended: they are no part of it."""
    progress = JobProgress()

    def look(first: int, end: int, left: int) -> tuple[int, int, str]:
        redo = job("RUNNING", work="rejects", dead_letters=[first, end], rows_rejected=left)
        return progress.measure(redo)

    assert look(100, 1_100, 1_000) == (0, 1_000, "RUNNING  retries rejects, 1,000 rejected left")
    assert look(600, 1_200, 600)[:2] == (500, 1_000)
    assert look(1_300, 1_400, 100)[:2] == (1_000, 1_000)


def test_a_retry_of_rejects_before_anything_is_known() -> None:
    assert JobProgress().measure(job("QUEUED", work="rejects", dead_letters=None))[:2] == (0, 1)
