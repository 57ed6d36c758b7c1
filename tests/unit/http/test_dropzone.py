"""`/dropzone`: what waits in `incoming/`."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.http.conftest import Client
from tests.unit.http.twins import Rig, Waiting


async def _page(client: Client, query: str = "") -> dict[str, Any]:
    answer = await client.get(f"/dropzone{query}")
    assert answer.status == 200
    body: dict[str, Any] = await answer.json()
    return body


async def test_nothing_waits(client: Client) -> None:
    assert await _page(client) == {"items": [], "next_cursor": None}


async def test_what_waits_and_why(parts: Rig, client: Client) -> None:
    parts.intake.waiting_files.append(
        Waiting(
            "x/späť.csv",
            "MODEL_NOT_FOUND",
            "model `x` does not exist",
            "create it",
            12,
            "2026-01-01T00:00:00Z",
        )
    )
    assert (await _page(client))["items"] == [
        {
            "path": "x/späť.csv",
            "code": "MODEL_NOT_FOUND",
            "message": "model `x` does not exist",
            "hint": "create it",
            "size_bytes": 12,
            "since": "2026-01-01T00:00:00Z",
        }
    ]


async def test_it_answers_without_kafka(parts: Rig, client: Client) -> None:
    parts.intake.waiting_files.append(
        Waiting("a.csv", "KAFKA_UNAVAILABLE", "Kafka is away", "start it", None)
    )
    parts.lose_kafka()
    page = await _page(client)
    assert [(item["code"], item["size_bytes"]) for item in page["items"]] == [("KAFKA_UNAVAILABLE", None)]


async def test_pages_newest_first(parts: Rig, client: Client) -> None:
    for day, path in ((1, "a"), (3, "b"), (2, "c|d"), (2, "e")):
        parts.intake.waiting_files.append(
            Waiting(path, "NO_MODEL", "m", "h", since=f"2026-01-0{day}T00:00:00Z")
        )
    paths: list[list[str]] = []
    query = "?limit=3"
    while True:
        page = await _page(client, query)
        paths.append([item["path"] for item in page["items"]])
        if page["next_cursor"] is None:
            break
        query = f"?limit=3&cursor={page['next_cursor']}"
    assert paths == [["b", "e", "c|d"], ["a"]]


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "cursor=%21", "model=x"])
async def test_queries_that_cannot_be_read(client: Client, query: str) -> None:
    answer = await client.get(f"/dropzone?{query}")
    assert (answer.status, (await answer.json())["code"]) == (400, "INVALID_REQUEST")
