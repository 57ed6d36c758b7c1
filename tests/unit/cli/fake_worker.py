"""A worker that answers what a test scripts: no state, no Kafka, the real wire."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

__all__ = ["Drop", "FakeWorker", "Reply", "Request", "Stream", "job", "problem"]

ID = "abc123def456"


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """A whole answer. `early` sends it before the request's body is read, and reads no more of it."""

    body: str
    status: int = 200
    early: bool = False


@dataclass(frozen=True)
class Stream:
    """A chunked answer, a chunk a piece.

    `cut` ends the connection without the end of the answer. With `goes_on`, all but the first piece waits
    for that event.
    """

    pieces: Sequence[bytes]
    cut: bool = False
    goes_on: threading.Event | None = None


@dataclass(frozen=True)
class Drop:
    """The connection ends without an answer."""


@dataclass
class FakeWorker:
    """Answers each `METHOD /path` with its scripted replies in turn; the last one stays."""

    port: int = 0
    replies: dict[str, list[Reply | Stream | Drop]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), self._handler())
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def on(self, what: str, *replies: Reply | Stream | Drop | dict[str, Any]) -> None:
        self.replies[what] = [Reply(json.dumps(r)) if isinstance(r, dict) else r for r in replies]

    def asked(self, what: str) -> list[Request]:
        return [request for request in self.requests if f"{request.method} {request.path}" == what]

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        worker = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._serve()

            def do_POST(self) -> None:
                self._serve()

            def do_PUT(self) -> None:
                self._serve()

            def do_DELETE(self) -> None:
                self._serve()

            def log_message(self, *_: object) -> None:
                pass

            def _serve(self) -> None:
                self.close_connection = True
                parts = urlsplit(self.path)
                replies = worker.replies[f"{self.command} {parts.path}"]
                reply = replies.pop(0) if len(replies) > 1 else replies[0]
                early = isinstance(reply, Reply) and reply.early
                body = b"" if early else self.rfile.read(int(self.headers.get("Content-Length", 0)))
                worker.requests.append(
                    Request(
                        self.command,
                        parts.path,
                        dict(parse_qsl(parts.query)),
                        dict(self.headers.items()),
                        body,
                    )
                )
                with suppress(ConnectionError):  # a command may leave in the middle
                    if isinstance(reply, Reply):
                        self._whole(reply)
                    elif isinstance(reply, Stream):
                        self._stream(reply)

            def _whole(self, reply: Reply) -> None:
                self.send_response(reply.status)
                self.send_header("Content-Length", str(len(reply.body.encode())))
                self.end_headers()
                self.wfile.write(reply.body.encode())
                if reply.early:
                    self.wfile.flush()
                    while self.rfile.read(65536):  # as aiohttp lingers, so that the answer is not reset away
                        pass

            def _stream(self, reply: Stream) -> None:
                self.send_response(200)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                for number, piece in enumerate(reply.pieces):
                    if number == 1 and reply.goes_on is not None:
                        reply.goes_on.wait(60)
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                if not reply.cut:
                    self.wfile.write(b"0\r\n\r\n")

        return Handler


def job(state: str = "COMPLETED", **changes: Any) -> dict[str, Any]:
    """A Job JSON, as far as the command line looks at it."""
    return {
        "job_id": ID,
        "model": "penguins",
        "file": "penguins.csv",
        "size_bytes": 1000,
        "state": state,
        "waiting": None,
        "rows_read": 3,
        "rows_delivered": 3,
        "rows_rejected": 0,
        "bytes_read": 1000,
        "work": "file",
        "dead_letters": None,
        "offsets": {"0": [0, 3]},
        "error": None,
        "created_at": "2026-01-01T00:00:00Z",
        **changes,
    }


def problem(status: int, code: str, detail: str, hint: str) -> Reply:
    body = {
        "type": "about:blank",
        "title": code,
        "status": status,
        "detail": detail,
        "code": code,
        "hint": hint,
    }
    return Reply(json.dumps(body), status)
