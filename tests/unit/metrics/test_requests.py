"""Requests are counted by route: no client can make a series."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from tests.unit.http.conftest import Client
from tests.unit.http.twins import job, rig
from worker.http.app import middlewares, setup_http
from worker.metrics.instruments import Instruments
from worker.metrics.requests import counting


@pytest.fixture
def instruments() -> Instruments:
    return Instruments()


@pytest.fixture
async def client(instruments: Instruments) -> AsyncIterator[Client]:
    parts = rig()
    parts.jobs.put(job())
    app = web.Application(middlewares=[counting(instruments), *middlewares(parts.services)])
    setup_http(app, parts.services)
    app.router.add_get("/faust/x", _to_elsewhere)
    async with TestClient(TestServer(app)) as client:
        yield client


async def _to_elsewhere(request: web.Request) -> web.StreamResponse:
    raise web.HTTPFound("/healthz")


async def test_routes_not_addresses(client: Client, instruments: Instruments) -> None:
    for path in ("/jobs/aaaaaaaaaaaa", "/jobs/bbbbbbbbbbbb", "/jobs/aaaaaaaaaaaa", "/secret", "/../x"):
        await client.get(path)
    await client.get("/jobs", headers={"Host": "evil.example"})
    await client.request("PROPFIND", "/jobs")
    await client.get("/faust/x", allow_redirects=False)
    await client.head("/healthz")
    counted = {
        (sample.labels["method"], sample.labels["route"], sample.labels["status"]): sample.value
        for family in instruments.registry.collect()
        for sample in family.samples
        if sample.name == "batch_http_requests_total"
    }
    assert counted == {
        ("GET", "/jobs/{job_id}", "200"): 2,
        ("GET", "/jobs/{job_id}", "404"): 1,
        ("GET", "none", "404"): 2,
        ("GET", "/jobs", "403"): 1,
        ("other", "none", "405"): 1,
        ("GET", "/faust/x", "302"): 1,
        ("HEAD", "/healthz", "200"): 1,
    }


async def test_what_is_being_answered(client: Client, instruments: Instruments) -> None:
    async with client.get("/jobs/aaaaaaaaaaaa/events") as stream:
        await stream.content.readline()
        assert instruments.registry.get_sample_value("batch_http_requests_in_progress") == 1
