"""`batch job …`"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from worker.cli.client import Client
from worker.cli.errors import CliError
from worker.cli.follow import Patience, follow_records, follow_rejects, wait
from worker.cli.output import (
    amount,
    note,
    print_array,
    print_deleted,
    print_error,
    print_json,
    print_lines,
    print_table,
)
from worker.cli.progress import JobProgress, uploading
from worker.cli.upload import Form, upload
from worker.jobs.job import State

__all__ = [
    "ENDED_BADLY",
    "HAS_REJECTS",
    "Submission",
    "ask_of_job",
    "create_job",
    "delete_job",
    "ended_job",
    "list_jobs",
    "show_job",
    "show_rejects",
    "tail_job",
    "wait_for_job",
]

ENDED_BADLY = 3
HAS_REJECTS = 4


@dataclass(frozen=True, slots=True)
class Submission:
    """A file for a model: options over the model's, and the name that the worker hears, if not its own."""

    model: str
    file: Path
    options: Sequence[tuple[str, str]] = ()
    name: str | None = None

    def form(self) -> Form:
        return Form([("model", self.model), *self.options], self.name)


def create_job(
    client: Client, submission: Submission, key: str | None, waits: bool, fail_on_rejects: bool
) -> int:
    """Upload the file; `key` is the Idempotency-Key under which it becomes one job, however often sent."""
    headers = {} if key is None else {"Idempotency-Key": key}
    with uploading() as sent:
        text = upload(client, ("jobs",), submission.form(), submission.file, sent, headers=headers)
    if not (waits or fail_on_rejects):
        print_json(text)
        return 0
    return wait_for_job(client, json.loads(text)["job_id"], fail_on_rejects)


def list_jobs(client: Client, limit: int, state: str | None, model: str | None, query: str | None) -> int:
    jobs = client.items("jobs", limit=limit, state=state, model=model, q=query)
    print_array(jobs)
    head = ("JOB", "STATE", "MODEL", "FILE", "SIZE", "DELIVERED", "REJECTED", "CREATED")
    print_table(head, [_row(json.loads(job)) for job in jobs])
    return 0


def show_job(client: Client, job_id: str) -> int:
    print_json(client.get("jobs", job_id))
    return 0


def ask_of_job(client: Client, job_id: str, what: str) -> int:
    """Record a request: `cancel`, `pause` or `resume`."""
    print_json(client.post("jobs", job_id, what))
    return 0


def delete_job(client: Client, job_id: str) -> int:
    client.delete("jobs", job_id)
    print_deleted(job_id)
    return 0


def wait_for_job(client: Client, job_id: str, fail_on_rejects: bool) -> int:
    text, code = ended_job(client, job_id, fail_on_rejects)
    print_json(text)
    return code


def ended_job(client: Client, job_id: str, fail_on_rejects: bool = False) -> tuple[str, int]:
    """Wait for the job's end: return the Job and the exit code, which is explained on stderr unless 0."""
    progress = JobProgress()
    try:
        text = wait(client, job_id, _patience(), progress.show)
    finally:
        progress.clear()
    return text, _outcome(json.loads(text), fail_on_rejects)


def tail_job(client: Client, job_id: str, fail_on_rejects: bool) -> int:
    return _outcome(json.loads(follow_records(client, job_id, _patience(), print_lines)), fail_on_rejects)


def show_rejects(client: Client, job_id: str, limit: int | None, follows: bool) -> int:
    if follows:
        follow_rejects(client, job_id, _patience(), limit, print_lines)
        return 0
    for lines in client.lines("jobs", job_id, "rejects", limit=limit):
        print_lines(lines)
    return 0


def _patience() -> Patience:
    return Patience(told=lambda text: note(f"note: {text}"))


def _outcome(job: dict[str, Any], fail_on_rejects: bool) -> int:
    """Return the exit code of an ended job; say on stderr why it is not 0."""
    if job["state"] != State.COMPLETED:
        failure = job["error"] or {
            "message": f"job `{job['job_id']}` was cancelled",
            "hint": f"`batch job retry {job['job_id']}` goes on where it stopped",
            "code": None,
        }
        print_error(CliError(failure["message"], failure["hint"], failure["code"]))
        return ENDED_BADLY
    if fail_on_rejects and job["rows_rejected"]:
        print_error(
            CliError(
                f"{job['rows_rejected']} of {job['rows_read']} rows were rejected",
                f"`batch job rejects {job['job_id']}` shows them and why",
            )
        )
        return HAS_REJECTS
    return 0


def _row(job: dict[str, Any]) -> tuple[object, ...]:
    return (
        job["job_id"],
        job["state"],
        job["model"],
        job["file"],
        amount(job["size_bytes"]),
        f"{job['rows_delivered']:,}",
        f"{job['rows_rejected']:,}",
        job["created_at"],
    )
