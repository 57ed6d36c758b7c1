"""Moments are written one way only."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from worker.jobs.clock import rfc3339, utc_now


def test_any_zone_is_written_in_utc_with_milliseconds() -> None:
    berlin = timezone(timedelta(hours=2))
    assert rfc3339(datetime(2026, 7, 1, 1, 2, 3, 4999, berlin)) == "2026-06-30T23:02:03.004Z"
    assert rfc3339(datetime(2026, 1, 1, tzinfo=UTC)) == "2026-01-01T00:00:00.000Z"


def test_now_is_now() -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    now = datetime.fromisoformat(utc_now())
    assert before <= now <= datetime.now(UTC)
    assert now.tzinfo is not None
