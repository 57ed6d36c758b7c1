"""The status page: what runs, what waits and why, how broker and worker are. Pure functions to HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from worker.http.ports import WaitingFile
from worker.jobs.job import Job, State
from worker.state.api import Health
from worker.ui.markup import Markup, joined, markup

__all__ = ["StatusPage", "render"]

REFRESH_SECONDS = 3

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
{refresh}<title>Batch worker</title>
<link rel="icon" href="/ui/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/ui/style.css">
</head>
<body>
<header><h1><a href="/ui/">Batch worker</a></h1></header>
<main>
{health}
{waiting}
<section aria-labelledby="jobs">
<h2 id="jobs">Jobs</h2>
{filters}
{jobs}
{older}
</section>
</main>
</body>
</html>
"""

_TABLE = """<table>
<thead>
<tr><th>Job</th><th>File</th><th>Model</th><th>State</th><th class="number">Read</th>
<th class="number">Delivered</th><th class="number">Rejected</th><th>Submitted</th></tr>
</thead>
<tbody>
{rows}</tbody>
</table>"""

_JOB = """<tr>
<td data-label="Job"><a href="{href}">{id}</a></td>
<td data-label="File"><bdi>{file}</bdi><small>{size}</small></td>
<td data-label="Model"><bdi>{model}</bdi><small>version {version}</small></td>
<td data-label="State"><strong class="state {state}">{state}</strong>{notes}</td>
<td data-label="Read" class="number">{read}<small>{percent}</small></td>
<td data-label="Delivered" class="number">{delivered}</td>
<td data-label="Rejected" class="number">{rejected}</td>
<td data-label="Submitted"><time datetime="{created}">{created_short}</time></td>
</tr>
"""


@dataclass(frozen=True, slots=True)
class StatusPage:
    """What the page shows. `state` is the filter chosen, `first` whether these are the newest jobs."""

    health: Health
    counts: Mapping[State, int]
    jobs: Sequence[Job]
    waiting: Sequence[WaitingFile]
    state: State | None = None
    next_cursor: str | None = None
    first: bool = True


def render(page: StatusPage) -> str:
    # an older page stands still: it would jump while someone reads it
    refresh = markup('<meta http-equiv="refresh" content="{seconds}">\n', seconds=REFRESH_SECONDS)
    return markup(
        _PAGE,
        refresh=refresh if page.first else Markup(),
        health=_health(page.health),
        waiting=_waiting(page.waiting),
        filters=_filters(page),
        jobs=_jobs(page),
        older=_older(page),
    )


def _health(health: Health) -> Markup:
    if not health.broker_ok:
        word, kind = "Kafka does not answer", "bad"
    elif not health.ready:
        word, kind = "The worker is getting ready", "wait"
    else:
        word, kind = "Broker and worker are well", "good"
    return markup(
        '<section class="health {kind}" role="status"><h2>{word}</h2><p>{message}</p>{hint}'
        "<p><small>Broker <code>{broker}</code>, {broker_state} since "
        '<time datetime="{since}">{since_short}</time>. {partitions}</small></p></section>',
        kind=kind,
        word=word,
        message=_sentence(health.message),
        hint=markup("<p>{hint}</p>", hint=_sentence(health.hint)) if health.hint else Markup(),
        broker=health.broker,
        broker_state="there" if health.broker_ok else "away",
        since=health.since,
        since_short=_short(health.since),
        partitions=_partitions(health),
    )


def _partitions(health: Health) -> str:
    owned = len(health.partitions)
    if owned == 0:
        return "This worker runs the jobs of no partition yet."
    return f"This worker runs the jobs of {_count(owned, 'partition')}."


def _waiting(files: Sequence[WaitingFile]) -> Markup:
    if not files:
        return Markup()
    items = joined(
        markup(
            "<li><bdi>{path}</bdi>: {message} <small><code>{code}</code> {hint}</small></li>",
            path=file.path,
            message=_sentence(file.message),
            code=file.code,
            hint=_sentence(file.hint),
        )
        for file in files
    )
    return markup(
        '<section class="waiting" aria-labelledby="waiting"><h2 id="waiting">{count} in the drop folder</h2>'
        "<ul>{items}</ul></section>",
        count=_count(len(files), "file"),
        items=items,
    )


