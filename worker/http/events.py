"""`GET /jobs/{id}/events`: a job's states as Server-Sent Events (HTML standard, section 9.2)."""

from __future__ import annotations

import asyncio
import logging

from aiohttp import web

from worker.http.live import JobWatcher, Update, Watch
from worker.http.lookup import find_job
from worker.http.ports import Services
from worker.http.problems import Problem
from worker.state.api import UnavailableError

__all__ = ["EventRoutes"]

_log = logging.getLogger(__name__)
_HEARTBEAT_SECONDS = 15.0  # proxies cut a connection that is silent for a minute
_WRITE_SECONDS = 30.0
_RETRY = b"retry: 2000\n\n"  # after so many ms a browser connects again
_HEARTBEAT = b": heartbeat\n\n"
_NOTHING = -2  # below every revision: a job that is not in the table yet has -1


class EventRoutes:
    """Each client gets the job as it stands, then each newer state; `end` when no more will come.

    An answer that stops without `end` is not the end of the job: the client connects again, as browsers do by
    themselves, and with its `Last-Event-ID` it is not told what it knows.
    """

    def __init__(self, services: Services, heartbeat_seconds: float = _HEARTBEAT_SECONDS) -> None:
        self._services = services
        self._watcher = JobWatcher(services.jobs)
        self._heartbeat_seconds = heartbeat_seconds

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/jobs/{job_id}/events", self.events, allow_head=False)]

    async def stop(self, app: web.Application) -> None:
        """End the answers: a server that stops waits for them, and these may last for days."""
        await self._watcher.stop()

    async def events(self, request: web.Request) -> web.StreamResponse:
        job_id = request.match_info["job_id"]
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream",
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",  # for nginx: pass on at once
            }
        )
        with self._watcher.watch(job_id) as watch:
            first, known = await self._first(job_id, _last_event_id(request))
            try:
                await response.prepare(request)
                await _write(response, _RETRY)
                await self._send(response, watch, first, known)
            except TimeoutError:
                if request.transport is not None:
                    request.transport.abort()
                _log.info("a client of job `%s` reads nothing and is cut off", job_id)
            except ConnectionError:
                pass  # the client has gone
        return response

    async def _first(self, job_id: str, known: int) -> tuple[Update, int]:
        """Return the job as it stands, and the revision that the client has of it."""
        job = await find_job(self._services, job_id)
        if known > job.revision:
            # another worker told it more than this one has read; or the job's past is a lost topic's
            try:
                await self._services.jobs.barrier()
            except UnavailableError:
                return Update.of(job), known
            job = await find_job(self._services, job_id)
            if known > job.revision:
                known = _NOTHING
        return Update.of(job), known

    async def _send(self, response: web.StreamResponse, watch: Watch, first: Update, known: int) -> None:
        update: Update | None = first
        while True:
            if update is None:
                if self._watcher.stopping:
                    return
                await _write(response, _HEARTBEAT)
            elif update.job is None:
                await _write(response, _end("deleted"))
                return
            elif update.job.revision >= known:
                if update.job.revision > known:
                    await _write(response, update.frame)
                    known = update.job.revision
                if update.job.ended:
                    await _write(response, _end("ended"))
                    return
            update = await watch.next(self._heartbeat_seconds)


def _end(reason: str) -> bytes:
    # an event without data is none to a browser
    return b'event: end\ndata: {"reason": "%b"}\n\n' % reason.encode()


def _last_event_id(request: web.Request) -> int:
    text = request.headers.get("Last-Event-ID", "").strip()
    if not text:
        return _NOTHING
    if not (text.removeprefix("-").isascii() and text.removeprefix("-").isdigit() and len(text) < 20):
        raise Problem(
            "INVALID_REQUEST",
            f"the header `Last-Event-ID` is `{text[:100]}`, not the id of an event of this stream",
            "send the `id` of the last event that has arrived, or leave it out",
        )
    return int(text)


async def _write(response: web.StreamResponse, data: bytes) -> None:
    async with asyncio.timeout(_WRITE_SECONDS):
        await response.write(data)
