"""`/docs`: `/openapi.json` as one page for people; no script, nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

from aiohttp import web

from worker.http.openapi import openapi_document
from worker.ui.markup import Markup, joined, markup

__all__ = ["render_docs", "setup_docs"]

_NONE = Markup()


def setup_docs(app: web.Application) -> None:
    """Add the route."""
    app.router.add_get("/docs", _show)


async def _show(request: web.Request) -> web.StreamResponse:
    style_hash = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return web.Response(
        body=render_docs(openapi_document()).encode(),
        content_type="text/html",
        charset="utf-8",
        headers={
            # the page's own style by its hash, and nothing else
            "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{style_hash}'; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
        },
    )


@cache
def _style() -> str:
    return resources.files("worker.ui").joinpath("docs.css").read_text("utf-8")


def render_docs(document: Mapping[str, Any]) -> str:
    """Return the page of an OpenAPI document as this worker makes it."""
    operations = [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    sections = [
        markup(
            "<section><h2 id='{name}'>{name}</h2><p>{text}</p>{calls}</section>",
            name=tag["name"],
            text=_text(tag["description"]),
            calls=joined(_call(*found) for found in operations if tag["name"] in found[2]["tags"]),
        )
        for tag in document["tags"]
    ]
    schemas = joined(_schema(*item) for item in document["components"]["schemas"].items())
    return markup(
        "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{title}: HTTP interface</title>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        "<style>{style}</style></head><body><header><h1>{title} <small>{version}</small></h1>"
        "<p>{about}</p><nav aria-label='Elsewhere'><a href='/ui/'>Status pages</a> "
        "<a href='/openapi.json'>openapi.json</a></nav></header>"
        "<main>{sections}<section><h2 id='schemas'>schemas</h2>{schemas}</section></main></body></html>",
        title=document["info"]["title"],
        version=document["info"]["version"],
        about=_text(document["info"]["description"]),
        style=Markup(_style()),
        sections=joined(sections),
        schemas=schemas,
    )


# a link to what lies inside `details` opens it: the ids stand there


def _call(path: str, method: str, operation: Mapping[str, Any]) -> Markup:
    return markup(
        "<details><summary><span class='method {method}'>{method}</span> <code>{path}</code> "
        "<span class='what'>{summary}</span></summary>"
        "<div id='{id}'>{description}{parameters}{body}{responses}</div></details>",
        id=operation["operationId"],
        method=method,
        path=path,
        summary=_text(operation["summary"]),
        description=markup("<p>{text}</p>", text=_text(operation["description"]))
        if "description" in operation
        else _NONE,
        parameters=_parameters(operation.get("parameters", [])),
        body=_body(operation.get("requestBody")),
        responses=_responses(operation["responses"]),
    )


def _parameters(parameters: Sequence[Mapping[str, Any]]) -> Markup:
    rows = [
        (
            markup("<code>{name}</code> <small>{where}</small>", name=found["name"], where=found["in"]),
            _type(found["schema"]),
            markup("{text}{default}", text=_text(found.get("description", "")), default=_default(found)),
        )
        for found in parameters
    ]
    return _table("Parameters", ("name", "type", "meaning"), rows) if rows else _NONE


def _default(parameter: Mapping[str, Any]) -> Markup:
    if parameter.get("required"):
        return markup(" <small>required</small>")
    if "default" not in parameter["schema"]:
        return _NONE
    return markup(" <small>default {value}</small>", value=str(parameter["schema"]["default"]).lower())


def _body(body: Mapping[str, Any] | None) -> Markup:
    if body is None:
        return _NONE
    ((media_type, content),) = body["content"].items()
    schema = content["schema"]
    shown = _type(schema) if "$ref" in schema else _properties("Fields", schema)
    return markup("<h3>Body <small>{type}</small></h3>{shown}", type=media_type, shown=shown)


def _responses(responses: Mapping[str, Mapping[str, Any]]) -> Markup:
    rows = []
    for status, response in responses.items():
        content = response.get("content", {})
        media_type = next(iter(content), "")
        schema = content[media_type]["schema"] if content else {}
        kind = _type(schema["allOf"][0] if "allOf" in schema else schema.get("contentSchema", schema))
        shown = markup("{kind} <small>{media_type}</small>", kind=kind, media_type=media_type)
        rows.append((markup("<code>{s}</code>", s=status), _text(response["description"]), shown))
    return _table("Answers", ("status", "meaning", "body"), rows)


def _schema(name: str, schema: Mapping[str, Any]) -> Markup:
    return markup(
        "<details><summary><code>{name}</code> <span class='what'>{text}</span></summary>"
        "<div id='schema-{name}'>{shown}</div></details>",
        name=name,
        text=_text(schema.get("description", "")),
        shown=_properties("Members", schema) if "properties" in schema else _type(schema),
    )


def _properties(caption: str, schema: Mapping[str, Any]) -> Markup:
    rows = [
        (
            markup("<code>{name}</code>", name=name),
            _type(found),
            _text(found.get("description", "")),
        )
        for name, found in schema["properties"].items()
    ]
    return _table(caption, ("name", "type", "meaning"), rows)


def _table(caption: str, head: tuple[str, ...], rows: Sequence[tuple[Markup, ...]]) -> Markup:
    lines = [
        markup("<tr>{cells}</tr>", cells=joined(markup("<td>{cell}</td>", cell=cell) for cell in row))
        for row in rows
    ]
    return markup(
        "<div class='wide' tabindex='0' role='region' aria-label='{caption}'><table>"
        "<caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>",
        caption=caption,
        head=joined(markup("<th scope='col'>{name}</th>", name=name) for name in head),
        rows=joined(lines),
    )


def _type(schema: Mapping[str, Any]) -> Markup:
    """A schema in a few words, with links to the ones that have a name."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return markup("<a href='#schema-{name}'>{name}</a>", name=name)
    if "anyOf" in schema:
        return _or([_type(branch) for branch in schema["anyOf"]])
    if "enum" in schema:
        return _or([markup("<code>{value}</code>", value=value) for value in schema["enum"]])
    if "const" in schema:
        return markup("<code>{value}</code>", value=schema["const"])
    if schema.get("type") == "array":
        return markup("list of {items}", items=_type(schema.get("items", {})))
    return markup("{type}", type=schema.get("type", "any"))


def _or(kinds: Sequence[Markup]) -> Markup:
    out = kinds[0]
    for kind in kinds[1:]:
        out = markup("{before} or {kind}", before=out, kind=kind)
    return out


def _text(text: str) -> Markup:
    """Prose, in which what stands between backticks is code."""
    parts = text.split("`")
    return joined(
        markup("<code>{part}</code>", part=part) if number % 2 else markup("{part}", part=part)
        for number, part in enumerate(parts)
    )
