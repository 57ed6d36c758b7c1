"""Files that are only looked at: `POST /jobs?validate=true` and `POST /models/infer`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from typing import Any, TypeVar

from aiohttp import web

from connectors.errors import JobError, OptionError
from connectors.model.options import merge_options, options_from_form
from worker.http.answers import CheckAnswer
from worker.http.form import Form
from worker.http.ports import Services, Upload
from worker.http.problems import Problem
from worker.http.receiving import continue_later, continue_now, received
from worker.http.requests import json_answer, read_query
from worker.http.schemas import NoQuery
from worker.jobs import exact_json
from worker.jobs.codes import CODES, Where
from worker.state.api import Model

__all__ = ["CheckRoutes"]

_LOOK_SECONDS = 0.25  # how late a client that has gone is noticed
T = TypeVar("T")


class CheckRoutes:
    """Nothing of such a file stays on disk or goes to Kafka, which may be away."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._stopping = asyncio.Event()

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/models/infer", self.infer, expect_handler=continue_later)]

    async def stop(self, app: web.Application) -> None:
        """Give up what is under way: a server that stops waits for its answers."""
        self._stopping.set()

    async def report(
        self, request: web.Request, upload: Upload, model: Model, options: dict[str, Any]
    ) -> CheckAnswer:
        """Return what would become of the file's rows, also when it would fail as a whole."""
        file = await upload.finish()
        checking = self._services.checker.check(file.path, upload.file, model.schema, options)
        return CheckAnswer.model_validate(await self._while_listening(request, checking))

    async def infer(self, request: web.Request) -> web.StreamResponse:
        """200 with a schema that the file passes."""
        read_query(request, NoQuery)
        await continue_now(request, self._services)
        form = Form(request)
        fields, part = await form.fields()
        try:
            options = merge_options({}, options_from_form(fields))
        except OptionError as error:
            raise Problem("INVALID_OPTION", error.message, error.hint) from None
        async with received(self._services, form, part) as upload:
            file = await upload.finish()
            try:
                found = await self._while_listening(request, self._services.checker.infer(file.path, options))
            except JobError as error:
                raise _unusable(error) from None
        schema = exact_json.dumps(found["schema"])
        return json_answer(f'{{"schema": {schema}, "format": {json.dumps(found["format"])}}}')

    async def _while_listening(self, request: web.Request, work: Coroutine[Any, Any, T]) -> T:
        """Return what `work` gives; cancel it when nobody waits for it any more."""
        task = asyncio.create_task(work)
        try:
            while not (await asyncio.wait({task}, timeout=_LOOK_SECONDS))[0]:
                if request.transport is None or request.transport.is_closing():
                    raise ConnectionResetError("the client has gone")
                if self._stopping.is_set():
                    raise Problem("NOT_READY", "the worker stops", "send the file again in a moment")
            return task.result()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def _unusable(error: JobError) -> Problem:
    code = error.code.value
    if Where.REQUEST in CODES[code].where:
        return Problem(code, error.message, error.hint)
    return Problem("INVALID_REQUEST", f"the file cannot be read: {error.message} ({code})", error.hint)
