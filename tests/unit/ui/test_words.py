"""Figures, times and messages as people read them."""

from __future__ import annotations

import pytest

from tests.unit.http.twins import job
from worker.jobs.job import State
from worker.ui.parts import rate_words
from worker.ui.rates import Rate
from worker.ui.words import count, duration, percent, sentence, size, took, when


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.0, "0.0 s"),
        (0.44, "0.4 s"),
        (1, "1 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (125, "2 min 5 s"),
        (3600, "1 h"),
        (3605, "1 h"),
        (90_000, "1 d 1 h"),
    ],
)
def test_durations(seconds: float, expected: str) -> None:
    assert duration(seconds) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (5 * 2**20, "5.0 MiB"), (2**40, "1.0 TiB")],
)
def test_sizes(value: int, expected: str) -> None:
    assert size(value) == expected


def test_counts() -> None:
    assert [count(n, "row") for n in (0, 1, 1234)] == ["0 rows", "1 row", "1,234 rows"]


def test_sentences() -> None:
    assert [sentence(text) for text in ("", "a b", "A.", "why?")] == ["", "A b.", "A.", "Why?"]


def test_times() -> None:
    assert when("2026-01-01T10:20:30.123Z") == (
        '<time datetime="2026-01-01T10:20:30.123Z">2026-01-01 10:20:30 UTC</time>'
    )
    assert when(None) == "–"


def test_percent_is_100_only_at_the_end() -> None:
    assert percent(job(size_bytes=1000, bytes_read=999)) == 99
    assert percent(job(size_bytes=1000, bytes_read=1000)) == 100
    assert percent(job(size_bytes=0)) == 0
    assert percent(job(size_bytes=0, state=State.COMPLETED)) == 100


def test_how_long_a_job_took() -> None:
    assert took(job(started_at=None), "2026-01-01T00:00:05.000Z") == "–"
    assert took(job(), "2026-01-01T00:00:05.000Z") == "4 s"
    assert took(job(finished_at="2026-01-01T00:01:01.000Z"), "2026-01-02T00:00:00.000Z") == "1 min"


def test_the_rate_in_words() -> None:
    running = job(size_bytes=100 * 2**20, bytes_read=40 * 2**20)
    assert rate_words(running, Rate(1234.6, 2**20)) == "1,235 rows/s · 1.0 MiB/s · about 1 min left"
    assert rate_words(running, None) == ""
    assert rate_words(running.with_(state=State.QUEUED), Rate(1.0, 1.0)) == ""
    assert rate_words(running, Rate(0.0, 0.0)) == "0 rows/s · 0 B/s"
