"""`/jobs`: lists, one job, cancel and retry."""

from __future__ import annotations

import pytest

from tests.unit.http.conftest import Client
from tests.unit.http.twins import Rig, job
from worker.jobs.events import Requests, Retried, Submitted
from worker.jobs.job import JobFailure, State

FIELDS = (  # as the contract lists them, then ours
    "job_id revision model model_version options source file size_bytes sha256 format converter state "
    "requested waiting position rows_read rows_delivered rows_rejected bytes_read attempt topic dlq_topic "
    "offsets worker error created_at started_at finished_at "
    "first_attempt work dead_letters duplicate_of idempotency"
)


async def test_a_job_has_the_contracts_fields_in_order(parts: Rig, client: Client) -> None:
    parts.jobs.put(job(rows_read=7, file="späť.csv"))
    answer = await client.get("/jobs/aaaaaaaaaaaa")
    body = await answer.json()
    assert answer.status == 200
    assert " ".join(body) == FIELDS
    assert (body["state"], body["rows_read"], body["file"]) == ("RUNNING", 7, "späť.csv")
    assert body["position"] == {"byte": 0, "row": 0, "line": 0, "block": 0, "row_group": 0}


async def test_a_claimed_job_answers_before_the_table_has_it(parts: Rig, client: Client) -> None:
    parts.intake.pending_jobs["aaaaaaaaaaaa"] = job(state=State.QUEUED, revision=-1)
    answer = await client.get("/jobs/aaaaaaaaaaaa")
    assert (answer.status, (await answer.json())["state"]) == (200, "QUEUED")


async def test_the_row_wins_over_the_claim(parts: Rig, client: Client) -> None:
    parts.intake.pending_jobs["aaaaaaaaaaaa"] = job(state=State.QUEUED, revision=-1)
    parts.jobs.put(job(state=State.COMPLETED))
    assert (await (await client.get("/jobs/aaaaaaaaaaaa")).json())["state"] == "COMPLETED"


async def test_an_unknown_job(parts: Rig, client: Client) -> None:
    for path in ("", "/records", "/rejects"):
        answer = await client.get(f"/jobs/nosuchjob000{path}")
        body = await answer.json()
        assert (answer.status, body["code"]) == (404, "JOB_NOT_FOUND")
        assert body["detail"] == "job `nosuchjob000` does not exist"
        assert body["hint"] == "list the jobs with `batch job list`"
    for verb in ("cancel", "retry"):
        assert (await client.post(f"/jobs/nosuchjob000/{verb}")).status == 404


async def test_without_kafka_an_unknown_job_may_exist(parts: Rig, client: Client) -> None:
    parts.jobs.put(job())
    parts.lose_kafka()
    assert (await client.get("/jobs/aaaaaaaaaaaa")).status == 200
    assert (await client.get("/jobs")).status == 200
    answer = await client.get("/jobs/nosuchjob000")
    assert (answer.status, (await answer.json())["code"]) == (503, "KAFKA_UNAVAILABLE")


async def _ids(client: Client, query: str) -> list[str]:
    answer = await client.get(f"/jobs?{query}")
    assert answer.status == 200
    return [item["job_id"] for item in (await answer.json())["items"]]


async def test_lists(parts: Rig, client: Client) -> None:
    parts.jobs.put(job("aaaaaaaaaaaa", created_at="2026-01-01T00:00:00.000Z", state=State.COMPLETED))
    parts.jobs.put(job("bbbbbbbbbbbb", created_at="2026-01-02T00:00:00.000Z", state=State.FAILED, model="m2"))
    parts.jobs.put(job("cccccccccccc", created_at="2026-01-03T00:00:00.000Z", file="Other 100%.csv"))
    assert await _ids(client, "") == ["cccccccccccc", "bbbbbbbbbbbb", "aaaaaaaaaaaa"]
    assert await _ids(client, "state=completed,FAILED") == ["bbbbbbbbbbbb", "aaaaaaaaaaaa"]
    assert await _ids(client, "state=") == ["cccccccccccc", "bbbbbbbbbbbb", "aaaaaaaaaaaa"]
    assert await _ids(client, "model=m2") == ["bbbbbbbbbbbb"]
    assert await _ids(client, "q=100%25") == ["cccccccccccc"]
    assert await _ids(client, "q=bbb") == ["bbbbbbbbbbbb"]
    page = await (await client.get("/jobs?limit=2")).json()
    assert [item["job_id"] for item in page["items"]] == ["cccccccccccc", "bbbbbbbbbbbb"]
    assert await _ids(client, f"limit=2&cursor={page['next_cursor']}") == ["aaaaaaaaaaaa"]


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("state=DONE", "parameter `state` is `DONE`: input should be 'QUEUED', 'RUNNING'"),
        ("limit=501", "parameter `limit` is `501`: input should be less than or equal to 500"),
        ("sate=FAILED", "there is no parameter `sate`"),
        ("cursor=%21", "cursor `!` is not one that a list has answered"),
        ("q=a%00b", "parameter `q` is `a\0b`: no file name has a NUL in it"),
    ],
)
async def test_lists_that_cannot_be_read(client: Client, query: str, detail: str) -> None:
    answer = await client.get(f"/jobs?{query}")
    body = await answer.json()
    assert (answer.status, body["code"]) == (400, "INVALID_REQUEST")
    assert body["detail"].startswith(detail)
    assert body["hint"]


