"""`/jobs/{id}/events`: Server-Sent Events of one job, from one watcher for all clients."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer

from tests.unit.http.conftest import Client
from tests.unit.http.twins import Rig, job
from worker.http.app import middlewares
from worker.http.events import EventRoutes
from worker.jobs.job import State
from worker.state.api import Change

EVENTS = "/jobs/aaaaaaaaaaaa/events"


class Events:
    """Reads an answer event by event, as the HTML standard says: fields of a block, comments apart."""

    def __init__(self, answer: ClientResponse) -> None:
        self.answer = answer
        self.comments: list[str] = []

    async def next(self) -> dict[str, str]:
        """The fields of the next block; {} at the end of the answer."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(5):
            while line := (await self.answer.content.readline()).decode():
                line = line.removesuffix("\n")
                if line.startswith(":"):
                    self.comments.append(line)
                elif line:
                    name, _, value = line.partition(": ")
                    fields[name] = value
                elif fields:
                    return fields
        return {}


async def follow(client: Client, **headers: str) -> Events:
    answer = await client.get(EVENTS, headers=headers)
    assert answer.status == 200
    events = Events(answer)
    assert await events.next() == {"retry": "2000"}
    return events


def shown(event: dict[str, str]) -> tuple[str, str, str, int]:
    data: dict[str, Any] = json.loads(event["data"])
    return event["event"], event["id"], data["state"], data["rows_read"]


async def test_the_current_state_first_then_each_newer_one_then_the_end(parts: Rig, client: Client) -> None:
    parts.jobs.put(job(revision=3, rows_read=5, file="späť\n.csv"))
    events = await follow(client)
    assert events.answer.headers["Content-Type"] == "text/event-stream"
    assert events.answer.headers["Cache-Control"] == "no-store"
    first = await events.next()
    assert shown(first) == ("job", "3", "RUNNING", 5)
    assert json.loads(first["data"]) == await (await client.get("/jobs/aaaaaaaaaaaa")).json()
    parts.jobs.put(job("bbbbbbbbbbbb", revision=4))
    parts.jobs.put(job(revision=7, rows_read=6))
    assert shown(await events.next()) == ("job", "7", "RUNNING", 6)
    parts.jobs.put(job(revision=9, rows_read=7, state=State.COMPLETED))
    assert shown(await events.next()) == ("job", "9", "COMPLETED", 7)
    assert await events.next() == {"event": "end", "data": '{"reason": "ended"}'}
    assert await events.next() == {}


async def test_an_ended_job_is_told_and_ends(parts: Rig, client: Client) -> None:
    parts.jobs.put(job(revision=3, state=State.FAILED))
    events = await follow(client)
    assert shown(await events.next()) == ("job", "3", "FAILED", 0)
    assert await events.next() == {"event": "end", "data": '{"reason": "ended"}'}
    assert await events.next() == {}


async def test_a_deleted_job_ends(parts: Rig, client: Client) -> None:
    parts.jobs.put(job(revision=3))
    events = await follow(client)
    await events.next()
    parts.jobs.remove("aaaaaaaaaaaa")
    assert await events.next() == {"event": "end", "data": '{"reason": "deleted"}'}
    assert await events.next() == {}


async def test_progress_that_a_client_has_not_read_coalesces(parts: Rig, client: Client) -> None:
    parts.jobs.put(job(revision=0))
    events = await follow(client)
    await events.next()
    for revision in range(1, 101):
        parts.jobs.put(job(revision=revision, rows_read=revision))
    assert shown(await events.next()) == ("job", "100", "RUNNING", 100)


async def test_what_the_client_has_is_not_told_again(parts: Rig, client: Client) -> None:
    parts.jobs.put(job(revision=3))
    events = await follow(client, **{"Last-Event-ID": "3"})
    parts.jobs.put(job(revision=4))
    assert (await events.next())["id"] == "4"
    late = await follow(client, **{"Last-Event-ID": "3"})
    assert (await late.next())["id"] == "4"


async def test_an_ended_job_that_the_client_has_ends_at_once(parts: Rig, client: Client) -> None:
    parts.jobs.put(job(revision=3, state=State.COMPLETED))
    events = await follow(client, **{"Last-Event-ID": "3"})
    assert await events.next() == {"event": "end", "data": '{"reason": "ended"}'}


async def test_a_state_older_than_the_clients_is_not_told_while_kafka_is_away(
    parts: Rig, client: Client
) -> None:
    parts.jobs.put(job(revision=3))
    parts.jobs.available = False
    events = await follow(client, **{"Last-Event-ID": "8"})
    parts.jobs.put(job(revision=5))
    parts.jobs.put(job(revision=9))
    assert (await events.next())["id"] == "9"


async def test_an_id_from_a_lost_topic_does_not_hide_the_job(parts: Rig, client: Client) -> None:
    parts.jobs.put(job(revision=3))
    events = await follow(client, **{"Last-Event-ID": "8"})
    assert (await events.next())["id"] == "3"


