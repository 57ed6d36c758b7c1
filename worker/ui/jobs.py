"""The list of jobs, with filters, page by page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from worker.jobs.job import Job, State
from worker.ui.layout import Frame, framed
from worker.ui.markup import Markup, joined, markup
from worker.ui.parts import job_link, model_link, notes, state, with_query
from worker.ui.words import number, percent, size, when

__all__ = ["JobsPage", "render"]

_TABLE = """<table>
<thead><tr><th>File</th><th>Job</th><th>Model</th><th>State</th><th class="number">Delivered</th>
<th class="number">Rejected</th><th>Submitted</th></tr></thead>
<tbody>
{rows}</tbody>
</table>"""

_JOB = """<tr id="job-{id}" data-job="{id}" data-state="{state_name}" data-file="{file}">
<td data-label="File">{link} <small>{size}</small></td>
<td data-label="Job"><code>{id}</code></td>
<td data-label="Model">{model}</td>
<td data-label="State">{state}{percent}{notes}</td>
<td data-label="Delivered" class="number">{delivered}</td>
<td data-label="Rejected" class="number">{rejected}</td>
<td data-label="Submitted">{created}</td>
</tr>
"""


@dataclass(frozen=True, slots=True)
class JobsPage:
    """What the page shows. `states`, `model` and `q` filter; `first`: whether these are the newest."""

    jobs: Sequence[Job]
    counts: Mapping[State, int]
    models: Sequence[str]
    states: frozenset[State]
    model: str = ""
    q: str = ""
    next_cursor: str | None = None
    first: bool = True


def render(page: JobsPage) -> str:
    body = markup(
        "<h1>Jobs</h1>{filters}{jobs}{pager}", filters=_filters(page), jobs=_jobs(page), pager=_pager(page)
    )
    # an older page stands still: it would move while someone reads it
    return framed(Frame(title="Jobs", section="Jobs", live=page.first), body)


def _filters(page: JobsPage) -> Markup:
    links = [_state_link(page, "all", frozenset(), sum(page.counts.values()))]
    links += [
        _state_link(page, state.value.lower(), frozenset({state}), page.counts.get(state, 0))
        for state in State
    ]
    models = joined(
        markup(
            '<option value="{name}"{chosen}>{name}</option>',
            name=name,
            chosen=Markup(" selected") if name == page.model else Markup(),
        )
        for name in page.models
    )
    return markup(
        '<nav class="states" aria-label="State"><ul>{links}</ul></nav>'
        '<form class="filter" method="get" action="/ui/jobs" role="search">'
        '{state}<label>File name or id <input type="search" name="q" value="{q}" autocomplete="off"></label>'
        '<label>Model <select name="model"><option value="">all</option>{models}</select></label>'
        '<button type="submit">Filter</button>{clear}</form>',
        links=joined(links),
        state=markup('<input type="hidden" name="state" value="{states}">', states=_names(page.states))
        if page.states
        else Markup(),
        q=page.q,
        models=models,
        clear=Markup('<a href="/ui/jobs">Show all</a>') if page.q or page.model or page.states else Markup(),
    )


def _state_link(page: JobsPage, name: str, states: frozenset[State], found: int) -> Markup:
    href = with_query("/ui/jobs", {"state": _names(states), "model": page.model, "q": page.q})
    return markup(
        '<li><a href="{href}"{current}>{name} <b>{count}</b></a></li>',
        href=href,
        current=Markup(' aria-current="true"') if states == page.states else Markup(),
        name=name,
        count=number(found),
    )


def _jobs(page: JobsPage) -> Markup:
    if not page.jobs:
        if page.q or page.model or page.states:
            return Markup('<p class="empty">No job matches.</p>')
        return Markup(
            '<p class="empty">There is no job yet. Drop a file into <code>incoming/</code>, or send one with '
            "<code>batch job create</code>.</p>"
        )
    return markup(_TABLE, rows=joined(_job(job) for job in page.jobs))


def _job(job: Job) -> Markup:
    return markup(
        _JOB,
        id=job.job_id,
        state_name=job.state.value,
        file=job.file,
        link=job_link(job),
        size=size(job.size_bytes),
        model=model_link(job),
        state=state(job),
        percent=markup(" <small>{percent} %</small>", percent=percent(job))
        if job.state in (State.RUNNING, State.PAUSED)
        else Markup(),
        notes=notes(job),
        delivered=number(job.rows_delivered),
        rejected=number(job.rows_rejected),
        created=when(job.created_at),
    )


def _pager(page: JobsPage) -> Markup:
    values = {"state": _names(page.states), "model": page.model, "q": page.q}
    links = []
    if not page.first:
        links.append(markup('<a href="{href}">Newest jobs</a>', href=with_query("/ui/jobs", values)))
    if page.next_cursor is not None:
        href = with_query("/ui/jobs", {**values, "cursor": page.next_cursor})
        links.append(markup('<a rel="next" href="{href}">Older jobs</a>', href=href))
    if not links:
        return Markup()
    return markup('<nav class="pager" aria-label="More jobs">{links}</nav>', links=joined(links))


def _names(states: frozenset[State]) -> str:
    return ",".join(state.value for state in State if state in states)
