"""Pausing, resuming and deleting jobs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.http.conftest import Client
from tests.unit.http.twins import Rig, job
from worker.jobs.events import Requests, Submitted
from worker.jobs.job import Job, Requested, State
from worker.state.api import StateError


async def _ask(client: Client, what: str, **sent: Any) -> tuple[int, dict[str, Any]]:
    answer = await client.post(f"/jobs/aaaaaaaaaaaa/{what}", **sent)
    return answer.status, await answer.json()


@pytest.mark.parametrize("state", [State.QUEUED, State.RUNNING])
async def test_pause_is_recorded(parts: Rig, client: Client, state: State) -> None:
    parts.jobs.put(job(state=state))
    for _ in range(2):
        status, body = await _ask(client, "pause")
        assert (status, body["state"], body["requested"]) == (202, state, "pause")
    assert parts.published == [("aaaaaaaaaaaa", Requests("pause"))] * 2


async def test_resume_sends_a_paused_job_back(parts: Rig, client: Client) -> None:
    parts.jobs.put(job(state=State.PAUSED, rows_read=5))
    status, body = await _ask(client, "resume", json={})
    assert (status, body["state"], body["requested"], body["rows_read"]) == (202, "QUEUED", None, 5)
    assert parts.published == [("aaaaaaaaaaaa", Requests("resume"))]


async def test_a_recorded_request_is_answered_when_the_job_shows_it(
    parts: Rig, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = job(state=State.CANCELLED, finished_at="2026-01-01T00:00:02.000Z")
    parts.jobs.put(ended)
    parts.intake.keep(ended)
    read, behind = parts.jobs.get, 4

    async def lagging(job_id: str) -> Job | None:
        nonlocal behind
        if parts.published and behind:
            behind -= 1
            return ended
        return await read(job_id)

    monkeypatch.setattr(parts.jobs, "get", lagging)
    status, body = await _ask(client, "retry")
    assert (status, body["state"], body["attempt"], behind) == (202, "QUEUED", 2, 0)
    assert (await (await client.get("/jobs/aaaaaaaaaaaa")).json())["state"] == "QUEUED"


async def test_resume_takes_back_a_pause_that_is_not_done(parts: Rig, client: Client) -> None:
    parts.jobs.put(job(requested=Requested.PAUSE))
    status, body = await _ask(client, "resume")
    assert (status, body["state"], body["requested"]) == (202, "RUNNING", None)


async def test_a_claimed_job_is_paused_before_the_table_has_it(parts: Rig, client: Client) -> None:
    claimed = job(state=State.QUEUED, revision=-1, started_at=None)
    parts.intake.pending_jobs["aaaaaaaaaaaa"] = claimed
    status, body = await _ask(client, "pause")
    assert (status, body["requested"]) == (202, "pause")
    assert parts.published == [("aaaaaaaaaaaa", Submitted(claimed)), ("aaaaaaaaaaaa", Requests("pause"))]


@pytest.mark.parametrize(
    ("what", "changes", "detail"),
    [
        ("pause", {"state": State.PAUSED}, "is PAUSED and cannot be paused"),
        ("pause", {"state": State.COMPLETED}, "is COMPLETED and cannot be paused"),
        ("pause", {"state": State.FAILED}, "is FAILED and cannot be paused"),
        ("pause", {"state": State.CANCELLED}, "is CANCELLED and cannot be paused"),
        ("pause", {"requested": Requested.CANCEL}, "is being cancelled and cannot be paused"),
        ("resume", {"state": State.QUEUED}, "is QUEUED and cannot be resumed"),
        ("resume", {"state": State.RUNNING}, "is RUNNING and cannot be resumed"),
        ("resume", {"state": State.COMPLETED}, "is COMPLETED and cannot be resumed"),
        (
            "resume",
            {"state": State.PAUSED, "requested": Requested.CANCEL},
            "is being cancelled and cannot be resumed",
        ),
    ],
)
async def test_what_the_state_does_not_allow(
    parts: Rig, client: Client, what: str, changes: dict[str, Any], detail: str
) -> None:
    parts.jobs.put(job(**changes))
    status, body = await _ask(client, what)
    assert (status, body["code"], body["detail"]) == (409, "INVALID_STATE", f"job `aaaaaaaaaaaa` {detail}")
    assert body["hint"]
    assert parts.published == []


@pytest.mark.parametrize("what", ["pause", "resume"])
async def test_requests_that_cannot_be_recorded(parts: Rig, client: Client, what: str) -> None:
    assert (await _ask(client, what))[1]["code"] == "JOB_NOT_FOUND"
    parts.jobs.put(job(requested=Requested.PAUSE))
    status, body = await _ask(client, what, json={"when": "later"})
    assert (status, body["code"], body["detail"]) == (400, "INVALID_REQUEST", "this call takes no body")
    parts.lose_kafka()
    status, body = await _ask(client, what)
    assert (status, body["code"]) == (503, "KAFKA_UNAVAILABLE")


@pytest.mark.parametrize("state", [State.COMPLETED, State.FAILED, State.CANCELLED])
async def test_an_ended_job_is_deleted(parts: Rig, client: Client, state: State) -> None:
    parts.jobs.put(job(state=state))
    answer = await client.delete("/jobs/aaaaaaaaaaaa")
    assert (answer.status, await answer.read()) == (204, b"")
    assert parts.remover.removed == ["aaaaaaaaaaaa"]
    gone = await client.get("/jobs/aaaaaaaaaaaa")
    assert (gone.status, (await gone.json())["code"]) == (404, "JOB_NOT_FOUND")
    again = await client.delete("/jobs/aaaaaaaaaaaa")
    assert (again.status, (await again.json())["code"]) == (404, "JOB_NOT_FOUND")


@pytest.mark.parametrize("state", [State.QUEUED, State.RUNNING, State.PAUSED])
async def test_another_job_is_not_deleted(parts: Rig, client: Client, state: State) -> None:
    parts.jobs.put(job(state=state))
    answer = await client.delete("/jobs/aaaaaaaaaaaa")
    body = await answer.json()
    assert (answer.status, body["code"]) == (409, "INVALID_STATE")
    assert body["detail"] == f"job `aaaaaaaaaaaa` is {state} and cannot be deleted"
    assert body["hint"] == "only a job that has ended can be deleted; cancel it first"
    assert parts.remover.removed == []


async def test_a_removal_that_fails_says_so(
    parts: Rig, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def remove(ended: Job) -> None:
        raise StateError("KAFKA_UNAVAILABLE", "the topics could not be deleted", "try again")

    monkeypatch.setattr(parts.remover, "remove", remove)
    parts.jobs.put(job(state=State.FAILED))
    answer = await client.delete("/jobs/aaaaaaaaaaaa")
    body = await answer.json()
    assert (answer.status, body["code"], body["hint"]) == (503, "KAFKA_UNAVAILABLE", "try again")
    assert (await client.get("/jobs/aaaaaaaaaaaa")).status == 200
