"""A model of people, a file of it that takes a while, and what the command line says when it refuses."""

from __future__ import annotations

from typing import Any

from tests.harness import WorkerProcess, eventually

__all__ = ["MANY", "PEOPLE", "paused_job", "refused"]

PEOPLE: dict[str, Any] = {
    "properties": {"id": {"type": "integer"}, "name": {"type": "string"}},
    "required": ["id"],
    "additionalProperties": False,
}
MANY = b"id,name\n" + b"".join(b"%d,%s\n" % (n, b"x" * 40) for n in range(60_000))


def paused_job(worker: WorkerProcess, model: str) -> str:
    """A job that has committed some of its rows and is paused."""
    status, job = worker.upload(model, "many.csv", MANY)
    assert status == 202, job
    job_id = str(job["job_id"])
    eventually(lambda: worker.job(job_id)["rows_read"] > 0, "the job has begun")
    assert worker.json("POST", f"/jobs/{job_id}/pause")[0] == 202
    eventually(lambda: worker.job(job_id)["state"] == "PAUSED", "the job is paused")
    return job_id


def refused(output: tuple[int, str, str], code: str, exit_code: int = 1) -> None:
    """The command line says the code, and what to do, and exits as it should."""
    assert output[0] == exit_code, output
    error, hint = output[2].splitlines()
    assert error.startswith("error: ")
    assert error.endswith(f" ({code})")
    assert len(hint) > len("hint: ")
