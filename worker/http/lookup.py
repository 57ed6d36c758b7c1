"""Finding what a request names, also what this worker's read models have not seen yet."""

from __future__ import annotations

import asyncio
import re

from worker.http.ports import Services
from worker.http.problems import Problem
from worker.http.schemas import MODEL_NAME
from worker.jobs.job import Job, State
from worker.state.api import JobQuery, Model

__all__ = ["applied", "find_job", "find_model", "model_in_use", "require_broker"]

_SHOWN = 100  # characters of a name that does not exist
_APPLIED_SECONDS = 1.0
_LOOK_SECONDS = 0.02


async def find_job(services: Services, job_id: str) -> Job:
    """Return the job as far as this worker knows it.

    One that was submitted anywhere before this call is found. Raises Problem `JOB_NOT_FOUND`, and
    UnavailableError when only Kafka could tell.
    """
    job = await _known(services, job_id)
    if job is None:
        await services.jobs.barrier()
        job = await _known(services, job_id)
    if job is None:
        raise Problem(
            "JOB_NOT_FOUND", f"job `{job_id[:_SHOWN]}` does not exist", "list the jobs with `batch job list`"
        )
    return job


async def find_model(services: Services, name: str, version: int | None = None) -> Model:
    """Return the model, the newest version if none is given. Raises Problem `MODEL_NOT_FOUND`."""
    model = services.models.get(name, version)
    if model is None:
        await services.models.barrier()
        model = services.models.get(name, version)
    if model is not None:
        return model
    versions = services.models.versions(name)
    if versions:
        raise Problem(
            "MODEL_NOT_FOUND",
            f"model `{name}` has no version `{version}`",
            "it has " + ", ".join(f"`{known}`" for known in sorted(versions)),
        )
    raise Problem(
        "MODEL_NOT_FOUND",
        f"model `{name[:_SHOWN]}` does not exist",
        f"create it with `batch model create {name} schema.json`"
        if re.fullmatch(MODEL_NAME, name)
        else "list the models with `batch model list`; names are 1 to 64 of a-z, 0-9, `_` and `-`",
    )


async def model_in_use(services: Services, name: str) -> str | None:
    """Return the id of a job of the model that has not ended, submitted anywhere before this call; or None.

    Raises UnavailableError when only Kafka could tell.
    """
    await services.jobs.barrier()
    active = frozenset({State.QUEUED, State.RUNNING, State.PAUSED})
    page = await services.jobs.list(JobQuery(states=active, model=name, limit=1))
    return page.items[0].job_id if page.items else None


def require_broker(services: Services) -> None:
    """Raise Problem `KAFKA_UNAVAILABLE` when Kafka did not answer when it was last asked."""
    health = services.health()
    if not health.broker_ok:
        raise Problem("KAFKA_UNAVAILABLE", health.message, health.hint)


async def applied(services: Services, job_id: str, revision: int) -> None:
    """Give the table a moment, so that what is asked for after the answer shows what the answer said.

    Returns when the job's row has at least `revision`, after 1 s at the latest, and at once while the table
    is not there: the answer holds without it.
    """
    if not services.health().ready:
        return
    for _ in range(int(_APPLIED_SECONDS / _LOOK_SECONDS)):
        row = await services.jobs.get(job_id)
        if row is not None and row.revision >= revision:
            return
        await asyncio.sleep(_LOOK_SECONDS)


async def _known(services: Services, job_id: str) -> Job | None:
    return await services.jobs.get(job_id) or services.intake.pending(job_id)
