"""`batch job retry`: one job in each way, and many at once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.cli.conftest import Batch
from tests.unit.cli.fake_worker import ID, Drop, FakeWorker, Reply, job, problem

RETRY = f"POST /jobs/{ID}/retry"


def accepted(job_id: str = ID) -> Reply:
    return Reply(json.dumps(job("QUEUED", job_id=job_id)), 202)


def listed(*jobs: dict[str, Any]) -> Reply:
    return Reply(json.dumps({"items": jobs, "next_cursor": None}))


@pytest.mark.parametrize(
    ("flags", "body"),
    [
        ([], None),
        (["--from-start"], {"from_start": True}),
        (["--rejects"], {"rejects": True}),
        (["--model-version", "3"], {"model_version": 3}),
        (
            ["--from-start", "--allow-duplicates", "--model-version", "2"],
            {"from_start": True, "allow_duplicates": True, "model_version": 2},
        ),
    ],
)
def test_one_job_in_each_way(
    worker: FakeWorker, batch: Batch, flags: list[str], body: dict[str, Any] | None
) -> None:
    worker.on(RETRY, accepted())
    result = batch("job", "retry", ID, *flags)
    assert (result.code, json.loads(result.out), result.err) == (0, job("QUEUED"), "")
    (request,) = worker.requests
    assert json.loads(request.body or b"null") == body
    assert ("Content-Type" in request.headers) == (body is not None)


@pytest.mark.parametrize(("state", "code"), [("COMPLETED", 0), ("FAILED", 3)])
def test_waiting_prints_the_job_as_it_ended(worker: FakeWorker, batch: Batch, state: str, code: int) -> None:
    error = {"code": "INTERNAL", "message": "m", "hint": "h"} if code else None
    worker.on(RETRY, accepted())
    worker.on(f"GET /jobs/{ID}", job("RUNNING"), job(state, error=error))
    result = batch("job", "retry", ID, "--wait")
    assert (result.code, json.loads(result.out)["state"]) == (code, state)


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("INVALID_STATE", 409),
        ("FILE_GONE", 409),
        ("SHARED_TOPIC", 409),
        ("MODEL_NOT_FOUND", 404),
        ("INVALID_OPTION", 400),
    ],
)
def test_a_refusal_of_one(worker: FakeWorker, batch: Batch, code: str, status: int) -> None:
    worker.on(RETRY, problem(status, code, "it cannot be", "do this"))
    result = batch("job", "retry", ID, "--from-start")
    assert (result.code, result.out) == (1, b"")
    assert result.err == f"error: it cannot be ({code})\nhint: do this\n"


def test_all_of_a_state_in_the_order_of_submission(worker: FakeWorker, batch: Batch) -> None:
    worker.on("GET /jobs", listed(job(job_id="newest"), job(job_id="oldest")))
    for name in ("newest", "oldest"):
        worker.on(f"POST /jobs/{name}/retry", accepted(name))
    result = batch(
        "job", "retry", "--state", "failed,cancelled", "--model", "m", "--limit", "9", "--from-start"
    )
    assert (result.code, [j["job_id"] for j in json.loads(result.out)]) == (0, ["oldest", "newest"])
    first, *rest = worker.requests
    assert first.query == {"state": "failed,cancelled", "model": "m", "limit": "9"}
    assert [(r.path, json.loads(r.body)) for r in rest] == [
        ("/jobs/oldest/retry", {"from_start": True}),
        ("/jobs/newest/retry", {"from_start": True}),
    ]


def test_without_a_limit_all_pages_are_followed(worker: FakeWorker, batch: Batch) -> None:
    page = Reply(json.dumps({"items": [job(job_id="b")], "next_cursor": "c"}))
    worker.on("GET /jobs", page, listed(job(job_id="a")))
    for name in ("a", "b"):
        worker.on(f"POST /jobs/{name}/retry", accepted(name))
    result = batch("job", "retry", "--state", "failed")
    assert [j["job_id"] for j in json.loads(result.out)] == ["a", "b"]


def test_a_refused_one_is_said_and_the_others_go_on(worker: FakeWorker, batch: Batch) -> None:
    worker.on("GET /jobs", listed(job(job_id="c"), job(job_id="b"), job(job_id="a")))
    worker.on("POST /jobs/a/retry", accepted("a"))
    worker.on("POST /jobs/b/retry", problem(409, "FILE_GONE", "the file is gone", "send it again"))
    worker.on("POST /jobs/c/retry", accepted("c"))
    result = batch("job", "retry", "--state", "failed")
    assert (result.code, [j["job_id"] for j in json.loads(result.out)]) == (1, ["a", "c"])
    assert result.err == "refused: the file is gone (FILE_GONE); send it again\n"


@pytest.mark.parametrize("away", [Drop(), problem(503, "KAFKA_UNAVAILABLE", "Kafka is away", "start it")])
def test_a_worker_that_goes_away_ends_it_and_what_was_done_is_printed(
    worker: FakeWorker, batch: Batch, away: Drop | Reply
) -> None:
    worker.on("GET /jobs", listed(job(job_id="c"), job(job_id="b"), job(job_id="a")))
    worker.on("POST /jobs/a/retry", accepted("a"))
    worker.on("POST /jobs/b/retry", away)
    result = batch("job", "retry", "--state", "failed")
    assert (result.code, [j["job_id"] for j in json.loads(result.out)]) == (1, ["a"])
    assert result.err.startswith("error: ")
    assert worker.asked("POST /jobs/c/retry") == []


def test_many_are_waited_for(worker: FakeWorker, batch: Batch) -> None:
    error = {"code": "INTERNAL", "message": "m", "hint": "h"}
    worker.on("GET /jobs", listed(job(job_id="b"), job(job_id="a")))
    for name, ended in (("a", job("FAILED", job_id="a", error=error)), ("b", job(job_id="b"))):
        worker.on(f"POST /jobs/{name}/retry", accepted(name))
        worker.on(f"GET /jobs/{name}", ended)
    result = batch("job", "retry", "--state", "failed", "--wait")
    assert (result.code, [j["state"] for j in json.loads(result.out)]) == (3, ["FAILED", "COMPLETED"])


def test_rejects_of_many_are_those_of_jobs_that_have_some(worker: FakeWorker, batch: Batch) -> None:
    worker.on("GET /jobs", listed(job(job_id="a"), job(job_id="b", rows_rejected=1)))
    worker.on("POST /jobs/b/retry", accepted("b"))
    result = batch("job", "retry", "--state", "completed", "--rejects")
    assert (result.code, [j["job_id"] for j in json.loads(result.out)]) == (0, ["b"])


def test_none_found_is_an_empty_array(worker: FakeWorker, batch: Batch) -> None:
    worker.on("GET /jobs", listed())
    result = batch("job", "retry", "--state", "failed")
    assert (result.code, result.out) == (0, b"[]\n")
    assert "no job matches" in result.err


def test_a_refused_duplicate_is_left_out_and_said(worker: FakeWorker, batch: Batch) -> None:
    refused = job("FAILED", job_id="a", error={"code": "DUPLICATE_FILE", "message": "m", "hint": "h"})
    worker.on("GET /jobs", listed(refused, job("FAILED", job_id="b")))
    worker.on("POST /jobs/b/retry", accepted("b"))
    result = batch("job", "retry", "--state", "failed")
    assert (result.code, [j["job_id"] for j in json.loads(result.out)]) == (0, ["b"])
    assert "`batch job retry a` delivers it" in result.err


@pytest.mark.parametrize(
    "argv",
    [
        [],
        [ID, "--state", "failed"],
        [ID, "--model", "m"],
        [ID, "--limit", "3"],
        ["--model", "m"],
        [ID, "--from-start", "--rejects"],
        [ID, "--model-version", "0"],
    ],
)
def test_what_does_not_say_which(worker: FakeWorker, batch: Batch, argv: list[str]) -> None:
    result = batch("job", "retry", *argv)
    assert (result.code, result.out) == (2, b"")
    assert "error: " in result.err
    assert worker.requests == []
