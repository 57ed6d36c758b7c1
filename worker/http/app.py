"""The HTTP interface as a whole: its routes and its middlewares, for a web application that others build."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Middleware

from worker.http.check import CheckRoutes
from worker.http.dropzone import DropzoneRoutes
from worker.http.events import EventRoutes
from worker.http.guard import guard
from worker.http.health import HealthRoutes
from worker.http.jobs import JobRoutes
from worker.http.metrics import MetricsRoutes
from worker.http.models import ModelRoutes
from worker.http.openapi import OpenApiRoutes
from worker.http.ports import Services
from worker.http.problems import FAUST_PREFIX, problems
from worker.http.protocol import setup_protocol
from worker.http.records import RecordRoutes
from worker.http.submit import SubmitRoutes

__all__ = ["middlewares", "setup_http"]


def setup_http(app: web.Application, services: Services) -> None:
    """Add the routes of the interface. Works with Kafka away; what needs it answers 503."""
    setup_protocol()
    records = RecordRoutes(services)
    events = EventRoutes(services)
    checks = CheckRoutes(services)
    for part in (
        ModelRoutes(services),
        SubmitRoutes(services, checks),
        checks,
        JobRoutes(services),
        events,
        records,
        DropzoneRoutes(services),
        HealthRoutes(services),
        MetricsRoutes(services),
        OpenApiRoutes(),
    ):
        app.add_routes(part.routes())
    app.on_shutdown.append(records.stop)
    app.on_shutdown.append(events.stop)
    app.on_shutdown.append(checks.stop)
    app.on_response_prepare.append(_no_sniffing)


def middlewares(services: Services) -> list[Middleware]:
    """Return the middlewares, outermost first, for the whole application, Faust's pages included."""
    return [problems, guard(services.settings)]


async def _no_sniffing(request: web.Request, response: web.StreamResponse) -> None:
    if not request.path.startswith(FAUST_PREFIX):
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
