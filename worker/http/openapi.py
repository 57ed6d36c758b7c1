"""`/openapi.json`: OpenAPI 3.1, made of the table of calls and the models that parse and answer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import fields
from functools import cache
from importlib.metadata import version
from typing import Any, Literal, get_type_hints

from aiohttp import web
from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import models_json_schema

from connectors.model.options import Options
from worker.http.answers import ProblemAnswer
from worker.http.operations import OPERATIONS, TAGS, Answer, FormKind, Header, Operation
from worker.http.requests import json_answer
from worker.jobs.codes import CODES, status_of

__all__ = ["OpenApiRoutes", "openapi_document"]

_PARAMETERS = {
    "job_id": {"description": "The job's id.", "schema": {"type": "string", "pattern": "^[a-z0-9]{12}$"}},
    "name": {"description": "The model's name.", "schema": {"type": "string"}},
}
_TOKEN = "token"
_TOKEN_SCHEME = {
    "type": "http",
    "scheme": "bearer",
    "description": "The worker's BATCH_API_TOKEN. A worker that has none asks for none.",
}
_Mode = Literal["validation", "serialization"]
_REF = "#/components/schemas/{model}"


class OpenApiRoutes:
    """The description, the same for as long as the worker runs."""

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/openapi.json", self.show)]

    async def show(self, request: web.Request) -> web.StreamResponse:
        return json_answer(openapi_document())


@cache
def openapi_document() -> dict[str, Any]:
    """Return the document. It is shared: do not change it."""
    schemas = _schemas()
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for operation in OPERATIONS:
        paths[operation.path][operation.method] = _operation(operation, schemas)
    queries = {operation.query.__name__ for operation in OPERATIONS if operation.query is not None}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "batch-worker",
            "version": version("batch-worker"),
            "summary": "CSV, NDJSON and Parquet files become Kafka records, exactly once.",
            "description": "Errors are `application/problem+json` with a `code` and a `hint`. Times are "
            "RFC 3339 in UTC, sizes bytes. Lists have `items` and a `next_cursor` for the next page.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": dict(paths),
        "security": [{_TOKEN: []}],
        "components": {
            "securitySchemes": {_TOKEN: _TOKEN_SCHEME},
            "schemas": {name: schema for name, schema in sorted(schemas.items()) if name not in queries},
        },
    }


def _schemas() -> dict[str, Any]:
    """The JSON Schemas of all models by name: answers as they are written, requests as they are read."""
    wanted: dict[tuple[type[BaseModel], _Mode], None] = {(ProblemAnswer, "serialization"): None}
    for operation in OPERATIONS:
        for read in (operation.query, operation.body):
            if read is not None:
                wanted[read, "validation"] = None
        for answer in operation.answers.values():
            if answer.model is not None:
                wanted[answer.model, "serialization"] = None
    _, together = models_json_schema(list(wanted), ref_template=_REF)
    schemas: dict[str, Any] = _untitled(together["$defs"])
    return schemas


def _operation(operation: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
    }
    if operation.is_open:
        described["security"] = []
    if operation.description:
        described["description"] = operation.description
    if parameters := _parameters(operation, schemas):
        described["parameters"] = parameters
    if operation.body is not None:
        schema = {"$ref": _REF.format(model=operation.body.__name__)}
        described["requestBody"] = {
            "required": operation.body_required,
            "content": {"application/json": {"schema": schema}},
        }
    elif operation.form is not None:
        form = _form(operation.form)
        described["requestBody"] = {"required": True, "content": {"multipart/form-data": {"schema": form}}}
    described["responses"] = {
        **{str(status): _answer(status, answer) for status, answer in operation.answers.items()},
        **_errors(operation.all_codes),
    }
    return described


def _parameters(operation: Operation, schemas: dict[str, Any]) -> list[dict[str, Any]]:
    path = [part.strip("{}") for part in operation.path.split("/") if part.startswith("{")]
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, **_PARAMETERS[name]} for name in path
    ]
    if operation.query is not None:
        properties = schemas[operation.query.__name__]["properties"]
        found += [_query_parameter(name, dict(schema)) for name, schema in properties.items()]
    for header in operation.headers:
        found.append({"name": header.name, "in": "header", **_header(header)})
    return found


def _query_parameter(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    parameter: dict[str, Any] = {"name": name, "in": "query"}
    if description := schema.pop("description", None):
        parameter["description"] = description
    # a parameter is left out, never null
    typed = [branch for branch in schema.pop("anyOf", []) if branch != {"type": "null"}]
    if len(typed) == 1:
        schema.update(typed[0])
    if schema.get("default", ...) in (None, {}, []):
        del schema["default"]
    if schema.get("type") == "array":
        parameter |= {"style": "form", "explode": False}  # a comma list
    return {**parameter, "schema": schema}


def _form(kind: FormKind) -> dict[str, Any]:
    """A form: for a submission the model, then the options as texts, and the file last."""
    model = {"model": {"type": "string", "description": "The name of the model."}}
    first = model if kind is FormKind.SUBMISSION else {}
    return {
        "type": "object",
        "required": [*first, "file"],
        "properties": {
            **first,
            **_options(),
            "file": {
                "type": "string",
                "contentMediaType": "application/octet-stream",
                "description": "CSV, NDJSON or Parquet, told apart by content. The last field.",
            },
        },
        "additionalProperties": False,
    }


def _options() -> dict[str, Any]:
    types = get_type_hints(Options)
    described: dict[str, Any] = {}
    for option in fields(Options):
        schema = _untitled(TypeAdapter(types[option.name]).json_schema())
        branches = [branch for branch in schema.get("anyOf", [schema]) if branch != {"type": "null"}]
        as_json = "" if all(branch.get("type") == "string" for branch in branches) else ", as JSON"
        described[option.name] = {"type": "string", "description": f"Option over the model's own{as_json}."}
    return described


def _answer(status: int, answer: Answer) -> dict[str, Any]:
    described: dict[str, Any] = {"description": answer.text}
    if answer.headers:
        described["headers"] = {header.name: _header(header) for header in answer.headers}
    if status != 204:
        free = {media_type: {"schema": {"type": "string"}} for media_type in answer.also}
        described["content"] = {answer.media_type: _content(answer), **free}
    return described


def _content(answer: Answer) -> dict[str, Any]:
    lines = answer.media_type.endswith("ndjson")
    if answer.model is None:
        kind = "object" if answer.media_type.endswith("json") and not lines else "string"
        return {"schema": {"type": kind}}
    ref = {"$ref": _REF.format(model=answer.model.__name__)}
    # 3.1 has no word for one JSON text a line: the whole is text, and a line is this
    return {"schema": {"type": "string", "contentSchema": ref} if lines else ref}


def _errors(codes: Iterable[str]) -> dict[str, Any]:
    by_status: dict[int, list[str]] = defaultdict(list)
    for code in codes:
        by_status[status_of(code)].append(code)
    problem = {"$ref": _REF.format(model=ProblemAnswer.__name__)}
    return {
        str(status): {
            "description": " ".join(f"`{code}`: {CODES[code].meaning}" for code in found),
            "content": {
                "application/problem+json": {
                    "schema": {"allOf": [problem, {"properties": {"code": {"enum": found}}}]}
                }
            },
        }
        for status, found in sorted(by_status.items())
    }


def _header(header: Header) -> dict[str, Any]:
    return {"description": header.description, "schema": {"type": "string"}, "example": header.example}


def _untitled(schema: Any) -> Any:
    """Leave out the titles that pydantic makes of names; a property may itself be called `title`."""
    if isinstance(schema, list):
        return [_untitled(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: _untitled(value)
        for name, value in schema.items()
        if not (name == "title" and isinstance(value, str))
    }
