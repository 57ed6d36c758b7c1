"""`POST /jobs`: the order of fields, streaming, refusals, and clients that go away."""

from __future__ import annotations

import asyncio
import hashlib
import tracemalloc
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.unit.http.conftest import Client
from tests.unit.http.forms import END, HEADERS, field, form
from tests.unit.http.twins import Rig
from worker.jobs.job import State

CSV = b"id,name\n1,a\n2,b\n"


@pytest.fixture(autouse=True)
async def model(parts: Rig) -> None:
    await parts.models.create("orders", {"x-batch": {"delimiter": ";"}})


async def _post(client: Client, body: Any, headers: dict[str, str] = HEADERS) -> tuple[int, dict[str, Any]]:
    answer = await client.post("/jobs", data=body, headers=headers)
    return answer.status, await answer.json()


async def test_a_file_becomes_a_job(parts: Rig, client: Client) -> None:
    body = form(field("model", "orders"), field("partitions", "4"), field("file", CSV, "my orders.csv"))
    answer = await client.post("/jobs", data=body, headers=HEADERS)
    job = await answer.json()
    assert answer.status == 202
    assert answer.headers["Location"] == f"/jobs/{job['job_id']}"
    assert (job["state"], job["model"], job["model_version"]) == ("QUEUED", "orders", 1)
    assert (job["file"], job["source"], job["size_bytes"]) == ("my orders.csv", "upload", 16)
    assert job["sha256"] == hashlib.sha256(CSV).hexdigest()
    assert job["options"] == {"delimiter": ";", "partitions": 4}
    shown = await client.get(answer.headers["Location"])
    assert (await shown.json())["job_id"] == job["job_id"]


async def test_the_answer_waits_for_the_table_no_longer_than_a_moment(parts: Rig, client: Client) -> None:
    parts.intake.fold = False
    async with asyncio.timeout(10):
        status, job = await _post(client, form(field("model", "orders"), field("file", CSV, "a.csv")))
    assert status == 202
    assert (await client.get(f"/jobs/{job['job_id']}")).status == 200
    assert (await (await client.get("/jobs")).json())["items"] == []


async def test_many_megabytes_stream_through(parts: Rig, client: Client) -> None:
    piece = b"0123456789,abcdefghij\n" * 50_000
    pieces = 60
    expected = hashlib.sha256()

    async def body() -> AsyncIterator[bytes]:
        yield field("model", "orders")
        yield field("file", b"", "big.csv").removesuffix(b"\r\n")
        for _ in range(pieces):
            expected.update(piece)
            yield piece
        yield b"\r\n" + END

    tracemalloc.start()
    status, job = await _post(client, body())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert status == 202
    assert job["size_bytes"] == pieces * 1_100_000
    assert job["sha256"] == expected.hexdigest()
    assert peak < 16 * 2**20  # of 66 MB, with the client's side
    assert parts.intake.uploads[0].largest_piece < 2**20


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 262_143, 262_144, 262_145, 400_000])
async def test_files_of_every_size_arrive_whole(client: Client, size: int) -> None:
    data = (b"\r\n--xyzz\r\n--xyzzx" * (size // 16 + 1))[:size]  # nearly the boundary, over and over
    status, job = await _post(client, form(field("model", "orders"), field("file", data, "a.csv")))
    assert (status, job["size_bytes"]) == (202, size)
    assert job["sha256"] == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(
    ("sent", "file"),
    [
        ("a b.csv", "a b.csv"),
        ("it's; a=b.csv", "it's; a=b.csv"),
        ("q%22uote.csv", 'q"uote.csv'),
        ("line%0Abreak.csv", "line\nbreak.csv"),
        ("späť.csv", "späť.csv"),
        ("../../etc/passwd", "../../etc/passwd"),  # reduced by the intake
        ("", ""),
    ],
)
async def test_file_names(parts: Rig, client: Client, sent: str, file: str) -> None:
    status, _ = await _post(client, form(field("model", "orders"), field("file", CSV, sent)))
    assert status == 202
    assert parts.intake.uploads[0].file == file


async def test_a_file_name_that_is_not_utf8(parts: Rig, client: Client) -> None:
    part = field("file", CSV, "NAME").replace(b"NAME", b"caf\xe9.csv")
    status, job = await _post(client, form(field("model", "orders"), part))
    assert (status, job["file"]) == (202, "caf�.csv")


async def test_an_rfc_8187_file_name(client: Client) -> None:
    part = field("file", CSV, "NAME").replace(b'filename="NAME"', b"filename*=UTF-8''a%22%5Cb%0A.csv")
    status, job = await _post(client, form(field("model", "orders"), part))
    assert (status, job["file"]) == (202, 'a"\\b\n.csv')


async def test_an_rfc_8187_file_name_may_have_percent_signs(client: Client) -> None:
    part = field("file", CSV, "NAME").replace(b'filename="NAME"', b"filename*=UTF-8''100%2522%250A.csv")
    _, job = await _post(client, form(field("model", "orders"), part))
    assert job["file"] == "100%22%0A.csv"


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (form(field("file", CSV, "a.csv"), field("model", "orders")), "field `model` is missing"),
        (form(field("model", "orders")), "field `file` is missing"),
        (form(), "field `file` is missing"),
        (
            form(field("model", "orders"), field("file", CSV, "a.csv"), field("key", "id")),
            "field `key` comes after `file`",
        ),
        (
            form(field("model", "orders"), field("file", CSV, "a"), field("file", CSV, "b")),
            "field `file` comes after `file`",
        ),
        (
            form(field("model", "orders"), field("model", "orders"), field("file", CSV, "a")),
            "field `model` is one too many",
        ),
        (
            form(field("model", "o" * 70_000), field("file", CSV, "a")),
            "field `model` is over 65536 bytes",
        ),
        (form(field("model", b"\xff"), field("file", CSV, "a")), "field `model` is not UTF-8"),
        (form(b"--xyzzy\r\nno header\r\n\r\nx\r\n"), "the form cannot be read"),
        (form(b"--xyzzy\r\n" + b"A: b\r\n" * 200 + b"\r\nx\r\n"), "the form cannot be read"),
        (form(b"--xyzzy\r\nA: " + b"b" * 10_000 + b"\r\n\r\nx\r\n"), "the form cannot be read"),
        (form(field("_charset_", "x" * 50)), "the form cannot be read"),
        (form(b"--xyzzy\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\nx\r\n"), "the form contains"),
        (b"no form at all", "the form cannot be read"),
        (b"", "the form cannot be read"),
    ],
)
async def test_forms_that_cannot_be_read(parts: Rig, client: Client, body: bytes, detail: str) -> None:
    status, problem = await _post(client, body)
    assert (status, problem["code"]) == (400, "INVALID_REQUEST")
    assert problem["detail"].startswith(detail)
    assert problem["hint"].startswith("send ")
    assert all(upload.discarded and upload.claimed is None for upload in parts.intake.uploads)


