"""The status page: what it says, and that nothing can be injected into it."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from tests.unit.http.conftest import Client
from tests.unit.http.twins import AWAY, STARTING, Rig, Waiting, job
from worker.jobs.job import JobFailure, Requested, State
from worker.jobs.job import Waiting as JobWaiting
from worker.ui.markup import Markup, joined, markup

ATTACK = "\"><script>alert(1)</script><img src=x onerror='alert(2)'>&{x}"
VOID = {"meta", "link", "img"}


class _Page(HTMLParser):
    """Collects text, tags and attributes, and refuses tags that do not nest."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self._open: list[str] = []
        self._texts: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []
        self.text = " ".join(" ".join(self._texts).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self._texts.append(data)

    def values(self, tag: str, name: str) -> list[str | None]:
        return [value for t, n, value in self.attributes if (t, n) == (tag, name)]


async def _page(client: Client, path: str = "/ui/") -> _Page:
    answer = await client.get(path)
    assert answer.status == 200
    assert answer.content_type == "text/html"
    return _Page(await answer.text())


async def test_the_root_leads_to_the_page(client: Client) -> None:
    for path in ("/", "/ui"):
        answer = await client.get(path, allow_redirects=False)
        assert (answer.status, answer.headers["Location"]) == (302, "/ui/")


async def test_the_policy_allows_no_script_and_nothing_inline(client: Client) -> None:
    for path in ("/ui/", "/ui/style.css", "/ui/icon.svg"):
        answer = await client.get(path)
        assert answer.headers["Content-Security-Policy"] == (
            "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; "
            "frame-ancestors 'none'"
        )
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"


async def test_the_page_needs_nothing_that_the_policy_forbids(parts: Rig, client: Client) -> None:
    parts.jobs.put(job(error=JobFailure("INTERNAL", "m", "h"), state=State.FAILED))
    page = await _page(client)
    assert not {"script", "style", "form", "iframe", "object"} & set(page.tags)
    assert not [name for _, name, _ in page.attributes if name == "style" or name.startswith("on")]
    used = [*page.values("link", "href"), *page.values("img", "src")]
    assert sorted(str(url) for url in used) == ["/ui/icon.svg", "/ui/style.css"]
    assert [(await client.get(str(url))).content_type for url in sorted(map(str, used))] == [
        "image/svg+xml",
        "text/css",
    ]


async def test_the_style_knows_light_dark_and_phones(client: Client) -> None:
    css = await (await client.get("/ui/style.css")).text()
    assert "color-scheme: light dark" in css
    assert "@media (prefers-color-scheme: dark)" in css
    assert "@media (max-width: 50rem)" in css
    page = await _page(client)
    assert "width=device-width, initial-scale=1" in page.values("meta", "content")


async def test_a_job_shows_its_counts(parts: Rig, client: Client) -> None:
    parts.jobs.put(
        job(
            file="orders 1.csv",
            size_bytes=5 * 2**20,
            bytes_read=2**20,
            rows_read=1_234_567,
            rows_delivered=1_234_560,
            rows_rejected=7,
            attempt=2,
            requested=Requested.CANCEL,
        )
    )
    page = await _page(client)
    assert (
        "aaaaaaaaaaaa orders 1.csv 5.0 MiB orders version 1 RUNNING cancel requested attempt 2 "
        "1,234,567 20 % of the file 1,234,560 7 2026-01-01 00:00:00 UTC"
    ) in page.text
    links = page.values("a", "href")
    assert "/jobs/aaaaaaaaaaaa/rejects?limit=100" in links
    assert "/jobs/aaaaaaaaaaaa/records?limit=100" in links
    assert "RUNNING 1" in page.text
    assert "COMPLETED 0" in page.text


async def test_a_failed_job_says_why_and_what_to_do(parts: Rig, client: Client) -> None:
    parts.jobs.put(
        job(
            state=State.FAILED,
            error=JobFailure("COLUMN_MISSING", "column `id` is missing", "add it to the file"),
        )
    )
    page = await _page(client)
    assert "FAILED COLUMN_MISSING Column `id` is missing. Add it to the file." in page.text


async def test_a_waiting_job_says_why(parts: Rig, client: Client) -> None:
    parts.jobs.put(
        job(state=State.QUEUED, waiting=JobWaiting("SLOT", "all slots are taken", "wait, or set more"))
    )
    page = await _page(client)
    assert "QUEUED SLOT All slots are taken. Wait, or set more." in page.text


async def test_waiting_files_say_why(parts: Rig, client: Client) -> None:
    assert "drop folder" not in (await _page(client)).text
    parts.intake.waiting_files = [
        Waiting("nope/a.csv", "MODEL_NOT_FOUND", "model `nope` does not exist", "create it"),
        Waiting("b.csv", "STILL_CHANGING", "`b.csv` is being written", "nothing to do"),
    ]
    page = await _page(client)
    assert "2 files in the drop folder" in page.text
    assert "nope/a.csv : Model `nope` does not exist. MODEL_NOT_FOUND Create it." in page.text


@pytest.mark.parametrize(
    ("health", "text"),
    [
        (
            AWAY,
            "Kafka does not answer Kafka at `127.0.0.1:9092` has not answered for 12 s. Start it, or set "
            "BATCH_BOOTSTRAP_SERVERS to the broker's address.",
        ),
        (STARTING, "The worker is getting ready The table is being recovered. Wait a few seconds."),
    ],
)
async def test_health_in_words(parts: Rig, client: Client, health: object, text: str) -> None:
    parts.health = health  # type: ignore[assignment]
    assert text in (await _page(client)).text


async def test_a_healthy_worker(client: Client) -> None:
    page = await _page(client)
    assert "Broker and worker are well Kafka at `127.0.0.1:9092` answers." in page.text
    assert "This worker runs the jobs of 3 partitions." in page.text
    assert "There is no job here." in page.text


async def test_the_page_works_without_kafka(parts: Rig, client: Client) -> None:
    parts.jobs.put(job())
    parts.lose_kafka()
    assert "aaaaaaaaaaaa" in (await _page(client)).text


async def test_only_the_newest_page_refreshes_itself(parts: Rig, client: Client) -> None:
    for number in range(51):
        parts.jobs.put(job(f"job{number:09d}", created_at=f"2026-01-01T00:00:{number:02d}.000Z"))
    first = await _page(client, "/ui/?state=RUNNING")
    assert first.values("meta", "http-equiv") == ["refresh"]
    assert first.values("meta", "content")[-1] == "3"
    older = str(first.values("a", "href")[-1])
    assert "state=RUNNING" in older
    second = await _page(client, older)
    assert second.values("meta", "http-equiv") == []
    assert re.findall(r"job\d{9}", second.text) == ["job000000000"]


async def test_filter(parts: Rig, client: Client) -> None:
    parts.jobs.put(job("aaaaaaaaaaaa", state=State.COMPLETED))
    parts.jobs.put(job("bbbbbbbbbbbb", state=State.FAILED))
    page = await _page(client, "/ui/?state=FAILED")
    assert "bbbbbbbbbbbb" in page.text
    assert "aaaaaaaaaaaa" not in page.text
    assert (await client.get("/ui/?state=NOPE")).status == 400


async def test_nothing_can_be_injected(parts: Rig, client: Client) -> None:
    parts.jobs.put(
        job(
            ATTACK,
            file=ATTACK,
            model=ATTACK,
            state=State.FAILED,
            created_at=ATTACK,
            rows_delivered=1,
            rows_rejected=1,
            error=JobFailure(ATTACK, ATTACK, ATTACK),
            waiting=JobWaiting(ATTACK, ATTACK, ATTACK),
        )
    )
    parts.intake.waiting_files = [Waiting(ATTACK, ATTACK, ATTACK, ATTACK)]
    html = await (await client.get("/ui/")).text()
    page = _Page(html)
    assert "script" not in page.tags
    assert "img" not in page.tags
    assert not [name for _, name, _ in page.attributes if name.startswith("on")]
    assert all(str(url).startswith("/") for url in page.values("a", "href"))
    assert page.text.count("<script>alert(1)</script>") >= 11  # shown, not run


async def test_names_that_are_not_unicode_are_shown(parts: Rig, client: Client) -> None:
    parts.intake.waiting_files = [Waiting("caf\udce9.csv", "NAME_IGNORED", "m", "h")]
    assert "caf?.csv" in (await _page(client)).text


def test_markup_escapes_all_but_markup() -> None:
    assert markup('<a title="{t}">{x}</a>', t="\"'", x="<&>") == ('<a title="&quot;&#x27;">&lt;&amp;&gt;</a>')
    assert markup("{x}", x=markup("<b>{y}</b>", y="<")) == "<b>&lt;</b>"
    assert markup("{x}", x="{y}") == "{y}"
    assert isinstance(joined([markup("a"), markup("b")]), Markup)
