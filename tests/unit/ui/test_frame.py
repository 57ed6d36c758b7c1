"""What all pages share: policy, assets, errors as pages, and that nothing can be injected."""

from __future__ import annotations

import json

import pytest

from tests.unit.http.conftest import Client
from tests.unit.http.twins import Rig, Waiting, job
from tests.unit.ui.html_page import Page, page
from worker.jobs.job import JobFailure, State
from worker.jobs.job import Waiting as JobWaiting
from worker.ui.markup import Markup, joined, markup

ATTACK = "\"><script>alert(1)</script><img src=x onerror='alert(2)'>&{x}"
PAGES = (
    "/ui/",
    "/ui/jobs",
    "/ui/jobs/aaaaaaaaaaaa",
    "/ui/jobs/aaaaaaaaaaaa/retry",
    "/ui/models",
    "/ui/models/orders",
    "/ui/models/orders/check",
    "/ui/nope",
)


@pytest.fixture
async def filled(parts: Rig, client: Client) -> Client:
    parts.jobs.put(job(state=State.FAILED, error=JobFailure("INTERNAL", "m", "h")))
    parts.intake.keep(job())
    await parts.models.create("orders", {"type": "object", "properties": {"id": {"type": "integer"}}})
    return client


async def test_the_root_leads_to_the_overview(client: Client) -> None:
    for path in ("/", "/ui"):
        answer = await client.get(path, allow_redirects=False)
        assert (answer.status, answer.headers["Location"]) == (302, "/ui/")


@pytest.mark.parametrize("path", [*PAGES, "/ui/style.css", "/ui/live.js", "/ui/icon.svg"])
async def test_the_policy_allows_only_our_own_files(filled: Client, path: str) -> None:
    answer = await filled.get(path)
    assert answer.headers["Content-Security-Policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    # with `no-referrer` a browser sends a form's POST with `Origin: null`, which is refused
    assert answer.headers["Referrer-Policy"] == "same-origin"


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_has_nothing_inline_and_nothing_from_outside(filled: Client, path: str) -> None:
    found = await page(filled, path, 404 if path == "/ui/nope" else 200)
    assert not {"style", "iframe", "object"} & set(found.tags)
    assert not [name for _, name, _ in found.attributes if name == "style" or name.startswith("on")]
    assert found.values("script", "src") == ["/ui/live.js"]
    assert found.tags.count("script") == 1
    used = {*found.values("link", "href"), *found.values("img", "src"), "/ui/live.js"}
    assert used == {"/ui/icon.svg", "/ui/style.css", "/ui/live.js"}
    assert "width=device-width, initial-scale=1" in found.values("meta", "content")
    assert found.tags.count("h1") == 1
    assert found.tags.count("main") == 1


async def test_assets_say_what_they_are(client: Client) -> None:
    kinds = {"style.css": "text/css", "live.js": "text/javascript", "icon.svg": "image/svg+xml"}
    for name, kind in kinds.items():
        assert (await client.get(f"/ui/{name}")).content_type == kind


async def test_without_javascript_a_live_page_reloads(filled: Client) -> None:
    found = await page(filled, "/ui/jobs/aaaaaaaaaaaa")
    assert found.values("meta", "http-equiv") == ["refresh"]
    assert "5" in found.values("meta", "content")
    assert found.values("main", "data-live") == ["aaaaaaaaaaaa"]
    still = await page(filled, "/ui/jobs/aaaaaaaaaaaa/retry")
    assert still.values("meta", "http-equiv") == []
    assert still.values("main", "data-live") == []


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/ui/nope", 404, "There is no page at /ui/nope"),
        ("/ui/jobs/zzzzzzzzzzzz", 404, "Job zzzzzzzzzzzz does not exist. List the jobs with"),
        ("/ui/jobs/aaaaaaaaaaaa/explode", 404, "There is no page at"),
        ("/ui/models/zzz", 404, "Model zzz does not exist."),
        ("/ui/jobs?state=NOPE", 400, "INVALID_REQUEST"),
        ("/ui/jobs?cursor=!", 400, "INVALID_REQUEST"),
        ("/ui/jobs/aaaaaaaaaaaa/pause", 409, "Pause is not possible: job aaaaaaaaaaaa is FAILED."),
    ],
)
async def test_what_cannot_be_granted_is_a_page(filled: Client, path: str, status: int, text: str) -> None:
    assert text in (await page(filled, path, status)).text


async def test_nothing_can_be_injected(parts: Rig, client: Client) -> None:
    schema = {
        "title": ATTACK,
        "properties": {ATTACK: {"type": ATTACK, "pattern": ATTACK, "enum": [ATTACK]}},
        "x-batch": {ATTACK: ATTACK},
    }
    await parts.models.create("orders", schema)
    bad = job(
        "aaaaaaaaaaaa",
        file=ATTACK,
        model=ATTACK,
        state=State.FAILED,
        created_at=ATTACK,
        started_at=ATTACK,
        finished_at=ATTACK,
        format=ATTACK,
        worker=ATTACK,
        options={ATTACK: ATTACK},
        topic="t",
        dlq_topic="d",
        rows_delivered=1,
        rows_rejected=1,
        offsets={"0": [0, 1]},
        error=JobFailure(ATTACK, ATTACK, ATTACK),
    )
    waits = job("bbbbbbbbbbbb", state=State.QUEUED, file=ATTACK, waiting=JobWaiting(ATTACK, ATTACK, ATTACK))
    parts.jobs.put(bad)
    parts.intake.keep(bad)
    parts.jobs.put(waits)
    parts.intake.waiting_files = [Waiting(ATTACK, ATTACK, ATTACK, ATTACK)]
    parts.topics.append("t", json.dumps({ATTACK: ATTACK}).encode())
    reject = {
        "row": 1,
        "line": 2,
        "errors": [{"column": ATTACK, "code": ATTACK, "message": f"`{ATTACK}` is not"}],
        "raw": ATTACK,
        "raw_encoding": "utf-8",
    }
    parts.topics.append("d", json.dumps(reject).encode())
    for path, shown in {
        "/ui/": 10,
        "/ui/jobs": 5,
        "/ui/jobs/aaaaaaaaaaaa": 12,
        "/ui/jobs/aaaaaaaaaaaa/retry": 1,
        "/ui/models": 1,
        "/ui/models/orders": 6,
    }.items():
        found = await page(client, path)
        assert found.tags.count("script") == 1, path
        assert found.values("img", "src") == ["/ui/icon.svg"], path
        assert not [name for _, name, _ in found.attributes if name.startswith("on")], path
        assert all(str(url).startswith(("/", "#")) for url in found.values("a", "href")), path
        assert found.text.count("<script>alert(1)</script>") >= shown, path  # shown, not run


async def test_names_that_are_not_unicode_are_shown(parts: Rig, client: Client) -> None:
    parts.intake.waiting_files = [Waiting("caf\udce9.csv", "NAME_IGNORED", "m", "h")]
    assert "caf?.csv" in (await page(client)).text


def test_markup_escapes_all_but_markup() -> None:
    assert markup('<a title="{t}">{x}</a>', t="\"'", x="<&>") == ('<a title="&quot;&#x27;">&lt;&amp;&gt;</a>')
    assert markup("{x}", x=markup("<b>{y}</b>", y="<")) == "<b>&lt;</b>"
    assert markup("{x}", x="{y}") == "{y}"
    assert isinstance(joined([markup("a"), markup("b")]), Markup)


def test_the_reader_of_these_tests_refuses_what_does_not_nest() -> None:
    with pytest.raises(AssertionError):
        Page("<p><b>x</p></b>")
