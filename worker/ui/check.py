"""The page that checks a file against a model: a form, and what came of it. Nothing is delivered."""

from __future__ import annotations

import json
from dataclasses import fields
from urllib.parse import quote

from connectors.model.options import OPTIONS_KEYWORD, Options
from worker.http.answers import CheckAnswer, CheckedError
from worker.state.api import Model
from worker.ui.layout import Frame, framed
from worker.ui.markup import Markup, joined, markup
from worker.ui.parts import reason
from worker.ui.words import count, message, number

__all__ = ["check_address", "render_form", "render_report"]

_TABLE = (
    "<table><thead><tr><th>Column</th><th>Code</th>"
    '<th class="number">Rows</th><th>First of them</th></tr></thead><tbody>{rows}</tbody></table>{more}'
)


def check_address(name: str) -> str:
    return f"/ui/models/{quote(name, safe='')}/check"


def render_form(model: Model) -> str:
    """The form, with the model's own options in its fields. Works without JavaScript."""
    own = model.schema.get(OPTIONS_KEYWORD)
    given = own if isinstance(own, dict) else {}
    options = joined(
        markup(
            '<label>{name} <input type="text" name="{name}" value="{value}" autocomplete="off"></label>',
            name=option.name,
            value=_as_text(given.get(option.name)),
        )
        for option in fields(Options)
    )
    body = markup(
        '{crumbs}<h1>Check a file for <bdi>{name}</bdi></h1><section class="panel">'
        "<p>All rows are checked against the newest version of the model. Nothing is delivered, and nothing "
        "of the file stays here.</p>"
        '<form method="post" action="{action}" enctype="multipart/form-data" class="filter">'
        '<input type="hidden" name="model" value="{name}">'
        "<fieldset><legend>Options (lists and booleans as JSON; empty: the default)</legend>"
        "{options}</fieldset>"
        '<label>File <input type="file" name="file" required></label>'
        '<button type="submit" class="do">Check</button></form></section>',
        crumbs=_crumbs(model.name),
        name=model.name,
        action=check_address(model.name),
        options=options,
    )
    return framed(Frame(title=f"Check · {model.name}", section="Models"), body)


def render_report(name: str, report: CheckAnswer) -> str:
    error = report.error
    body = markup(
        '{crumbs}<h1>{verdict}</h1>{error}<dl class="figures">'
        "<div><dt>Rows</dt><dd>{rows}</dd></div><div><dt>Valid</dt><dd>{valid}</dd></div>"
        "<div><dt>Rejected</dt><dd>{rejected}</dd></div><div><dt>Format</dt><dd>{format}</dd></div></dl>"
        '{table}<p><a class="button" href="{again}">Check another file</a></p>',
        crumbs=_crumbs(name),
        verdict=_verdict(report),
        error=Markup()
        if error is None
        else markup(
            '<section class="panel bad">{why}</section>',
            why=reason("bad", error.code, error.message, error.hint),
        ),
        rows=number(report.rows),
        valid=number(report.valid),
        rejected=number(report.rejected),
        format=report.format or "–",
        table=_errors(report),
        again=check_address(name),
    )
    return framed(Frame(title=f"Check · {name}", section="Models"), body)


def _verdict(report: CheckAnswer) -> str:
    if report.error is not None:
        return "This file would fail"
    if report.rejected:
        return f"{count(report.rejected, 'row')} would be rejected"
    return "Every row would be delivered"


def _errors(report: CheckAnswer) -> Markup:
    if not report.errors:
        return Markup()
    more = markup("<p>and {n} further errors of other columns</p>", n=number(report.unlisted))
    return markup(
        _TABLE,
        rows=joined(_error(error) for error in report.errors),
        more=more if report.unlisted else Markup(),
    )


def _error(error: CheckedError) -> Markup:
    examples = joined(
        markup(
            '<li><span class="quiet">row {row}{line}:</span> {message}</li>',
            row=number(example.row),
            line="" if example.line is None else f", line {number(example.line)}",
            message=message(example.message),
        )
        for example in error.examples
    )
    return markup(
        '<tr><td data-label="Column">{column}</td><td data-label="Code"><code>{code}</code></td>'
        '<td data-label="Rows" class="number">{count}</td>'
        '<td data-label="First of them"><ul class="examples">{examples}</ul></td></tr>',
        column="The row as a whole" if error.column is None else markup("<bdi>{c}</bdi>", c=error.column),
        code=error.code,
        count=number(error.count),
        examples=examples,
    )


def _crumbs(name: str) -> Markup:
    return markup(
        '<p class="crumbs"><a href="/ui/models">Models</a> / <a href="/ui/models/{path}">'
        "<bdi>{name}</bdi></a></p>",
        path=quote(name, safe=""),
        name=name,
    )


def _as_text(value: object) -> str:
    """An option as a form sends it: a text as it stands, a tab by its name, all else as JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return "tab" if value == "\t" else value
    return json.dumps(value, ensure_ascii=False, default=str)