def _filters(page: StatusPage) -> Markup:
    links = [_filter("/ui/", "all", sum(page.counts.values()), page.state is None)]
    links += [
        _filter(f"/ui/?state={state.value}", state.value, page.counts.get(state, 0), page.state is state)
        for state in State
    ]
    return markup('<nav aria-label="State"><ul>{links}</ul></nav>', links=joined(links))


def _filter(href: str, name: str, count: int, chosen: bool) -> Markup:
    return markup(
        '<li><a href="{href}"{current}>{name} <b>{count}</b></a></li>',
        href=href,
        current=Markup(' aria-current="page"') if chosen else Markup(),
        name=name,
        count=f"{count:,}",
    )


def _jobs(page: StatusPage) -> Markup:
    if not page.jobs:
        return markup(
            "<p>There is no job here{state}. Drop a file into <code>dropzone/incoming/</code>, "
            "or send one with <code>batch job create</code>.</p>",
            state=f" that is {page.state}" if page.state else "",
        )
    return markup(
        _TABLE,
        rows=joined(_job(job) for job in page.jobs),
    )


def _job(job: Job) -> Markup:
    return markup(
        _JOB,
        href=_address(job),
        id=job.job_id,
        file=job.file,
        size=_bytes(job.size_bytes),
        model=job.model,
        version=job.model_version,
        state=job.state.value,
        notes=_notes(job),
        read=f"{job.rows_read:,}",
        percent=_percent(job),
        delivered=_records_link(job, "records", job.rows_delivered),
        rejected=_records_link(job, "rejects", job.rows_rejected),
        created=job.created_at,
        created_short=_short(job.created_at),
    )


def _notes(job: Job) -> Markup:
    notes = []
    if job.requested is not None:
        notes.append(markup("<small>{what} requested</small>", what=job.requested.value))
    if job.attempt > 1:
        notes.append(markup("<small>attempt {attempt}</small>", attempt=job.attempt))
    if job.waiting is not None:
        notes.append(_reason("waits", job.waiting.code, job.waiting.message, job.waiting.hint))
    if job.error is not None:
        notes.append(_reason("failed", job.error.code, job.error.message, job.error.hint))
    return joined(notes)


def _reason(kind: str, code: str, message: str, hint: str) -> Markup:
    return markup(
        '<div class="reason {kind}"><code>{code}</code> {message} <em>{hint}</em></div>',
        kind=kind,
        code=code,
        message=_sentence(message),
        hint=_sentence(hint),
    )


def _records_link(job: Job, what: str, count: int) -> Markup:
    if count == 0:
        return markup("0")
    return markup(
        '<a href="{href}?limit=100">{count}</a>',
        href=f"{_address(job)}/{what}",
        count=f"{count:,}",
    )


def _address(job: Job) -> str:
    return f"/jobs/{quote(job.job_id, safe='')}"


def _older(page: StatusPage) -> Markup:
    if page.next_cursor is None:
        return Markup()
    query = {"cursor": page.next_cursor} | ({"state": page.state.value} if page.state else {})
    return markup('<p><a rel="next" href="/ui/?{query}">Older jobs</a></p>', query=urlencode(query))


def _percent(job: Job) -> str:
    if job.ended or job.size_bytes == 0:
        return ""
    return f"{min(100, 100 * job.bytes_read // job.size_bytes)} % of the file"


def _bytes(size: int) -> str:
    value, unit = float(size), "B"
    for larger in ("KiB", "MiB", "GiB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return f"{size} B" if unit == "B" else f"{value:.1f} {unit}"


def _count(number: int, name: str) -> str:
    return f"{number} {name}" + ("" if number == 1 else "s")


def _sentence(text: str) -> str:
    """Messages are written in lower case and without a stop, so that logs and answers can embed them."""
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith((".", "!", "?")) or not text else ".")


def _short(time: str) -> str:
    return time[:19].replace("T", " ") + " UTC" if len(time) >= 19 else time
