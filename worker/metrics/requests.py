"""Counts HTTP requests by route, never by address: a client cannot make series."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from worker.metrics.instruments import Instruments

__all__ = ["counting"]

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"})
_NO_ROUTE = "none"
_GONE = "499"  # as nginx writes it: the client went away before the answer
_DEFECT = "500"


def counting(instruments: Instruments) -> Middleware:
    """Return the middleware that counts; the outermost one, so that it sees what was answered."""

    @web.middleware
    async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
        status = _GONE
        with instruments.http_open.track_inprogress():
            try:
                answer = await handler(request)
                status = str(answer.status)
            except web.HTTPException as answer:
                status = str(answer.status)
                raise
            except Exception:
                status = _DEFECT
                raise
            finally:
                instruments.http_requests.labels(_method(request), _route(request), status).inc()
        return answer

    return count


def _method(request: web.Request) -> str:
    return request.method if request.method in _METHODS else "other"


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return _NO_ROUTE if resource is None else resource.canonical
