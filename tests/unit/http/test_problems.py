"""The one JSON shape of errors."""

from __future__ import annotations

import logging

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from tests.unit.http.conftest import Client
from tests.unit.http.twins import Rig
from worker.http.app import middlewares


async def test_an_unknown_address_is_a_problem(client: Client) -> None:
    answer = await client.get("/nowhere")
    assert answer.status == 404
    assert answer.content_type == "application/problem+json"
    assert await answer.json() == {
        "type": "urn:batch:error:NOT_FOUND",
        "title": "There is nothing at this address.",
        "status": 404,
        "detail": "there is nothing at `/nowhere`",
        "code": "NOT_FOUND",
        "hint": "jobs are at `/jobs`, models at `/models`, the status page at `/ui/`",
    }


async def test_an_unknown_method_names_those_that_work(client: Client) -> None:
    answer = await client.put("/jobs")
    assert answer.status == 405
    assert answer.headers["Allow"] == "GET, HEAD, POST"
    body = await answer.json()
    assert body["code"] == "METHOD_NOT_ALLOWED"
    assert body["detail"] == "`/jobs` does not know the method `PUT`"
    assert body["hint"] == "use GET, HEAD, POST"


async def test_a_defect_is_500_logged_once_and_shows_nothing_of_the_inside(
    parts: Rig, client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(job_id: str) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(parts.jobs, "get", fail)
    answer = await client.get("/jobs/aaaaaaaaaaaa")
    text = await answer.text()
    assert answer.status == 500
    assert (await answer.json())["code"] == "INTERNAL"
    assert "secret" not in text
    assert "Traceback" not in text
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert [record.getMessage() for record in errors] == ["unexpected error at `GET /jobs/aaaaaaaaaaaa`"]
    assert errors[0].exc_info is not None


async def test_a_lost_connection_to_something_else_is_a_defect(
    parts: Rig, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(job_id: str) -> None:
        raise ConnectionRefusedError

    monkeypatch.setattr(parts.jobs, "get", fail)
    assert (await client.get("/jobs/aaaaaaaaaaaa")).status == 500


async def test_what_is_not_ours_stays_as_faust_answers_it(parts: Rig) -> None:
    async def missing(request: web.Request) -> web.StreamResponse:
        raise web.HTTPNotFound(text="faust says no")

    app = web.Application(middlewares=middlewares(parts.services))
    app.router.add_get("/faust/table", missing)
    async with TestClient(TestServer(app)) as client:
        answer = await client.get("/faust/table")
        assert answer.status == 404
        assert answer.content_type == "text/plain"
        assert await answer.text() == "faust says no"


async def test_answers_are_not_sniffed(client: Client) -> None:
    answer = await client.get("/healthz")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
