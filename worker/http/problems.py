"""Every error answer: RFC 9457 `application/problem+json`, made in this one place."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from worker.http.answers import ProblemAnswer
from worker.jobs.codes import CODES, status_of
from worker.state.api import StateError

__all__ = ["FAUST_PREFIX", "Problem", "problems"]

FAUST_PREFIX = "/faust/"
_log = logging.getLogger(__name__)
_SHOWN = 200  # characters of an address


class Problem(Exception):  # noqa: N818 (the RFC's name)
    """A request ends with an error: `code` is one of the contract's, its status follows from it.

    `detail` says what is wrong with this request, `hint` what to do. `extra` are further members of the
    answer, `headers` further headers.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        hint: str,
        *,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.hint = hint
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})

    def response(self) -> web.Response:
        status = status_of(self.code)
        body = ProblemAnswer(
            type=f"urn:batch:error:{self.code}",
            title=CODES[self.code].meaning,
            status=status,
            detail=self.detail,
            code=self.code,
            hint=self.hint,
            **self.extra,
        )
        return web.Response(
            body=json.dumps(body.model_dump(), ensure_ascii=False).encode("utf-8", "replace"),
            status=status,
            headers={"Cache-Control": "no-store", **self.headers},
            content_type="application/problem+json",
        )


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every error into its answer. What Faust's own pages raise is left to them."""
    try:
        return await handler(request)
    except Problem as problem:
        return problem.response()
    except StateError as error:
        return Problem(error.code, error.message, error.hint).response()
    except web.HTTPException as error:
        if error.status < 400 or request.path.startswith(FAUST_PREFIX):
            raise
        return _of_aiohttp(request, error).response()
    except Exception as error:
        if request.path.startswith(FAUST_PREFIX):
            raise
        if isinstance(error, ConnectionError) and _gone(request):
            return web.Response(status=400)  # nobody reads it
        _log.exception("unexpected error at `%s %s`", request.method, request.path)
        return _internal().response()


def _gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()


def _of_aiohttp(request: web.Request, error: web.HTTPException) -> Problem:
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        return Problem(
            "METHOD_NOT_ALLOWED",
            f"`{request.path[:_SHOWN]}` does not know the method `{request.method}`",
            f"use {allowed}",
            headers={"Allow": allowed},
        )
    if isinstance(error, web.HTTPNotFound):
        return Problem(
            "NOT_FOUND",
            f"there is nothing at `{request.path[:_SHOWN]}`",
            "jobs are at `/jobs`, models at `/models`, the status page at `/ui/`",
        )
    if error.status < 500:
        return Problem(
            "INVALID_REQUEST", f"the request cannot be read: {error.reason}", "correct the request"
        )
    return _internal()


def _internal() -> Problem:
    return Problem(
        "INTERNAL",
        "the worker could not answer because of a defect of its own",
        "its log has the details; try again, and report it if it stays",
    )
