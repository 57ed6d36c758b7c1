"""`/records` and `/rejects`: what is committed, verbatim, to the end and no further."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import logging

import pytest

from tests.unit.http.conftest import Client
from tests.unit.http.twins import Rig, job
from worker.http import stream
from worker.jobs.job import Job, State

BROKEN = r"payload is not completed|Connection"
JOB = "aaaaaaaaaaaa"
TOPIC = "batch_aaaaaaaaaaaa"
DLQ = "batch_aaaaaaaaaaaa_dlq"


@pytest.fixture(autouse=True)
def fast_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "_POLL_SECONDS", 0.02)
    monkeypatch.setattr(stream, "_STALL_SECONDS", 0.1)


def completed(end: int, rejected: int = 0) -> Job:
    return job(
        state=State.COMPLETED,
        offsets={"0": [0, end]},
        rows_rejected=rejected,
        dlq_topic=DLQ if rejected else None,
        finished_at="2026-01-01T00:00:09.000Z",
    )


async def _get(client: Client, path: str) -> tuple[int, bytes]:
    async with asyncio.timeout(10):
        answer = await client.get(f"/jobs/{JOB}/{path}")
        return answer.status, await answer.read()


async def test_values_pass_through_as_they_are(parts: Rig, client: Client) -> None:
    parts.jobs.put(completed(4))
    parts.topics.append(TOPIC, b'{"a":1.10}', b'{"b":123456789012345678901234567890}')
    parts.topics.append(TOPIC, '{"c":"é\\u0007"}'.encode())
    answer = await client.get(f"/jobs/{JOB}/records")
    assert answer.status == 200
    assert answer.content_type == "application/x-ndjson"
    assert await answer.read() == (
        '{"a":1.10}\n{"b":123456789012345678901234567890}\n{"c":"é\\u0007"}\n'.encode()
    )
    assert parts.topics.closed.is_set()


async def test_envelopes(parts: Rig, client: Client) -> None:
    parts.jobs.put(completed(4))
    parts.topics.append(TOPIC, b'{"a":1.10}', key=b'k"1')
    parts.topics.append(TOPIC, b'{"a":2}', key=b"")
    parts.topics.append(TOPIC, b'{"a":3}')
    _, body = await _get(client, "records?format=envelope")
    assert body == (
        b'{"partition":0,"offset":0,"timestamp":1767225600123,"key":"k\\"1","value":{"a":1.10}}\n'
        b'{"partition":0,"offset":2,"timestamp":1767225600123,"key":"","value":{"a":2}}\n'
        b'{"partition":0,"offset":4,"timestamp":1767225600123,"key":null,"value":{"a":3}}\n'
    )


async def test_without_follow_it_ends_at_the_committed_end(parts: Rig, client: Client) -> None:
    parts.jobs.put(job(offsets={"0": [0, 2]}))
    parts.topics.append(TOPIC, b"1", b"2")
    assert await _get(client, "records") == (200, b"1\n2\n")


async def test_what_the_job_has_counted_is_sent_even_if_the_broker_lags(parts: Rig, client: Client) -> None:
    parts.jobs.put(completed(3))
    parts.topics.append(TOPIC, b"1", b"2", b"3")
    parts.topics.stale = 4
    assert await _get(client, "records") == (200, b"1\n2\n3\n")


async def test_limit(parts: Rig, client: Client) -> None:
    parts.jobs.put(completed(3))
    parts.topics.append(TOPIC, b"1", b"2", b"3")
    assert await _get(client, "records?limit=2") == (200, b"1\n2\n")
    assert await _get(client, "records?limit=2&follow=true") == (200, b"1\n2\n")


async def test_from(parts: Rig, client: Client) -> None:
    parts.jobs.put(
        job(
            state=State.COMPLETED,
            options={"partitions": 3},
            offsets={"0": [0, 3], "1": [1, 3], "2": [0, 1]},
        )
    )
    for partition in (0, 1, 2):
        values = [b"%d%d" % (partition, offset) for offset in range(3)]
        parts.topics.append(TOPIC, *values, partition=partition)
    _, body = await _get(client, "records?from=0:2,2:1")
    assert parts.topics.readers[0].start == {0: 2, 1: 1, 2: 1}
    assert sorted(body.split()) == [b"02", b"11", b"12", b"21", b"22"]


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("from=1:0", f"parameter `from` names partition `1`, which `{TOPIC}` does not have"),
        ("from=0:5", "parameter `from` names offset `5` of partition `0`, which ends at 4"),
        ("from=0", "parameter `from` is `0`: `0` is not `partition:offset`"),
        ("from=0:-1", "parameter `from` is `0:-1`: `0:-1` is not `partition:offset`"),
        ("from=0:1,0:2", "parameter `from` is `0:1,0:2`: partition `0` is named twice"),
        (
            "from=0:9999999999999999999",
            "parameter `from` is `0:9999999999999999999`: `9999999999999999999` is",
        ),
        ("limit=0", "parameter `limit` is `0`"),
        ("format=csv", "parameter `format` is `csv`: input should be 'values' or 'envelope'"),
        ("follow=maybe", "parameter `follow` is `maybe`"),
        ("fllow=true", "there is no parameter `fllow`"),
    ],
)
async def test_queries_that_cannot_be_read(parts: Rig, client: Client, query: str, detail: str) -> None:
    parts.jobs.put(completed(3))
    parts.topics.append(TOPIC, b"1", b"2", b"3")
    status, body = await _get(client, f"records?{query}")
    problem = json.loads(body)
    assert (status, problem["code"]) == (400, "INVALID_REQUEST")
    assert problem["detail"].startswith(detail)
    assert problem["hint"]


async def test_the_end_itself_is_a_place_to_start(parts: Rig, client: Client) -> None:
    parts.jobs.put(completed(3))
    parts.topics.append(TOPIC, b"1", b"2", b"3")
    assert await _get(client, "records?from=0:4") == (200, b"")


@pytest.mark.parametrize("path", ["records", "rejects", "records?follow=true", "rejects?follow=true"])
async def test_a_job_that_failed_before_any_row_has_none(parts: Rig, client: Client, path: str) -> None:
    parts.jobs.put(job(state=State.FAILED, started_at=None))
    assert await _get(client, path) == (200, b"")
    assert parts.topics.readers == []


async def test_follow_sends_records_as_they_are_committed_and_ends_with_the_job(
    parts: Rig, client: Client
) -> None:
    parts.jobs.put(job(state=State.QUEUED, started_at=None))
    async with asyncio.timeout(10):
        answer = await client.get(f"/jobs/{JOB}/records?follow=true")
        assert parts.topics.readers == []
        parts.topics.topics[TOPIC] = {0: []}
        parts.jobs.put(job())
        parts.topics.append(TOPIC, b"1", b"2")
        assert await answer.content.readexactly(4) == b"1\n2\n"
        parts.topics.append(TOPIC, b"3")
        assert await answer.content.readexactly(2) == b"3\n"
        parts.topics.stale = 2  # the end as the broker tells it lags behind the last commit
        parts.jobs.put(completed(6))
        parts.topics.append(TOPIC, b"4")
        assert await answer.content.read() == b"4\n"
        await parts.topics.closed.wait()


async def test_follow_ends_when_the_job_is_deleted(parts: Rig, client: Client) -> None:
    parts.jobs.put(job())
    parts.topics.append(TOPIC, b"1")
    async with asyncio.timeout(10):
        answer = await client.get(f"/jobs/{JOB}/records?follow=true")
        assert await answer.content.readexactly(2) == b"1\n"
        parts.jobs.remove(JOB)
        assert await answer.content.read() == b""


async def test_records_that_retention_took_do_not_hold_the_answer(
    parts: Rig, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    parts.jobs.put(completed(9))
    parts.topics.append(TOPIC, b"1")
    assert await _get(client, "records") == (200, b"1\n")
    assert [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING] == [
        f"job `{JOB}`: its topic no longer has all the records it counted"
    ]


async def test_a_client_that_leaves_frees_its_consumer(parts: Rig, client: Client) -> None:
    parts.jobs.put(job())
    parts.topics.append(TOPIC, b"1")
    async with asyncio.timeout(10):
        answer = await client.get(f"/jobs/{JOB}/records?follow=true")
        assert await answer.content.readexactly(2) == b"1\n"
        answer.close()
        await parts.topics.closed.wait()


async def test_without_kafka(parts: Rig, client: Client) -> None:
    parts.jobs.put(completed(3))
    parts.lose_kafka()
    status, body = await _get(client, "records")
    problem = json.loads(body)
    assert (status, problem["code"]) == (503, "KAFKA_UNAVAILABLE")
    assert problem["detail"] == "Kafka at `127.0.0.1:9092` has not answered for 12 s"


async def test_a_topic_that_cannot_be_opened_is_503(parts: Rig, client: Client) -> None:
    parts.jobs.put(completed(3))
    parts.topics.unreadable = True
    status, body = await _get(client, "records")
    problem = json.loads(body)
    assert (status, problem["code"]) == (503, "KAFKA_UNAVAILABLE")
    assert (
        problem["detail"] == f"the records of job `{JOB}` cannot be read: topic `{TOPIC}` cannot be read now"
    )
    assert problem["hint"] == "try again in a moment"


async def test_an_answer_that_breaks_does_not_look_whole(parts: Rig, client: Client) -> None:
    parts.jobs.put(job())
    parts.topics.append(TOPIC, b"1")
    async with asyncio.timeout(10):
        answer = await client.get(f"/jobs/{JOB}/records?follow=true")
        assert await answer.content.readexactly(2) == b"1\n"
        parts.topics.broken_reads = True
        with pytest.raises(Exception, match=BROKEN):
            await answer.content.read()
        await parts.topics.closed.wait()


async def test_a_defect_in_mid_answer_is_logged_and_cuts_it(
    parts: Rig, client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    parts.jobs.put(job())
    parts.topics.append(TOPIC, b"1")
    async with asyncio.timeout(10):
        answer = await client.get(f"/jobs/{JOB}/records?follow=true")
        assert await answer.content.readexactly(2) == b"1\n"

        async def fail(job_id: str) -> None:
            raise RuntimeError("defect")

        monkeypatch.setattr(parts.jobs, "get", fail)
        with pytest.raises(Exception, match=BROKEN):
            await answer.content.read()
    errors = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert errors == [f"unexpected error in the answer to `/jobs/{JOB}/records`"]


async def test_a_worker_that_stops_cuts_its_streams(parts: Rig, client: Client) -> None:
    parts.jobs.put(job())
    parts.topics.append(TOPIC, b"1")
    async with asyncio.timeout(10):
        answer = await client.get(f"/jobs/{JOB}/records?follow=true")
        assert await answer.content.readexactly(2) == b"1\n"
        await client.server.close()
        with pytest.raises(Exception, match=BROKEN):
            await answer.content.read()
    assert parts.topics.closed.is_set()


async def test_rejects(parts: Rig, client: Client) -> None:
    parts.jobs.put(completed(1, rejected=3).with_(dead_letters=[0, 4]))
    parts.topics.append(DLQ, b'{"row":1}', b'{"row":2}')
    parts.topics.append(DLQ, b'{"row":5}')
    parts.topics.stale = 5
    assert await _get(client, "rejects") == (200, b'{"row":1}\n{"row":2}\n{"row":5}\n')
    assert await _get(client, "rejects?limit=1&format=ndjson") == (200, b'{"row":1}\n')


async def test_a_job_without_rejects_has_no_dead_letter_topic(parts: Rig, client: Client) -> None:
    parts.jobs.put(completed(3))
    assert await _get(client, "rejects") == (200, b"")
    assert parts.topics.readers == []


async def test_follow_waits_for_the_first_reject(parts: Rig, client: Client) -> None:
    parts.jobs.put(job())
    async with asyncio.timeout(10):
        answer = await client.get(f"/jobs/{JOB}/rejects?follow=true")
        parts.topics.append(DLQ, b'{"row":1}')
        parts.jobs.put(job(dlq_topic=DLQ, rows_rejected=1))
        assert await answer.content.readexactly(10) == b'{"row":1}\n'
        parts.jobs.put(completed(1, rejected=1))
        assert await answer.content.read() == b""


async def test_rejects_as_csv(parts: Rig, client: Client) -> None:
    """Read with the standard library's reader, which knows quotes and line ends inside them."""
    letter = {
        "job_id": JOB,
        "attempt": 2,
        "file": "a,b.csv",
        "row": 7,
        "line": 9,
        "byte_offset": 130,
        "errors": [
            {"column": "id", "code": "TYPE", "message": "`x` is not an integer"},
            {"column": None, "code": "SCHEMA", "message": "the row has too many members"},
        ],
        "raw": 'x,"é\nsecond line"',
        "raw_encoding": "utf-8",
        "raw_bytes": 17,
        "raw_truncated": False,
    }
    parts.jobs.put(completed(1, rejected=1).with_(dead_letters=[0, 1]))
    parts.topics.append(DLQ, json.dumps(letter).encode())
    answer = await client.get(f"/jobs/{JOB}/rejects?format=csv")
    assert (answer.status, answer.content_type) == (200, "text/csv")
    rows = list(csv.reader(io.StringIO(await answer.text(), newline="")))
    assert rows == [
        ["file", "row", "line", "byte_offset", "attempt", "errors", "raw", "raw_encoding", "raw_truncated"],
        [
            "a,b.csv",
            "7",
            "9",
            "130",
            "2",
            "id: `x` is not an integer (TYPE); the row has too many members (SCHEMA)",
            'x,"é\nsecond line"',
            "utf-8",
            "false",
        ],
    ]


