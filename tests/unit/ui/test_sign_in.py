"""Signing in with a browser: the token once, then a session."""

from __future__ import annotations

from collections.abc import AsyncIterator
from http.cookies import SimpleCookie

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from tests.unit.http.conftest import Client
from tests.unit.http.twins import Rig, rig
from worker.http.app import middlewares, setup_http
from worker.ui.routes import setup_ui

TOKEN = "a-token-of-this-worker"
BROWSER = {"Accept": "text/html"}


@pytest.fixture
def parts() -> Rig:
    return rig(api_token=TOKEN, web_port=8123)


@pytest.fixture
async def client(parts: Rig) -> AsyncIterator[Client]:
    app = web.Application(middlewares=middlewares(parts.services))
    setup_http(app, parts.services)
    setup_ui(app, parts.services)
    async with TestClient(TestServer(app)) as client:
        yield client


def own(client: Client, scheme: str = "http") -> dict[str, str]:
    return {"Origin": f"{scheme}://{client.host}:{client.port}", **BROWSER}


async def signed_in(client: Client, **fields: str) -> tuple[int, str, SimpleCookie]:
    answer = await client.post(
        "/ui/sign-in", data={"token": TOKEN, **fields}, headers=own(client), allow_redirects=False
    )
    return answer.status, answer.headers.get("Location", ""), answer.cookies


async def test_the_page_asks_for_the_token_and_says_nothing_else(client: Client) -> None:
    answer = await client.get("/ui/", headers=BROWSER)
    page = await answer.text()
    assert (answer.status, str(answer.url.relative())) == (200, "/ui/sign-in?next=/ui/")
    assert '<input type="password" name="token"' in page
    assert "/ui/live.js" not in page
    assert "<nav" not in page
    for asset in ("/ui/style.css", "/ui/icon.svg"):
        assert asset in page
        assert (await client.get(asset)).status == 200


async def test_the_token_gives_a_session_that_scripts_cannot_read(client: Client) -> None:
    status, there, cookies = await signed_in(client, next="/ui/jobs?state=FAILED")
    assert (status, there) == (303, "/ui/jobs?state=FAILED")
    (cookie,) = cookies.values()
    assert cookie.key == "batch_session_8123"
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Strict", "/")
    assert (cookie["max-age"], cookie["secure"]) == ("604800", "")
    assert TOKEN not in cookie.value
    page = await client.get("/ui/", headers=BROWSER)
    assert (page.status, str(page.url.relative())) == (200, "/ui/")
    assert (await client.get("/ui/live.js")).status == 200


async def test_behind_tls_the_cookie_stays_there(client: Client) -> None:
    answer = await client.post(
        "/ui/sign-in", data={"token": TOKEN}, headers=own(client, "https"), allow_redirects=False
    )
    assert "Secure" in answer.headers["Set-Cookie"]


@pytest.mark.parametrize("token", ["", "wrong", TOKEN.upper(), f"{TOKEN}x", "ünïcode"])
async def test_another_token_gives_the_page_again(client: Client, token: str) -> None:
    fields = {"token": token, "next": "/ui/models"}
    answer = await client.post("/ui/sign-in", data=fields, headers=own(client))
    page = await answer.text()
    assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert "That is not this worker's token." in page
    assert 'value="/ui/models"' in page
    assert not answer.cookies


@pytest.mark.parametrize(
    "there",
    [
        "",
        "//evil.example",
        "/\\evil.example",
        "http://evil.example/ui/",
        "/ui/\\evil",
        "/ui/\r\nSet-Cookie: a=b",
        "/uii",
        "/jobs",
        "/ui/sign-out",
    ],
)
async def test_the_sign_in_leads_to_our_own_pages_only(client: Client, there: str) -> None:
    status, location, _ = await signed_in(client, next=there)
    assert (status, location) == (303, "/ui/")


async def test_a_foreign_page_cannot_sign_anyone_in_or_out(client: Client) -> None:
    for path in ("/ui/sign-in", "/ui/sign-out"):
        answer = await client.post(path, data={"token": TOKEN}, headers={"Origin": "http://evil.example"})
        assert (await answer.json())["code"] == "FORBIDDEN_ORIGIN"


async def test_who_is_signed_in_is_led_on(client: Client) -> None:
    await signed_in(client)
    answer = await client.get("/ui/sign-in?next=/ui/models", headers=BROWSER)
    assert str(answer.url.relative()) == "/ui/models"


async def test_signing_out_forgets_the_session(client: Client) -> None:
    await signed_in(client)
    page = await (await client.get("/ui/jobs", headers=BROWSER)).text()
    assert '<form method="post" action="/ui/sign-out"' in page
    answer = await client.post("/ui/sign-out", headers=own(client))
    assert str(answer.url.relative()) == "/ui/sign-in"
    assert (await client.get("/ui/jobs")).status == 401


async def test_without_a_token_there_is_no_sign_in() -> None:
    parts = rig()
    app = web.Application(middlewares=middlewares(parts.services))
    setup_http(app, parts.services)
    setup_ui(app, parts.services)
    async with TestClient(TestServer(app)) as client:
        assert (await client.get("/ui/sign-in", headers=BROWSER)).status == 404
        page = await (await client.get("/ui/", headers=BROWSER)).text()
        assert "sign-out" not in page
