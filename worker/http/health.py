"""`/healthz` and `/readyz`."""

from __future__ import annotations

from aiohttp import web

from worker.http.answers import HealthAnswer, ReadyAnswer
from worker.http.ports import Services
from worker.http.problems import Problem
from worker.http.requests import json_answer
from worker.state.api import Health

__all__ = ["HealthRoutes"]


class HealthRoutes:
    """Alive: the process answers. Ready: broker, table and partitions are there, or why not."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/healthz", self.healthz), web.get("/readyz", self.readyz)]

    async def healthz(self, request: web.Request) -> web.StreamResponse:
        return json_answer(HealthAnswer(status="alive").model_dump())

    async def readyz(self, request: web.Request) -> web.StreamResponse:
        health = self._services.health()
        if health.broker_ok and health.ready:
            ready = {"status": "ready", "message": health.message, **_facts(health)}
            return json_answer(ReadyAnswer.model_validate(ready).model_dump())
        code = "NOT_READY" if health.broker_ok else "KAFKA_UNAVAILABLE"
        raise Problem(code, health.message, health.hint, extra=_facts(health))


def _facts(health: Health) -> dict[str, object]:
    return {
        "broker": health.broker,
        "broker_ok": health.broker_ok,
        "ready": health.ready,
        "since": health.since,
        "partitions": list(health.partitions),
    }
