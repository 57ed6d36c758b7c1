"""Alive and ready, or why not."""

from __future__ import annotations

from tests.unit.http.conftest import Client
from tests.unit.http.twins import AWAY, STARTING, Rig


async def test_ready(client: Client) -> None:
    answer = await client.get("/readyz")
    assert answer.status == 200
    assert await answer.json() == {
        "status": "ready",
        "message": "Kafka at `127.0.0.1:9092` answers",
        "broker": "127.0.0.1:9092",
        "broker_ok": True,
        "ready": True,
        "since": "2026-01-01T00:00:00.000Z",
        "partitions": [0, 1, 2],
    }


async def test_without_kafka_the_worker_is_alive_and_says_why_it_is_not_ready(
    parts: Rig, client: Client
) -> None:
    parts.health = AWAY
    alive = await client.get("/healthz")
    assert (alive.status, await alive.json()) == (200, {"status": "alive"})
    ready = await client.get("/readyz")
    body = await ready.json()
    assert ready.status == 503
    assert body["code"] == "KAFKA_UNAVAILABLE"
    assert body["detail"] == "Kafka at `127.0.0.1:9092` has not answered for 12 s"
    assert body["hint"] == "start it, or set BATCH_BOOTSTRAP_SERVERS to the broker's address"
    assert (body["broker_ok"], body["since"]) == (False, "2026-01-01T00:00:00.000Z")


async def test_a_worker_that_recovers_is_not_ready(parts: Rig, client: Client) -> None:
    parts.health = STARTING
    answer = await client.get("/readyz")
    body = await answer.json()
    assert answer.status == 503
    assert (body["code"], body["detail"]) == ("NOT_READY", "the table is being recovered")