@pytest.mark.parametrize("sent", ["x", "1.5", "--1", "-", "9" * 20])
async def test_an_id_that_is_none_of_ours(parts: Rig, client: Client, sent: str) -> None:
    parts.jobs.put(job())
    answer = await client.get(EVENTS, headers={"Last-Event-ID": sent})
    body = await answer.json()
    assert (answer.status, body["code"]) == (400, "INVALID_REQUEST")
    assert body["detail"].startswith(f"the header `Last-Event-ID` is `{sent}`")


async def test_a_claimed_job_is_followed_into_the_table(parts: Rig, client: Client) -> None:
    claimed = job(state=State.QUEUED, revision=-1, started_at=None)
    parts.intake.pending_jobs["aaaaaaaaaaaa"] = claimed
    events = await follow(client)
    assert shown(await events.next()) == ("job", "-1", "QUEUED", 0)
    parts.jobs.put(claimed.with_(revision=0))
    assert shown(await events.next()) == ("job", "0", "QUEUED", 0)


async def test_an_unknown_job(client: Client) -> None:
    answer = await client.get(EVENTS)
    assert (answer.status, (await answer.json())["code"]) == (404, "JOB_NOT_FOUND")


async def test_hundreds_of_clients_cost_one_follower(
    parts: Rig, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    followers: list[AsyncIterator[Change]] = []
    changes = parts.jobs.changes

    def counted() -> AsyncIterator[Change]:
        followers.append(changes())
        return followers[-1]

    monkeypatch.setattr(parts.jobs, "changes", counted)
    client.session.connector._limit = 0  # type: ignore[union-attr]
    parts.jobs.put(job(revision=0))
    many = [await follow(client) for _ in range(200)]
    assert {(await events.next())["id"] for events in many} == {"0"}
    parts.jobs.put(job(revision=1, state=State.COMPLETED))
    assert [(await events.next())["id"] for events in many] == ["1"] * 200
    assert [(await events.next())["event"] for events in many] == ["end"] * 200
    assert len(followers) == 1


@pytest.fixture
async def routes(parts: Rig) -> EventRoutes:
    return EventRoutes(parts.services, heartbeat_seconds=0.02)


@pytest.fixture
async def beating(parts: Rig, routes: EventRoutes) -> AsyncIterator[Client]:
    """A client of the events alone, with a quick heartbeat."""
    app = web.Application(middlewares=middlewares(parts.services))
    app.add_routes(routes.routes())
    app.on_shutdown.append(routes.stop)
    async with TestClient(TestServer(app)) as client:
        yield client


async def test_a_silent_job_has_a_heartbeat(parts: Rig, beating: Client) -> None:
    parts.jobs.put(job(revision=0))
    events = await follow(beating)
    await events.next()
    await asyncio.sleep(0.1)
    parts.jobs.put(job(revision=1))
    assert (await events.next())["id"] == "1"
    assert set(events.comments) == {": heartbeat"}


async def test_a_worker_that_stops_ends_its_answers_without_an_end(
    parts: Rig, beating: Client, routes: EventRoutes
) -> None:
    parts.jobs.put(job(revision=0))
    events = await follow(beating)
    await events.next()
    await routes.stop(beating.app)
    assert await events.next() == {}


async def test_a_client_that_leaves_is_forgotten(parts: Rig, beating: Client, routes: EventRoutes) -> None:
    parts.jobs.put(job(revision=0))
    events = await follow(beating)
    await events.next()
    assert list(routes._watcher._watches) == ["aaaaaaaaaaaa"]
    events.answer.close()
    async with asyncio.timeout(5):
        while routes._watcher._watches:
            await asyncio.sleep(0.01)


async def test_a_row_that_cannot_be_shown_ends_no_other_client(
    parts: Rig, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    parts.jobs.put(job(revision=0))
    events = await follow(client)
    await events.next()
    parts.jobs.put(job(revision=1, size_bytes="many"))
    while not caplog.records:
        await asyncio.sleep(0)
    parts.jobs.put(job(revision=2))
    assert (await events.next())["id"] == "2"
    assert [record.getMessage() for record in caplog.records] == [
        "job `aaaaaaaaaaaa` cannot be shown to its clients"
    ]


async def test_a_client_that_reads_nothing_is_cut_off(
    parts: Rig, beating: Client, routes: EventRoutes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.http.events._WRITE_SECONDS", 0.2)
    parts.jobs.put(job(revision=0))
    events = await follow(beating)
    await events.next()
    events.answer.connection.transport.pause_reading()  # type: ignore[union-attr]
    async with asyncio.timeout(10):
        for revision in range(1, 10**6):
            parts.jobs.put(job(revision=revision, options={"columns": ["x" * 100_000]}))
            await asyncio.sleep(0.001)
            if not routes._watcher._watches:
                return
