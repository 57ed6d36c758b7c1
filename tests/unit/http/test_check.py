"""`POST /jobs?validate=true` and `POST /models/infer`: files are looked at, and nothing comes of them."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.errors import JobCode, JobError
from tests.unit.http.conftest import Client
from tests.unit.http.forms import HEADERS, field, form
from tests.unit.http.twins import Rig

PART = Path("/nowhere/part")  # where the twin says that an upload's file is
REPORT = {
    "format": "csv",
    "columns": ["id", "name"],
    "rows": 3,
    "valid": 2,
    "rejected": 1,
    "errors": [
        {
            "column": "id",
            "code": "TYPE",
            "count": 1,
            "examples": [{"row": 2, "line": 3, "message": "`x` is not an integer"}],
        }
    ],
    "unlisted": 0,
    "error": None,
}
CHECK = "/jobs?validate=true"


async def _post(client: Client, path: str, data: Any) -> tuple[int, dict[str, Any]]:
    async with asyncio.timeout(10):
        answer = await client.post(path, data=data, headers=HEADERS)
        return answer.status, await answer.json()


def _submission(*options: tuple[str, str]) -> bytes:
    texts = [field(name, value) for name, value in (("model", "orders"), *options)]
    return form(*texts, field("file", b"id,name\n1,a\nx,b\n3,c\n", "may.csv"))


@pytest.fixture
async def schema(parts: Rig) -> dict[str, Any]:
    schema = {"properties": {"id": {"minimum": Decimal("1.10")}}, "x-batch": {"delimiter": ","}}
    await parts.models.create("orders", schema)
    parts.checker.report = REPORT
    return schema


async def test_a_check_answers_the_report_and_leaves_nothing(
    parts: Rig, client: Client, schema: dict[str, Any]
) -> None:
    assert await _post(client, CHECK, _submission(("decimal", ","))) == (200, REPORT)
    assert parts.checker.asked == [(PART, "may.csv", schema, {"delimiter": ",", "decimal": ","})]
    (upload,) = parts.intake.uploads
    assert (upload.size, upload.finished, upload.claimed, upload.discarded) == (20, True, None, True)
    assert parts.published == []


async def test_a_check_works_while_kafka_is_away(parts: Rig, client: Client, schema: dict[str, Any]) -> None:
    parts.lose_kafka()
    assert await _post(client, CHECK, _submission()) == (200, REPORT)
    status, body = await _post(client, "/jobs", _submission())
    assert (status, body["code"]) == (503, "KAFKA_UNAVAILABLE")


async def test_a_file_that_would_fail_is_an_answer_of_the_check(
    parts: Rig, client: Client, schema: dict[str, Any]
) -> None:
    error = {"code": "HEADER_DUPLICATE", "message": "column `id` is named twice", "hint": "rename one"}
    none = {"columns": [], "rows": 0, "valid": 0, "rejected": 0, "errors": []}
    parts.checker.report = {**REPORT, **none, "error": error}
    status, body = await _post(client, CHECK, _submission())
    assert (status, body["error"], body["rows"]) == (200, error, 0)


@pytest.mark.parametrize(
    ("path", "sent", "code"),
    [
        ("/jobs?validate=maybe", _submission(), "INVALID_REQUEST"),
        ("/jobs?valdate=true", _submission(), "INVALID_REQUEST"),
        (CHECK, _submission(("colour", "red")), "INVALID_OPTION"),
        (
            CHECK,
            form(field("model", "orders"), field("file", b"%PDF-1.7", "a.pdf")),
            "UNSUPPORTED_FILE_TYPE",
        ),
        (CHECK, form(field("model", "none"), field("file", b"a\n", "a.csv")), "MODEL_NOT_FOUND"),
    ],
)
async def test_what_a_submission_would_be_refused_for(
    parts: Rig, client: Client, schema: dict[str, Any], path: str, sent: bytes, code: str
) -> None:
    status, body = await _post(client, path, sent)
    assert (status // 100, body["code"]) == (4, code)
    assert parts.checker.asked == []
    assert all(upload.discarded for upload in parts.intake.uploads)


async def test_a_client_that_leaves_stops_the_check(
    parts: Rig, client: Client, schema: dict[str, Any]
) -> None:
    parts.checker.go.clear()
    asking = asyncio.create_task(_post(client, CHECK, _submission()))
    async with asyncio.timeout(10):
        await parts.checker.begun.wait()
        asking.cancel()
        await parts.checker.cancelled.wait()
        await parts.intake.discarded.wait()


async def test_a_worker_that_stops_gives_the_check_up(
    parts: Rig, client: Client, schema: dict[str, Any]
) -> None:
    parts.checker.go.clear()
    asking = asyncio.create_task(_post(client, CHECK, _submission()))
    async with asyncio.timeout(10):
        await parts.checker.begun.wait()
        await client.app.shutdown()
        status, body = await asking
    assert (status, body["code"]) == (503, "NOT_READY")
    assert parts.checker.cancelled.is_set()


async def test_a_schema_is_inferred_without_a_model(parts: Rig, client: Client) -> None:
    parts.lose_kafka()
    parts.checker.inferred = {"schema": {"properties": {"a": {"minimum": Decimal("1.10")}}}, "format": "csv"}
    body = form(field("encoding", "latin1"), field("file", b"a\n1.10\n", "a.csv"))
    answer = await client.post("/models/infer", data=body, headers=HEADERS)
    assert answer.status == 200
    assert await answer.text() == '{"schema": {"properties":{"a":{"minimum":1.10}}}, "format": "csv"}'
    assert parts.checker.asked == [(PART, {"encoding": "iso8859-1"})]
    (upload,) = parts.intake.uploads
    assert (upload.claimed, upload.discarded) == (None, True)


@pytest.mark.parametrize(
    ("failure", "code", "detail"),
    [
        (
            JobError(JobCode.HEADER_MISSING, "column 2 has no name", "name it"),
            "INVALID_REQUEST",
            "the file cannot be read: column 2 has no name (HEADER_MISSING)",
        ),
        (
            JobError(JobCode.UNSUPPORTED_FILE_TYPE, "gzip data is broken", "send it again"),
            "UNSUPPORTED_FILE_TYPE",
            "gzip data is broken",
        ),
    ],
)
async def test_no_schema_of_a_file_that_cannot_be_read(
    parts: Rig, client: Client, failure: JobError, code: str, detail: str
) -> None:
    parts.checker.failure = failure
    status, body = await _post(client, "/models/infer", form(field("file", b"a,\n", "a.csv")))
    assert (status, body["code"], body["detail"], body["hint"]) == (400, code, detail, failure.hint)


@pytest.mark.parametrize("name", ["model", "colour"])
async def test_inferring_knows_options_only(parts: Rig, client: Client, name: str) -> None:
    body = form(field(name, "orders"), field("file", b"a\n", "a.csv"))
    status, problem = await _post(client, "/models/infer", body)
    assert (status, problem["code"]) == (400, "INVALID_OPTION")
    assert parts.intake.uploads == []


async def test_a_model_may_be_called_infer(parts: Rig, client: Client) -> None:
    await parts.models.create("infer", {"title": "t"})
    answer = await client.get("/models/infer")
    assert (answer.status, (await answer.json())["schema"]) == (200, {"title": "t"})
    assert (await client.delete("/models/infer")).status == 204
