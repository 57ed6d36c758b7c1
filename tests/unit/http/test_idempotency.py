"""`POST /jobs` with an `Idempotency-Key`, and what a submission hands on beside its file."""

from __future__ import annotations

import pytest
from multidict import CIMultiDict

from tests.unit.http.conftest import Client
from tests.unit.http.forms import HEADERS, field, form
from tests.unit.http.twins import Rig


def body(filename: str | None = "a.csv", **options: str) -> bytes:
    texts = {"model": "orders", **options}
    return form(*(field(*text) for text in texts.items()), field("file", b"id\n1\n", filename))


@pytest.fixture(autouse=True)
async def model(parts: Rig) -> None:
    await parts.models.create("orders", {"x-batch": {"delimiter": ";", "key": "id"}})


async def test_the_answer_says_whether_the_job_was_made_before(parts: Rig, client: Client) -> None:
    headers = {**HEADERS, "Idempotency-Key": "9f2c 7d"}
    first = await client.post("/jobs", data=body(), headers=headers)
    again = await client.post("/jobs", data=body(), headers=headers)
    assert (first.status, first.headers["Idempotency-Replayed"]) == (202, "false")
    assert (again.status, again.headers["Idempotency-Replayed"]) == (202, "true")
    assert again.headers["Location"] == first.headers["Location"]
    assert (await again.json())["job_id"] == (await first.json())["job_id"]
    assert [upload.claimed is not None for upload in parts.intake.uploads] == [True, False]
    assert all(upload.discarded and upload.size == 5 for upload in parts.intake.uploads)  # read to its end


async def test_without_a_key_nothing_is_a_repetition(client: Client) -> None:
    answers = [await client.post("/jobs", data=body(), headers=HEADERS) for _ in range(2)]
    assert [answer.headers["Idempotency-Replayed"] for answer in answers] == ["false", "false"]
    assert len({answer.headers["Location"] for answer in answers}) == 2


@pytest.mark.parametrize("key", ["x", "x" * 255, "~ !"])
async def test_keys_that_are_taken(client: Client, key: str) -> None:
    answer = await client.post("/jobs", data=body(), headers={**HEADERS, "Idempotency-Key": key})
    assert answer.status == 202


@pytest.mark.parametrize("keys", [[""], ["x" * 256], ["schlüssel"], ["a\tb"], ["a", "a"], ["a", "b"]])
async def test_keys_that_are_refused_before_the_file(parts: Rig, client: Client, keys: list[str]) -> None:
    headers = CIMultiDict([*HEADERS.items(), *(("Idempotency-Key", key) for key in keys)])
    answer = await client.post("/jobs", data=body(), headers=headers)
    problem = await answer.json()
    assert (answer.status, problem["code"], problem["detail"]) == (
        400,
        "INVALID_REQUEST",
        "header `Idempotency-Key` is not one key of 1 to 255 printable ASCII characters",
    )
    assert parts.intake.uploads == []


async def test_the_requests_own_options_go_with_the_file(parts: Rig, client: Client) -> None:
    await client.post("/jobs", data=body(partitions="4", key=""), headers=HEADERS)
    (upload,) = parts.intake.uploads
    assert upload.claimed is not None
    assert upload.claimed[1] == {"delimiter": ";", "partitions": 4}
    assert upload.overrides == {"partitions": 4, "key": None}


@pytest.mark.parametrize("option", ["topic", "dlq_topic"])
async def test_a_topic_of_the_workers_own_is_refused(parts: Rig, client: Client, option: str) -> None:
    answer = await client.post("/jobs", data=body(**{option: "batch.jobs"}), headers=HEADERS)
    problem = await answer.json()
    assert (answer.status, problem["code"]) == (400, "INVALID_OPTION")
    assert problem["detail"].startswith(f"option `{option}` is `batch.jobs`")
    assert parts.intake.uploads == []


async def test_a_file_that_is_only_a_text_is_refused(parts: Rig, client: Client) -> None:
    """`curl -F file=orders.csv` sends the name as a text."""
    answer = await client.post("/jobs", data=body(filename=None), headers=HEADERS)
    problem = await answer.json()
    assert (answer.status, problem["code"], problem["detail"], problem["hint"]) == (
        400,
        "INVALID_REQUEST",
        "field `file` is a text, not a file",
        "send the file itself: `file=@path`",
    )
    assert parts.intake.uploads == []
