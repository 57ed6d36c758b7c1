"""What a person may ask of a job, in which state, and the page that asks back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from worker.jobs.job import Job, Requested, State
from worker.ui.layout import Frame, framed
from worker.ui.markup import markup
from worker.ui.parts import address, state
from worker.ui.words import count, sentence

__all__ = ["ACTIONS", "Action", "allowed", "confirmation"]


@dataclass(frozen=True, slots=True)
class Action:
    """`effect` says what will have happened; `fits` whether the job's state allows it."""

    name: str
    label: str
    effect: Callable[[Job], str]
    fits: Callable[[Job], bool]


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
            lambda job: job.state in (State.FAILED, State.CANCELLED),
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


def confirmation(job: Job, action: Action) -> str:
    """A page that asks whether to do it. Works without JavaScript."""
    href = address(job.job_id)
    body = markup(
        '<p class="crumbs"><a href="/ui/jobs">Jobs</a> / <a href="{href}"><code>{id}</code></a></p>'
        '<h1>{label} <bdi>{file}</bdi>?</h1><section class="panel wait"><p>{state}</p><p>{effect}</p>'
        '<form method="post" action="{href}/{name}" class="confirm">'
        '<button type="submit" class="{kind}">{label}</button>'
        '<a class="button" href="{href}">Back</a></form></section>',
        href=href,
        id=job.job_id,
        file=job.file,
        state=state(job),
        effect=sentence(action.effect(job)),
        label=action.label,
        name=action.name,
        kind="danger" if action.name in ("cancel", "delete") else "do",
    )
    return framed(Frame(title=f"{action.label} {job.file}", section="Jobs"), body)
