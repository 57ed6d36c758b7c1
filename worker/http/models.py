"""`/models`: named, versioned JSON Schemas."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import web

from connectors.errors import OptionError, SchemaError
from connectors.model import compile_model
from worker.http.lookup import find_model, model_in_use
from worker.http.paging import page_of
from worker.http.ports import Services
from worker.http.problems import Problem
from worker.http.requests import (
    json_answer,
    no_content,
    read_if_match,
    read_json,
    read_no_body,
    read_query,
    validated,
)
from worker.http.schemas import ModelCreate, ModelList, ModelShow, ModelUpdate, NoQuery
from worker.intake.options import job_options
from worker.jobs import exact_json
from worker.state.api import Model
from worker.state.refusals import newest_etag

__all__ = ["ModelRoutes"]


class ModelRoutes:
    """Creating, reading, changing and deleting models."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/models", self.create),
            web.get("/models", self.list),
            web.get("/models/{name}", self.show),
            web.put("/models/{name}", self.update),
            web.delete("/models/{name}", self.delete),
        ]

    async def create(self, request: web.Request) -> web.StreamResponse:
        """201 with the new model; 200 when the newest version is the same schema."""
        value, text = await read_json(request)
        body = validated(ModelCreate, value, "member")
        schema, schema_text = await self._schema(text)
        model, created = await self._services.models.create(body.name, schema, schema_text)
        headers = {"ETag": _etag(model), "Location": f"/models/{model.name}"}
        return json_answer(_written(model), 201 if created else 200, headers)

    async def list(self, request: web.Request) -> web.StreamResponse:
        query = read_query(request, ModelList)
        page, cursor = page_of(self._services.models.list(), _age, query.limit, query.cursor)
        items = ", ".join(_written(model) for model in page)
        return json_answer(f'{{"items": [{items}], "next_cursor": {json.dumps(cursor)}}}')

    async def show(self, request: web.Request) -> web.StreamResponse:
        query = read_query(request, ModelShow)
        model = await find_model(self._services, request.match_info["name"], query.version)
        return json_answer(_written(model), headers={"ETag": _etag(model)})

    async def update(self, request: web.Request) -> web.StreamResponse:
        """200 with the new version, or with the newest one when it is the same schema."""
        read_query(request, NoQuery)
        name = request.match_info["name"]
        tags = read_if_match(request)
        value, text = await read_json(request)
        validated(ModelUpdate, value, "member")
        schema, schema_text = await self._schema(text)
        expected = await self._expected(name, tags)
        model, _ = await self._services.models.update(name, schema, schema_text, expected=expected)
        return json_answer(_written(model), headers={"ETag": _etag(model)})

    async def delete(self, request: web.Request) -> web.StreamResponse:
        """204: all its versions are gone. Jobs that have ended keep what they need of it."""
        read_query(request, NoQuery)
        await read_no_body(request)
        name = request.match_info["name"]
        expected = await self._expected(name, read_if_match(request))
        if (job_id := await model_in_use(self._services, name)) is not None:
            raise Problem(
                "MODEL_IN_USE",
                f"job `{job_id}` of model `{name}` has not ended",
                f"wait for it with `batch job wait {job_id}`, or cancel it",
            )
        await self._services.models.delete(name, expected=expected)
        return no_content()

    async def _expected(self, name: str, tags: frozenset[str] | None) -> int | None:
        """The version that the model has to have; None: any. Raises Problem `VERSION_CONFLICT`."""
        if tags is None:
            return None
        await self._services.models.barrier()
        newest = await find_model(self._services, name)
        if _etag(newest) not in tags:
            named = ", ".join(f"`{tag}`" for tag in sorted(tags))
            raise Problem(
                "VERSION_CONFLICT",
                f"model `{name}` has version `{newest.version}`, and `If-Match` names {named}",
                f"look at what changed with `batch model show {name}`; {newest_etag(newest.version)}",
                headers={"ETag": _etag(newest)},
            )
        return newest.version

    async def _schema(self, body: str) -> tuple[dict[str, Any], str]:
        """Return the member `schema` of a checked body: for calculating, and as text. Raises Problem."""
        text = exact_json.dumps(exact_json.loads(body)["schema"])
        schema = exact_json.loads_decimal(text)
        await asyncio.to_thread(_check_schema, schema, self._services.settings.namespace)
        return schema, text


def _check_schema(schema: dict[str, Any], namespace: str) -> None:
    try:
        compile_model(schema)
        job_options(namespace, schema, {})
    except SchemaError as error:
        where = f"at `{error.pointer}`" if error.pointer else "at the root"
        raise Problem("INVALID_SCHEMA", f"{where}: {error.message}", error.hint) from None
    except OptionError as error:
        raise Problem("INVALID_OPTION", f"in `x-batch`: {error.message}", error.hint) from None


def _written(model: Model) -> str:
    """Model JSON; the numbers of its schema are as its author wrote them."""
    name, created_at = json.dumps(model.name), json.dumps(model.created_at)
    return (
        f'{{"name": {name}, "version": {model.version}, "schema": {model.text}, "created_at": {created_at}}}'
    )


def _etag(model: Model) -> str:
    return f'"{model.version}"'


def _age(model: Model) -> tuple[str, str]:
    return model.created_at, model.name
