"""`POST /jobs`: a file streams into a part file and becomes a job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from connectors.errors import JobError, OptionError
from connectors.model.options import merge_options, options_from_form
from connectors.registry import DETECT_BYTES, detect_format
from worker.http.answers import job_answer
from worker.http.form import FORM_BYTES, FileField, Form
from worker.http.lookup import applied, find_model, require_broker
from worker.http.ports import Services
from worker.http.problems import Problem
from worker.http.requests import json_answer
from worker.jobs.job import Job
from worker.state.api import Model

__all__ = ["SubmitRoutes"]


class SubmitRoutes:
    """Submitting a file. Until the claim any error leaves nothing behind; after it the file is a job."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/jobs", self.submit, expect_handler=_expect_later)]

    async def submit(self, request: web.Request) -> web.StreamResponse:
        require_broker(self._services)
        self._check_length(request)
        await _continue(request)
        form = Form(request)
        fields, file = await form.fields()
        model = await self._model(fields)
        options = _options(model, fields)
        job = await self._receive(form, file, model, options)
        await applied(self._services, job.job_id, 0)
        return json_answer(job_answer(job), 202, {"Location": f"/jobs/{job.job_id}"})

    def _check_length(self, request: web.Request) -> None:
        """Refuse what cannot fit before it is sent; the exact limit is the upload's."""
        limit = self._services.settings.max_upload_bytes
        if (request.content_length or 0) > limit + FORM_BYTES:
            raise Problem(
                "FILE_TOO_LARGE",
                f"the file is larger than `{limit}` bytes",
                "split it, or raise BATCH_MAX_UPLOAD_BYTES",
            )

    async def _model(self, fields: Mapping[str, str]) -> Model:
        name = fields.get("model")
        if not name:
            raise Problem(
                "INVALID_REQUEST",
                "field `model` is missing before `file`",
                "send `model` and the options first and `file` as the last field",
            )
        return await find_model(self._services, name)

    async def _receive(self, form: Form, file: FileField, model: Model, options: dict[str, Any]) -> Job:
        pieces = file.pieces()
        head = bytearray()
        async for piece in pieces:
            head += piece
            if len(head) >= DETECT_BYTES:
                break
        _check_type(bytes(head[:DETECT_BYTES]))
        upload = self._services.intake.open_upload(file.name)
        try:
            await upload.write(bytes(head))
            async for piece in pieces:
                await upload.write(piece)
            await form.end()
            return await upload.submit(model, options)
        finally:
            await upload.discard()


def _options(model: Model, fields: Mapping[str, str]) -> dict[str, Any]:
    given = {name: value for name, value in fields.items() if name != "model"}
    try:
        return merge_options(model.schema, options_from_form(given))
    except OptionError as error:
        raise Problem("INVALID_OPTION", error.message, error.hint) from None


def _check_type(head: bytes) -> None:
    try:
        detect_format(head)
    except JobError as error:
        raise Problem(error.code.value, error.message, error.hint) from None


async def _expect_later(request: web.Request) -> None:
    """Send no `100 Continue` yet: what is refused at once need not be sent."""


async def _continue(request: web.Request) -> None:
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # it does not count as the beginning of the answer