async def test_no_rejects_as_csv_are_a_head(parts: Rig, client: Client) -> None:
    parts.jobs.put(completed(3))
    status, body = await _get(client, "rejects?format=csv")
    assert (status, body) == (
        200,
        b"file,row,line,byte_offset,attempt,errors,raw,raw_encoding,raw_truncated\n",
    )


async def test_there_is_no_head_of_a_stream(parts: Rig, client: Client) -> None:
    parts.jobs.put(completed(1))
    assert (await client.head(f"/jobs/{JOB}/records")).status == 405


async def test_only_unresolved_rejects(parts: Rig, client: Client) -> None:
    parts.topics.append(DLQ, _letter(1), _letter(2), _letter(3))
    parts.topics.append(DLQ, _letter(2))  # of a retry of rejects: row 2 has failed again
    parts.jobs.put(completed(1, rejected=1).with_(dead_letters=[4, 5]))
    assert await _get(client, "rejects") == (200, _letter(2) + b"\n")


async def test_a_start_cannot_lie_behind_the_end_of_a_topic_that_is_not_there(
    parts: Rig, client: Client
) -> None:
    parts.jobs.put(job(state=State.QUEUED, started_at=None))
    status, body = await _get(client, "records?from=0:3&follow=true")
    assert (status, json.loads(body)["detail"]) == (
        400,
        "parameter `from` names offset `3` of partition `0`, which ends at 0",
    )


def _letter(row: int) -> bytes:
    return b'{"job_id":"%s","row":%d}' % (JOB.encode(), row)
