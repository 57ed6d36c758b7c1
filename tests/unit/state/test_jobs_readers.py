"""Lists, filters, counts and cursors: SQLite and its in-memory twin answer the same."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connectors.kafka.connection import KafkaConnection
from tests.unit.state.jobs import job
from tests.unit.state.records import Record
from worker.jobs.events import Touched
from worker.jobs.job import Idempotency, Job, State
from worker.state.api import Change, JobQuery, JobReader, StateError, Totals, UnavailableError
from worker.state.fold import encode_row
from worker.state.read_model import ReadModel
from worker.state.testing import MemoryJobs

JOBS = [
    job("aaaaaaaaaaaa", created_at="2026-01-01T00:00:01.000Z", file="May orders.csv"),
    job("bbbbbbbbbbbb", created_at="2026-01-01T00:00:02.000Z", file="50%_off.csv", state=State.RUNNING),
    job("cccccccccccc", created_at="2026-01-01T00:00:02.000Z", file="505off.csv", state=State.FAILED),
    job("dddddddddddd", created_at="2026-01-01T00:00:03.000Z", file="x.csv", model="customers"),
    job("eeeeeeeeeeee", created_at="2026-01-01T00:00:04.000Z", file=r"a\b.csv", state=State.COMPLETED),
]


async def no_touch(job_id: str, event: Touched) -> None:
    raise AssertionError(f"{job_id} was touched")


@pytest.fixture(params=["sqlite", "memory"])
async def reader(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[JobReader]:
    if request.param == "memory":
        yield MemoryJobs(JOBS)
        return
    model = ReadModel(
        KafkaConnection("127.0.0.1:1"), topic="t.jobs", partitions=1, path=tmp_path / "db", touch=no_touch
    )
    await model.open()
    records = [Record(n, j.job_id.encode(), encode_row(j.with_(revision=n))) for n, j in enumerate(JOBS)]
    await model.apply(records, {0: len(JOBS)})
    yield model
    await model.close()


async def ids(reader: JobReader, query: JobQuery) -> str:
    return "".join(found.job_id[0] for found in (await reader.list(query)).items)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (JobQuery(), "edcba"),
        (JobQuery(states=frozenset({State.QUEUED})), "da"),
        (JobQuery(states=frozenset({State.QUEUED, State.RUNNING})), "dba"),
        (JobQuery(states=frozenset({State.PAUSED})), ""),
        (JobQuery(model="customers"), "d"),
        (JobQuery(model="customers", states=frozenset({State.FAILED})), ""),
        (JobQuery(q="orders"), "a"),
        (JobQuery(q="ORDERS"), "a"),
        (JobQuery(q="ccc"), "c"),
        (JobQuery(q="50%"), "b"),
        (JobQuery(q="%_"), "b"),
        (JobQuery(q="_off"), "b"),
        (JobQuery(q="\\"), "e"),
        (JobQuery(q="cccccccccccc."), ""),
        (JobQuery(q=".csv", limit=2), "ed"),
    ],
)
async def test_lists(reader: JobReader, query: JobQuery, expected: str) -> None:
    assert await ids(reader, query) == expected


async def test_pages_meet_every_job_once(reader: JobReader) -> None:
    seen, cursor = "", None
    for _ in range(3):
        page = await reader.list(JobQuery(limit=2, cursor=cursor))
        seen += "".join(found.job_id[0] for found in page.items)
        cursor = page.next_cursor
    assert (seen, cursor) == ("edcba", None)


async def test_a_page_that_just_fits_is_the_last(reader: JobReader) -> None:
    assert (await reader.list(JobQuery(limit=5))).next_cursor is None


@pytest.mark.parametrize("cursor", ["x", "!!", "WzFd", "WzEsMl0", "e30", "ü"])
async def test_a_foreign_cursor_is_an_invalid_request(reader: JobReader, cursor: str) -> None:
    with pytest.raises(StateError) as caught:
        await reader.list(JobQuery(cursor=cursor))
    assert caught.value.code == "INVALID_REQUEST"
    assert f"`{cursor}`" in caught.value.message
    assert "next_cursor" in caught.value.hint


async def test_get_counts_active(reader: JobReader) -> None:
    found = await reader.get("bbbbbbbbbbbb")
    assert found is not None
    assert (found.file, found.state) == ("50%_off.csv", State.RUNNING)
    assert await reader.get("zzzzzzzzzzzz") is None
    assert await reader.counts() == {
        State.QUEUED: 2,
        State.RUNNING: 1,
        State.PAUSED: 0,
        State.COMPLETED: 1,
        State.FAILED: 1,
        State.CANCELLED: 0,
    }
    assert [row.job_id[0] for row in await reader.active()] == ["a", "b", "d"]


async def test_a_key_leads_to_its_oldest_job(reader: JobReader) -> None:
    keyed = Idempotency("k", "fingerprint")
    late = job("ffffffffffff", created_at="2026-01-01T00:00:09.000Z", idempotency=keyed)
    early = job("gggggggggggg", created_at="2026-01-01T00:00:08.000Z", idempotency=keyed)
    other = job("hhhhhhhhhhhh", created_at="2026-01-01T00:00:07.000Z", idempotency=Idempotency("K", "f"))
    for row in (late, early, other):
        await put(reader, row)
    found = await reader.submitted_with("k")
    assert found is not None
    assert (found.job_id, found.idempotency) == ("gggggggggggg", keyed)
    await put(reader, None, "gggggggggggg")
    found = await reader.submitted_with("k")
    assert found is not None
    assert found.job_id == "ffffffffffff"
    assert await reader.submitted_with("") is None


async def test_the_same_file_is_the_oldest_job_that_did_not_fail(reader: JobReader) -> None:
    rows = {
        "1": job("111111111111", sha256="aa", state=State.FAILED),
        "2": job("222222222222", sha256="aa", state=State.CANCELLED),
        "3": job("333333333333", sha256="aa", state=State.PAUSED, created_at="2026-01-01T00:00:02.000Z"),
        "4": job("444444444444", sha256="aa", state=State.COMPLETED, created_at="2026-01-01T00:00:01.000Z"),
        "5": job("555555555555", sha256="bb", state=State.COMPLETED),
        "6": job("666666666666", sha256="aa", model="customers"),
    }
    for row in rows.values():
        await put(reader, row)
    for model, sha256, expected in (
        ("orders", "aa", "4"),
        ("orders", "bb", "5"),
        ("customers", "aa", "6"),
        ("customers", "bb", None),
        ("orders", "AA", None),
    ):
        found = await reader.same_file(model, sha256)
        assert (found and found.job_id[0]) == expected
    await put(reader, job("777777777777", sha256="cc", file="y=1/m=2/a.csv"))
    await put(reader, job("888888888888", sha256="cc", file="b.csv"))
    for folder, expected in (
        (None, "7"), ("y=1/m=2", "7"), ("", "8"), ("y=1", None), ("m=2", None), ("y=1/m=3", None),
    ):  # fmt: skip
        found = await reader.same_file("orders", "cc", folder)
        assert (found and found.job_id[0]) == expected
    await put(reader, rows["4"].with_(state=State.FAILED, revision=9))
    found = await reader.same_file("orders", "aa")
    assert found is not None
    assert found.job_id == "333333333333"


async def test_unknown_ids_are_those_without_a_row(reader: JobReader) -> None:
    assert await reader.unknown(["aaaaaaaaaaaa", "zzzzzzzzzzzz", "bbbbbbbbbbbb", "yyyyyyyyyyyy"]) == {
        "zzzzzzzzzzzz",
        "yyyyyyyyyyyy",
    }
    assert await reader.unknown([]) == set()
    many = [f"{number:012d}" for number in range(40_000)]  # more than a statement may have variables
    assert await reader.unknown([*many, "aaaaaaaaaaaa"]) == set(many)


async def test_followers_get_the_newest_change_of_each_job(reader: JobReader) -> None:
    changes, late = reader.changes(), None
    first, second = job("ffffffffffff", revision=7), job("ffffffffffff", revision=8, rows_read=3)
    other = job("gggggggggggg", revision=9)
    for row in (first, other, second):
        await put(reader, row)
    late = reader.changes()
    assert await anext(changes) == Change("ffffffffffff", second)
    assert await anext(changes) == Change("gggggggggggg", other)
    await put(reader, None, "ffffffffffff")
    assert await anext(changes) == Change("ffffffffffff", None)
    assert await anext(late) == Change("ffffffffffff", None)


async def put(reader: JobReader, row: Job | None, job_id: str = "") -> None:
    if isinstance(reader, MemoryJobs):
        reader.remove(job_id) if row is None else reader.put(row)
        return
    assert isinstance(reader, ReadModel)
    key = (job_id if row is None else row.job_id).encode()
    await reader.apply([Record(0, key, None if row is None else encode_row(row))], {})


async def test_the_last_ended_come_by_their_end(reader: JobReader) -> None:
    ends = {
        "aaaaaaaaaaaa": "2026-01-01T00:01:00.000Z",
        "cccccccccccc": "2026-01-01T00:03:00.000Z",
        "eeeeeeeeeeee": "2026-01-01T00:02:00.000Z",
    }
    for number, (job_id, end) in enumerate(ends.items(), 10):
        found = await reader.get(job_id)
        assert found is not None
        await change(reader, found.with_(finished_at=end, state=State.FAILED, revision=number))
    assert [found.job_id[0] for found in await reader.last_ended(2)] == ["c", "e"]
    assert [found.job_id[0] for found in await reader.last_ended(9)] == ["c", "e", "a"]


async def test_totals_of_the_jobs_since(reader: JobReader) -> None:
    for number, job_id in enumerate(("bbbbbbbbbbbb", "dddddddddddd"), 10):
        found = await reader.get(job_id)
        assert found is not None
        counts = {"rows_delivered": number, "rows_rejected": 2, "bytes_read": 1000 * number}
        await change(reader, found.with_(revision=number, **counts))
    assert await reader.totals("2026-01-01T00:00:02.000Z") == Totals(4, 21, 4, 21_000)
    assert await reader.totals("2026-01-01T00:00:03.000Z") == Totals(2, 11, 2, 11_000)
    assert await reader.totals("2026-01-02") == Totals(0, 0, 0, 0)


async def change(reader: JobReader, row: Job) -> None:
    if isinstance(reader, MemoryJobs):
        reader.put(row)
    else:
        assert isinstance(reader, ReadModel)
        await reader.apply([Record(row.revision, row.job_id.encode(), encode_row(row))], {0: row.revision})


async def test_a_read_model_that_is_closed_says_so(tmp_path: Path) -> None:
    model = ReadModel(
        KafkaConnection("127.0.0.1:1"), topic="t.jobs", partitions=1, path=tmp_path / "db", touch=no_touch
    )
    await model.open()
    await model.close()
    for question in (model.get("aaaaaaaaaaaa"), model.list(JobQuery()), model.active()):
        with pytest.raises(UnavailableError) as caught:
            await question
        assert caught.value.code == "NOT_READY"
