"""`/records` and `/rejects` of topics in which records of several jobs stand, each with its job's header."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest

from tests.unit.http.conftest import Client
from tests.unit.http.twins import Rig, job
from worker.http import stream
from worker.jobs.job import Job, State

MINE, OTHER = "aaaaaaaaaaaa", "bbbbbbbbbbbb"
SHARED = {"topic": "all", "dlq_topic": "bad"}


@pytest.fixture(autouse=True)
def fast_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "_POLL_SECONDS", 0.02)
    monkeypatch.setattr(stream, "_STALL_SECONDS", 0.1)


async def _get(client: Client, path: str) -> tuple[int, bytes]:
    async with asyncio.timeout(10):
        answer = await client.get(f"/jobs/{MINE}/{path}")
        return answer.status, await answer.read()


def sharing(state: State = State.COMPLETED, **changes: Any) -> Job:
    ended = {} if state is State.RUNNING else {"finished_at": "2026-01-01T00:00:09.000Z"}
    return job(state=state, topic="all", options=SHARED, **ended, **changes)


async def test_of_a_shared_topic_only_the_jobs_own(parts: Rig, client: Client) -> None:
    """More partitions than the option says, and nothing is read where the job has nothing."""
    parts.topics.append("all", b"x0", job_id=OTHER)
    parts.topics.append("all", b"m1", b"m2", job_id=MINE)  # offsets 2 and 3
    parts.topics.append("all", b"no header")
    parts.topics.append("all", b"x1", job_id=OTHER, partition=1)
    parts.topics.append("all", b"m3", job_id=MINE, partition=7)
    parts.topics.append("all", b"x2", job_id=OTHER, partition=7)
    parts.jobs.put(sharing(offsets={"0": [2, 4], "7": [0, 1]}))
    status, body = await _get(client, "records")
    assert (status, sorted(body.split())) == (200, [b"m1", b"m2", b"m3"])
    assert parts.topics.readers[0].start == {0: 2, 7: 0}
    assert await _get(client, "records?limit=1") == (200, b"m1\n")
    assert sorted((await _get(client, "records?from=0:3"))[1].split()) == [b"m2", b"m3"]


async def test_a_start_anew_in_a_shared_topic_hides_the_attempt_before(parts: Rig, client: Client) -> None:
    parts.topics.append("all", b"old", job_id=MINE)
    parts.topics.append("all", b"new", job_id=MINE)
    parts.jobs.put(sharing(offsets={"0": [2, 3]}, attempt=2, first_attempt=2))
    assert await _get(client, "records") == (200, b"new\n")
    assert await _get(client, "records?from=0:0") == (200, b"new\n")


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("from=1:0", f"parameter `from` names partition `1`, where job `{MINE}` has nothing"),
        ("from=0:4", "parameter `from` names offset `4` of partition `0`, which ends at 3"),
    ],
)
async def test_starts_that_a_job_does_not_have_in_a_shared_topic(
    parts: Rig, client: Client, query: str, detail: str
) -> None:
    parts.topics.append("all", b"m", job_id=MINE, partition=0)
    parts.topics.append("all", b"x", job_id=OTHER, partition=1)
    parts.jobs.put(sharing(offsets={"0": [0, 3]}))
    status, body = await _get(client, f"records?{query}")
    assert (status, json.loads(body)["code"], json.loads(body)["detail"]) == (400, "INVALID_REQUEST", detail)


async def test_following_in_a_shared_topic_ends_with_the_job_while_others_go_on(
    parts: Rig, client: Client
) -> None:
    """It comes into partitions that it did not have before, and others never fall silent."""
    parts.jobs.put(sharing(State.RUNNING))
    async with asyncio.timeout(10):
        answer = await client.get(f"/jobs/{MINE}/records?follow=true")
        parts.topics.append("all", b"x", job_id=OTHER)
        parts.topics.append("all", b"m1", job_id=MINE)
        parts.jobs.put(sharing(State.RUNNING, offsets={"0": [2, 3]}))
        assert await answer.content.readexactly(3) == b"m1\n"
        parts.topics.append("all", b"x", job_id=OTHER, partition=4)
        parts.topics.append("all", b"m2", job_id=MINE, partition=4)
        parts.jobs.put(sharing(State.RUNNING, offsets={"0": [2, 3], "4": [2, 3]}))
        assert await answer.content.readexactly(3) == b"m2\n"
        parts.topics.append("all", b"m3", job_id=MINE)
        parts.jobs.put(sharing(offsets={"0": [2, 5], "4": [2, 3]}))
        parts.topics.append("all", b"x", job_id=OTHER)
        assert await answer.content.read() == b"m3\n"


async def test_following_looks_at_the_job_though_the_topic_is_never_silent(
    parts: Rig, client: Client
) -> None:
    parts.topics.append("all", b"m", job_id=MINE)
    parts.jobs.put(sharing(State.RUNNING, offsets={"0": [0, 1]}))

    async def others() -> None:
        while True:
            parts.topics.append("all", b"x", job_id=OTHER)
            await asyncio.sleep(0)

    async with asyncio.timeout(10):
        answer = await client.get(f"/jobs/{MINE}/records?follow=true")
        assert await answer.content.readexactly(2) == b"m\n"
        writing = asyncio.create_task(others())
        parts.jobs.put(sharing(offsets={"0": [0, 1]}))
        assert await answer.content.read() == b""
        writing.cancel()


@pytest.mark.parametrize("follow", [True, False])
async def test_records_behind_an_open_transaction_of_another_job(
    parts: Rig, client: Client, caplog: pytest.LogCaptureFixture, follow: bool
) -> None:
    parts.topics.append("all", b"m1", job_id=MINE)
    parts.topics.append("all", b"x", job_id=OTHER)  # at offset 2, not committed
    parts.topics.append("all", b"m2", job_id=MINE)
    parts.topics.open_at["all", 0] = 2
    parts.jobs.put(sharing(offsets={"0": [0, 5]}))
    async with asyncio.timeout(10):
        answer = await client.get(f"/jobs/{MINE}/records?follow={str(follow).lower()}")
        assert await answer.content.readexactly(3) == b"m1\n"
        if follow:
            await parts.topics.asked_written.wait()  # silent for long, and it still waits
            parts.topics.end_transactions()
        assert await answer.content.read() == (b"m2\n" if follow else b"")
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def letter(row: int, job_id: str = MINE) -> bytes:
    return b'{"job_id":"%s","row":%d}' % (job_id.encode(), row)


async def test_rejects_on_a_shared_topic_are_the_jobs_own(parts: Rig, client: Client) -> None:
    parts.topics.append("bad", letter(1, OTHER), job_id=OTHER)
    parts.topics.append("bad", letter(1), letter(4), job_id=MINE)
    parts.topics.append("bad", letter(2, OTHER), job_id=OTHER)
    parts.topics.append("bad", letter(6), job_id=MINE)  # not counted: of a later retry
    parts.jobs.put(sharing(rows_rejected=2, dlq_topic="bad", dead_letters=[2, 4]))
    assert await _get(client, "rejects") == (200, letter(1) + b"\n" + letter(4) + b"\n")


async def test_following_rejects_on_a_shared_topic_waits_for_the_jobs_first(
    parts: Rig, client: Client
) -> None:
    parts.topics.append("bad", letter(1, OTHER), job_id=OTHER)
    parts.jobs.put(sharing(State.RUNNING, dlq_topic="bad"))
    async with asyncio.timeout(10):
        answer = await client.get(f"/jobs/{MINE}/rejects?follow=true")
        assert parts.topics.readers == []
        parts.topics.append("bad", letter(3), job_id=MINE)
        parts.jobs.put(sharing(dlq_topic="bad", rows_rejected=1, dead_letters=[2, 3]))
        assert await answer.content.read() == letter(3) + b"\n"
