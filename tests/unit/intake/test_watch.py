from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.intake.conftest import ABC_SHA256, EMPTY_SHA256, NOW, World, files_below
from worker.intake import take
from worker.intake.watch import Watcher
from worker.jobs.codes import CODES
from worker.jobs.job import Job, Source
from worker.state.api import Model


class Watched:
    """A watcher on the world's drop zone; only the test moves its clock."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.options_of: Callable[[Model], dict[str, Any]] = lambda model: model.schema["x-batch"]
        self.watcher = Watcher(
            zone=world.zone,
            claims=world.claims,
            space=world.space,
            models=world.models,
            health=lambda: world.health,
            options_of=lambda model: self.options_of(model),
            default_model="default_model",
            max_bytes=100,
            settle_seconds=2.0,
            rescan_seconds=60.0,
            clock=world.clock,
            now=lambda: f"{world.seconds:.0f}",
        )

    async def after(self, seconds: float) -> None:
        """Move the clock, scan, and wait for what is being taken."""
        self.world.seconds += seconds
        await self.watcher.scan()
        await self.watcher.idle()

    async def jobs(self) -> list[Job]:
        return list(await self.world.jobs.active())

    @property
    def codes(self) -> dict[str, str]:
        return {entry.path: entry.code for entry in self.watcher.waiting()}

    def entry(self, path: str) -> tuple[str, str, str]:
        (entry,) = [entry for entry in self.watcher.waiting() if entry.path == path]
        assert entry.code == "INTERNAL" or "file waits" in CODES[entry.code].where
        return entry.code, entry.message, entry.hint


@pytest.fixture
async def watched(world: World) -> Watched:
    for name in ("orders", "default_model"):
        await world.models.create(name, {"type": "object", "x-batch": {"delimiter": "|"}})
    return Watched(world)


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are hashed, in order."""
    names: list[str] = []
    real = take.hash_file

    def counted(path: Path, *rest: Any) -> Any:
        names.append(path.name)
        return real(path, *rest)

    monkeypatch.setattr(take, "hash_file", counted)
    return names


async def test_settled_files_become_jobs_of_their_folders_model(world: World, watched: Watched) -> None:
    world.drop("top.csv")
    world.drop("orders/a.csv")
    await watched.after(0)
    assert watched.codes == {"top.csv": "STILL_CHANGING", "orders/a.csv": "STILL_CHANGING"}
    assert await watched.jobs() == []
    await watched.after(2)
    jobs = sorted(await watched.jobs(), key=lambda job: job.file)
    assert [
        (job.file, job.model, job.model_version, job.options, job.source, job.sha256) for job in jobs
    ] == [
        ("a.csv", "orders", 1, {"delimiter": "|"}, Source.DROPZONE, ABC_SHA256),
        ("top.csv", "default_model", 1, {"delimiter": "|"}, Source.DROPZONE, ABC_SHA256),
    ]
    assert watched.codes == {}
    assert files_below(world.zone.incoming) == []


async def test_the_next_scan_comes_when_the_first_file_settles(world: World, watched: Watched) -> None:
    assert await watched.watcher.scan() == 60.0
    world.drop("a.csv")
    assert await watched.watcher.scan() == 2.0
    world.seconds += 0.5
    world.drop("b.csv")
    assert await watched.watcher.scan() == 1.5


async def test_a_file_written_in_bursts_is_taken_whole(world: World, watched: Watched) -> None:
    path = world.drop("a.csv", b"")
    for letter in (b"a", b"b", b"c"):
        await watched.after(1.9)
        with path.open("ab") as file:
            file.write(letter)
    await watched.after(1.9)
    await watched.after(1.9)
    assert watched.codes == {"a.csv": "STILL_CHANGING"}
    await watched.after(0.1)
    assert [(job.file, job.sha256) for job in await watched.jobs()] == [("a.csv", ABC_SHA256)]