@pytest.mark.parametrize(
    ("content_type", "detail"),
    [
        ("text/csv", "the body is `text/csv`, not `multipart/form-data`"),
        ("multipart/form-data", "the form has no boundary"),
    ],
)
async def test_other_bodies(client: Client, content_type: str, detail: str) -> None:
    status, problem = await _post(client, CSV, {"Content-Type": content_type})
    assert (status, problem["code"], problem["detail"]) == (400, "INVALID_REQUEST", detail)


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n" + b"x" * 100,
        b"PK\x03\x04" + b"x" * 100,
        b"a,b\n1,\x00\n",
        b"x" * 65_535 + b"\x00",
    ],
)
async def test_what_is_neither_csv_nor_parquet_is_refused(parts: Rig, client: Client, data: bytes) -> None:
    status, problem = await _post(client, form(field("model", "orders"), field("file", data, "a.csv")))
    assert (status, problem["code"]) == (400, "UNSUPPORTED_FILE_TYPE")
    assert "supported are CSV, NDJSON and Parquet" in problem["detail"]
    assert problem["hint"]
    assert parts.intake.uploads == []


async def test_a_nul_after_the_first_64_kib_is_the_rows_affair(client: Client) -> None:
    status, _ = await _post(
        client, form(field("model", "orders"), field("file", b"x" * 65_536 + b"\x00", "a.csv"))
    )
    assert status == 202


async def test_an_unknown_model_is_refused_before_the_file(parts: Rig, client: Client) -> None:
    status, problem = await _post(client, form(field("model", "nope"), field("file", CSV, "a.csv")))
    assert (status, problem["code"]) == (404, "MODEL_NOT_FOUND")
    assert problem["hint"] == "create it with `batch model create nope schema.json`"
    assert parts.intake.uploads == []


async def test_an_unknown_option_is_refused_before_the_file(parts: Rig, client: Client) -> None:
    status, problem = await _post(
        client, form(field("model", "orders"), field("delimeter", ","), field("file", CSV, "a.csv"))
    )
    assert (status, problem["code"]) == (400, "INVALID_OPTION")
    assert "delimeter" in problem["detail"]
    assert parts.intake.uploads == []


