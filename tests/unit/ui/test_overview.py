"""The overview: health in words, today, what runs, what waits and why, what ended last."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.unit.http.conftest import Client
from tests.unit.http.twins import AWAY, STARTING, Rig, Waiting, job
from tests.unit.ui.html_page import page
from worker.jobs.job import JobFailure, Requested, State
from worker.jobs.job import Waiting as JobWaiting


async def test_a_running_job_shows_how_far_it_is(parts: Rig, client: Client) -> None:
    parts.jobs.put(
        job(
            file="orders 1.csv",
            size_bytes=5 * 2**20,
            bytes_read=2**20,
            rows_read=1_234_567,
            rows_rejected=7,
            requested=Requested.CANCEL,
        )
    )
    found = await page(client)
    assert "Running (1)" in found.text
    assert "orders 1.csv orders cancel requested · 20 %" in found.text
    assert "1,234,567 rows read, 7 rejected" in found.text
    assert found.values("progress", "value") == ["20"]
    assert "/ui/jobs/aaaaaaaaaaaa" in found.values("a", "href")
    assert "1 running · Batch worker" in found.text


async def test_today_counts_the_files_of_today(parts: Rig, client: Client) -> None:
    today = datetime.now(UTC).isoformat()[:10] + "T00:00:00.000Z"
    counts = {"rows_delivered": 2_000_000, "rows_rejected": 12, "bytes_read": 3 * 2**30}
    parts.jobs.put(job("aaaaaaaaaaaa", state=State.COMPLETED, created_at=today, **counts))
    parts.jobs.put(job("bbbbbbbbbbbb", state=State.COMPLETED, **counts))  # of another day
    found = await page(client)
    assert "Files today 1 Rows delivered 2,000,000 Rows rejected 12 Read 3.0 GiB" in found.text


async def test_the_last_ended_say_what_came_of_them(parts: Rig, client: Client) -> None:
    parts.jobs.put(
        job(
            state=State.FAILED,
            error=JobFailure("COLUMN_MISSING", "column `id` is missing", "add it to the file"),
            started_at="2026-01-01T00:00:01.000Z",
            finished_at="2026-01-01T00:02:06.000Z",
        )
    )
    found = await page(client)
    assert "orders.csv orders FAILED 0 0 2 min 5 s 2026-01-01 00:02:06 UTC" in found.text
    assert "Column id is missing. Add it to the file. COLUMN_MISSING" in found.text


async def test_a_waiting_job_says_why(parts: Rig, client: Client) -> None:
    parts.jobs.put(
        job(state=State.QUEUED, waiting=JobWaiting("SLOT", "all slots are taken", "wait, or set more"))
    )
    found = await page(client)
    assert "Waiting (1)" in found.text
    assert "QUEUED All slots are taken. Wait, or set more. SLOT" in found.text


async def test_waiting_files_say_why(parts: Rig, client: Client) -> None:
    assert "Nothing waits." in (await page(client)).text
    parts.intake.waiting_files = [
        Waiting("nope/a.csv", "MODEL_NOT_FOUND", "model `nope` does not exist", "create it"),
        Waiting("b.csv", "STILL_CHANGING", "`b.csv` is being written", "nothing to do"),
    ]
    found = await page(client)
    assert "Waiting (2)" in found.text
    assert "nope/a.csv in incoming/ Model nope does not exist. Create it. MODEL_NOT_FOUND" in found.text


async def test_of_many_only_some_are_shown(parts: Rig, client: Client) -> None:
    for number in range(25):
        parts.jobs.put(
            job(f"job{number:09d}", state=State.QUEUED, created_at=f"2026-01-01T00:00:{number:02d}.000Z")
        )
    parts.intake.waiting_files = [Waiting(f"{n}.csv", "STILL_CHANGING", "m", "h") for n in range(23)]
    found = await page(client)
    assert "Waiting (48)" in found.text
    assert "and 5 more" in found.text
    assert "/ui/jobs?state=QUEUED%2CPAUSED" in found.values("a", "href")
    assert "and 3 more in incoming/" in found.text


@pytest.mark.parametrize(
    ("health", "text"),
    [
        (
            AWAY,
            "Kafka does not answer Kafka at 127.0.0.1:9092 has not answered for 12 s. Start it, or set "
            "BATCH_BOOTSTRAP_SERVERS to the broker's address. New files wait in incoming/",
        ),
        (STARTING, "The worker is getting ready The table is being recovered. Wait a few seconds."),
    ],
)
async def test_health_in_words(parts: Rig, client: Client, health: object, text: str) -> None:
    parts.health = health  # type: ignore[assignment]
    assert text in (await page(client)).text


async def test_a_healthy_worker(client: Client) -> None:
    found = await page(client)
    assert "All is well Kafka at 127.0.0.1:9092 answers." in found.text
    assert "Connected 2026-01-01 00:00:00 UTC." in found.text
    assert "No job is running." in found.text
    assert "Files today 0 Rows delivered 0 Rows rejected 0 Read 0 B" in found.text


async def test_it_works_without_kafka(parts: Rig, client: Client) -> None:
    parts.jobs.put(job())
    parts.lose_kafka()
    assert "orders.csv" in (await page(client)).text
