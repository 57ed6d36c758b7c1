"""`/jobs/{id}/records` and `/jobs/{id}/rejects`: committed records as NDJSON."""

from __future__ import annotations

import asyncio
import logging

from aiohttp import web

from connectors.errors import ConnectorError
from worker.http.feeds import DataFeed, Feed, RejectFeed
from worker.http.lookup import find_job, require_broker
from worker.http.ports import Services
from worker.http.problems import Problem
from worker.http.requests import read_query
from worker.http.schemas import RecordsQuery, RejectsQuery
from worker.http.stream import RecordStream, StoppingError

__all__ = ["RecordRoutes"]

_log = logging.getLogger(__name__)


class RecordRoutes:
    """Streaming a job's records. A stream holds one consumer, and frees it when its client goes away."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._stopping = asyncio.Event()

    def routes(self) -> list[web.RouteDef]:
        # no HEAD: it would read the topic for nothing
        return [
            web.get("/jobs/{job_id}/records", self.records, allow_head=False),
            web.get("/jobs/{job_id}/rejects", self.rejects, allow_head=False),
        ]

    async def stop(self, app: web.Application) -> None:
        """Break off the streams: a server that stops waits for its answers, and these may last for days."""
        self._stopping.set()

    async def records(self, request: web.Request) -> web.StreamResponse:
        query = read_query(request, RecordsQuery)
        feed = DataFeed(query.from_, envelope=query.format == "envelope")
        return await self._answer(request, feed, query.limit, query.follow)

    async def rejects(self, request: web.Request) -> web.StreamResponse:
        query = read_query(request, RejectsQuery)
        return await self._answer(
            request, RejectFeed(as_csv=query.format == "csv"), query.limit, query.follow
        )

    async def _answer(
        self, request: web.Request, feed: Feed, limit: int | None, follow: bool
    ) -> web.StreamResponse:
        job = await find_job(self._services, request.match_info["job_id"])
        feed.start(job)
        require_broker(self._services)
        stream = RecordStream(self._services, request, self._stopping, feed, limit, follow)
        try:
            await stream.run(job)
        except ConnectionError:
            pass  # the client has gone
        except (ConnectorError, StoppingError, TimeoutError) as error:
            if not stream.response.prepared:
                raise Problem(
                    "KAFKA_UNAVAILABLE",
                    f"the records of job `{job.job_id}` cannot be read: {error}",
                    "try again in a moment",
                ) from None
            if not isinstance(error, StoppingError):
                _log.warning("records of job `%s` broken off: %s", job.job_id, error)
            _break_off(request)
        except Exception:
            if not stream.response.prepared:
                raise
            _log.exception("unexpected error in the answer to `%s`", request.path)
            _break_off(request)
        return stream.response


def _break_off(request: web.Request) -> None:
    """Cut the connection, so that the client does not take what it has for the whole."""
    if request.transport is not None:
        request.transport.close()