async def test_a_file_over_the_limit(parts: Rig, client: Client) -> None:
    parts.intake.max_bytes = 400_000
    body = form(field("model", "orders"), field("file", b"x" * 400_001, "a.csv"))
    status, problem = await _post(client, body)
    assert (status, problem["code"]) == (413, "FILE_TOO_LARGE")
    assert problem["detail"] == "the file is larger than `400000` bytes"
    assert parts.intake.uploads[0].discarded
    status, _ = await _post(client, form(field("model", "orders"), field("file", b"x" * 400_000, "a.csv")))
    assert status == 202


async def test_a_length_that_cannot_fit_is_refused_unsent(client: Client) -> None:
    reader, writer = await _connect(client)
    writer.write(_head(2**30 + 3 * 2**20) + b"Expect: 100-continue\r\n\r\n")
    answer = await reader.readuntil(b"\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ")
    writer.close()
    await writer.wait_closed()


async def test_a_client_that_expects_it_is_told_to_go_on(client: Client) -> None:
    body = form(field("model", "orders"), field("file", CSV, "a.csv"))
    reader, writer = await _connect(client)
    writer.write(_head(len(body)) + b"Expect: 100-continue\r\n\r\n")
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(body)
    assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 202 ")
    writer.close()
    await writer.wait_closed()


async def test_no_space(parts: Rig, client: Client) -> None:
    parts.intake.full = True
    status, problem = await _post(client, form(field("model", "orders"), field("file", CSV, "a.csv")))
    assert (status, problem["code"], problem["hint"]) == (507, "NO_SPACE", "free some space")


async def test_without_kafka_nothing_is_taken(parts: Rig, client: Client) -> None:
    parts.lose_kafka()
    status, problem = await _post(client, form(field("model", "orders"), field("file", CSV, "a.csv")))
    assert (status, problem["code"]) == (503, "KAFKA_UNAVAILABLE")
    assert problem["detail"] == "Kafka at `127.0.0.1:9092` has not answered for 12 s"
    assert problem["hint"] == "start it, or set BATCH_BOOTSTRAP_SERVERS to the broker's address"
    assert parts.intake.uploads == []


async def test_a_client_that_disconnects_leaves_nothing_behind(parts: Rig, client: Client) -> None:
    body = form(field("model", "orders"), field("file", b"x" * 300_000, "a.csv"))
    _, writer = await _connect(client)
    writer.write(_head(len(body)) + b"\r\n" + body[:290_000])
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    async with asyncio.timeout(10):
        await parts.intake.discarded.wait()
    assert parts.intake.uploads[0].claimed is None
    assert (await parts.jobs.counts())[State.QUEUED] == 0


async def test_the_last_line_end_may_be_missing(client: Client) -> None:
    body = form(field("model", "orders"), field("file", CSV, "a.csv"))
    status, job = await _post(client, body[:-2])
    assert (status, job["size_bytes"]) == (202, 16)


@pytest.mark.parametrize("missing", [1, 4, 8, 11, 5_000])
async def test_a_body_without_its_end_is_incomplete(parts: Rig, client: Client, missing: int) -> None:
    body = form(field("model", "orders"), field("file", b"x" * 300_000, "a.csv"))
    status, problem = await _post(client, body[: -2 - missing])
    assert (status, problem["code"]) == (400, "INCOMPLETE_UPLOAD")
    assert problem["detail"] == "the connection ended before the whole file had arrived"
    assert problem["hint"] == "send the file again"
    assert parts.intake.uploads[0].discarded
    assert parts.intake.uploads[0].claimed is None


async def _connect(client: Client) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(client.host, client.port)


def _head(length: int) -> bytes:
    return (
        f"POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n"
        f"Content-Type: {HEADERS['Content-Type']}\r\n"
    ).encode()


@pytest.mark.parametrize("stops_at", ["in a field", "in the file", "before the end"])
async def test_a_body_that_stands_still_is_given_up(
    parts: Rig, client: Client, monkeypatch: pytest.MonkeyPatch, stops_at: str
) -> None:
    monkeypatch.setattr("worker.http.form._SILENT_SECONDS", 0.2)
    body = form(field("model", "orders"), field("file", b"x" * 300_000, "a.csv"))
    sent = {"in a field": 30, "in the file": 290_000, "before the end": len(body) - len(END)}[stops_at]
    reader, writer = await _connect(client)
    writer.write(_head(len(body)) + b"\r\n" + body[:sent])
    await writer.drain()
    async with asyncio.timeout(10):
        answer = await reader.readuntil(b"}")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'"INCOMPLETE_UPLOAD"' in answer
    assert b"nothing arrived for `0.2` s" in answer
    assert all(upload.discarded and upload.claimed is None for upload in parts.intake.uploads)
    assert len(parts.intake.uploads) == (stops_at != "in a field")
    writer.close()
    await writer.wait_closed()
