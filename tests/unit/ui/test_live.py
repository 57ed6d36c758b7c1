"""The stream of news, and the rates."""

from __future__ import annotations

import asyncio
import json

import pytest
from aiohttp import ClientResponse

from tests.unit.http.conftest import Client
from tests.unit.http.twins import AWAY, Rig, job
from worker.jobs.job import State
from worker.ui import live
from worker.ui.rates import Rate, Rates


async def event(answer: ClientResponse) -> tuple[str, object]:
    """The next event: its name and data."""
    name = ""
    async with asyncio.timeout(10):
        while line := (await answer.content.readline()).decode().rstrip("\n"):
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            if line.startswith("data: "):
                data = json.loads(line.removeprefix("data: "))
    return name, data


async def test_the_stream_says_what_changed(parts: Rig, client: Client) -> None:
    answer = await client.get("/ui/events")
    assert answer.headers["Content-Type"] == "text/event-stream"
    assert answer.headers["Cache-Control"] == "no-store"
    assert await event(answer) == ("hello", {})
    parts.jobs.put(job("bbbbbbbbbbbb"))
    assert await event(answer) == ("news", {"jobs": ["bbbbbbbbbbbb"], "other": False})
    parts.jobs.remove("bbbbbbbbbbbb")
    assert await event(answer) == ("news", {"jobs": ["bbbbbbbbbbbb"], "other": False})
    parts.health = AWAY
    assert await event(answer) == ("news", {"jobs": [], "other": True})
    await parts.models.create("new", {})
    assert await event(answer) == ("news", {"jobs": [], "other": True})
    answer.close()


async def test_many_changes_are_one(parts: Rig, client: Client) -> None:
    answers = [await client.get("/ui/events") for _ in range(3)]
    for answer in answers:
        assert (await event(answer))[0] == "hello"
    for number in range(150):
        parts.jobs.put(job(f"job{number:09d}"))
    for answer in answers:
        assert await event(answer) == ("news", {"jobs": None, "other": False})
        answer.close()


async def test_beats_tell_that_the_worker_is_there(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "BEAT_SECONDS", 0.01)
    answer = await client.get("/ui/events")
    assert [await event(answer) for _ in range(3)] == [("hello", {}), ("beat", {}), ("beat", {})]
    answer.close()


async def test_a_worker_that_stops_ends_the_stream(client: Client) -> None:
    answer = await client.get("/ui/events")
    assert (await event(answer))[0] == "hello"
    async with asyncio.timeout(10):
        await client.app.shutdown()
        while await answer.content.readline():
            pass


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_rates_are_of_the_last_half_minute() -> None:
    clock = Clock()
    rates = Rates(clock)
    row = job(rows_read=0, bytes_read=0)
    rates.note("aaaaaaaaaaaa", row)
    assert rates.of(row) is None
    for second in range(1, 101):
        clock.now = float(second)
        per_second = 10 if second <= 50 else 200
        row = row.with_(rows_read=row.rows_read + per_second, bytes_read=row.bytes_read + 10 * per_second)
        rates.note("aaaaaaaaaaaa", row)
    found = rates.of(row)
    assert found == Rate(200.0, 2000.0)


def test_a_rate_falls_while_nothing_is_committed() -> None:
    clock = Clock()
    rates = Rates(clock)
    for second in range(11):
        clock.now = float(second)
        rates.note("aaaaaaaaaaaa", job(rows_read=10 * second, bytes_read=100 * second))
    assert rates.of(job()) == Rate(10.0, 100.0)
    clock.now = 11.0
    assert rates.of(job()) == Rate(10.0, 100.0)
    clock.now = 21.0
    assert rates.of(job()) == Rate(5.0, 50.0)


def test_a_job_that_does_not_run_has_no_rate() -> None:
    clock = Clock()
    rates = Rates(clock)
    for second in range(3):
        clock.now = float(second)
        rates.note("aaaaaaaaaaaa", job(rows_read=second, bytes_read=second))
    assert rates.of(job()) is not None
    rates.note("aaaaaaaaaaaa", job(state=State.PAUSED))
    assert rates.of(job()) is None
    rates.note("aaaaaaaaaaaa", None)
    assert rates.of(job()) is None
