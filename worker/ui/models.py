"""The pages of the models: the list, and one model with its versions, columns and schema."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from worker.jobs import exact_json
from worker.state.api import Model
from worker.ui.check import check_address
from worker.ui.layout import Frame, framed
from worker.ui.markup import Markup, joined, markup
from worker.ui.words import count, number, when

__all__ = ["ModelPage", "render", "render_list"]

_CHECKS = (
    "enum",
    "const",
    "minimum",
    "exclusiveMinimum",
    "maximum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "format",
)


@dataclass(frozen=True, slots=True)
class ModelPage:
    """One version of a model; `versions` are all that there are."""

    model: Model
    versions: Sequence[int]


def render_list(models: Sequence[Model]) -> str:
    if not models:
        body = Markup(
            '<p class="empty">There is no model yet. Create one with '
            "<code>batch model create NAME schema.json</code>.</p>"
        )
    else:
        rows = joined(
            markup(
                '<tr id="model-{name}"><td data-label="Model"><a href="/ui/models/{path}">{name}</a></td>'
                '<td data-label="About">{about}</td><td data-label="Columns" class="number">{columns}</td>'
                '<td data-label="Version" class="number">{version}</td>'
                '<td data-label="Changed">{created}</td></tr>',
                path=quote(model.name, safe=""),
                name=model.name,
                about=_about(model),
                columns=number(len(_properties(model))),
                version=model.version,
                created=when(model.created_at),
            )
            for model in models
        )
        body = markup(
            '<table><thead><tr><th>Model</th><th>About</th><th class="number">Columns</th>'
            '<th class="number">Version</th><th>Changed</th></tr></thead><tbody>{rows}</tbody></table>',
            rows=rows,
        )
    return framed(
        Frame(title="Models", section="Models", live=True), markup("<h1>Models</h1>{body}", body=body)
    )


def render(page: ModelPage) -> str:
    model = page.model
    path = quote(model.name, safe="")
    newest = max(page.versions, default=model.version)
    versions = joined(
        markup(
            '<li><a href="/ui/models/{path}?version={version}"{current}>{version}{newest}</a></li>',
            path=path,
            version=version,
            current=Markup(' aria-current="page"') if version == model.version else Markup(),
            newest=" (newest)" if version == newest else "",
        )
        for version in sorted(page.versions, reverse=True)
    )
    body = markup(
        '<p class="crumbs"><a href="/ui/models">Models</a></p><h1><bdi>{name}</bdi> '
        "<small>version {version}</small></h1><p>{about}</p>"
        '<nav class="states" aria-label="Versions"><ul>{versions}</ul></nav>'
        '<p class="quiet">Made {created}. <a href="/ui/jobs?model={path}">Its jobs</a> · '
        '<a href="{check}">Check a file</a></p>'
        "{options}{columns}"
        '<section aria-labelledby="schema"><h2 id="schema">Schema</h2>'
        '<pre class="schema" tabindex="0" aria-label="JSON Schema"><code>{schema}</code></pre>'
        '<p><a href="/models/{path}?version={version}">Model as JSON</a></p></section>',
        name=model.name,
        version=model.version,
        about=_about(model),
        versions=versions,
        created=when(model.created_at),
        path=path,
        check=check_address(model.name),
        options=_options(model),
        columns=_columns(model),
        schema=_indented(model.text),
    )
    return framed(Frame(title=f"{model.name} · Models", section="Models", live=True), body)


def _about(model: Model) -> str:
    return str(model.schema.get("description") or model.schema.get("title") or "")


def _properties(model: Model) -> Mapping[str, Any]:
    found = model.schema.get("properties")
    return found if isinstance(found, dict) else {}


def _columns(model: Model) -> Markup:
    properties = _properties(model)
    if not properties:
        return Markup()
    required = model.schema.get("required")
    rows = joined(
        markup(
            '<tr><td data-label="Column"><bdi>{name}</bdi></td><td data-label="Type">{type}</td>'
            '<td data-label="Required">{required}</td><td data-label="Checks">{checks}</td></tr>',
            name=name,
            type=_type(rule),
            required="yes" if isinstance(required, list) and name in required else "no",
            checks=_checks(rule),
        )
        for name, rule in properties.items()
    )
    return markup(
        '<section aria-labelledby="columns"><h2 id="columns">{title}</h2><table><thead><tr><th>Column</th>'
        "<th>Type</th><th>Required</th><th>Checks</th></tr></thead><tbody>{rows}</tbody></table></section>",
        title=count(len(properties), "column"),
        rows=rows,
    )


def _type(rule: object) -> str:
    if not isinstance(rule, dict):
        return "any" if rule is True else "none"
    given = rule.get("type")
    if isinstance(given, list):
        return " or ".join(str(name) for name in given)
    if isinstance(given, str):
        return given
    return "see the schema" if {"$ref", "allOf", "anyOf", "oneOf"} & rule.keys() else "by its values"


def _checks(rule: object) -> Markup:
    if not isinstance(rule, dict):
        return Markup()
    found = [
        markup(
            "<span>{name} <code>{value}</code></span>",
            name=name,
            value=value if isinstance(value := rule[name], str) else exact_json.dumps(value),
        )
        for name in _CHECKS
        if name in rule
    ]
    return markup('<span class="checks">{found}</span>', found=joined(found)) if found else Markup()


def _options(model: Model) -> Markup:
    options = model.schema.get("x-batch")
    if not isinstance(options, dict) or not options:
        return Markup()
    facts = joined(
        markup(
            "<div><dt>{name}</dt><dd><code>{value}</code></dd></div>",
            name=name,
            value=json.dumps(value, ensure_ascii=False, default=str),
        )
        for name, value in options.items()
    )
    return markup(
        '<section aria-labelledby="options"><h2 id="options">Options</h2>'
        '<dl class="facts">{facts}</dl></section>',
        facts=facts,
    )


def _indented(text: str) -> str:
    """The schema on several lines. Its numbers stay as their author wrote them: no value is read."""
    return _lines(exact_json.loads(text), "\n")


def _lines(value: Any, line: str) -> str:
    if isinstance(value, dict) and value:
        inner = f",{line}  ".join(
            f"{json.dumps(key, ensure_ascii=False)}: {_lines(member, line + '  ')}"
            for key, member in value.items()
        )
        return f"{{{line}  {inner}{line}}}"
    if isinstance(value, list) and any(isinstance(member, dict | list) for member in value):
        inner = f",{line}  ".join(_lines(member, line + "  ") for member in value)
        return f"[{line}  {inner}{line}]"
    if isinstance(value, list):
        return "[" + ", ".join(exact_json.dumps(member) for member in value) + "]"
    return exact_json.dumps(value)
