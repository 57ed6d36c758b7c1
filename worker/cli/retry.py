"""`batch job retry …`: one job, or all that a filter finds."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass

from worker.cli.client import Client
from worker.cli.errors import ApiError, UsageError
from worker.cli.jobs import ended_job
from worker.cli.output import note, print_array, print_json

__all__ = ["Filter", "Retry", "retry"]

_REFUSED = 1
_DUPLICATE = "DUPLICATE_FILE"


@dataclass(frozen=True, slots=True)
class Retry:
    """Where a retry begins and with which version of the model; None: as the worker decides."""

    from_start: bool = False
    rejects: bool = False
    model_version: int | None = None
    allow_duplicates: bool = False

    def body(self) -> str | None:
        """Return the request's body: what differs from a retry at the committed position; None: nothing."""
        members = {name: value for name, value in asdict(self).items() if value}
        return json.dumps(members) if members else None


@dataclass(frozen=True, slots=True)
class Filter:
    """Which of many jobs are retried: `states` as a comma list; None: it does not choose."""

    states: str | None = None
    model: str | None = None
    limit: int | None = None


def retry(client: Client, job_id: str | None, among: Filter, asked: Retry, waits: bool) -> int:
    """Retry the job, or else all that the filter finds; with `waits` print them as they ended."""
    if (job_id is None) == (among.states is None):
        raise UsageError(
            "`batch job retry` takes a job, or `--state` for all jobs in a state",
            "write `batch job retry JOB`, or for many `batch job retry --state failed [--model MODEL]`",
        )
    if job_id is None:
        return _retry_many(client, among, asked, waits)
    if among != Filter():
        raise UsageError("`--model` and `--limit` choose among many jobs", "leave them out beside a job")
    text, code = _retry_one(client, job_id, asked), 0
    if waits:
        text, code = ended_job(client, job_id)
    print_json(text)
    return code


def _retry_many(client: Client, among: Filter, asked: Retry, waits: bool) -> int:
    """In the order of submission. A refused one is said on stderr, and the others go on.

    A worker that goes away, or cannot retry anything now, ends it; what was retried is printed all the same.
    """
    retried: list[str] = []
    codes = [0]
    try:
        for job_id in _found(client, among, asked):
            try:
                retried.append(_retry_one(client, job_id, asked))
            except ApiError as error:
                if error.status >= 500:
                    raise
                note(f"refused: {error.message} ({error.code}); {error.hint}")
                codes.append(_REFUSED)
        for at, text in enumerate(retried if waits else ()):
            retried[at], code = ended_job(client, json.loads(text)["job_id"])
            codes.append(code)
    finally:
        print_array(retried)
    return _REFUSED if _REFUSED in codes else max(codes)


def _found(client: Client, among: Filter, asked: Retry) -> list[str]:
    limit = sys.maxsize if among.limit is None else among.limit
    jobs = [
        json.loads(job) for job in client.items("jobs", limit=limit, state=among.states, model=among.model)
    ]
    found = [job for job in reversed(jobs) if job["rows_rejected"] or not asked.rejects]
    refused = [job["job_id"] for job in found if (job["error"] or {}).get("code") == _DUPLICATE]
    for job_id in refused:
        note(f"left out: job {job_id} has the bytes of another; `batch job retry {job_id}` delivers it")
    if not found:
        note("no job matches")
    return [job["job_id"] for job in found if job["job_id"] not in refused]


def _retry_one(client: Client, job_id: str, asked: Retry) -> str:
    return client.post("jobs", job_id, "retry", body=asked.body())
