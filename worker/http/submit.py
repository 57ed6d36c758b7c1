"""`POST /jobs`: a file streams into a part file and becomes a job."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from connectors.errors import OptionError
from connectors.model.options import options_from_form
from worker.http.answers import CheckAnswer, job_answer
from worker.http.check import CheckRoutes
from worker.http.form import Form
from worker.http.idempotency import idempotency_key, replayed
from worker.http.lookup import applied, find_model, require_broker
from worker.http.ports import Services, Upload
from worker.http.problems import Problem
from worker.http.receiving import continue_later, continue_now, received
from worker.http.requests import json_answer, read_query
from worker.http.schemas import JobCreate
from worker.intake.options import job_options
from worker.state.api import Model

__all__ = ["SubmitRoutes"]


class SubmitRoutes:
    """Submitting a file. Until the claim any error leaves nothing behind; after it the file is a job."""

    def __init__(self, services: Services, checks: CheckRoutes) -> None:
        self._services = services
        self._checks = checks

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/jobs", self.submit, expect_handler=continue_later)]

    async def submit(self, request: web.Request) -> web.StreamResponse:
        """202 with the job; with `validate` 200 with a report, and there is no job."""
        if read_query(request, JobCreate).only_check:
            return json_answer((await self.check(request)).model_dump(mode="json"))
        key = idempotency_key(request)
        require_broker(self._services)
        async with self._received(request) as (upload, model, overrides, options):
            job, created = await upload.submit(model, options, overrides=overrides, idempotency_key=key)
        await applied(self._services, job.job_id, 0)
        return json_answer(job_answer(job), 202, {"Location": f"/jobs/{job.job_id}", **replayed(created)})

    async def check(self, request: web.Request) -> CheckAnswer:
        """Return what would become of the rows of the form's file. Works while Kafka is away."""
        async with self._received(request) as (upload, model, _, options):
            return await self._checks.report(request, upload, model, options)

    @asynccontextmanager
    async def _received(
        self, request: web.Request
    ) -> AsyncIterator[tuple[Upload, Model, dict[str, Any], dict[str, Any]]]:
        """The form's whole file, its model, the request's own options, and the job's."""
        await continue_now(request, self._services)
        form = Form(request)
        fields, file = await form.fields()
        model = await self._model(fields)
        overrides, options = self._options(model, fields)
        async with received(self._services, form, file) as upload:
            yield upload, model, overrides, options

    async def _model(self, fields: Mapping[str, str]) -> Model:
        name = fields.get("model")
        if not name:
            raise Problem(
                "INVALID_REQUEST",
                "field `model` is missing before `file`",
                "send `model` and the options first and `file` as the last field",
            )
        return await find_model(self._services, name)

    def _options(self, model: Model, fields: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the request's own options, and the job's: the model's with them over it."""
        try:
            own = options_from_form({name: value for name, value in fields.items() if name != "model"})
            return own, job_options(self._services.settings.namespace, model.schema, own)
        except OptionError as error:
            raise Problem("INVALID_OPTION", error.message, error.hint) from None
