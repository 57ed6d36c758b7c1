"""Finding what a request names, also what this worker's read models have not seen yet."""

from __future__ import annotations

from worker.http.ports import Services
from worker.http.problems import Problem
from worker.jobs.job import Job
from worker.state.api import Model

__all__ = ["find_job", "find_model", "require_broker"]


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
            "JOB_NOT_FOUND", f"job `{job_id}` does not exist", "list the jobs with `batch job list`"
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
        f"model `{name}` does not exist",
        f"create it with `batch model create {name} schema.json`",
    )


def require_broker(services: Services) -> None:
    """Raise Problem `KAFKA_UNAVAILABLE` when Kafka did not answer when it was last asked."""
    health = services.health()
    if not health.broker_ok:
        raise Problem("KAFKA_UNAVAILABLE", health.message, health.hint)


async def _known(services: Services, job_id: str) -> Job | None:
    return await services.jobs.get(job_id) or services.intake.pending(job_id)
