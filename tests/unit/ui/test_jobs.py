"""The list of jobs: filters and paging."""

from __future__ import annotations

import re

import pytest

from tests.unit.http.conftest import Client
from tests.unit.http.twins import Rig, job
from tests.unit.ui.html_page import page
from worker.jobs.job import State


def shown(text: str) -> str:
    return "".join(re.findall(r"\b([abc])\1{11}\b", text))


@pytest.fixture
async def filled(parts: Rig, client: Client) -> Client:
    await parts.models.create("orders", {})
    await parts.models.create("people", {})
    parts.jobs.put(job("aaaaaaaaaaaa", state=State.COMPLETED, created_at="2026-01-01T00:00:03.000Z"))
    parts.jobs.put(
        job("bbbbbbbbbbbb", state=State.FAILED, model="people", created_at="2026-01-01T00:00:02.000Z")
    )
    parts.jobs.put(job("cccccccccccc", file="may.csv", created_at="2026-01-01T00:00:01.000Z"))
    return client


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "abc"),
        ("?state=FAILED", "b"),
        ("?state=FAILED,RUNNING", "bc"),
        ("?model=people", "b"),
        ("?q=MAY", "c"),
        ("?q=&model=&state=COMPLETED", "a"),  # as the form sends it
        ("?q=nothing", ""),
    ],
)
async def test_filters(filled: Client, query: str, expected: str) -> None:
    assert shown((await page(filled, f"/ui/jobs{query}")).text) == expected


async def test_the_filters_are_kept(filled: Client) -> None:
    found = await page(filled, "/ui/jobs?state=COMPLETED&model=orders&q=ord")
    assert found.values("input", "value") == ["COMPLETED", "ord"]
    assert ("option", "selected", None) in found.attributes
    assert "/ui/jobs?state=FAILED&model=orders&q=ord" in found.values("a", "href")
    assert "all 3" in found.text
    assert "completed 1" in found.text


async def test_nothing_found_and_nothing_there(parts: Rig, client: Client) -> None:
    assert "There is no job yet. Drop a file into incoming/" in (await page(client, "/ui/jobs")).text
    assert "No job matches." in (await page(client, "/ui/jobs?state=FAILED")).text


async def test_only_the_newest_page_is_live(parts: Rig, client: Client) -> None:
    for number in range(51):
        parts.jobs.put(job(f"job{number:09d}", created_at=f"2026-01-01T00:00:{number:02d}.000Z"))
    first = await page(client, "/ui/jobs?state=RUNNING")
    assert first.values("main", "data-live") == [""]
    older = str(first.values("a", "href")[-1])
    assert "state=RUNNING" in older
    second = await page(client, older)
    assert second.values("main", "data-live") == []
    assert re.findall(r"job\d{9}", second.text) == ["job000000000"]
    assert second.values("a", "href")[-1] == "/ui/jobs?state=RUNNING"
