"""Figures, times and messages as people read them."""

from __future__ import annotations

from datetime import datetime

from worker.jobs.job import Job
from worker.ui.markup import Markup, joined, markup

__all__ = [
    "count",
    "duration",
    "message",
    "number",
    "percent",
    "seconds_between",
    "sentence",
    "size",
    "took",
    "when",
]


def number(value: int) -> str:
    return f"{value:,}"


def count(value: int, name: str) -> str:
    return f"{value:,} {name}" + ("" if value == 1 else "s")


def size(value: float) -> str:
    """Return a number of bytes in binary units."""
    unit = "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return f"{int(value)} B" if unit == "B" else f"{value:.1f} {unit}"


def duration(seconds: float) -> str:
    """Return a time span in its two largest units: `2 min 5 s`."""
    if seconds < 1:
        return f"{max(0.0, seconds):.1f} s"
    whole = int(seconds)
    units = (("d", whole // 86400), ("h", whole // 3600 % 24), ("min", whole // 60 % 60), ("s", whole % 60))
    first = next(at for at, (_, value) in enumerate(units) if value)
    return " ".join(f"{value} {name}" for name, value in units[first : first + 2] if value)


def seconds_between(start: str, end: str) -> float | None:
    """Return the seconds between two RFC 3339 times; None when one of them is none."""
    try:
        return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
    except (ValueError, TypeError):
        return None


def took(job: Job, now: str) -> str:
    """Return how long the job has run, from its first start to its end or to `now`."""
    if job.started_at is None:
        return "–"
    seconds = seconds_between(job.started_at, job.finished_at or now)
    return "–" if seconds is None else duration(seconds)


def percent(job: Job) -> int:
    """Return how much of its file is committed. Rounded down: 100 only at the very end."""
    if job.size_bytes == 0:
        return 100 if job.ended else 0
    return min(100, 100 * job.bytes_read // job.size_bytes)


def sentence(text: str) -> Markup:
    """Messages are written in lower case and without a stop, so that logs and answers can embed them."""
    return message(
        f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith((".", "!", "?")) or not text else ".")
    )


def message(text: str) -> Markup:
    """Return a message with what stands in backticks as code; as it is where they do not pair up."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return markup("{text}", text=text)
    return joined(
        markup("<code>{part}</code>" if at % 2 else "{part}", part=part) for at, part in enumerate(parts)
    )


def when(time: str | None) -> Markup:
    """Return a time as an element: in UTC, which the script turns into `5 min ago`."""
    if time is None:
        return Markup("–")
    shown = time[:19].replace("T", " ") + " UTC" if len(time) >= 19 else time
    return markup('<time datetime="{time}">{shown}</time>', time=time, shown=shown)
