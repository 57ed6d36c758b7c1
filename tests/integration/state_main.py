"""A process with nothing but the state in it, and plain routes to look at it: what test_state.py runs."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from config.settings import load_settings
from connectors.kafka.connection import KafkaConnection
from worker.jobs.events import event_from_json
from worker.jobs.job import Job
from worker.logs import set_up_logging
from worker.state.api import JobQuery, StateError
from worker.state.identity import WorkerIdentity
from worker.state.service import StateService


class Witness:
    """An OwnershipListener that keeps what it was told."""

    def __init__(self) -> None:
        self.ready: list[list[int]] = []
        self.lost: list[list[int]] = []
        self.rows: list[list[str | None]] = []

    async def partitions_ready(self, partitions: frozenset[int]) -> None:
        self.ready.append(sorted(partitions))

    async def partitions_lost(self, partitions: frozenset[int]) -> None:
        self.lost.append(sorted(partitions))

    def row_changed(self, job_id: str, job: Job | None, previous: Job | None) -> None:
        self.rows.append([job_id, job and job.state.value, previous and previous.state.value])


class Routes:
    def __init__(self, state: StateService, witness: Witness) -> None:
        self._state = state
        self._witness = witness

    def setup(self, app: web.Application) -> None:
        app.router.add_get("/health", self.health)
        app.router.add_get("/own", self.own)
        app.router.add_get("/own/{id}", self.own_row)
        app.router.add_get("/jobs", self.jobs)
        app.router.add_get("/jobs/{id}", self.job)
        app.router.add_post("/events/{id}", self.publish)
        app.router.add_post("/models/{name}", self.create_model)
        app.router.add_get("/models", self.models)

    async def health(self, _: web.Request) -> web.Response:
        health = self._state.health()
        return web.json_response({name: getattr(health, name) for name in type(health).__slots__})

    async def own(self, _: web.Request) -> web.Response:
        ownership = self._state.ownership
        return web.json_response(
            {
                "assigned": sorted(ownership.assigned()),
                "owned": sorted(ownership.owned()),
                "active": sorted(job.job_id for job in ownership.active_jobs()),
                "ready": self._witness.ready,
                "lost": self._witness.lost,
                "rows": self._witness.rows,
            }
        )

    async def own_row(self, request: web.Request) -> web.Response:
        row = self._state.ownership.row(request.match_info["id"])
        return web.json_response(row and row.to_json())

    async def jobs(self, request: web.Request) -> web.Response:
        if "barrier" in request.query:
            await self._state.jobs.barrier()
        page = await self._state.jobs.list(JobQuery(limit=500))
        return web.json_response([job.to_json() for job in page.items])

    async def job(self, request: web.Request) -> web.Response:
        if "barrier" in request.query:
            await self._state.jobs.barrier()
        row = await self._state.jobs.get(request.match_info["id"])
        return web.json_response(row and row.to_json())

    async def publish(self, request: web.Request) -> web.Response:
        job_id = request.match_info["id"]
        offset = await self._state.commands.publish(job_id, event_from_json(await request.json()))
        return web.json_response({"offset": offset, "partition": self._state.commands.partition_of(job_id)})

    async def create_model(self, request: web.Request) -> web.Response:
        text = await request.text()
        name = request.match_info["name"]
        model, created = await self._state.models.create(name, json.loads(text), text)
        return web.json_response({"version": model.version, "text": model.text, "created": created})

    async def models(self, _: web.Request) -> web.Response:
        await self._state.models.barrier()
        return web.json_response({model.name: model.text for model in self._state.models.list()})


@web.middleware
async def problems(request: web.Request, handler: Any) -> web.StreamResponse:
    try:
        answer: web.StreamResponse = await handler(request)
    except StateError as error:
        body = {"code": error.code, "message": error.message, "hint": error.hint}
        return web.json_response(
            body, status=503 if error.code in ("KAFKA_UNAVAILABLE", "NOT_READY") else 409
        )
    return answer


async def nothing() -> None:
    pass


def main() -> None:
    settings = load_settings()
    set_up_logging(settings.log_format, settings.log_level)
    identity = WorkerIdentity.acquire(settings.data_dir, settings.worker_id)
    connection = KafkaConnection(settings.bootstrap_servers)
    state = StateService(settings, connection, worker_id=identity.worker_id)
    witness = Witness()
    state.ownership.follow(witness)
    state.run(setup_web=Routes(state, witness).setup, middlewares=[problems], start=nothing, drain=nothing)


if __name__ == "__main__":
    main()
