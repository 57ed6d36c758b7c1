"""`PUT` and `DELETE /models/{name}`: versions, and what guards them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.http.conftest import Client
from tests.unit.http.twins import Rig, job
from worker.jobs.job import State

FIRST = {"type": "object"}
SECOND = {"type": "object", "required": ["id"]}


@pytest.fixture(autouse=True)
async def orders(client: Client) -> None:
    assert (await client.post("/models", json={"name": "orders", "schema": FIRST})).status == 201


async def _put(client: Client, schema: Any, *tags: str) -> tuple[int, dict[str, Any], str | None]:
    headers = [("If-Match", tag) for tag in tags]
    answer = await client.put("/models/orders", json={"schema": schema}, headers=headers)
    return answer.status, await answer.json(), answer.headers.get("ETag")


async def test_put_makes_the_next_version(client: Client) -> None:
    status, body, etag = await _put(client, SECOND)
    assert (status, body["version"], body["schema"], etag) == (200, 2, SECOND, '"2"')
    old = await client.get("/models/orders?version=1")
    assert (await old.json())["schema"] == FIRST
    newest = await client.get("/models/orders")
    assert ((await newest.json())["version"], newest.headers["ETag"]) == (2, '"2"')


async def test_the_same_schema_makes_none(client: Client) -> None:
    status, body, etag = await _put(client, FIRST)
    assert (status, body["version"], etag) == (200, 1, '"1"')


async def test_numbers_keep_their_text(client: Client) -> None:
    for text, version in (("1.10", 2), ("1.1", 3), ("1.1", 3)):
        raw = f'{{"schema": {{"maximum": {text}}}}}'
        answer = await client.put("/models/orders", data=raw)
        assert f'"schema": {{"maximum":{text}}}' in await answer.text()
        assert (await answer.json())["version"] == version


@pytest.mark.parametrize("tags", [('"1"',), ("*",), ('"7", "1"',), ('"7"', '"1"'), (' W/"1" , "1"',)])
async def test_if_match_lets_the_known_version_pass(client: Client, tags: tuple[str, ...]) -> None:
    status, body, etag = await _put(client, SECOND, *tags)
    assert (status, body["version"], etag) == (200, 2, '"2"')


@pytest.mark.parametrize("tag", ['"2"', '"01"', 'W/"1"', '""', '"x"', '"2", "3"', '"1,"'])
async def test_if_match_stops_any_other(client: Client, tag: str) -> None:
    status, body, etag = await _put(client, SECOND, tag)
    assert (status, body["code"], etag) == (412, "VERSION_CONFLICT", '"1"')
    assert body["detail"].startswith("model `orders` has version `1`, and `If-Match` names ")
    assert body["hint"] == (
        "look at what changed with `batch model show orders`; the newest is version 1: send its ETag "
        '`"1"` in `If-Match`, on the command line `--if-version 1`'
    )
    assert (await (await client.get("/models/orders")).json())["version"] == 1
    deleted = await client.delete("/models/orders", headers={"If-Match": tag})
    assert (deleted.status, (await deleted.json())["code"]) == (412, "VERSION_CONFLICT")


@pytest.mark.parametrize("tag", ["1", '"1', '"1" "2"', '*, "1"', '"1",'])
async def test_if_match_that_is_no_etag(client: Client, tag: str) -> None:
    status, body, _ = await _put(client, SECOND, tag)
    assert (status, body["code"]) == (400, "INVALID_REQUEST")
    assert body["detail"] == f"the header `If-Match` is `{tag}`, which is no ETag"
    assert body["hint"] == 'write the version that you have seen in quotes: `If-Match: "3"`'


async def test_a_model_that_does_not_exist_is_not_made(client: Client) -> None:
    for headers in ({}, {"If-Match": '"1"'}):
        put = await client.put("/models/other", json={"schema": FIRST}, headers=headers)
        assert (put.status, (await put.json())["code"]) == (404, "MODEL_NOT_FOUND")
        deleted = await client.delete("/models/other", headers=headers)
        assert (deleted.status, (await deleted.json())["code"]) == (404, "MODEL_NOT_FOUND")


@pytest.mark.parametrize(
    ("schema", "code"),
    [
        ({"properties": {"a": {"type": "integr"}}}, "INVALID_SCHEMA"),
        ({"x-batch": {"delimeter": ";"}}, "INVALID_OPTION"),
        ([], "INVALID_REQUEST"),
    ],
)
async def test_schemas_that_are_refused(client: Client, schema: Any, code: str) -> None:
    status, body, _ = await _put(client, schema)
    assert (status, body["code"]) == (400, code)


async def test_the_name_stands_in_the_address_only(client: Client) -> None:
    answer = await client.put("/models/orders", json={"name": "orders", "schema": FIRST})
    body = await answer.json()
    assert (answer.status, body["detail"]) == (400, "there is no member `name`")


async def test_a_version_cannot_be_changed_or_deleted_alone(client: Client) -> None:
    for answer in (
        await client.put("/models/orders?version=1", json={"schema": SECOND}),
        await client.delete("/models/orders?version=1"),
    ):
        body = await answer.json()
        assert (answer.status, body["code"]) == (400, "INVALID_REQUEST")
        assert body["detail"] == "there is no parameter `version`"
        assert body["hint"] == "this call takes no parameters"


async def test_delete_takes_all_versions_and_their_numbers_stay_used(client: Client) -> None:
    await _put(client, SECOND)
    answer = await client.delete("/models/orders", headers={"If-Match": '"2"'})
    assert (answer.status, await answer.read()) == (204, b"")
    assert (await client.get("/models/orders")).status == 404
    assert (await client.get("/models/orders?version=1")).status == 404
    again = await client.post("/models", json={"name": "orders", "schema": FIRST})
    assert (again.status, (await again.json())["version"]) == (201, 3)


@pytest.mark.parametrize("state", [State.QUEUED, State.RUNNING, State.PAUSED])
async def test_a_model_in_use_stays(parts: Rig, client: Client, state: State) -> None:
    parts.jobs.put(job(state=state))
    answer = await client.delete("/models/orders")
    body = await answer.json()
    assert (answer.status, body["code"]) == (409, "MODEL_IN_USE")
    assert body["detail"] == "job `aaaaaaaaaaaa` of model `orders` has not ended"
    assert (await client.get("/models/orders")).status == 200


async def test_ended_jobs_and_those_of_other_models_do_not_hold_it(parts: Rig, client: Client) -> None:
    parts.jobs.put(job(state=State.FAILED))
    parts.jobs.put(job("bbbbbbbbbbbb", model="orders2"))
    assert (await client.delete("/models/orders")).status == 204


async def test_without_kafka(parts: Rig, client: Client) -> None:
    parts.lose_kafka()
    for headers in ({}, {"If-Match": '"1"'}):
        put = await client.put("/models/orders", json={"schema": SECOND}, headers=headers)
        assert (put.status, (await put.json())["code"]) == (503, "KAFKA_UNAVAILABLE")
        deleted = await client.delete("/models/orders", headers=headers)
        assert (deleted.status, (await deleted.json())["code"]) == (503, "KAFKA_UNAVAILABLE")
