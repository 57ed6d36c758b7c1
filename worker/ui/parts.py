"""Pieces that several pages share: addresses, the state of a job, its bar, why it waits or failed."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlencode

from worker.jobs.job import Job, State
from worker.ui.markup import Markup, joined, markup
from worker.ui.rates import Rate
from worker.ui.words import duration, number, percent, sentence, size

__all__ = ["address", "bar", "job_link", "model_link", "notes", "rate_words", "reason", "state", "with_query"]


def address(job_id: str) -> str:
    return f"/ui/jobs/{quote(job_id, safe='')}"


def with_query(path: str, values: Mapping[str, str]) -> str:
    """Return the address with those values that are not empty."""
    query = urlencode({name: value for name, value in values.items() if value})
    return f"{path}?{query}" if query else path


def job_link(job: Job) -> Markup:
    return markup('<a href="{href}"><bdi>{file}</bdi></a>', href=address(job.job_id), file=job.file)


def model_link(job: Job) -> Markup:
    return markup(
        '<a href="/ui/models/{path}?version={version}"><bdi>{model}</bdi></a>',
        path=quote(job.model, safe=""),
        version=job.model_version,
        model=job.model,
    )


def state(job: Job) -> Markup:
    """The state as a word with a mark: never by colour alone."""
    asked = (
        markup(" <small>{what} requested</small>", what=job.requested.value) if job.requested else Markup()
    )
    return markup('<span class="state {state}">{state}</span>{asked}', state=job.state.value, asked=asked)


def bar(job: Job) -> Markup:
    return markup(
        '<progress max="100" value="{percent}" aria-label="{label}">{percent} %</progress>',
        percent=percent(job),
        label=f"{job.file}: part of the file that is committed",
    )


def rate_words(job: Job, rate: Rate | None) -> str:
    """How fast the job runs, and how long it will still take."""
    if job.state is not State.RUNNING or rate is None:
        return ""
    words = f"{number(round(rate.rows))} rows/s · {size(rate.bytes)}/s"
    if rate.bytes <= 0:
        return words
    left = max(0, job.size_bytes - job.bytes_read) / rate.bytes
    return f"{words} · about {duration(max(1.0, left))} left"


def notes(job: Job) -> Markup:
    """Why the job waits, or why it failed."""
    found = []
    if job.waiting is not None:
        found.append(reason("wait", job.waiting.code, job.waiting.message, job.waiting.hint))
    if job.error is not None:
        found.append(reason("bad", job.error.code, job.error.message, job.error.hint))
    return joined(found)


def reason(kind: str, code: str, message: str, hint: str) -> Markup:
    return markup(
        '<p class="reason {kind}">{message} <span class="hint">{hint}</span> <code>{code}</code></p>',
        kind=kind,
        code=code,
        message=sentence(message),
        hint=sentence(hint),
    )
