"""`/ui/`: pages, the changes that their forms ask for, and assets; `/` leads there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib import resources

from aiohttp import web
from aiohttp.typedefs import Handler

from worker.http.check import CheckRoutes
from worker.http.guard import BY_SESSION
from worker.http.jobs import JobRoutes
from worker.http.lookup import find_job, find_model
from worker.http.ports import Services
from worker.http.problems import Problem
from worker.http.receiving import continue_later
from worker.http.requests import read_query, validated
from worker.http.retry import Retries
from worker.http.schemas import JobList, JobRetry, ModelShow
from worker.http.submit import SubmitRoutes
from worker.jobs.clock import utc_now
from worker.jobs.codes import CODES, status_of
from worker.jobs.job import State
from worker.state.api import JobQuery, StateError
from worker.ui import job, jobs, models, overview
from worker.ui.actions import ACTIONS, Action, allowed, confirmation
from worker.ui.check import render_form, render_report
from worker.ui.layout import problem_page, signed_in
from worker.ui.live import Live
from worker.ui.parts import address
from worker.ui.peek import Peeks
from worker.ui.responses import PAGE_HEADERS, html_response
from worker.ui.sign_in import SignIn

__all__ = ["setup_ui"]

_RUNNING = 50
_WAITING = 20
_ENDED = 12


def setup_ui(app: web.Application, services: Services) -> None:
    """Add the routes of the pages, and what keeps them live."""
    live = Live(services)
    checks = CheckRoutes(services)
    pages = _Pages(services, live, SubmitRoutes(services, checks))
    app.on_startup.append(live.start)
    app.on_shutdown.append(live.stop)
    app.on_shutdown.append(checks.stop)
    if services.settings.api_token is not None:
        app.add_routes(SignIn(services).routes())
    app.add_routes(
        [
            web.get("/", _to_ui),
            web.get("/ui", _to_ui),
            web.get("/ui/", _page(pages.overview)),
            web.get("/ui/events", live.events, allow_head=False),
            web.get("/ui/jobs", _page(pages.jobs)),
            web.get("/ui/jobs/{job_id}", _page(pages.job)),
            web.get("/ui/jobs/{job_id}/{action}", _page(pages.confirm)),
            web.post("/ui/jobs/{job_id}/{action}", _page(pages.act)),
            web.get("/ui/models", _page(pages.models)),
            web.get("/ui/models/{name}", _page(pages.model)),
            web.get("/ui/models/{name}/check", _page(pages.check_form)),
            web.post("/ui/models/{name}/check", _page(pages.check), expect_handler=continue_later),
            web.get("/ui/style.css", _asset("style.css", "text/css")),
            web.get("/ui/live.js", _asset("live.js", "text/javascript")),
            web.get("/ui/icon.svg", _asset("icon.svg", "image/svg+xml")),
            web.get("/ui/{rest:.*}", _page(pages.nothing)),
        ]
    )


class _Pages:
    """All but `act` read only. They answer without Kafka with what the worker has, but for newest models."""

    def __init__(self, services: Services, live: Live, submissions: SubmitRoutes) -> None:
        self._services = services
        self._live = live
        self._peeks = Peeks(services)
        self._api = JobRoutes(services)
        self._retries = Retries(services)
        self._submissions = submissions

    async def overview(self, request: web.Request) -> str:
        services = self._services
        reader = services.jobs
        now = utc_now()
        running = await reader.list(JobQuery(states=frozenset({State.RUNNING}), limit=_RUNNING))
        waiting = await reader.list(JobQuery(states=frozenset({State.QUEUED, State.PAUSED}), limit=_WAITING))
        return overview.render(
            overview.Overview(
                health=services.health(),
                counts=await reader.counts(),
                today=await reader.totals(now[:10]),
                running=running.items[::-1],
                waiting=waiting.items[::-1],
                files=services.intake.waiting(),
                ended=await reader.last_ended(_ENDED),
                rate=self._live.rates.of,
                now=now,
                default_model=services.settings.default_model,
            )
        )

    async def jobs(self, request: web.Request) -> str:
        query = _job_list(request)
        reader = self._services.jobs
        found = await reader.list(
            JobQuery(
                states=query.state,
                model=query.model or None,
                q=query.q or None,
                limit=query.limit,
                cursor=query.cursor,
            )
        )
        return jobs.render(
            jobs.JobsPage(
                jobs=found.items,
                counts=await reader.counts(),
                models=[model.name for model in self._services.models.list()],
                states=query.state,
                model=query.model or "",
                q=query.q or "",
                next_cursor=found.next_cursor,
                first=query.cursor is None,
            )
        )

    async def job(self, request: web.Request) -> str:
        found = await find_job(self._services, request.match_info["job_id"])
        return job.render(
            job.JobPage(
                job=found,
                rate=self._live.rates.of(found),
                peek=await self._peeks.of(found),
                actions=allowed(found),
                now=utc_now(),
            )
        )

    async def confirm(self, request: web.Request) -> str:
        action = _action(request)
        found = await find_job(self._services, request.match_info["job_id"])
        if not action.fits(found):
            raise Problem(
                "INVALID_STATE",
                f"{action.label.lower()} is not possible: job `{found.job_id}` is {found.state}",
                "its page shows what is possible now",
            )
        plan = None
        if action.retry is not None:
            asked = action.retry.model_copy(update={"allow_duplicates": True})
            plan = await self._retries.event(found, asked)
        return confirmation(found, action, plan)

    async def act(self, request: web.Request) -> str:
        """Do what the confirmation page asked for, as the API does it."""
        api = self._api
        does: dict[str, Callable[[web.Request], Awaitable[web.StreamResponse]]] = {
            "cancel": api.cancel,
            "pause": api.pause,
            "resume": api.resume,
            "delete": api.delete,
        }
        action = _action(request)
        if action.retry is not None:
            await api.retry_as(request, await _confirmed(request, action.retry))
        else:
            await does[action.name](request)
        there = "/ui/jobs" if action.name == "delete" else address(request.match_info["job_id"])
        raise web.HTTPSeeOther(there)

    async def models(self, request: web.Request) -> str:
        return models.render_list(self._services.models.list())

    async def model(self, request: web.Request) -> str:
        query = read_query(request, ModelShow)
        found = await find_model(self._services, request.match_info["name"], query.version)
        return models.render(models.ModelPage(found, self._services.models.versions(found.name)))

    async def check_form(self, request: web.Request) -> str:
        return render_form(await find_model(self._services, request.match_info["name"]))

    async def check(self, request: web.Request) -> str:
        return render_report(request.match_info["name"], await self._submissions.check(request))

    async def nothing(self, request: web.Request) -> str:
        raise Problem("NOT_FOUND", f"there is no page at `{request.path[:200]}`", "the overview is at `/ui/`")


def _page(render: Callable[[web.Request], Awaitable[str]]) -> Handler:
    """Answer with a page, and with one that says what is wrong where the request cannot be granted."""

    async def serve(request: web.Request) -> web.StreamResponse:
        signed_in.set(request.get(BY_SESSION, False))
        try:
            text, status = await render(request), 200
        except (Problem, StateError) as error:
            message = error.detail if isinstance(error, Problem) else error.message
            status = status_of(error.code)
            text = problem_page(CODES[error.code].meaning, message, error.hint, error.code)
        return html_response(text, status)

    return serve


def _job_list(request: web.Request) -> JobList:
    """The filters; a form sends those that are empty, too."""
    return validated(JobList, {name: value for name, value in request.query.items() if value}, "parameter")


def _action(request: web.Request) -> Action:
    name = request.match_info["action"]
    if name not in ACTIONS:
        raise Problem("NOT_FOUND", f"there is no page at `{request.path[:200]}`", "the overview is at `/ui/`")
    return ACTIONS[name]


async def _confirmed(request: web.Request, asked: JobRetry) -> JobRetry:
    """What was asked for as its page showed it: with this version of the model, or into a shared topic."""
    form = await request.post()
    shown: dict[str, object] = {}
    if isinstance(version := form.get("model_version"), str):
        shown["model_version"] = int(version) if version.isascii() and version.isdigit() else version
    if form.get("allow_duplicates") == "true":
        shown["allow_duplicates"] = True
    return validated(JobRetry, {**asked.model_dump(), **shown}, "field")


async def _to_ui(request: web.Request) -> web.StreamResponse:
    raise web.HTTPFound("/ui/")


def _asset(name: str, content_type: str) -> Handler:
    body = resources.files("worker.ui").joinpath(name).read_bytes()

    async def serve(request: web.Request) -> web.StreamResponse:
        return web.Response(
            body=body,
            content_type=content_type,
            charset=None,
            headers={**PAGE_HEADERS, "Cache-Control": "no-cache"},
        )

    return serve
