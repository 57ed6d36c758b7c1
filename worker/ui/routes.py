"""`/ui/`, its style sheet and icon; `/` leads there."""

from __future__ import annotations

from importlib import resources

from aiohttp import web
from aiohttp.typedefs import Handler

from worker.http.ports import Services
from worker.http.requests import read_query
from worker.http.schemas import StatusQuery
from worker.jobs.job import State
from worker.state.api import JobQuery
from worker.ui.page import StatusPage, render

__all__ = ["setup_ui"]

# nothing but our own style sheet and icon: no script, not even ours
_CSP = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_JOBS = 50


def setup_ui(app: web.Application, services: Services) -> None:
    """Add the routes of the status page."""
    pages = _Pages(services)
    app.add_routes(
        [
            web.get("/", _to_ui),
            web.get("/ui", _to_ui),
            web.get("/ui/", pages.status),
            web.get("/ui/style.css", _asset("style.css", "text/css")),
            web.get("/ui/icon.svg", _asset("icon.svg", "image/svg+xml")),
        ]
    )


class _Pages:
    def __init__(self, services: Services) -> None:
        self._services = services

    async def status(self, request: web.Request) -> web.StreamResponse:
        """The newest jobs as far as the read model has them; it answers without Kafka, too."""
        query = read_query(request, StatusQuery)
        jobs = self._services.jobs
        states: frozenset[State] = frozenset() if query.state is None else frozenset({query.state})
        found = await jobs.list(JobQuery(states=states, limit=_JOBS, cursor=query.cursor))
        page = StatusPage(
            health=self._services.health(),
            counts=await jobs.counts(),
            jobs=found.items,
            waiting=self._services.intake.waiting(),
            state=query.state,
            next_cursor=found.next_cursor,
            first=query.cursor is None,
        )
        return web.Response(
            body=render(page).encode("utf-8", "replace"),
            content_type="text/html",
            charset="utf-8",
            headers={**_HEADERS, "Cache-Control": "no-store"},
        )


async def _to_ui(request: web.Request) -> web.StreamResponse:
    raise web.HTTPFound("/ui/")


def _asset(name: str, content_type: str) -> Handler:
    body = resources.files("worker.ui").joinpath(name).read_bytes()

    async def serve(request: web.Request) -> web.StreamResponse:
        return web.Response(
            body=body, content_type=content_type, headers={**_HEADERS, "Cache-Control": "max-age=300"}
        )

    return serve
