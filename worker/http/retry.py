"""`POST /jobs/{id}/retry`: what may be sent back, where it begins, and with which model and options."""

from __future__ import annotations

import asyncio
from typing import Any

from connectors.errors import OptionError
from worker.http.lookup import find_model
from worker.http.ports import Services
from worker.http.problems import Problem
from worker.http.schemas import JobRetry
from worker.intake.options import job_options
from worker.jobs.apply import can_retry
from worker.jobs.events import Begin, Retried
from worker.jobs.job import Job, State
from worker.jobs.manifest import Manifest
from worker.jobs.topics import job_topic
from worker.state.api import Model

__all__ = ["Retries", "writes_twice"]

_DELIVERY_OPTIONS = ("topic", "dlq_topic", "partitions", "key", "record_headers", "atomic")
"""Where rows go and how. A retry that adds to rows delivered before keeps these; all others may change."""


class Retries:
    """Makes the event of a retry, or says in a Problem why there is none. Publishes nothing."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def event(self, job: Job, asked: JobRetry) -> Retried:
        """Return what sends `job`, as it is after all that is acknowledged, back in the way asked for."""
        begin = _begin(asked)
        _check_state(job, begin)
        manifest = await asyncio.to_thread(self._services.intake.manifest, job.job_id)
        if manifest is None:
            raise Problem(
                "FILE_GONE",
                f"the file `{job.file}` of job `{job.job_id}` is no longer in the drop folder",
                "submit the file again as a new job",
            )
        attempt = job.attempt + 1
        try:
            model = await self._model(job, asked.model_version)
        except Problem as problem:
            if begin is not Begin.COMMITTED or asked.model_version or problem.code != "MODEL_NOT_FOUND":
                raise
            return Retried(attempt)  # a model that was deleted: the job has its own copy
        options = self._options(model, manifest)
        if begin is not Begin.START:
            return Retried(attempt, begin, model.version, _delivered_as_before(options, job))
        if writes_twice(job, options) and not asked.allow_duplicates:
            raise Problem(
                "SHARED_TOPIC",
                f"the rows of job `{job.job_id}` would stand twice in the shared topic `{job.topic}`",
                _shared_hint(job),
            )
        topic = job_topic(self._services.settings.namespace, job.job_id, options, attempt)
        return Retried(attempt, begin, model.version, options, topic)

    async def _model(self, job: Job, version: int | None) -> Model:
        """The version asked for, else the newest that was acknowledged anywhere before this call."""
        await self._services.models.barrier()
        return await find_model(self._services, job.model, version)

    def _options(self, model: Model, manifest: Manifest) -> dict[str, Any]:
        try:
            return job_options(self._services.settings.namespace, model.schema, manifest.overrides)
        except OptionError as error:
            raise Problem("INVALID_OPTION", error.message, error.hint) from None


def writes_twice(job: Job, options: dict[str, Any]) -> bool:
    """Whether a start anew with these options adds to a shared topic what may stand there already."""
    begun = job.started_at is not None or job.first_attempt > 1
    return begun and options.get("topic") == job.topic


def _begin(asked: JobRetry) -> Begin:
    if asked.from_start and asked.rejects:
        raise Problem(
            "INVALID_REQUEST",
            "members `from_start` and `rejects` exclude each other",
            "`from_start` delivers the whole file again, `rejects` only the rows that were rejected",
        )
    if asked.from_start:
        return Begin.START
    return Begin.REJECTS if asked.rejects else Begin.COMMITTED


def _check_state(job: Job, begin: Begin) -> None:
    if not can_retry(job, begin):
        what = "retried from its rejects" if begin is Begin.REJECTS else "retried"
        raise Problem(
            "INVALID_STATE",
            f"job `{job.job_id}` is {job.state} and cannot be {what}",
            _state_hint(job, begin),
        )
    if begin is Begin.REJECTS and job.rows_rejected == 0:
        raise Problem(
            "INVALID_STATE",
            f"job `{job.job_id}` has no rejected rows: there is nothing to retry",
            "retry it with `from_start` (`--from-start`) to deliver the whole file again",
        )


def _state_hint(job: Job, begin: Begin) -> str:
    if not job.ended:
        return f"wait for its end with `batch job wait {job.job_id}`, or cancel it first"
    if job.state is State.COMPLETED:
        return "use `rejects` (`--rejects`) for its rejected rows, `from_start` (`--from-start`) for all"
    assert begin is Begin.REJECTS, f"a {job.state} job can be retried in every other way"
    return f"retry it first with `batch job retry {job.job_id}`; its rejects follow once it is COMPLETED"


def _shared_hint(job: Job) -> str:
    twice = "set `allow_duplicates` (`--allow-duplicates`) to write all rows once more"
    if job.state is not State.COMPLETED:
        return f"retry without `from_start` (`--from-start`) to go on at the committed row; or {twice}"
    if job.rows_rejected:
        return f"use `rejects` (`--rejects`) for its rejected rows only; or {twice}"
    return f"all its rows are in the topic already; {twice}"


def _delivered_as_before(options: dict[str, Any], job: Job) -> dict[str, Any]:
    """`options` with those of the job for where its rows go: it adds to what stands there."""
    kept = {name: job.options[name] for name in _DELIVERY_OPTIONS if name in job.options}
    return {name: value for name, value in options.items() if name not in _DELIVERY_OPTIONS} | kept
