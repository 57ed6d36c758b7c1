"""`/jobs`: the list, one job, and the requests that a user makes of it."""

from __future__ import annotations

from aiohttp import web

from worker.http.answers import JobListAnswer, job_answer
from worker.http.lookup import applied, find_job
from worker.http.ports import Services
from worker.http.problems import Problem
from worker.http.requests import (
    json_answer,
    no_content,
    read_no_body,
    read_optional_json,
    read_query,
    validated,
)
from worker.http.retry import Retries
from worker.http.schemas import JobList, JobRetry
from worker.jobs.apply import apply
from worker.jobs.events import JobEvent, Requests, Submitted
from worker.jobs.job import Job, Requested, State
from worker.state.api import JobQuery

__all__ = ["JobRoutes"]

_PAUSABLE = frozenset({State.QUEUED, State.RUNNING})


class JobRoutes:
    """Reading jobs, and publishing what users ask of them. 202 means recorded: the owner acts on it."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._retries = Retries(services)

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/jobs", self.list),
            web.get("/jobs/{job_id}", self.show),
            web.delete("/jobs/{job_id}", self.delete),
            web.post("/jobs/{job_id}/cancel", self.cancel),
            web.post("/jobs/{job_id}/pause", self.pause),
            web.post("/jobs/{job_id}/resume", self.resume),
            web.post("/jobs/{job_id}/retry", self.retry),
        ]

    async def list(self, request: web.Request) -> web.StreamResponse:
        query = read_query(request, JobList)
        page = await self._services.jobs.list(
            JobQuery(states=query.state, model=query.model, q=query.q, limit=query.limit, cursor=query.cursor)
        )
        answer = JobListAnswer.model_validate(page, from_attributes=True)
        return json_answer(answer.model_dump(mode="json"))

    async def show(self, request: web.Request) -> web.StreamResponse:
        job = await find_job(self._services, request.match_info["job_id"])
        return json_answer(job_answer(job))

    async def delete(self, request: web.Request) -> web.StreamResponse:
        """204: the job's own topics, its progress and its row are gone."""
        job = await self._current(request)
        if not job.ended:
            raise Problem(
                "INVALID_STATE",
                f"job `{job.job_id}` is {job.state} and cannot be deleted",
                "only a job that has ended can be deleted; cancel it first",
            )
        await self._services.remover.remove(job)
        return no_content()

    async def cancel(self, request: web.Request) -> web.StreamResponse:
        """Ask the owner to stop after its last commit. Asking twice is asking once."""
        job = await self._current(request)
        if job.ended:
            raise Problem(
                "INVALID_STATE",
                f"job `{job.job_id}` is {job.state} and cannot be cancelled",
                "only a job that has not ended can be cancelled",
            )
        return await self._record(job, Requests("cancel"))

    async def pause(self, request: web.Request) -> web.StreamResponse:
        """Ask the owner to stop after its last commit, and to keep its place. Asking twice is asking once."""
        job = await self._current(request)
        if job.state not in _PAUSABLE:
            raise Problem(
                "INVALID_STATE",
                f"job `{job.job_id}` is {job.state} and cannot be paused",
                "only a job that is QUEUED or RUNNING can be paused",
            )
        _refuse_cancelled(job, "paused")
        return await self._record(job, Requests("pause"))

    async def resume(self, request: web.Request) -> web.StreamResponse:
        """Let a paused job go on at its committed position, or take back a pause not done yet."""
        job = await self._current(request)
        if job.state is not State.PAUSED and job.requested is not Requested.PAUSE:
            raise Problem(
                "INVALID_STATE",
                f"job `{job.job_id}` is {job.state} and cannot be resumed",
                "only a job that is PAUSED, or asked to pause, can be resumed",
            )
        _refuse_cancelled(job, "resumed")
        return await self._record(job, Requests("resume"))

    async def retry(self, request: web.Request) -> web.StreamResponse:
        """Send an ended job back: at its committed position, from the start, or its rejects."""
        return await self.retry_as(request, validated(JobRetry, await read_optional_json(request), "member"))

    async def retry_as(self, request: web.Request, asked: JobRetry) -> web.StreamResponse:
        """`retry` with what was asked for in another form than JSON."""
        job = await self._after_barrier(request)
        return await self._record(job, await self._retries.event(job, asked))

    async def _current(self, request: web.Request) -> Job:
        await read_no_body(request)
        return await self._after_barrier(request)

    async def _after_barrier(self, request: web.Request) -> Job:
        """The job after all that is acknowledged, since what a request may do depends on its state."""
        job_id = request.match_info["job_id"]
        await self._services.jobs.barrier()
        return await find_job(self._services, job_id)

    async def _record(self, job: Job, event: JobEvent) -> web.StreamResponse:
        commands = self._services.commands
        if job.revision < 0:
            # claimed here, not in the table yet: without its row the fold would drop the request
            await commands.publish(job.job_id, Submitted(job))
        offset = await commands.publish(job.job_id, event)
        after = apply(job, event, offset) or job
        if after is not job:
            # who asks for a retry and then waits for the end must not see the old one
            await applied(self._services, job.job_id, offset)
        return json_answer(job_answer(after), 202)


def _refuse_cancelled(job: Job, done: str) -> None:
    if job.requested is Requested.CANCEL:
        raise Problem(
            "INVALID_STATE",
            f"job `{job.job_id}` is being cancelled and cannot be {done}",
            f"`batch job retry {job.job_id}` goes on where it stopped, once it is CANCELLED",
        )