async def test_an_empty_file_is_taken_after_ten_times_as_long(world: World, watched: Watched) -> None:
    world.drop("a.csv", b"")
    await watched.after(0)
    await watched.after(19.5)
    assert watched.entry("a.csv") == (
        "STILL_CHANGING",
        "`a.csv` must stand still for `0.5` more seconds",
        "nothing to do; BATCH_SETTLE_SECONDS sets how long size and time must not change",
    )
    await watched.after(0.5)
    assert [job.sha256 for job in await watched.jobs()] == [EMPTY_SHA256]


async def test_two_files_of_one_name_one_after_the_other(world: World, watched: Watched) -> None:
    for _ in range(2):
        world.drop("a.csv")
        await watched.after(0)
        await watched.after(2)
    assert [job.file for job in await watched.jobs()] == ["a.csv", "a.csv"]


async def test_without_a_model_a_file_waits_until_it_is_created(world: World, watched: Watched) -> None:
    world.drop("prices/a.csv")
    await watched.after(0)
    await watched.after(2)
    assert watched.entry("prices/a.csv") == (
        "MODEL_NOT_FOUND",
        "model `prices` does not exist",
        "create it with `batch model create prices schema.json`; the file is taken then",
    )
    await world.models.create("prices", {"x-batch": {}})
    await watched.after(0)
    assert [job.model for job in await watched.jobs()] == ["prices"]


async def test_without_kafka_files_wait_and_are_taken_when_it_comes(
    world: World, watched: Watched, hashed: list[str]
) -> None:
    world.kafka_goes()
    world.drop("a.csv")
    await watched.after(0)
    await watched.after(2)
    assert watched.entry("a.csv") == (
        "KAFKA_UNAVAILABLE",
        "Kafka at `127.0.0.1:9092` does not answer",
        "start it with scripts/up.sh",
    )
    assert hashed == []
    world.kafka_comes()
    await watched.after(0)
    assert [job.file for job in await watched.jobs()] == ["a.csv"]