async def test_cancel_is_recorded(parts: Rig, client: Client) -> None:
    parts.jobs.put(job())
    for _ in range(2):
        answer = await client.post("/jobs/aaaaaaaaaaaa/cancel")
        body = await answer.json()
        assert (answer.status, body["state"], body["requested"]) == (202, "RUNNING", "cancel")
    assert parts.published == [("aaaaaaaaaaaa", Requests("cancel"))] * 2


@pytest.mark.parametrize("state", [State.COMPLETED, State.FAILED, State.CANCELLED])
async def test_an_ended_job_cannot_be_cancelled(parts: Rig, client: Client, state: State) -> None:
    parts.jobs.put(job(state=state))
    answer = await client.post("/jobs/aaaaaaaaaaaa/cancel")
    body = await answer.json()
    assert (answer.status, body["code"]) == (409, "INVALID_STATE")
    assert body["detail"] == f"job `aaaaaaaaaaaa` is {state} and cannot be cancelled"
    assert body["hint"] == "only a job that has not ended can be cancelled"
    assert parts.published == []


async def test_cancelling_a_job_that_the_table_does_not_have_submits_it_first(
    parts: Rig, client: Client
) -> None:
    claimed = job(state=State.QUEUED, revision=-1, started_at=None)
    parts.intake.pending_jobs["aaaaaaaaaaaa"] = claimed
    answer = await client.post("/jobs/aaaaaaaaaaaa/cancel")
    assert (answer.status, (await answer.json())["requested"]) == (202, "cancel")
    assert parts.published == [
        ("aaaaaaaaaaaa", Submitted(claimed)),
        ("aaaaaaaaaaaa", Requests("cancel")),
    ]
    row = await parts.jobs.get("aaaaaaaaaaaa")
    assert row is not None
    assert row.requested == "cancel"


@pytest.mark.parametrize("state", [State.FAILED, State.CANCELLED])
async def test_retry_begins_the_next_attempt(parts: Rig, client: Client, state: State) -> None:
    parts.jobs.put(job(state=state, attempt=2, error=JobFailure("INTERNAL", "m", "h"), rows_read=5))
    parts.intake.keep(job())
    answer = await client.post("/jobs/aaaaaaaaaaaa/retry", json={})
    body = await answer.json()
    assert answer.status == 202
    assert (body["state"], body["attempt"], body["error"], body["rows_read"]) == ("QUEUED", 3, None, 5)
    assert parts.published == [("aaaaaaaaaaaa", Retried(3))]


@pytest.mark.parametrize("state", [State.QUEUED, State.RUNNING, State.PAUSED, State.COMPLETED])
async def test_other_jobs_cannot_be_retried(parts: Rig, client: Client, state: State) -> None:
    parts.jobs.put(job(state=state))
    parts.intake.keep(job())
    answer = await client.post("/jobs/aaaaaaaaaaaa/retry")
    body = await answer.json()
    assert (answer.status, body["code"]) == (409, "INVALID_STATE")
    assert body["detail"] == f"job `aaaaaaaaaaaa` is {state} and cannot be retried"
    assert parts.published == []


async def test_a_retry_needs_the_file(parts: Rig, client: Client) -> None:
    parts.jobs.put(job(state=State.FAILED))
    answer = await client.post("/jobs/aaaaaaaaaaaa/retry")
    body = await answer.json()
    assert (answer.status, body["code"]) == (409, "FILE_GONE")
    assert body["detail"] == "the file `orders.csv` of job `aaaaaaaaaaaa` is no longer in the drop folder"
    assert body["hint"] == "submit the file again as a new job"


async def test_a_request_that_kafka_does_not_take_is_503(parts: Rig, client: Client) -> None:
    parts.jobs.put(job())
    parts.commands.available = False
    answer = await client.post("/jobs/aaaaaaaaaaaa/cancel")
    assert (answer.status, (await answer.json())["code"]) == (503, "KAFKA_UNAVAILABLE")


async def test_an_order_that_this_call_does_not_know_is_not_ignored(parts: Rig, client: Client) -> None:
    parts.jobs.put(job(state=State.FAILED))
    answer = await client.post("/jobs/aaaaaaaaaaaa/retry", json={"from": "start"})
    body = await answer.json()
    assert (answer.status, body["code"], body["detail"]) == (
        400,
        "INVALID_REQUEST",
        "there is no member `from`",
    )
