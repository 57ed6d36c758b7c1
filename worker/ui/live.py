"""The stream that tells open pages when to renew themselves: one watcher a process, whoever looks."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable

from aiohttp import web

from worker.http.ports import Services
from worker.ui.rates import Rates

__all__ = ["Live"]

BEAT_SECONDS = 5.0  # the script takes silence of three beats for a lost connection
_LOOK_SECONDS = 1.0  # health, waiting files and models are looked at
_PAUSE_SECONDS = 0.4  # least time between two news: many changes are one
_WRITE_SECONDS = 15.0
_MOST_IDS = 100  # more changed jobs are told as "any"
_log = logging.getLogger(__name__)


class Live:
    """`/ui/events`: `hello` once, `news` when something changed, `beat` in between.

    News say which jobs changed, and whether anything else did; the page then asks for itself again, so that
    what is live and what is loaded come from the same code.
    """

    def __init__(self, services: Services, clock: Callable[[], float] = time.monotonic) -> None:
        self._services = services
        self._clients: set[_Client] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._changed: set[str] = set()
        self._wake = asyncio.Event()
        self._stopping = False
        self.rates = Rates(clock)

    async def start(self, app: web.Application) -> None:
        self._tasks = [
            asyncio.create_task(self._follow(), name="ui-changes"),
            asyncio.create_task(self._look(), name="ui-news"),
        ]

    async def stop(self, app: web.Application) -> None:
        """End the streams: a server that stops waits for its answers."""
        self._stopping = True
        for client in self._clients:
            client.wake()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def events(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream",
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",  # for nginx: pass on at once
            }
        )
        client = _Client()
        self._clients.add(client)
        try:
            await response.prepare(request)
            await _write(response, f"retry: 1000\n{_event('hello', {})}")
            while not self._stopping:
                news = await client.next(BEAT_SECONDS)
                await _write(response, _event("beat", {}) if news is None else _event("news", news))
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()
        except ConnectionError:
            pass  # the client has gone
        finally:
            self._clients.discard(client)
        return response

    async def _follow(self) -> None:
        async for change in self._services.jobs.changes():
            self.rates.note(change.job_id, change.job)
            if self._clients:
                self._changed.add(change.job_id)
                self._wake.set()

    async def _look(self) -> None:
        seen = self._surroundings()
        while True:
            try:
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            try:
                now = self._surroundings()
            except Exception:  # noqa: BLE001 (the pages go on with the next look)
                _log.exception("the status pages cannot look at the worker")
                await asyncio.sleep(_LOOK_SECONDS)
                continue
            if self._changed or now != seen:
                for client in self._clients:
                    client.put(self._changed, now != seen)
                self._changed, seen = set(), now
                await asyncio.sleep(_PAUSE_SECONDS)

    def _surroundings(self) -> object:
        """Whatever pages show beside jobs."""
        services = self._services
        files = [(file.path, file.code, file.message) for file in services.intake.waiting()]
        models = [(model.name, model.version) for model in services.models.list()]
        return services.health(), files, models


class _Client:
    """What one open page has not been told yet: bounded, so that it may be slow."""

    def __init__(self) -> None:
        self._jobs: set[str] = set()
        self._other = False
        self._news = asyncio.Event()

    def put(self, jobs: set[str], other: bool) -> None:
        self._jobs |= jobs
        self._other = self._other or other
        self._news.set()

    def wake(self) -> None:
        self._news.set()

    async def next(self, seconds: float) -> dict[str, object] | None:
        """Return the news as soon as there are some; None after `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return None
        self._news.clear()
        jobs, other = self._jobs, self._other
        self._jobs, self._other = set(), False
        return {"jobs": sorted(jobs) if len(jobs) <= _MOST_IDS else None, "other": other}


def _event(name: str, data: dict[str, object]) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"


async def _write(response: web.StreamResponse, text: str) -> None:
    async with asyncio.timeout(_WRITE_SECONDS):
        await response.write(text.encode())
