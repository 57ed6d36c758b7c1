"""Holds the answers of the tests against `/openapi.json`."""

from __future__ import annotations

import json
from typing import Any

import jsonschema_rs
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from worker.http.openapi import openapi_document

__all__ = ["watching"]

PAGES = ("/ui", "/faust")


def watching(undescribed: list[str]) -> Middleware:
    """Return the middleware that adds what the document does not describe to `undescribed`."""

    @web.middleware
    async def watch(request: web.Request, handler: Handler) -> web.StreamResponse:
        answer = await handler(request)
        if (reason := _reason(request, answer)) is not None:
            undescribed.append(f"{request.method} {request.path}: {reason}")
        return answer

    return watch


def _reason(request: web.Request, answer: web.StreamResponse) -> str | None:
    resource = request.match_info.route.resource
    if resource is None or resource.canonical == "/" or resource.canonical.startswith(PAGES):
        return None  # no such route, or a page for people
    document = openapi_document()
    method = "get" if request.method == "HEAD" else request.method.lower()
    operation = document["paths"].get(resource.canonical, {}).get(method)
    if operation is None:
        return f"`{method} {resource.canonical}` is not described"
    response = operation["responses"].get(str(answer.status))
    if response is None:
        return f"status {answer.status} is not described"
    for name, header in response.get("headers", {}).items():
        if name not in answer.headers:
            return f"the header {name} is missing: {header['description']}"
    content = response.get("content", {})
    if answer.status == 204:
        return None if not content else "a 204 has no body"
    if answer.content_type not in content:
        return f"{answer.content_type} is not described"
    if not isinstance(answer, web.Response) or not answer.content_type.endswith("json"):
        return None  # a stream
    return _mismatch(document, content[answer.content_type]["schema"], answer.body)


def _mismatch(document: dict[str, Any], schema: dict[str, Any], body: Any) -> str | None:
    rooted = {**schema, "components": document["components"]}
    errors = jsonschema_rs.Draft202012Validator(rooted).iter_errors(json.loads(bytes(body)))
    return next((f"{error.instance_path}: {error.message}" for error in errors), None)
