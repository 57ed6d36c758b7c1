"""Requests that break HTTP itself, and clients that go away in the middle of one."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest

from tests.unit.http.conftest import Client


async def _raw(client: Client, request: bytes) -> tuple[str, dict[str, object]]:
    """Return head and body of the answer to bytes that no HTTP client would send."""
    reader, writer = await asyncio.open_connection(client.host, client.port)
    writer.write(request)
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return head.decode(), json.loads(body)


@pytest.mark.parametrize(
    ("request_", "detail"),
    [
        (b"GARBAGE\r\n\r\n", "Invalid method encountered"),
        (b"GET /jobs HTTP/1.1\r\n\r\n", "Missing 'Host' header in request"),
        (b"GET /jobs HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n", "Duplicate 'Host'"),
        ("GET /jobs?q=ü HTTP/1.1\r\nHost: localhost\r\n\r\n".encode(), "Invalid char in url query"),
        (b"GET /jobs?q=" + b"a" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", "more than 8190 bytes"),
        (b"GET /jobs HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 9000 + b"\r\n\r\n", "more than 8190 bytes"),
        (b"POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n", "Content-Length"),
    ],
)
async def test_what_is_not_http_is_a_problem_without_a_traceback(
    client: Client, caplog: pytest.LogCaptureFixture, request_: bytes, detail: str
) -> None:
    head, body = await _raw(client, request_)
    assert " 400 " in head
    assert "application/problem+json" in head
    assert body["code"] == "INVALID_REQUEST"
    assert body["status"] == 400
    assert detail in str(body["detail"])
    assert "\n" not in str(body["detail"])
    assert body["hint"]
    assert [r for r in caplog.records if r.levelno >= logging.WARNING] == []


async def test_a_body_that_cannot_be_unpacked_is_a_problem_without_a_traceback(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    head, body = await _raw(
        client,
        b"POST /models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
    )
    assert " 400 " in head
    assert body["detail"] == "the body cannot be read: Can not decode content-encoding: gzip"
    assert [r for r in caplog.records if r.levelno >= logging.WARNING] == []


async def test_a_client_that_leaves_in_its_body_is_not_a_defect(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    _, writer = await asyncio.open_connection(client.host, client.port)
    writer.write(b"POST /models HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20\r\n\r\n{}")
    await writer.drain()
    await asyncio.sleep(0.05)
    writer.close()
    await asyncio.sleep(0.05)
    assert (await client.get("/healthz")).status == 200
    assert [r for r in caplog.records if r.levelno >= logging.WARNING] == []
