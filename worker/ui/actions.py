"""What a person may ask of a job, in which state, and the page that asks back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from worker.http.retry import writes_twice
from worker.http.schemas import JobRetry
from worker.jobs.apply import can_retry
from worker.jobs.events import Begin, Retried
from worker.jobs.job import Job, Requested, State
from worker.ui.layout import Frame, framed
from worker.ui.markup import Markup, markup
from worker.ui.parts import address, state
from worker.ui.words import count, sentence

__all__ = ["ACTIONS", "Action", "allowed", "confirmation"]


@dataclass(frozen=True, slots=True)
class Action:
    """`effect` says what will have happened; `fits` whether the job's state allows it.

    `retry` is what a retry asks for; its page says with which model and into which topic, too.
    """

    name: str
    label: str
    effect: Callable[[Job], str]
    fits: Callable[[Job], bool]
    retry: JobRetry | None = None


def _cancelling(job: Job) -> bool:
    return job.requested is Requested.CANCEL


def _kept(job: Job) -> str:
    return f"what is committed stays ({count(job.rows_read, 'row')} so far)"


ACTIONS = {
    action.name: action
    for action in (
        Action(
            "pause",
            "Pause",
            lambda job: f"The job stops after its last commit and keeps its place; {_kept(job)}.",
            lambda job: job.state in (State.QUEUED, State.RUNNING) and job.requested is None,
        ),
        Action(
            "resume",
            "Resume",
            lambda job: f"The job goes on after {count(job.rows_read, 'row')}.",
            lambda job: (
                not _cancelling(job) and (job.state is State.PAUSED or job.requested is Requested.PAUSE)
            ),
        ),
        Action(
            "cancel",
            "Cancel",
            lambda job: f"The job stops after its last commit; {_kept(job)}. A retry can go on from there.",
            lambda job: not job.ended and not _cancelling(job),
        ),
        Action(
            "retry",
            "Retry",
            lambda job: (
                f"The job goes back into the queue as attempt {job.attempt + 1} and goes on after its "
                f"{count(job.rows_read, 'committed row')}."
            ),
            lambda job: can_retry(job, Begin.COMMITTED),
            JobRetry(),
        ),
        Action(
            "retry-rejects",
            "Retry rejects",
            lambda job: (
                f"The {count(job.rows_rejected, 'rejected row')} go through the model again. Rows that pass "
                "are added to the job's topic; the others stay rejected."
            ),
            lambda job: can_retry(job, Begin.REJECTS) and job.rows_rejected > 0,
            JobRetry(rejects=True),
        ),
        Action(
            "retry-start",
            "Retry from start",
            lambda job: f"The whole file is delivered again, as attempt {job.attempt + 1}.",
            lambda job: can_retry(job, Begin.START),
            JobRetry(from_start=True),
        ),
        Action(
            "delete",
            "Delete",
            lambda job: (
                f"The job, its own topics and their {count(job.rows_read, 'row')} are removed, for good. "
                "Its file stays in the drop folder."
            ),
            lambda job: job.ended,
        ),
    )
}


def allowed(job: Job) -> list[Action]:
    return [action for action in ACTIONS.values() if action.fits(job)]


def confirmation(job: Job, action: Action, plan: Retried | None = None) -> str:
    """A page that asks whether to do it; `plan` is what a retry would be. Works without JavaScript."""
    href = address(job.job_id)
    body = markup(
        '<p class="crumbs"><a href="/ui/jobs">Jobs</a> / <a href="{href}"><code>{id}</code></a></p>'
        '<h1>{label} <bdi>{file}</bdi>?</h1><section class="panel wait"><p>{state}</p><p>{effect}</p>{plan}'
        '<form method="post" action="{href}/{name}" class="confirm">{fields}'
        '<button type="submit" class="{kind}">{label}</button>'
        '<a class="button" href="{href}">Back</a></form></section>',
        href=href,
        id=job.job_id,
        file=job.file,
        state=state(job),
        effect=sentence(action.effect(job)),
        plan=Markup() if plan is None else _plan(job, plan),
        fields=Markup() if plan is None else _fields(job, plan),
        label=action.label,
        name=action.name,
        kind="danger" if action.name in ("cancel", "delete") or _writes_twice(job, plan) else "do",
    )
    return framed(Frame(title=f"{action.label} {job.file}", section="Jobs"), body)


def _plan(job: Job, plan: Retried) -> Markup:
    """With which version of the model, and where the rows go."""
    version = plan.model_version or job.model_version
    before = "" if version == job.model_version else f" (it had version {job.model_version})"
    if _writes_twice(job, plan):
        where = markup(
            '<p class="reason bad">The topic <code>{topic}</code> is shared: rows of this file that stand '
            "there already will stand there twice.</p>",
            topic=job.topic,
        )
    else:
        where = markup("<p>Topic: <code>{topic}</code></p>", topic=plan.topic or job.topic)
    return markup(
        "<p>Model: <bdi>{model}</bdi>, version {version}{before}</p>{where}",
        model=job.model,
        version=version,
        before=before,
        where=where,
    )


def _fields(job: Job, plan: Retried) -> Markup:
    """What was shown is what is asked for, even if the model has a newer version by then."""
    version, twice = Markup(), Markup()
    if plan.model_version is not None:
        version = markup(
            '<input type="hidden" name="model_version" value="{version}">', version=plan.model_version
        )
    if _writes_twice(job, plan):
        twice = Markup('<input type="hidden" name="allow_duplicates" value="true">')
    return markup("{version}{twice}", version=version, twice=twice)


def _writes_twice(job: Job, plan: Retried | None) -> bool:
    return plan is not None and plan.begin is Begin.START and writes_twice(job, plan.options or {})
