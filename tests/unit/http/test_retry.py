"""Sending ended jobs back: at the committed position, from the start, and their rejects."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.http.conftest import Client
from tests.unit.http.twins import Rig, job
from worker.jobs.events import Begin, Retried
from worker.jobs.job import State, Work

ID = "aaaaaaaaaaaa"
SHARED = {"topic": "all", "partitions": 3}


async def _retry(client: Client, **sent: Any) -> tuple[int, dict[str, Any]]:
    answer = await client.post(f"/jobs/{ID}/retry", json=sent)
    return answer.status, await answer.json()


async def _models(parts: Rig, *options: dict[str, Any]) -> None:
    """Versions of the model `orders`, each with these options."""
    for version, given in enumerate(options, 1):
        schema = {"title": f"v{version}", "x-batch": given}
        if version == 1:
            await parts.models.create("orders", schema)
        else:
            await parts.models.update("orders", schema)


def _event(parts: Rig) -> Any:
    ((job_id, event),) = parts.published
    assert job_id == ID
    return event


@pytest.mark.parametrize("body", [None, b"{}", b'{"from_start": false, "model_version": null}'])
async def test_of_a_model_that_is_gone_the_job_keeps_its_own(
    parts: Rig, client: Client, body: bytes | None
) -> None:
    parts.jobs.put(job(state=State.FAILED, attempt=4, model_version=7, options={"delimiter": ";"}))
    parts.intake.keep(job())
    answer = await client.post(f"/jobs/{ID}/retry", data=body)
    shown = await answer.json()
    assert answer.status == 202
    assert (shown["attempt"], shown["model_version"], shown["options"]) == (5, 7, {"delimiter": ";"})
    assert _event(parts) == Retried(5)


async def test_a_plain_retry_takes_the_newest_version(parts: Rig, client: Client) -> None:
    await _models(parts, {}, {"encoding": "cp1252"})
    parts.jobs.put(job(state=State.FAILED, model_version=1, options={"partitions": 2}))
    parts.intake.keep(job())
    status, body = await _retry(client)
    assert (status, body["model_version"]) == (202, 2)
    assert body["options"] == {"encoding": "cp1252", "partitions": 2}
    assert (_event(parts).begin, _event(parts).model_version) == (Begin.COMMITTED, 2)


async def test_a_plain_retry_of_a_retry_of_rejects_goes_on_with_the_rejects(
    parts: Rig, client: Client
) -> None:
    parts.jobs.put(job(state=State.FAILED, attempt=2, work=Work.REJECTS, rows_rejected=4))
    parts.intake.keep(job())
    status, body = await _retry(client)
    assert (status, body["attempt"], body["work"]) == (202, 3, "rejects")


async def test_another_version_reads_anew_but_delivers_as_before(parts: Rig, client: Client) -> None:
    """Where rows go stays; how the rest is read is the new version's, with the request's options over it."""
    await _models(parts, {}, {"delimiter": ";", "decimal": ",", "partitions": 8, "topic": "other"}, {})
    options = {"delimiter": ",", "partitions": 3, "key": "id", "null_values": ["NA"]}
    parts.jobs.put(job(state=State.FAILED, options=options))
    parts.intake.keep(job(), null_values=["-"], key="id")
    status, body = await _retry(client, model_version=2)
    assert (status, body["model_version"]) == (202, 2)
    assert body["options"] == {
        "delimiter": ";",
        "decimal": ",",
        "null_values": ["-"],
        "partitions": 3,
        "key": "id",
    }
    assert body["topic"] == f"batch_{ID}"
    event = _event(parts)
    assert (event.begin, event.model_version, event.topic) == (Begin.COMMITTED, 2, None)


@pytest.mark.parametrize("state", [State.COMPLETED, State.FAILED, State.CANCELLED])
async def test_from_the_start_into_a_topic_of_its_own(parts: Rig, client: Client, state: State) -> None:
    await _models(parts, {}, {"partitions": 2, "encoding": "cp1252"})
    parts.jobs.put(
        job(
            state=state,
            attempt=2,
            rows_read=9,
            rows_delivered=8,
            rows_rejected=1,
            offsets={"0": [0, 8]},
            dlq_topic=f"batch_{ID}_dlq",
            dead_letters=[0, 1],
        )
    )
    parts.intake.keep(job(), decimal=",")
    status, body = await _retry(client, from_start=True)
    assert status == 202
    options = {"partitions": 2, "encoding": "cp1252", "decimal": ","}
    assert _event(parts) == Retried(3, Begin.START, 2, options, f"batch_{ID}_r3")
    assert (body["attempt"], body["first_attempt"], body["topic"]) == (3, 3, f"batch_{ID}_r3")
    assert (body["rows_read"], body["offsets"], body["dlq_topic"]) == (0, {}, None)


async def test_from_the_start_with_an_older_version(parts: Rig, client: Client) -> None:
    await _models(parts, {"decimal": ","}, {})
    parts.jobs.put(job(state=State.COMPLETED, model_version=2))
    parts.intake.keep(job())
    _, body = await _retry(client, from_start=True, model_version=1)
    assert (body["model_version"], body["options"]) == (1, {"decimal": ","})


async def test_a_shared_topic_gets_rows_twice_only_on_purpose(parts: Rig, client: Client) -> None:
    await _models(parts, SHARED)
    parts.jobs.put(job(state=State.COMPLETED, topic="all", options=SHARED))
    parts.intake.keep(job())
    status, body = await _retry(client, from_start=True)
    assert (status, body["code"]) == (409, "SHARED_TOPIC")
    assert body["detail"] == f"the rows of job `{ID}` would stand twice in the shared topic `all`"
    assert "allow_duplicates" in body["hint"]
    assert parts.published == []
    status, body = await _retry(client, from_start=True, allow_duplicates=True)
    assert (status, body["topic"], body["options"]) == (202, "all", SHARED)
    assert _event(parts).topic == "all"


@pytest.mark.parametrize(
    ("state", "rejected", "hint"),
    [
        (
            State.FAILED,
            1,
            "retry without `from_start` (`--from-start`) to go on at the committed row; or set ",
        ),
        (
            State.CANCELLED,
            0,
            "retry without `from_start` (`--from-start`) to go on at the committed row; or set ",
        ),
        (State.COMPLETED, 1, "use `rejects` (`--rejects`) for its rejected rows only; or set "),
        (State.COMPLETED, 0, "all its rows are in the topic already; set "),
    ],
)
async def test_what_to_do_instead_of_writing_twice_is_what_the_state_allows(
    parts: Rig, client: Client, state: State, rejected: int, hint: str
) -> None:
    await _models(parts, SHARED)
    parts.jobs.put(job(state=state, topic="all", options=SHARED, rows_rejected=rejected))
    parts.intake.keep(job())
    _, body = await _retry(client, from_start=True)
    assert (body["code"], body["hint"]) == (
        "SHARED_TOPIC",
        f"{hint}`allow_duplicates` (`--allow-duplicates`) to write all rows once more",
    )


@pytest.mark.parametrize(
    ("before", "now", "changes", "status"),
    [
        (SHARED, SHARED, {"started_at": None}, 202),  # nothing was ever written
        (SHARED, SHARED, {"started_at": None, "first_attempt": 2}, 409),  # but by an earlier attempt
        (SHARED, {}, {}, 202),  # into a topic of its own now
        ({}, SHARED, {}, 202),  # into the shared topic for the first time
        (SHARED, {"topic": "others"}, {}, 202),
    ],
)
async def test_when_a_start_anew_writes_twice(
    parts: Rig,
    client: Client,
    before: dict[str, Any],
    now: dict[str, Any],
    changes: dict[str, Any],
    status: int,
) -> None:
    await _models(parts, now)
    topic = before.get("topic", f"batch_{ID}")
    parts.jobs.put(job(state=State.FAILED, topic=topic, options=before, **changes))
    parts.intake.keep(job())
    answered, body = await _retry(client, from_start=True)
    assert answered == status
    if status == 202:
        assert body["topic"] == now.get("topic", f"batch_{ID}_r2")


async def test_rejects_go_through_the_newest_model_into_the_same_topic(parts: Rig, client: Client) -> None:
    await _models(parts, SHARED, {"topic": "elsewhere", "null_values": ["NA"]})
    parts.jobs.put(
        job(
            state=State.COMPLETED,
            topic="all",
            options=SHARED,
            rows_read=9,
            rows_delivered=7,
            rows_rejected=2,
            dlq_topic="bad",
            dead_letters=[4, 6],
        )
    )
    parts.intake.keep(job())
    status, body = await _retry(client, rejects=True)
    assert (status, body["state"], body["work"], body["attempt"]) == (202, "QUEUED", "rejects", 2)
    assert (body["model_version"], body["topic"], body["first_attempt"]) == (2, "all", 1)
    assert body["options"] == {"topic": "all", "partitions": 3, "null_values": ["NA"]}
    assert (body["rows_delivered"], body["rows_rejected"], body["dead_letters"]) == (7, 2, [4, 6])
    assert _event(parts).begin is Begin.REJECTS


@pytest.mark.parametrize(
    ("changes", "sent", "detail", "hint"),
    [
        ({"state": State.COMPLETED}, {}, "is COMPLETED and cannot be retried", "use `rejects` (`--rejects`)"),
        (
            {"state": State.RUNNING},
            {"from_start": True},
            "is RUNNING and cannot be retried",
            "wait for its end",
        ),
        (
            {"state": State.FAILED, "rows_rejected": 3},
            {"rejects": True},
            "is FAILED and cannot be retried from its rejects",
            f"retry it first with `batch job retry {ID}`",
        ),
        (
            {"state": State.QUEUED},
            {"rejects": True},
            "is QUEUED and cannot be retried from its rejects",
            "wait for its end",
        ),
        (
            {"state": State.COMPLETED, "rows_rejected": 0},
            {"rejects": True},
            "has no rejected rows: there is nothing to retry",
            "retry it with `from_start`",
        ),
    ],
)
async def test_what_the_state_does_not_allow_says_what_to_do(
    parts: Rig, client: Client, changes: dict[str, Any], sent: dict[str, Any], detail: str, hint: str
) -> None:
    parts.jobs.put(job(**changes))
    parts.intake.keep(job())
    status, body = await _retry(client, **sent)
    assert (status, body["code"], body["detail"]) == (409, "INVALID_STATE", f"job `{ID}` {detail}")
    assert body["hint"].startswith(hint)
    assert parts.published == []


@pytest.mark.parametrize("sent", [{}, {"from_start": True}, {"rejects": True}])
async def test_every_retry_needs_the_file(parts: Rig, client: Client, sent: dict[str, Any]) -> None:
    state = State.COMPLETED if "rejects" in sent else State.FAILED
    parts.jobs.put(job(state=state, rows_rejected=1))
    status, body = await _retry(client, **sent)
    assert (status, body["code"]) == (409, "FILE_GONE")


@pytest.mark.parametrize(
    ("sent", "detail"),
    [
        ({"from_start": True, "rejects": True}, "members `from_start` and `rejects` exclude each other"),
        ({"from_start": "yes"}, "member `from_start` is `yes`: input should be a valid boolean"),
        ({"rejects": 1}, "member `rejects` is `1`: input should be a valid boolean"),
        ({"model_version": "2"}, "member `model_version` is `2`: input should be a valid integer"),
        ({"model_version": 0}, "member `model_version` is `0`: input should be greater than or equal to 1"),
        ({"fromstart": True}, "there is no member `fromstart`"),
    ],
)
async def test_bodies_that_cannot_be_read(
    parts: Rig, client: Client, sent: dict[str, Any], detail: str
) -> None:
    parts.jobs.put(job(state=State.FAILED))
    status, body = await _retry(client, **sent)
    assert (status, body["code"], body["detail"]) == (400, "INVALID_REQUEST", detail)
    assert parts.published == []


async def test_a_body_that_is_no_object_is_refused(parts: Rig, client: Client) -> None:
    parts.jobs.put(job(state=State.FAILED))
    answer = await client.post(f"/jobs/{ID}/retry", json=[])
    assert (answer.status, (await answer.json())["detail"]) == (400, "the body is not a JSON object")


async def test_models_and_options_that_are_not_there(parts: Rig, client: Client) -> None:
    parts.jobs.put(job(state=State.FAILED))
    parts.intake.keep(job(), key="id")
    status, body = await _retry(client, from_start=True)
    assert (status, body["code"]) == (404, "MODEL_NOT_FOUND")
    await _models(parts, {})
    status, body = await _retry(client, model_version=3)
    assert (status, body["code"], body["detail"]) == (
        404,
        "MODEL_NOT_FOUND",
        "model `orders` has no version `3`",
    )
    await parts.models.update("orders", {"x-batch": {"topic": "batch_somebody"}})
    status, body = await _retry(client, from_start=True)
    assert (status, body["code"]) == (400, "INVALID_OPTION")
    assert parts.published == []


async def test_without_kafka_nothing_is_retried(parts: Rig, client: Client) -> None:
    await _models(parts, {})
    parts.jobs.put(job(state=State.FAILED))
    parts.intake.keep(job())
    parts.models.available = False
    assert (await _retry(client, from_start=True))[1]["code"] == "KAFKA_UNAVAILABLE"
    assert (await _retry(client))[1]["code"] == "KAFKA_UNAVAILABLE"
