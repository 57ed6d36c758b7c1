"""Jobs for the tests of the state."""

from __future__ import annotations

from typing import Any

from worker.jobs.job import Job, Source


def job(job_id: str = "aaaaaaaaaaaa", **changes: Any) -> Job:
    values: dict[str, Any] = {
        "model": "orders",
        "model_version": 1,
        "file": "orders.csv",
        "source": Source.UPLOAD,
        "size_bytes": 11,
        "sha256": "00",
        "created_at": "2026-01-01T00:00:00.000Z",
        "topic": f"batch_{job_id}",
    }
    return Job(job_id=job_id, **{**values, **changes})
