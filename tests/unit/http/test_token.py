"""The bearer token: who gets in, and what a browser's session is worth."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from aiohttp import FormData

from tests.unit.http.conftest import Client
from tests.unit.http.twins import Rig, job, rig
from worker.http.openapi import openapi_document
from worker.http.token import Token

TOKEN = "0123456789abcdef-._~+/="
BEARER = {"Authorization": f"Bearer {TOKEN}"}
NOW = 1_700_000_000.0
WEEK = 604_800
BROWSER = {"Accept": "text/html,application/xhtml+xml"}


@pytest.fixture
def parts() -> Rig:
    return rig(api_token=TOKEN)


def signed(end: int, token: str = TOKEN) -> str:
    digest = hmac.new(token.encode(), f"batch-session-v1:{end}".encode(), hashlib.sha256).hexdigest()
    return f"{end}.{digest}"


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        TOKEN,
        "Bearer",
        "Bearer ",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN}=",
        f"Bearer {TOKEN.upper()}",
        f"Basic {TOKEN}",
        "Bearer tökens-are-ascii",
    ],
)
@pytest.mark.parametrize("path", ["/jobs", "/models", "/dropzone", "/openapi.json", "/docs", "/nothing"])
async def test_without_the_token_nothing_is_said(
    client: Client, path: str, authorization: str | None
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = await client.get(path, headers=headers)
    body = await answer.json()
    assert (answer.status, body["code"]) == (401, "UNAUTHORIZED")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert body["hint"] == "send the worker's BATCH_API_TOKEN as `Authorization: Bearer <token>`"
    assert TOKEN not in await answer.text()


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_with_the_token_everything_is_as_without_one(client: Client, parts: Rig, scheme: str) -> None:
    parts.jobs.put(job())
    answer = await client.get("/jobs", headers={"Authorization": f"{scheme} {TOKEN}"})
    assert [item["job_id"] for item in (await answer.json())["items"]] == ["aaaaaaaaaaaa"]
    answer = await client.post("/jobs/aaaaaaaaaaaa/cancel", headers=BEARER)
    assert answer.status == 202


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_probes_and_metrics_are_open(client: Client, path: str) -> None:
    assert (await client.get(path)).status == 200


@pytest.mark.parametrize("path", ["/healthz/", "/healthz/../jobs", "/%2e/jobs", "/metrics/x"])
async def test_what_looks_like_an_open_path_is_none(client: Client, path: str) -> None:
    answer = await client.get(path, allow_redirects=False)
    assert answer.status == 401


async def test_an_upload_is_refused_before_a_part_file_is_begun(client: Client, parts: Rig) -> None:
    form = FormData({"model": "m"})
    form.add_field("file", b"a\n1\n", filename="a.csv")
    answer = await client.post("/jobs", data=form)
    assert answer.status == 401
    assert parts.intake.uploads == []


async def test_host_and_origin_are_looked_at_first(client: Client) -> None:
    foreign = await client.get("/jobs", headers={"Host": "evil.example", **BEARER})
    assert (await foreign.json())["code"] == "FORBIDDEN_HOST"
    foreign = await client.post(
        "/jobs/aaaaaaaaaaaa/cancel", headers={"Origin": "http://evil.example", **BEARER}
    )
    assert (await foreign.json())["code"] == "FORBIDDEN_ORIGIN"


async def test_a_session_reads_and_changes_from_our_own_pages_only(client: Client, parts: Rig) -> None:
    parts.jobs.put(job())
    cookie = {"Cookie": f"batch_session_8000={signed(4_000_000_000)}"}
    assert (await client.get("/jobs", headers=cookie)).status == 200
    path = "/jobs/aaaaaaaaaaaa/cancel"
    silent = await client.post(path, headers=cookie)
    assert (silent.status, (await silent.json())["code"]) == (403, "FORBIDDEN_ORIGIN")
    own = f"http://{client.host}:{client.port}"
    assert (await client.post(path, headers={**cookie, "Origin": own})).status == 202


@pytest.mark.parametrize(
    "cookie",
    [
        "",
        ".",
        "4000000000",
        f"4000000000.{'0' * 64}",
        signed(4_000_000_000, "another-token"),
        signed(1_000_000_000),
        signed(4_000_000_000).replace("4", "5", 1),
    ],
)
async def test_a_session_that_is_none(client: Client, cookie: str) -> None:
    answer = await client.get("/jobs", headers={"Cookie": f"batch_session_8000={cookie}"})
    assert answer.status == 401


async def test_a_page_leads_a_person_to_the_sign_in(client: Client) -> None:
    for path in ("/", "/ui/", "/ui/jobs?state=FAILED&q=a b", "/ui/nothing", "/docs"):
        answer = await client.get(path, headers=BROWSER, allow_redirects=False)
        assert answer.status == 303
    assert answer.headers["Location"] == "/ui/sign-in?next=/docs"
    answer = await client.get("/ui/jobs?q=a%26b", headers=BROWSER, allow_redirects=False)
    assert answer.headers["Location"] == "/ui/sign-in?next=/ui/jobs?q%3Da%2526b"
    # the stream and scripts cannot follow there, and the API has no pages
    for path in ("/ui/events", "/ui/live.js", "/ui/"):
        assert (await client.get(path, headers={"Accept": "*/*"})).status == 401
    assert (await client.get("/jobs", headers=BROWSER)).status == 401


def test_a_session_is_the_end_and_its_signature() -> None:
    token = Token(TOKEN, clock=lambda: NOW)
    session = token.new_session()
    assert session == signed(int(NOW) + WEEK)
    assert TOKEN not in session
    assert token.is_session(session)


def test_a_session_ends_with_its_time_and_with_its_token() -> None:
    session = Token(TOKEN, clock=lambda: NOW).new_session()
    assert Token(TOKEN, clock=lambda: NOW + WEEK - 1).is_session(session)
    assert not Token(TOKEN, clock=lambda: NOW + WEEK).is_session(session)
    assert not Token("another-token", clock=lambda: NOW).is_session(session)


def test_the_document_says_what_needs_the_token() -> None:
    document = openapi_document()
    assert document["security"] == [{"token": []}]
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    open_paths = {
        path
        for path, methods in document["paths"].items()
        for operation in methods.values()
        if operation.get("security") == []
    }
    assert open_paths == {"/healthz", "/readyz", "/metrics"}
    assert "401" in document["paths"]["/jobs"]["post"]["responses"]
    assert "401" not in document["paths"]["/readyz"]["get"]["responses"]
