"""Requests that break HTTP itself: aiohttp answers them before the application sees them, in plain text.

aiohttp has no hook for it, so `setup_protocol` replaces the method that makes these answers, and quietens its
log: what a client sends is not the worker's defect and deserves no traceback.
"""

from __future__ import annotations

import logging
from http import HTTPStatus

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestHandler

from worker.http.problems import Problem

__all__ = ["setup_protocol"]

_plain = RequestHandler.handle_error
_SHOWN = 200  # characters
_BY_CLIENTS = (HttpProcessingError, web.RequestPayloadError, ConnectionError)


def setup_protocol() -> None:
    """Make the answers of aiohttp's parser problems, for the whole process. Idempotent."""
    RequestHandler.handle_error = _handle_error  # type: ignore[method-assign, assignment]
    logger = logging.getLogger("aiohttp.server")
    if not any(isinstance(known, _NotByClients) for known in logger.filters):
        logger.addFilter(_NotByClients())


class _NotByClients(logging.Filter):
    """Lets through only what the worker is to blame for."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        return not isinstance(error, _BY_CLIENTS)


def _handle_error(
    handler: RequestHandler,
    request: web.BaseRequest,
    status: int = 500,
    exc: BaseException | None = None,
    message: str | None = None,
) -> web.StreamResponse:
    answer = _plain(handler, request, status, exc, message)  # refuses when an answer has begun
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return answer
    problem = Problem(
        "INVALID_REQUEST",
        f"the request is not HTTP as this worker reads it: {_one_line(message or '')}",
        "send a request line and headers of at most 8190 bytes each, percent-encoded, with one `Host`",
    ).response()
    problem.force_close()
    return problem


def _one_line(text: str) -> str:
    line = " ".join(text.split()).removesuffix(".")
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"
