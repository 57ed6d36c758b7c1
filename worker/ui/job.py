"""The page of one job."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from worker.jobs.job import Job, State, Work
from worker.ui.actions import Action
from worker.ui.layout import Frame, framed
from worker.ui.markup import Markup, joined, markup
from worker.ui.parts import address, bar, model_link, notes, rate_words, state
from worker.ui.peek import Peek, Shown
from worker.ui.rates import Rate
from worker.ui.rejects import Group
from worker.ui.words import count, message, number, percent, size, took, when

__all__ = ["JobPage", "render"]

_VALUE = 600  # characters of a record


@dataclass(frozen=True, slots=True)
class JobPage:
    job: Job
    rate: Rate | None
    peek: Peek
    actions: Sequence[Action]
    now: str


def render(page: JobPage) -> str:
    job = page.job
    body = markup(
        '<p class="crumbs"><a href="/ui/jobs">Jobs</a> / <code>{id}</code></p>'
        '<div class="title" data-job="{id}" data-state="{state_name}" data-file="{file}">'
        "<h1><bdi>{file}</bdi></h1><p>{state}</p>{actions}</div>"
        "{notes}{progress}{figures}{rejects}{records}{facts}",
        id=job.job_id,
        state_name=job.state.value,
        file=job.file,
        state=state(job),
        actions=_actions(page),
        notes=_notes(job),
        progress=_progress(page),
        figures=_figures(page),
        records=_records(page),
        rejects=_rejects(page),
        facts=_facts(job),
    )
    title = f"{percent(job)} % {job.file}" if job.state is State.RUNNING else f"{job.state.value} {job.file}"
    return framed(Frame(title=title, section="Jobs", live=True, job_id=job.job_id), body)


def _actions(page: JobPage) -> Markup:
    links = joined(
        markup(
            '<li><a class="button" href="{href}/{name}">{label}</a></li>',
            href=address(page.job.job_id),
            name=action.name,
            label=action.label,
        )
        for action in page.actions
    )
    return markup('<ul class="actions">{links}</ul>', links=links) if page.actions else Markup()


def _notes(job: Job) -> Markup:
    kind = "bad" if job.error is not None else "wait"
    found = notes(job)
    return (
        markup('<section class="panel {kind}">{notes}</section>', kind=kind, notes=found) if found else found
    )


def _progress(page: JobPage) -> Markup:
    job = page.job
    if job.ended:
        return Markup()
    if job.work is Work.REJECTS:
        return markup(
            '<section aria-label="Progress"><p>The rejects are retried: {left} left.</p></section>',
            left=count(job.rows_rejected, "row"),
        )
    words = rate_words(job, page.rate)
    return markup(
        '<section aria-label="Progress">{bar}<p class="line quiet"><span>{percent} % of {size}</span>'
        '<span class="end">{words}</span></p></section>',
        bar=bar(job),
        percent=percent(job),
        size=size(job.size_bytes),
        words=words,
    )


def _figures(page: JobPage) -> Markup:
    job = page.job
    figures = (
        ("Rows read", number(job.rows_read)),
        ("Delivered", number(job.rows_delivered)),
        ("Rejected", number(job.rows_rejected)),
        ("Took" if job.ended else "Runs for", took(job, page.now)),
    )
    return markup(
        '<dl class="figures">{figures}</dl>',
        figures=joined(
            markup("<div><dt>{name}</dt><dd>{value}</dd></div>", name=name, value=value)
            for name, value in figures
        ),
    )


def _records(page: JobPage) -> Markup:
    job, peek = page.job, page.peek
    if job.rows_delivered == 0:
        return Markup()
    if peek.records is None:
        body = markup('<p class="quiet">{why}</p>', why=_not_shown(peek, "records"))
    else:
        lines = joined(_record(record) for record in peek.records)
        body = markup('<ol class="records">{lines}</ol>', lines=lines)
    return markup(
        '<section aria-labelledby="records"><h2 id="records">First records</h2>{body}'
        '<p><a href="/jobs/{id}/records?limit=1000">More records (NDJSON)</a>, or follow them with '
        "<code>batch job tail {id}</code></p></section>",
        body=body,
        id=quote(job.job_id, safe=""),
    )


def _record(record: Shown) -> Markup:
    cut = record.value[:_VALUE] + ("…" if len(record.value) > _VALUE else "")
    return markup(
        '<li><span class="quiet">{partition}:{offset}</span> <code>{value}</code></li>',
        partition=record.partition,
        offset=record.offset,
        value=cut,
    )


def _rejects(page: JobPage) -> Markup:
    job, peek = page.job, page.peek
    if job.rows_rejected == 0:
        return Markup()
    if peek.groups is None:
        body = markup('<p class="quiet">{why}</p>', why=_not_shown(peek, "rejects"))
    else:
        part = markup(
            '<p class="quiet">Of the first {n} of {all} rejected rows.</p>',
            n=number(peek.looked_at),
            all=number(job.rows_rejected),
        )
        body = markup(
            "{part}{groups}",
            part=part if peek.looked_at < job.rows_rejected else Markup(),
            groups=joined(_group(group) for group in peek.groups),
        )
    return markup(
        '<section aria-labelledby="rejects"><h2 id="rejects">Rejects ({all})</h2>{body}'
        '<p><a href="/jobs/{id}/rejects?limit=1000">All rejects (NDJSON)</a>, '
        '<a href="/jobs/{id}/rejects?format=csv">as CSV</a>, or '
        "<code>batch job rejects {id}</code></p></section>",
        all=number(job.rows_rejected),
        body=body,
        id=quote(job.job_id, safe=""),
    )


def _group(group: Group) -> Markup:
    samples = joined(
        markup(
            '<li><p><span class="quiet">row {row}{line}:</span> {message}</p>'
            "<pre><code>{raw}</code></pre></li>",
            row=number(sample.row),
            line="" if sample.line is None else f", line {number(sample.line)}",
            message=message(sample.message),
            raw=sample.raw,
        )
        for sample in group.samples
    )
    rest = group.count - len(group.samples)
    return markup(
        '<div class="group"><h3>{column} <code>{code}</code> <span class="quiet">{count}</span></h3>'
        "<ul>{samples}</ul>{rest}</div>",
        column="The row as a whole" if group.column is None else markup("<bdi>{c}</bdi>", c=group.column),
        code=group.code,
        count=count(group.count, "row"),
        samples=samples,
        rest=markup('<p class="quiet">and {n} more like these</p>', n=number(rest)) if rest else Markup(),
    )


def _not_shown(peek: Peek, what: str) -> Markup:
    why = peek.trouble or "their topic is not known yet"
    return markup("The {what} cannot be shown now: {why}.", what=what, why=message(why))


def _facts(job: Job) -> Markup:
    offsets = joined(
        markup(
            '<tr><td>{partition}</td><td class="number">{first}</td><td class="number">{end}</td></tr>',
            partition=partition,
            first=number(first),
            end=number(end),
        )
        for partition, (first, end) in sorted(job.offsets.items(), key=lambda item: int(item[0]))
    )
    table = markup(
        '<table class="offsets"><caption>Offsets</caption><thead><tr><th>Partition</th>'
        '<th class="number">First</th><th class="number">End</th></tr></thead><tbody>{rows}</tbody></table>',
        rows=offsets,
    )
    facts = (
        ("Model", model_link(job)),
        ("Topic", _topic(job.topic, shared="topic" in job.options)),
        ("Dead letters", _topic(job.dlq_topic, shared="dlq_topic" in job.options)),
        ("Attempt", _attempt(job)),
        ("Submitted", when(job.created_at)),
        ("Started", when(job.started_at)),
        ("Ended", when(job.finished_at)),
        ("Source", job.source.value),
        ("Size", markup("{size} ({n} bytes)", size=size(job.size_bytes), n=number(job.size_bytes))),
        ("Format", job.format or "–"),
        ("Converter", job.converter or "–"),
        ("Worker", job.worker or "–"),
        ("Options", _code(json.dumps(job.options, ensure_ascii=False)) if job.options else "–"),
        ("SHA-256", _code(job.sha256)),
        *([("Same bytes as", _job(job.duplicate_of))] if job.duplicate_of else []),
        *([("Idempotency-Key", _code(job.idempotency.key))] if job.idempotency else []),
    )
    rows = joined(
        markup("<div><dt>{name}</dt><dd>{value}</dd></div>", name=name, value=value) for name, value in facts
    )
    return markup(
        '<section aria-labelledby="facts"><h2 id="facts">Details</h2><dl class="facts">{rows}</dl>{table}'
        '<p><a href="/jobs/{id}">Job as JSON</a></p></section>',
        rows=rows,
        table=table if job.offsets else Markup(),
        id=quote(job.job_id, safe=""),
    )


def _topic(name: str | None, *, shared: bool) -> Markup:
    return markup("{name}{shared}", name=_code(name), shared=" (shared)" if shared and name else "")


def _attempt(job: Job) -> str:
    """Which attempt it is, and what it delivers if that is not the file from the first one on."""
    words = [number(job.attempt)]
    if job.first_attempt > 1:
        words.append(f"from the start since {number(job.first_attempt)}")
    if job.work is Work.REJECTS:
        words.append("retry of rejects")
    return ", ".join(words)


def _job(job_id: str) -> Markup:
    return markup('<a href="{href}"><code>{id}</code></a>', href=address(job_id), id=job_id)


def _code(text: str | None) -> Markup:
    return Markup("–") if text is None else markup("<code>{text}</code>", text=text)