async def test_a_file_is_hashed_once_although_kafka_goes_meanwhile(
    world: World, watched: Watched, hashed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = take.hash_file

    def hash_while_kafka_goes(*args: Any) -> Any:
        world.kafka_goes()
        return counted(*args)

    monkeypatch.setattr(take, "hash_file", hash_while_kafka_goes)
    world.drop("a.csv")
    await watched.after(0)
    await watched.after(2)
    await watched.after(2)
    assert watched.codes == {"a.csv": "KAFKA_UNAVAILABLE"}
    world.kafka_comes()
    await watched.after(2)
    assert [job.sha256 for job in await watched.jobs()] == [ABC_SHA256]
    assert hashed == ["a.csv"]


async def test_a_file_altered_while_it_is_hashed_settles_again(
    world: World, watched: Watched, hashed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = world.drop("a.csv", b"ab")
    counted = take.hash_file

    def hash_while_written(*args: Any) -> Any:
        if not hashed:
            path.write_bytes(b"abc")
        return counted(*args)

    monkeypatch.setattr(take, "hash_file", hash_while_written)
    await watched.after(0)
    await watched.after(2)
    await watched.after(0)
    assert watched.codes == {"a.csv": "STILL_CHANGING"}
    await watched.after(2)
    assert [job.sha256 for job in await watched.jobs()] == [ABC_SHA256]
    assert hashed == ["a.csv", "a.csv"]


async def test_a_file_altered_between_hash_and_claim_settles_again(
    world: World, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = world.drop("a.csv", b"ab")
    real = take.hash_file

    def hash_then_written(*args: Any) -> Any:
        received = real(*args)
        if received.size == 2:
            path.write_bytes(b"abc")
        return received

    monkeypatch.setattr(take, "hash_file", hash_then_written)
    await watched.after(0)
    await watched.after(2)
    assert await watched.jobs() == []
    await watched.after(0)
    await watched.after(2)
    assert [(job.size_bytes, job.sha256) for job in await watched.jobs()] == [(3, ABC_SHA256)]
    assert len(world.folders.processing()) == 1


async def test_files_that_are_too_large_or_find_no_space_wait(world: World, watched: Watched) -> None:
    world.drop("exact.csv", b"x" * 100)
    world.drop("over.csv", b"x" * 101)
    world.free_bytes = 999
    await watched.after(0)
    await watched.after(2)
    assert watched.entry("over.csv") == (
        "FILE_TOO_LARGE",
        "the file has `101` bytes; at most `100` are taken",
        "split it, or raise BATCH_MAX_UPLOAD_BYTES",
    )
    assert watched.entry("exact.csv")[:2] == (
        "NO_SPACE",
        "the drop zone's disk has `999` bytes free; nothing is taken below `1000`",
    )
    world.free_bytes = 1000
    await watched.after(0)
    assert [job.file for job in await watched.jobs()] == ["exact.csv"]
    assert watched.codes == {"over.csv": "FILE_TOO_LARGE"}


async def test_what_is_refused_stays_where_it_is(world: World, watched: Watched, tmp_path: Path) -> None:
    (tmp_path / "outside.csv").write_bytes(b"abc")
    (world.zone.incoming / "soft.csv").symlink_to(tmp_path / "outside.csv")
    (world.zone.incoming / "hard.csv").hardlink_to(tmp_path / "outside.csv")
    os.mkfifo(world.zone.incoming / "pipe.csv")
    world.drop("a.csv.part")
    world.drop("Not a model/a.csv")
    (world.zone.incoming / "orders/2026").mkdir(parents=True)
    world.drop("orders/2026/a.csv")
    before = files_below(world.zone.incoming)
    await watched.after(0)
    await watched.after(100)
    assert watched.codes == {
        "soft.csv": "LINK_REFUSED",
        "hard.csv": "LINK_REFUSED",
        "pipe.csv": "LINK_REFUSED",
        "a.csv.part": "NAME_IGNORED",
        "Not a model/a.csv": "NO_MODEL",
        "orders/2026": "NO_MODEL",
    }
    assert files_below(world.zone.incoming) == before
    assert await watched.jobs() == []


async def test_hostile_names_become_jobs(world: World, watched: Watched) -> None:
    names = [
        "two\nlines.csv",
        "\"quoted\" 'x'.csv",
        "sp ace.csv",
        "x" * 251 + ".csv",
        "error.json",
        "b\udcfcro",
    ]
    for name in names:
        world.drop(name)
    await watched.after(0)
    await watched.after(2)
    assert {job.file for job in await watched.jobs()} == {*names[:5], "b\ufffdro"}
    for job_id in world.folders.processing():
        manifest = world.folders.read_manifest(job_id)
        assert manifest is not None
        assert world.folders.job_file(manifest).read_bytes() == b"abc"


async def test_since_is_when_the_code_was_first_given(world: World, watched: Watched) -> None:
    world.drop("prices/a.csv")
    for seconds in (0, 1, 1, 5):
        await watched.after(seconds)
    (entry,) = watched.watcher.waiting()
    assert (entry.code, entry.since, entry.size_bytes) == ("MODEL_NOT_FOUND", "1002", 3)


async def test_options_that_cannot_be_used_stop_only_their_file(
    world: World, watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    def options_of(model: Model) -> dict[str, Any]:
        if model.name == "orders":
            raise ValueError("no such option")
        return {}

    watched.options_of = options_of
    world.drop("orders/a.csv")
    world.drop("b.csv")
    await watched.after(0)
    await watched.after(2)
    await watched.after(1)
    assert [job.file for job in await watched.jobs()] == ["b.csv"]
    assert watched.entry("orders/a.csv") == (
        "INTERNAL",
        "the options of model `orders` cannot be used: no such option",
        "make a new version of the model",
    )
    logged = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert logged == ["`orders/a.csv` could not be taken"]
    watched.options_of = lambda model: {}
    await watched.after(29)
    assert sorted(job.file for job in await watched.jobs()) == ["a.csv", "b.csv"]


async def test_a_file_that_cannot_be_read_waits_and_is_tried_again(
    world: World, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*args: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    world.drop("a.csv")
    with monkeypatch.context() as patched:
        patched.setattr(take, "hash_file", denied)
        await watched.after(0)
        await watched.after(2)
        await watched.after(1)
    assert watched.entry("a.csv") == (
        "INTERNAL",
        "`a.csv` cannot be taken: Permission denied",
        "give the worker's user permission to read it and to move it out of its folder",
    )
    await watched.after(30)
    assert [job.file for job in await watched.jobs()] == ["a.csv"]


async def test_what_waits_is_logged_once(
    world: World, watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("a", "b", "c"):
        world.drop(f"prices/{name}.csv")
    for _ in range(4):
        await watched.after(2)
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        "MODEL_NOT_FOUND: model `prices` does not exist (and 2 more); "
        "create it with `batch model create prices schema.json`; the file is taken then"
    ]


async def test_no_small_file_waits_for_a_large_one(
    world: World, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    go_on = asyncio.Event()
    real = take.hash_file

    def slow(path: Path, *rest: Any) -> Any:
        if path.name.startswith("large"):
            asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result(timeout=60)
        return real(path, *rest)

    monkeypatch.setattr(take, "hash_file", slow)
    monkeypatch.setattr(take, "_LARGE_BYTES", 50)
    large = [f"large{number}.csv" for number in range(5)]  # more than are hashed at once
    for name in large:
        world.drop(name, b"x" * 50)
    await watched.watcher.scan()
    world.seconds += 2
    await watched.watcher.scan()
    world.drop("small.csv")
    await watched.watcher.scan()
    world.seconds += 2
    await watched.watcher.scan()
    changes = world.jobs.changes()
    change = await asyncio.wait_for(anext(changes), 60)
    assert change.job is not None
    assert change.job.file == "small.csv"
    assert watched.codes == {}
    go_on.set()
    await watched.watcher.idle()
    assert sorted(job.file for job in await watched.jobs()) == [*large, "small.csv"]


async def test_run_takes_files_by_events_alone(world: World, watched: Watched) -> None:
    """Real events and time: the rescan of this watcher is a minute away."""
    watched.watcher = Watcher(
        zone=world.zone,
        claims=world.claims,
        space=world.space,
        models=world.models,
        health=lambda: world.health,
        options_of=lambda model: {},
        default_model="default_model",
        max_bytes=100,
        settle_seconds=0.0,
        rescan_seconds=60.0,
        clock=world.clock,
        now=lambda: NOW,
    )
    changes = world.jobs.changes()
    running = asyncio.create_task(watched.watcher.run())
    world.drop("warm-up.csv")  # the first scan or an event: both are right
    await asyncio.wait_for(anext(changes), 30)
    files = set()
    world.drop("a.csv")
    outside = world.root / "moved.csv"
    outside.write_bytes(b"abc")
    outside.rename(world.zone.incoming / "moved.csv")
    for _ in range(2):
        files.add((await asyncio.wait_for(anext(changes), 30)).job.file)  # type: ignore[union-attr]
    (world.root / "orders").mkdir()
    (world.root / "orders/b.csv").write_bytes(b"abc")
    (world.root / "orders").rename(world.zone.incoming / "orders")
    files.add((await asyncio.wait_for(anext(changes), 30)).job.file)  # type: ignore[union-attr]
    world.drop("orders/c.csv")
    files.add((await asyncio.wait_for(anext(changes), 30)).job.file)  # type: ignore[union-attr]
    assert files == {"a.csv", "moved.csv", "b.csv", "c.csv"}
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_scan_that_fails_is_logged_and_the_next_goes_on(
    world: World, watched: Watched, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failed = asyncio.Event()
    scan = watched.watcher.scan

    async def failing() -> float:
        if not failed.is_set():
            failed.set()
            raise RuntimeError("a defect")
        return await scan()

    monkeypatch.setattr(watched.watcher, "scan", failing)
    monkeypatch.setattr(watched.watcher, "_rescan_seconds", 0.01)
    world.drop("a.csv")
    running = asyncio.create_task(watched.watcher.run())
    await asyncio.wait_for(failed.wait(), 30)
    async with asyncio.timeout(30):
        while not watched.watcher.waiting():
            await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert watched.codes == {"a.csv": "STILL_CHANGING"}
    assert sum("failed" in record.getMessage() for record in caplog.records) == 1
