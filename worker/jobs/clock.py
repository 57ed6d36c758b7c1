"""Moments as the project writes them: RFC 3339 in UTC with milliseconds, so that text sorts like time."""

from __future__ import annotations

from datetime import UTC, datetime

__all__ = ["rfc3339", "utc_now"]


def rfc3339(moment: datetime) -> str:
    """Write an aware moment, `2026-01-02T03:04:05.678Z`; what is finer than a millisecond is cut off."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def utc_now() -> str:
    """Return the present moment."""
    return rfc3339(datetime.now(UTC))
