"""The page of one job, and what may be asked of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.http.conftest import Client
from tests.unit.http.twins import Rig, job
from tests.unit.ui.html_page import page
from worker.jobs.events import Begin, Requests, Retried
from worker.jobs.job import Idempotency, JobFailure, Requested, State

JOB = "/ui/jobs/aaaaaaaaaaaa"


def reject(row: int, raw: str, column: str | None, code: str, message: str, **more: Any) -> bytes:
    value = {
        "job_id": "aaaaaaaaaaaa",
        "row": row,
        "line": row + 1,
        "errors": [{"column": column, "code": code, "message": message}],
        "raw": raw,
        "raw_encoding": "utf-8",
        **more,
    }
    return json.dumps(value).encode()


async def test_the_facts(parts: Rig, client: Client) -> None:
    parts.jobs.put(
        job(
            state=State.COMPLETED,
            file="may orders.csv",
            size_bytes=2048,
            bytes_read=2048,
            rows_read=1_200,
            rows_delivered=1_200,
            attempt=2,
            format="csv",
            converter="reference",
            worker="w1",
            offsets={"1": [0, 601], "0": [7, 608]},
            options={"partitions": 2},
            finished_at="2026-01-01T01:00:01.000Z",
        )
    )
    found = await page(client, JOB)
    assert "COMPLETED may orders.csv · Batch worker" in found.text
    assert "Rows read 1,200 Delivered 1,200 Rejected 0 Took 1 h" in found.text
    assert "Partition First End 0 7 608 1 0 601" in found.text
    assert "Topic batch_aaaaaaaaaaaa Dead letters – Attempt 2" in found.text
    assert "Size 2.0 KiB (2,048 bytes) Format csv Converter reference Worker w1" in found.text
    assert 'Options {"partitions": 2}' in found.text
    assert "0" * 64 in found.text


async def test_why_it_failed_and_what_to_do(parts: Rig, client: Client) -> None:
    failure = JobFailure("COLUMN_MISSING", "column `id` is missing", "add it to the file")
    parts.jobs.put(job(state=State.FAILED, error=failure))
    found = await page(client, JOB)
    assert "Column id is missing. Add it to the file. COLUMN_MISSING" in found.text


async def test_the_first_records(parts: Rig, client: Client) -> None:
    for number in range(8):
        parts.topics.append("batch_aaaaaaaaaaaa", b'{"n":%d}' % number)
    parts.jobs.put(job(rows_delivered=8, offsets={"0": [0, 16]}))
    for _ in range(2):
        found = await page(client, JOB)
        assert 'First records 0:0 {"n":0} 0:2 {"n":1} 0:4 {"n":2} 0:6 {"n":3} 0:8 {"n":4} More' in found.text
    assert len(parts.topics.readers) == 1  # a page that is left open does not read on and on


async def test_rejects_by_column_and_code_with_the_cell_marked(parts: Rig, client: Client) -> None:
    parts.topics.append("batch_aaaaaaaaaaaa", b'{"id":1,"name":"x"}')
    parts.topics.append(
        "dlq",
        reject(2, "x,y", "id", "TYPE", "`x` is not an integer"),
        reject(3, "q", None, "COLUMN_COUNT", "the row has 1 cells, but the file has 2 columns"),
        reject(5, "z,z", "id", "TYPE", "`z` is not an integer"),
    )
    parts.jobs.put(
        job(rows_delivered=1, rows_rejected=3, offsets={"0": [0, 2]}, dlq_topic="dlq", state=State.COMPLETED)
    )
    found = await page(client, JOB)
    assert "id TYPE 2 rows row 2, line 3: x is not an integer x,y row 5, line 6:" in found.text
    assert "The row as a whole COLUMN_COUNT 1 row row 3, line 4:" in found.text
    assert found.marks == ["x", "z"]


async def test_of_shared_topics_only_what_is_the_jobs(parts: Rig, client: Client) -> None:
    mine, other = "aaaaaaaaaaaa", "bbbbbbbbbbbb"
    parts.topics.append("all", b'{"n":1}', job_id=other)
    parts.topics.append("all", b'{"n":2}', job_id=mine)
    parts.topics.append("all", b'{"n":3}', job_id=other)
    parts.topics.append("bad", reject(9, "theirs", None, "ENCODING", "m"), job_id=other)
    parts.topics.append("bad", reject(2, "mine", None, "ENCODING", "m"), job_id=mine)
    parts.jobs.put(
        job(
            topic="all",
            dlq_topic="bad",
            options={"topic": "all", "dlq_topic": "bad"},
            rows_delivered=1,
            rows_rejected=1,
            rows_read=2,
            offsets={"0": [2, 3]},
            dead_letters=[2, 3],
        )
    )
    found = await page(client, JOB)
    assert 'First records 0:2 {"n":2} More' in found.text
    assert "row 2, line 3: m mine" in found.text
    assert "theirs" not in found.text
    assert "Topic all (shared) Dead letters bad (shared)" in found.text


@pytest.mark.parametrize("lost", ["kafka", "topic"])
async def test_the_page_stands_without_the_topic(parts: Rig, client: Client, lost: str) -> None:
    parts.jobs.put(job(rows_delivered=1, offsets={"0": [0, 1]}))
    if lost == "kafka":
        parts.lose_kafka()
    parts.topics.unreadable = True
    why = {"kafka": "Kafka does not answer", "topic": "topic batch_aaaaaaaaaaaa cannot be read now"}
    assert f"The records cannot be shown now: {why[lost]}." in (await page(client, JOB)).text


@pytest.mark.parametrize(
    ("state", "requested", "expected"),
    [
        (State.QUEUED, None, ["pause", "cancel"]),
        (State.RUNNING, None, ["pause", "cancel"]),
        (State.RUNNING, Requested.PAUSE, ["resume", "cancel"]),
        (State.RUNNING, Requested.CANCEL, []),
        (State.PAUSED, None, ["resume", "cancel"]),
        (State.COMPLETED, None, ["retry-start", "delete"]),
        (State.FAILED, None, ["retry", "retry-start", "delete"]),
        (State.CANCELLED, None, ["retry", "retry-start", "delete"]),
    ],
)
async def test_what_may_be_asked(
    parts: Rig, client: Client, state: State, requested: Requested | None, expected: list[str]
) -> None:
    parts.jobs.put(job(state=state, requested=requested))
    parts.intake.keep(job())
    await parts.models.create("orders", {})
    links = (await page(client, JOB)).values("a", "href")
    assert [str(link).removeprefix(f"{JOB}/") for link in links if f"{JOB}/" in str(link)] == expected
    for name in expected:
        asked = await page(client, f"{JOB}/{name}")
        assert ("form", "action", f"{JOB}/{name}") in asked.attributes
        assert ("form", "method", "post") in asked.attributes
        assert parts.published == []  # asking back does nothing yet


async def post(client: Client, path: str, **headers: str) -> tuple[int, str | None]:
    """As a browser sends an empty form."""
    sent = {"Content-Type": "application/x-www-form-urlencoded", **headers}
    answer = await client.post(path, data=b"", headers=sent, allow_redirects=False)
    return answer.status, answer.headers.get("Location")


async def test_a_confirmed_request_is_published(parts: Rig, client: Client) -> None:
    parts.jobs.put(job())
    assert await post(client, f"{JOB}/cancel") == (303, JOB)
    assert parts.published == [("aaaaaaaaaaaa", Requests("cancel"))]
    assert "cancel requested" in (await page(client, JOB)).text


async def test_retry(parts: Rig, client: Client) -> None:
    parts.jobs.put(job(state=State.FAILED))
    status, _ = await post(client, f"{JOB}/retry")
    assert status == 409  # its file is gone
    parts.intake.keep(job())
    assert await post(client, f"{JOB}/retry") == (303, JOB)
    assert parts.published == [("aaaaaaaaaaaa", Retried(2))]


async def send(client: Client, path: str, **fields: str) -> tuple[int, str | None]:
    answer = await client.post(path, data=fields, allow_redirects=False)
    return answer.status, answer.headers.get("Location")


async def test_retry_from_the_start_with_the_version_that_was_shown(parts: Rig, client: Client) -> None:
    await parts.models.create("orders", {})
    await parts.models.update("orders", {"title": "better"})
    parts.jobs.put(job(state=State.COMPLETED))
    parts.intake.keep(job())
    asked = await page(client, f"{JOB}/retry-start")
    assert "The whole file is delivered again, as attempt 2." in asked.text
    assert "Model: orders, version 2 (it had version 1) Topic: batch_aaaaaaaaaaaa_r2" in asked.text
    hidden = dict(zip(asked.values("input", "name"), asked.values("input", "value"), strict=True))
    assert hidden == {"model_version": "2"}
    await parts.models.update("orders", {"title": "newer still"})
    assert await send(client, f"{JOB}/retry-start", model_version="2") == (303, JOB)
    assert parts.published == [("aaaaaaaaaaaa", Retried(2, Begin.START, 2, {}, "batch_aaaaaaaaaaaa_r2"))]
    shown = (await page(client, JOB)).text
    assert "Attempt 2, from the start since 2" in shown


async def test_retry_from_the_start_into_a_shared_topic_asks_back(parts: Rig, client: Client) -> None:
    shared = {"topic": "all"}
    await parts.models.create("orders", {"x-batch": shared})
    parts.jobs.put(job(state=State.COMPLETED, topic="all", options=shared))
    parts.intake.keep(job())
    asked = await page(client, f"{JOB}/retry-start")
    assert (
        "The topic all is shared: rows of this file that stand there already will stand there" in asked.text
    )
    hidden = dict(zip(asked.values("input", "name"), asked.values("input", "value"), strict=True))
    assert hidden == {"model_version": "1", "allow_duplicates": "true"}
    assert (await send(client, f"{JOB}/retry-start", model_version="1"))[0] == 409
    assert parts.published == []
    assert await send(client, f"{JOB}/retry-start", model_version="1", allow_duplicates="true") == (303, JOB)
    assert parts.published == [("aaaaaaaaaaaa", Retried(2, Begin.START, 1, shared, "all"))]


async def test_what_never_began_stands_nowhere_yet(parts: Rig, client: Client) -> None:
    shared = {"topic": "all"}
    await parts.models.create("orders", {"x-batch": shared})
    parts.jobs.put(job(state=State.CANCELLED, topic="all", options=shared, started_at=None))
    parts.intake.keep(job())
    asked = await page(client, f"{JOB}/retry-start")
    assert "twice" not in asked.text
    assert asked.values("input", "name") == ["model_version"]
    assert await send(client, f"{JOB}/retry-start", model_version="1") == (303, JOB)


async def test_retry_of_rejects(parts: Rig, client: Client) -> None:
    await parts.models.create("orders", {})
    parts.jobs.put(job(state=State.COMPLETED, rows_rejected=1_200, dead_letters=[0, 1_200]))
    parts.intake.keep(job())
    assert f"{JOB}/retry-rejects" in (await page(client, JOB)).values("a", "href")
    asked = await page(client, f"{JOB}/retry-rejects")
    assert "The 1,200 rejected rows go through the model again." in asked.text
    assert await send(client, f"{JOB}/retry-rejects", model_version="1") == (303, JOB)
    assert parts.published == [("aaaaaaaaaaaa", Retried(2, Begin.REJECTS, 1, {}))]
    shown = (await page(client, JOB)).text
    assert "The rejects are retried: 1,200 rows left." in shown
    assert "Attempt 2, retry of rejects" in shown


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [({"rows_rejected": 0}, 409, "INVALID_STATE"), ({"rows_rejected": 1}, 404, "MODEL_NOT_FOUND")],
)
async def test_a_retry_that_cannot_be_is_not_asked_about(
    parts: Rig, client: Client, changes: dict[str, Any], status: int, code: str
) -> None:
    parts.jobs.put(job(state=State.COMPLETED, **changes))
    parts.intake.keep(job())
    assert code in (await page(client, f"{JOB}/retry-rejects", status)).text


@pytest.mark.parametrize("version", ["x", "0", "-1", "99999"])
async def test_versions_that_no_page_has_shown(parts: Rig, client: Client, version: str) -> None:
    await parts.models.create("orders", {})
    parts.jobs.put(job(state=State.FAILED))
    parts.intake.keep(job())
    assert (await send(client, f"{JOB}/retry", model_version=version))[0] in (400, 404)
    assert parts.published == []


async def test_where_else_the_bytes_were_sent(parts: Rig, client: Client) -> None:
    key = Idempotency("night-7", "f" * 64)
    parts.jobs.put(job(duplicate_of="bbbbbbbbbbbb", idempotency=key))
    found = await page(client, JOB)
    assert "/ui/jobs/bbbbbbbbbbbb" in found.values("a", "href")
    assert "Same bytes as bbbbbbbbbbbb Idempotency-Key night-7" in found.text


async def test_a_request_that_comes_too_late_is_refused_in_words(parts: Rig, client: Client) -> None:
    parts.jobs.put(job(state=State.COMPLETED))
    answer = await client.post(f"{JOB}/cancel", allow_redirects=False)
    assert (answer.status, answer.content_type) == (409, "text/html")
    assert "<code>aaaaaaaaaaaa</code> is COMPLETED and cannot be cancelled." in await answer.text()
    assert parts.published == []


async def test_without_kafka_nothing_is_recorded(parts: Rig, client: Client) -> None:
    parts.jobs.put(job())
    parts.lose_kafka()
    assert (await post(client, f"{JOB}/cancel"))[0] == 503


@pytest.mark.parametrize("origin", ["http://evil.example", "null"])
async def test_other_sites_may_change_nothing(parts: Rig, client: Client, origin: str) -> None:
    parts.jobs.put(job())
    assert await post(client, f"{JOB}/cancel", Origin=origin) == (403, None)
    assert parts.published == []
    own = f"http://127.0.0.1:{client.port}"
    assert await post(client, f"{JOB}/cancel", Origin=own) == (303, JOB)


async def test_a_link_changes_nothing(parts: Rig, client: Client) -> None:
    parts.jobs.put(job())
    assert (await client.get(f"{JOB}/cancel")).status == 200
    assert parts.published == []


async def test_a_look_that_came_too_early_is_not_kept(parts: Rig, client: Client) -> None:
    parts.topics.append("batch_aaaaaaaaaaaa", b'{"n":1}')
    parts.topics.append("batch_aaaaaaaaaaaa", b'{"n":2}')
    parts.jobs.put(job(rows_delivered=2, offsets={"0": [0, 4]}))
    parts.topics.stale = 4  # the broker's answer lags behind the commits
    assert '{"n":2}' not in (await page(client, JOB)).text
    parts.topics.stale = 0
    assert '0:0 {"n":1} 0:2 {"n":2}' in (await page(client, JOB)).text
