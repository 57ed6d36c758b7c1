"""`/metrics`, for Prometheus. Open, as probes are: it says how much, never what."""

from __future__ import annotations

from aiohttp import web

from worker.http.ports import Services

__all__ = ["MetricsRoutes"]


class MetricsRoutes:
    """What the worker counts, as text."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/metrics", self.show)]

    async def show(self, request: web.Request) -> web.StreamResponse:
        body, media_type = await self._services.exposition.render(request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": media_type, "Cache-Control": "no-store"})
