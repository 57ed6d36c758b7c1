"""`/models`: versions, number texts, and every way a schema is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.http.conftest import Client
from tests.unit.http.twins import Rig
from worker.state.api import Model

SCHEMA = {"type": "object", "properties": {"id": {"type": "integer"}}}


async def _create(client: Client, body: Any) -> tuple[int, dict[str, Any]]:
    answer = await client.post("/models", data=body if isinstance(body, bytes) else json.dumps(body))
    return answer.status, await answer.json()


async def test_create_show_list(client: Client) -> None:
    answer = await client.post("/models", json={"name": "orders", "schema": SCHEMA})
    created = await answer.json()
    assert answer.status == 201
    assert answer.headers["ETag"] == '"1"'
    assert answer.headers["Location"] == "/models/orders"
    assert created == {
        "name": "orders",
        "version": 1,
        "schema": SCHEMA,
        "created_at": "2026-01-01T00:00:00.000Z",
    }
    again = await client.post("/models", json={"name": "orders", "schema": SCHEMA})
    assert (again.status, await again.json()) == (200, created)
    shown = await client.get("/models/orders")
    assert (shown.status, shown.headers["ETag"], await shown.json()) == (200, '"1"', created)
    listed = await client.get("/models")
    assert await listed.json() == {"items": [created], "next_cursor": None}


async def test_another_schema_of_the_same_name_is_refused(client: Client) -> None:
    await _create(client, {"name": "orders", "schema": SCHEMA})
    status, body = await _create(client, {"name": "orders", "schema": {"type": "object"}})
    assert (status, body["code"]) == (409, "MODEL_EXISTS")
    assert body["detail"] == "model `orders` exists with another schema (its newest version is `1`)"


async def test_numbers_keep_their_text(client: Client) -> None:
    schema = '{"properties": {"a": {"maximum": 1.10, "minimum": -9007199254740993.25}}}'
    body = f'{{"name": "m", "schema": {schema}}}'
    assert (await client.post("/models", data=body)).status == 201
    assert (await client.post("/models", data=body)).status == 200
    text = await (await client.get("/models/m")).text()
    assert '"maximum":1.10,"minimum":-9007199254740993.25' in text
    other = await client.post("/models", data=body.replace("1.10", "1.1"))
    assert (other.status, (await other.json())["code"]) == (409, "MODEL_EXISTS")


async def test_versions(parts: Rig, client: Client) -> None:
    parts.models._models["orders"] = [
        Model("orders", version, {"title": f"v{version}"}, "2026-01-01T00:00:00.000Z") for version in (1, 2)
    ]
    first = await client.get("/models/orders?version=1")
    assert ((await first.json())["schema"], first.headers["ETag"]) == ({"title": "v1"}, '"1"')
    newest = await client.get("/models/orders")
    assert ((await newest.json())["schema"], newest.headers["ETag"]) == ({"title": "v2"}, '"2"')
    missing = await client.get("/models/orders?version=3")
    body = await missing.json()
    assert (missing.status, body["code"]) == (404, "MODEL_NOT_FOUND")
    assert body["detail"] == "model `orders` has no version `3`"
    assert body["hint"] == "it has `1`, `2`"


async def test_an_unknown_model_says_how_to_make_it(client: Client) -> None:
    answer = await client.get("/models/orders")
    body = await answer.json()
    assert (answer.status, body["code"]) == (404, "MODEL_NOT_FOUND")
    assert body["detail"] == "model `orders` does not exist"
    assert body["hint"] == "create it with `batch model create orders schema.json`"


async def test_a_name_that_no_model_can_have_is_not_proposed(client: Client) -> None:
    answer = await client.get("/models/%C3%BC%22" + "x" * 500)
    body = await answer.json()
    assert (answer.status, body["code"]) == (404, "MODEL_NOT_FOUND")
    assert body["hint"].startswith("list the models with `batch model list`; names are 1 to 64 of")
    assert len(body["detail"]) < 150


async def test_the_list_is_newest_first_in_pages(parts: Rig, client: Client) -> None:
    for number, name in enumerate(["a", "b", "c", "d", "e"]):
        parts.models._models[name] = [Model(name, 1, {}, f"2026-01-0{number + 1}T00:00:00.000Z")]
    names: list[list[str]] = []
    cursor = ""
    while True:
        page = await (await client.get(f"/models?limit=2{cursor}")).json()
        names.append([model["name"] for model in page["items"]])
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert names == [["e", "d"], ["c", "b"], ["a"]]


async def test_a_foreign_cursor_is_refused(client: Client) -> None:
    for cursor in ("x", "aGFsbG8=", "%ff"):
        answer = await client.get(f"/models?cursor={cursor}")
        body = await answer.json()
        assert (answer.status, body["code"]) == (400, "INVALID_REQUEST")
        assert "not a cursor" in body["detail"]


async def test_an_invalid_schema_names_the_place(client: Client) -> None:
    status, body = await _create(client, {"name": "m", "schema": {"properties": {"a": {"type": "integr"}}}})
    assert (status, body["code"]) == (400, "INVALID_SCHEMA")
    assert "`/properties/a/type`" in body["detail"]
    assert body["hint"]


async def test_a_remote_ref_is_refused(client: Client) -> None:
    schema = {"properties": {"a": {"$ref": "http://127.0.0.1:9/schema.json"}}}
    status, body = await _create(client, {"name": "m", "schema": schema})
    assert (status, body["code"]) == (400, "INVALID_SCHEMA")
    assert "`/properties/a/$ref`" in body["detail"]
    assert "http://127.0.0.1:9/schema.json" in body["detail"]


async def test_a_topic_of_the_workers_own_is_refused(client: Client) -> None:
    status, body = await _create(client, {"name": "m", "schema": {"x-batch": {"dlq_topic": "batch_x_dlq"}}})
    assert (status, body["code"]) == (400, "INVALID_OPTION")
    assert body["detail"].startswith("in `x-batch`: option `dlq_topic` is `batch_x_dlq`")


async def test_an_unknown_option_is_refused_with_the_nearest(client: Client) -> None:
    status, body = await _create(client, {"name": "m", "schema": {"x-batch": {"delimeter": ";"}}})
    assert (status, body["code"]) == (400, "INVALID_OPTION")
    assert "delimeter" in body["detail"]
    assert "delimiter" in body["hint"] + body["detail"].replace("delimeter", "")


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b"{", "the body is not JSON: expecting property name"),
        (b"", "the body is not JSON: expecting value"),
        (b"\xff", "the body is not JSON: 'utf-8' codec can't decode"),
        (b'{"name": "m", "schema": {"maximum": NaN}}', "the body is not JSON: `nan` is not a json number"),
        (
            b'{"name": "m", "schema": {"title": "\\ud800"}}',
            "the body is not JSON: 'utf-8' codec can't encode",
        ),
        (b"[" * 100_000, "the body is not JSON: maximum recursion depth"),
        (b"[]", "the body is not a JSON object"),
        (b'{"schema": {}}', "member `name` is missing"),
        (b'{"name": "m"}', "member `schema` is missing"),
        (b'{"name": "m", "schema": []}', "member `schema` is `[]`: it is not a JSON object"),
        (b'{"name": "M", "schema": {}}', "member `name` is `M`: string should match pattern"),
        (b'{"name": "' + b"m" * 65 + b'", "schema": {}}', "string should match pattern"),
        (b'{"name": "m\\n", "schema": {}}', "string should match pattern"),
        (b'{"name": 1, "schema": {}}', "member `name` is `1`: input should be a valid string"),
        (b'{"name": "m", "schema": {}, "x": 1}', "there is no member `x`"),
    ],
)
async def test_bodies_that_cannot_be_read(client: Client, body: bytes, detail: str) -> None:
    status, problem = await _create(client, body)
    assert (status, problem["code"]) == (400, "INVALID_REQUEST")
    assert detail in problem["detail"]
    assert problem["hint"]


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        ({"name": "Bad", "schema": {}}, "`name`: 1 to 64 of a-z, 0-9, `_` and `-`"),
        ({"name": "m", "schema": []}, "`schema`: a JSON Schema, draft 2020-12"),
        ({"name": "m"}, "this call knows `name`, `schema`"),
        ({"name": "m", "schema": {}, "x": 1}, "this call knows `name`, `schema`"),
        ([], "this call knows `name`, `schema`"),
    ],
)
async def test_what_is_wrong_with_a_body_says_what_is_right(client: Client, body: Any, hint: str) -> None:
    status, problem = await _create(client, body)
    assert (status, problem["hint"]) == (400, hint)


async def test_a_body_over_the_limit_is_not_read_to_its_end(client: Client) -> None:
    status, problem = await _create(client, b'{"name": "' + b"m" * 900_000 + b'"}')
    assert (status, problem["code"]) == (400, "INVALID_REQUEST")
    assert problem["detail"] == "the body is larger than 900000 bytes"


async def test_without_kafka(parts: Rig, client: Client) -> None:
    parts.models._models["known"] = [Model("known", 1, {}, "2026-01-01T00:00:00.000Z")]
    parts.lose_kafka()
    assert (await client.get("/models/known")).status == 200
    for answer in (
        await client.get("/models/unknown"),
        await client.post("/models", json={"name": "m", "schema": {}}),
    ):
        body = await answer.json()
        assert (answer.status, body["code"]) == (503, "KAFKA_UNAVAILABLE")
        assert body["detail"] == "Kafka at `127.0.0.1:9092` does not answer"
        assert body["hint"] == "start it, or set BATCH_BOOTSTRAP_SERVERS to the broker's address"


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("limit=0", "parameter `limit` is `0`: input should be greater than or equal to 1"),
        ("limit=501", "parameter `limit` is `501`: input should be less than or equal to 500"),
        ("limit=x", "parameter `limit` is `x`: input should be a valid integer"),
        ("limit=1&limit=2", "parameter `limit` is given twice"),
        ("lmit=1", "there is no parameter `lmit`"),
    ],
)
async def test_queries_that_cannot_be_read(client: Client, query: str, detail: str) -> None:
    answer = await client.get(f"/models?{query}")
    body = await answer.json()
    assert (answer.status, body["code"]) == (400, "INVALID_REQUEST")
    assert body["detail"].startswith(detail)
