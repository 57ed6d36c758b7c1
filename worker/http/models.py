"""`/models`: named, versioned JSON Schemas."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from typing import Any

from aiohttp import web

from connectors.errors import OptionError, SchemaError
from connectors.model import compile_model
from connectors.model.options import merge_options
from worker.http.lookup import find_model
from worker.http.ports import Services
from worker.http.problems import Problem
from worker.http.requests import json_answer, read_json, read_query, validated
from worker.http.schemas import ModelCreate, ModelList, ModelShow
from worker.jobs import exact_json
from worker.state.api import Model

__all__ = ["ModelRoutes"]


class ModelRoutes:
    """Creating and reading models."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/models", self.create),
            web.get("/models", self.list),
            web.get("/models/{name}", self.show),
        ]

    async def create(self, request: web.Request) -> web.StreamResponse:
        """201 with the new model; 200 when the newest version is the same schema."""
        value, text = await read_json(request)
        body = validated(ModelCreate, value, "member")
        schema_text = exact_json.dumps(exact_json.loads(text)["schema"])
        schema = exact_json.loads_decimal(schema_text)
        await asyncio.to_thread(_check_schema, schema)
        model, created = await self._services.models.create(body.name, schema, schema_text)
        headers = {"ETag": _etag(model), "Location": f"/models/{model.name}"}
        return json_answer(_written(model), 201 if created else 200, headers)

    async def list(self, request: web.Request) -> web.StreamResponse:
        query = read_query(request, ModelList)
        models = sorted(self._services.models.list(), key=_age, reverse=True)
        if query.cursor is not None:
            before = _from_cursor(query.cursor)
            models = [model for model in models if _age(model) < before]
        page = models[: query.limit]
        cursor = json.dumps(_cursor(page[-1]) if len(models) > len(page) else None)
        items = ", ".join(_written(model) for model in page)
        return json_answer(f'{{"items": [{items}], "next_cursor": {cursor}}}')

    async def show(self, request: web.Request) -> web.StreamResponse:
        query = read_query(request, ModelShow)
        model = await find_model(self._services, request.match_info["name"], query.version)
        return json_answer(_written(model), headers={"ETag": _etag(model)})


def _check_schema(schema: dict[str, Any]) -> None:
    try:
        compile_model(schema)
        merge_options(schema, {})
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


def _cursor(model: Model) -> str:
    return base64.urlsafe_b64encode("|".join(_age(model)).encode()).decode()


def _from_cursor(cursor: str) -> tuple[str, str]:
    try:
        created_at, bar, name = base64.urlsafe_b64decode(cursor.encode()).decode().partition("|")
    except (binascii.Error, ValueError):
        bar = ""
    if not bar:
        raise Problem(
            "INVALID_REQUEST", f"`{cursor[:100]}` is not a cursor of this list", "take it from `next_cursor`"
        )
    return created_at, name
