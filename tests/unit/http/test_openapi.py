"""`/openapi.json` and `/docs`: every route, every code, valid OpenAPI 3.1."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

import pytest
from aiohttp import web
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from connectors.model.options import Options
from tests.unit.http.conftest import Client
from tests.unit.http.twins import job
from worker.http.answers import JobAnswer, job_answer
from worker.http.openapi import openapi_document
from worker.http.operations import OPERATIONS
from worker.jobs.codes import CODES, Where
from worker.jobs.job import JobFailure, Requested, State, Waiting
from worker.ui.docs import render_docs

PAGES = ("/ui", "/faust")


def _routes(app: web.Application) -> set[tuple[str, str]]:
    found = set()
    for route in app.router.routes():
        assert route.resource is not None
        path = route.resource.canonical
        if route.method != "HEAD" and path != "/" and not path.startswith(PAGES):
            found.add((route.method.lower(), path))
    return found


async def test_every_route_is_described_and_nothing_else(client: Client) -> None:
    document = await (await client.get("/openapi.json")).json()
    described = {(method, path) for path, methods in document["paths"].items() for method in methods}
    assert described == _routes(client.app)


async def test_the_document_names_its_version(client: Client) -> None:
    document = await (await client.get("/openapi.json")).json()
    assert (document["openapi"], document["info"]["title"]) == ("3.1.0", "batch-worker")


def test_it_is_valid_openapi_3_1() -> None:
    validate(openapi_document(), cls=OpenAPIV31SpecValidator)


def test_the_validator_refuses_a_broken_document() -> None:
    broken = {**openapi_document(), "paths": {"/x": {"get": {"responses": {"abc": {}}}}}}
    with pytest.raises(Exception, match="abc"):
        validate(broken, cls=OpenAPIV31SpecValidator)


def test_every_code_of_the_document_answers_requests_with_its_status() -> None:
    for operation in OPERATIONS:
        for code in operation.all_codes:
            assert Where.REQUEST in CODES[code].where, (operation.name, code)
        assert len(set(operation.all_codes)) == len(operation.all_codes), operation.name
    described = openapi_document()["paths"]["/jobs/{job_id}/retry"]["post"]["responses"]
    assert sorted(described) == ["202", "400", "401", "403", "404", "409", "500", "503"]
    conflict = described["409"]["content"]["application/problem+json"]["schema"]["allOf"][1]
    assert conflict == {"properties": {"code": {"enum": ["INVALID_STATE", "FILE_GONE", "SHARED_TOPIC"]}}}


def test_every_reference_leads_somewhere() -> None:
    document = openapi_document()
    schemas = document["components"]["schemas"]
    used = set(re.findall(r"'#/components/schemas/(\w+)'", str(document)))
    assert used == set(schemas)


def test_operation_ids_are_unique() -> None:
    names = [operation.name for operation in OPERATIONS]
    assert len(set(names)) == len(names)
    assert "post_jobs_job_id_cancel" in names


def test_job_json_is_what_the_table_keeps() -> None:
    full = job(
        options={"columns": ["a"], "header": False},
        requested=Requested.PAUSE,
        waiting=Waiting("SLOT", "m", "h"),
        error=JobFailure("INTERNAL", "m", "h"),
        offsets={"0": [0, 3]},
        state=State.QUEUED,
    )
    assert job_answer(full) == full.to_json()
    assert list(JobAnswer.model_fields) == list(full.to_json())


def _parameter(path: str, name: str) -> dict[str, Any]:
    parameters = openapi_document()["paths"][path]["get"]["parameters"]
    (found,) = [parameter for parameter in parameters if parameter["name"] == name]
    assert isinstance(found, dict)
    return found


def test_parameters_are_described_as_they_are_written() -> None:
    state = _parameter("/jobs", "state")
    assert (state["style"], state["explode"]) == ("form", False)
    assert state["schema"]["items"] == {"$ref": "#/components/schemas/State"}
    assert _parameter("/jobs", "limit")["description"] == "How many at most."
    assert _parameter("/jobs", "limit")["schema"] == {
        "default": 50,
        "maximum": 500,
        "minimum": 1,
        "type": "integer",
    }
    assert _parameter("/jobs/{job_id}/records", "from")["schema"]["type"] == "string"
    assert _parameter("/models/{name}", "version")["schema"] == {"minimum": 1, "type": "integer"}


def test_the_form_has_every_option() -> None:
    body = openapi_document()["paths"]["/jobs"]["post"]["requestBody"]
    properties = body["content"]["multipart/form-data"]["schema"]["properties"]
    assert list(properties) == ["model", *(option.name for option in fields(Options)), "file"]


async def test_the_page_shows_every_call_and_schema(client: Client) -> None:
    answer = await client.get("/docs")
    page = await answer.text()
    assert (answer.status, answer.content_type) == (200, "text/html")
    for operation in OPERATIONS:
        assert page.count(f"<div id='{operation.name}'>") == 1
    for name in openapi_document()["components"]["schemas"]:
        assert page.count(f"<div id='schema-{name}'>") == 1
    links = set(re.findall(r"href='([^']*)'", page))
    assert {link for link in links if not link.startswith("#")} == {"/ui/", "/openapi.json"}
    assert {link[1:] for link in links if link.startswith("#")} <= set(re.findall(r"id='([^']*)'", page))


async def test_the_page_loads_nothing(client: Client) -> None:
    answer = await client.get("/docs")
    page = await answer.text()
    policy = answer.headers["Content-Security-Policy"]
    assert re.fullmatch(
        r"default-src 'none'; style-src 'sha256-[A-Za-z0-9+/]{43}='; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'",
        policy,
    )
    assert "unsafe" not in policy
    for word in ("<script", "src=", "http://", "https://", "@import", "url(", "style="):
        assert word not in page


def test_what_a_document_says_cannot_become_markup() -> None:
    document = openapi_document()
    info = {**document["info"], "title": "<b>", "description": "a `<i>` & b"}
    page = render_docs({**document, "info": info})
    assert "<h1>&lt;b&gt; <small>" in page
    assert "<p>a <code>&lt;i&gt;</code> &amp; b</p>" in page
