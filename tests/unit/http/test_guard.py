"""Foreign hosts and origins."""

from __future__ import annotations

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from tests.unit.http.conftest import Client
from tests.unit.http.twins import Rig, job, rig
from worker.http.app import middlewares, setup_http


async def statuses(parts: Rig, *hosts: str) -> dict[str, int]:
    """What /healthz answers to each `Host`."""
    app = web.Application(middlewares=middlewares(parts.services))
    setup_http(app, parts.services)
    async with TestClient(TestServer(app)) as client:
        return {host: (await client.get("/healthz", headers={"Host": host})).status for host in hosts}


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:8000", "localhost.:8000", "127.0.0.1:1", "127.8.9.10", "[::1]:8000", "[::1]"],
)
async def test_loopback_may_ask(client: Client, host: str) -> None:
    answer = await client.get("/healthz", headers={"Host": host})
    assert answer.status == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil.example:8000",
        "127.0.0.1@evil.example",
        "0.0.0.0:8000",
        "[::2]:8000",
        "localhost:port",
    ],
)
async def test_other_hosts_may_not(client: Client, host: str) -> None:
    answer = await client.get("/healthz", headers={"Host": host})
    body = await answer.json()
    assert answer.status == 403
    assert body["code"] == "FORBIDDEN_HOST"
    assert body["detail"] == f"this worker does not answer for the host `{host}`"
    assert "BATCH_ALLOWED_HOSTS" in body["hint"]


async def test_the_settings_allow_more_hosts() -> None:
    parts = rig(allow_anonymous=True, web_host="10.1.2.3", allowed_hosts="batch.example, Other.Example")
    assert await statuses(parts, "10.1.2.3:8000", "batch.example", "other.example:80", "third.example") == {
        "10.1.2.3:8000": 200,
        "batch.example": 200,
        "other.example:80": 200,
        "third.example": 403,
    }


async def test_a_worker_that_listens_everywhere_answers_for_the_names_it_knows() -> None:
    parts = rig(allow_anonymous=True, web_host="0.0.0.0", allowed_hosts="worker")
    hosts = ("127.0.0.1:8000", "localhost:8001", "worker:8000", "172.18.0.4:8000", "evil.example")
    assert list((await statuses(parts, *hosts)).values()) == [200, 200, 200, 403, 403]


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost:8000", "http://evil.example"),
        ("localhost:8000", "http://localhost:3000"),
        ("localhost:8000", "http://127.0.0.1:8000"),
        ("localhost:8000", "null"),
        ("localhost:8000", "localhost:8000"),
        ("localhost:8000", "file://localhost:8000"),
        ("localhost", "https://localhost:8443"),
    ],
)
async def test_a_foreign_page_may_not_change_anything(client: Client, host: str, origin: str) -> None:
    answer = await client.post("/jobs/aaaaaaaaaaaa/cancel", headers={"Host": host, "Origin": origin})
    body = await answer.json()
    assert answer.status == 403
    assert body["code"] == "FORBIDDEN_ORIGIN"
    assert body["detail"] == f"a page of `{origin}` may not change anything here"
    assert body["hint"] == "send the request from this worker's own pages or from a program"


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost:8000", "http://localhost:8000"),
        ("LocalHost", "http://localhost"),
        ("localhost", "https://localhost:443"),
        ("localhost:80", "http://localhost"),
    ],
)
async def test_our_own_pages_may(client: Client, parts: Rig, host: str, origin: str) -> None:
    parts.jobs.put(job())
    answer = await client.post("/jobs/aaaaaaaaaaaa/cancel", headers={"Host": host, "Origin": origin})
    assert answer.status == 202


async def test_reading_is_not_refused_by_origin(client: Client) -> None:
    answer = await client.get("/healthz", headers={"Origin": "http://evil.example"})
    assert answer.status == 200
    assert "Access-Control-Allow-Origin" not in answer.headers
