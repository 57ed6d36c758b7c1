"""The overview: health in words, today's figures, what runs, what waits and why, what ended last."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from worker.http.ports import WaitingFile
from worker.jobs.job import Job, State
from worker.state.api import Health, Totals
from worker.ui.layout import Frame, framed
from worker.ui.markup import Markup, joined, markup
from worker.ui.parts import bar, job_link, model_link, notes, rate_words, reason, state, with_query
from worker.ui.rates import Rate
from worker.ui.words import count, number, percent, sentence, size, took, when

__all__ = ["Overview", "render"]

FILES = 20  # so many waiting files are listed


@dataclass(frozen=True, slots=True)
class Overview:
    """What the page shows. `running`, `waiting` (oldest first) and `ended` may be parts of longer lists."""

    health: Health
    counts: Mapping[State, int]
    today: Totals
    running: Sequence[Job]
    waiting: Sequence[Job]
    files: Sequence[WaitingFile]
    ended: Sequence[Job]
    rate: Callable[[Job], Rate | None]
    now: str
    default_model: str


def render(page: Overview) -> str:
    running, waiting = page.counts.get(State.RUNNING, 0), _waiting_count(page)
    title = f"{number(running)} running" if running else "Overview"
    body = markup(
        "<h1>Overview</h1>{health}{today}{running}{waiting}{ended}",
        health=_health(page.health),
        today=_today(page.today),
        running=_running(page, running),
        waiting=_waiting(page, waiting),
        ended=_ended(page),
    )
    return framed(Frame(title=title, section="Overview", live=True), body)


def _health(health: Health) -> Markup:
    if not health.broker_ok:
        word, kind = "Kafka does not answer", "bad"
    elif not health.ready:
        word, kind = "The worker is getting ready", "wait"
    else:
        word, kind = "All is well", "good"
    # only the word is announced: the message counts seconds
    return markup(
        '<section class="panel {kind}" id="health"><h2 role="status">{word}</h2>'
        "<p>{message} {hint}</p>{outage}"
        '<p class="quiet">{state} {since}.</p></section>',
        kind=kind,
        word=word,
        message=sentence(health.message),
        hint=sentence(health.hint),
        outage=Markup()
        if health.broker_ok
        else Markup("<p>New files wait in <code>incoming/</code>; running jobs go on where they were.</p>"),
        state="Connected" if health.broker_ok else "Lost",
        since=when(health.since),
    )


def _today(today: Totals) -> Markup:
    figures = (
        ("Files today", number(today.jobs)),
        ("Rows delivered", number(today.rows_delivered)),
        ("Rows rejected", number(today.rows_rejected)),
        ("Read", size(today.bytes_read)),
    )
    return markup(
        '<section aria-label="Files submitted today (UTC)"><dl class="figures">{figures}</dl></section>',
        figures=joined(
            markup("<div><dt>{name}</dt><dd>{value}</dd></div>", name=name, value=value)
            for name, value in figures
        ),
    )


def _running(page: Overview, total: int) -> Markup:
    if not page.running:
        return _section("running", "Running", Markup('<p class="quiet">No job is running.</p>'))
    items = joined(
        markup(
            '<li id="running-{id}" data-job="{id}" data-state="{state}" data-file="{file}">'
            '<p class="line"><strong>{link}</strong> <span class="quiet">{model}</span>'
            '<span class="end">{asked}{percent} %</span></p>{bar}'
            '<p class="line quiet"><span>{rows} read{rejected}</span>'
            '<span class="end">{rate}</span></p></li>',
            id=job.job_id,
            state=job.state.value,
            file=job.file,
            link=job_link(job),
            model=model_link(job),
            asked=f"{job.requested.value} requested · " if job.requested else "",
            percent=percent(job),
            bar=bar(job),
            rows=count(job.rows_read, "row"),
            rejected=f", {number(job.rows_rejected)} rejected" if job.rows_rejected else "",
            rate=rate_words(job, page.rate(job)) or f"for {took(job, page.now)}",
        )
        for job in page.running
    )
    more = _more(total - len(page.running), "RUNNING")
    body = markup('<ul class="rows">{items}</ul>{more}', items=items, more=more)
    return _section("running", f"Running ({number(total)})", body)


def _waiting_count(page: Overview) -> int:
    return page.counts.get(State.QUEUED, 0) + page.counts.get(State.PAUSED, 0)


def _waiting(page: Overview, total: int) -> Markup:
    if not total and not page.files:
        hint = markup(
            '<p class="quiet">Nothing waits. Drop a file into <code>incoming/&lt;model&gt;/</code>, or '
            "straight into <code>incoming/</code> for the model <code>{model}</code>.</p>",
            model=page.default_model,
        )
        return _section("waiting", "Waiting", hint)
    jobs = joined(
        markup(
            '<li id="waiting-{id}" data-job="{id}" data-state="{state_name}" data-file="{file}">'
            '<p class="line"><strong>{link}</strong> <span class="quiet">{model}, {size}</span>'
            '<span class="end">{state}</span></p>{notes}</li>',
            id=job.job_id,
            state_name=job.state.value,
            file=job.file,
            link=job_link(job),
            model=model_link(job),
            size=size(job.size_bytes),
            state=state(job),
            notes=notes(job),
        )
        for job in page.waiting
    )
    files = joined(
        markup(
            '<li><p class="line"><strong><bdi>{path}</bdi></strong>'
            '<span class="end"><span class="state FILE">in incoming/</span></span></p>{why}</li>',
            path=file.path,
            why=reason("wait", file.code, file.message, file.hint),
        )
        for file in page.files[:FILES]
    )
    rest = len(page.files) - FILES
    body = markup(
        '<ul class="rows">{files}{jobs}</ul>{more}{rest}',
        files=files,
        jobs=jobs,
        more=_more(total - len(page.waiting), "QUEUED,PAUSED"),
        rest=markup('<p class="quiet">and {n} more in <code>incoming/</code></p>', n=number(rest))
        if rest > 0
        else Markup(),
    )
    return _section("waiting", f"Waiting ({number(total + len(page.files))})", body)


def _ended(page: Overview) -> Markup:
    if not page.ended:
        return _section("ended", "Last ended", Markup('<p class="quiet">No job has ended yet.</p>'))
    rows = joined(
        markup(
            '<tr id="ended-{id}" data-job="{id}" data-state="{state_name}" data-file="{file}">'
            '<td data-label="File">{link}</td><td data-label="Model">{model}</td>'
            '<td data-label="State">{state}</td>'
            '<td data-label="Delivered" class="number">{delivered}</td>'
            '<td data-label="Rejected" class="number">{rejected}</td>'
            '<td data-label="Took" class="number">{took}</td><td data-label="Ended">{ended}</td></tr>{why}',
            id=job.job_id,
            state_name=job.state.value,
            file=job.file,
            link=job_link(job),
            model=model_link(job),
            state=state(job),
            delivered=number(job.rows_delivered),
            rejected=number(job.rows_rejected),
            took=took(job, page.now),
            ended=when(job.finished_at),
            why=markup('<tr class="why"><td colspan="7">{notes}</td></tr>', notes=notes(job))
            if job.error
            else Markup(),
        )
        for job in page.ended
    )
    table = markup(
        '<table><thead><tr><th>File</th><th>Model</th><th>State</th><th class="number">Delivered</th>'
        '<th class="number">Rejected</th><th class="number">Took</th><th>Ended</th></tr></thead>'
        '<tbody>{rows}</tbody></table><p><a href="/ui/jobs">All jobs</a></p>',
        rows=rows,
    )
    return _section("ended", "Last ended", table)


def _more(rest: int, states: str) -> Markup:
    if rest <= 0:
        return Markup()
    href = with_query("/ui/jobs", {"state": states})
    return markup('<p><a href="{href}">and {rest} more</a></p>', href=href, rest=number(rest))


def _section(name: str, title: str, body: Markup) -> Markup:
    return markup(
        '<section aria-labelledby="{name}"><h2 id="{name}">{title}</h2>{body}</section>',
        name=name,
        title=title,
        body=body,
    )
