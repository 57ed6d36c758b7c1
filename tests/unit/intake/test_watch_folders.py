"""How `incoming/` is watched: events, the times of the scans, and trees of folders."""

from __future__ import annotations

import asyncio
import itertools
import time
from pathlib import Path
from typing import Any

import pytest

from tests.unit.intake.conftest import NOW, Watched, World, files_below
from worker.intake import claim, take, watch
from worker.intake.watch import Watcher
from worker.jobs.job import State


async def test_nested_files_keep_their_path_and_their_folders_stay(world: World, watched: Watched) -> None:
    world.drop("orders/year=2024/month=05/x.csv")
    world.drop("orders/year=2024/month=06/x.csv", b"")
    await watched.after(0)
    assert watched.codes == {
        "orders/year=2024/month=05/x.csv": "STILL_CHANGING",
        "orders/year=2024/month=06/x.csv": "STILL_CHANGING",
    }
    await watched.after(2)
    (job,) = await watched.jobs()
    assert (job.file, job.model) == ("year=2024/month=05/x.csv", "orders")
    assert files_below(world.zone.processing) == [f"{job.job_id}/.job.json", f"{job.job_id}/x.csv"]
    world.folders.dispose(job.with_(state=State.COMPLETED))
    assert files_below(world.zone.done) == [f"{job.job_id}/.job.json", f"{job.job_id}/x.csv"]
    assert watched.codes == {"orders/year=2024/month=06/x.csv": "STILL_CHANGING"}
    assert (world.zone.incoming / "orders/year=2024/month=05").is_dir()


async def test_a_folder_removed_right_after_its_file_was_taken(
    world: World, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user's tool that tidies up empty folders must not make the claim look as if it had failed."""
    path = world.drop("orders/2026/a.csv")
    real = claim.sync_folder

    def sync_folder(folder: Path) -> None:
        if not path.exists() and path.parent.exists():
            path.parent.rmdir()
        real(folder)

    monkeypatch.setattr(claim, "sync_folder", sync_folder)
    await watched.after(0)
    await watched.after(2)
    assert not path.parent.exists()
    assert [job.file for job in await watched.jobs()] == ["2026/a.csv"]
    assert watched.codes == {}


async def test_the_next_scan_comes_when_the_first_file_settles(world: World, watched: Watched) -> None:
    assert await watched.watcher.scan() == 60.0
    world.drop("a.csv")
    assert await watched.watcher.scan() == 2.0
    world.seconds += 0.5
    world.drop("b.csv")
    assert await watched.watcher.scan() == 1.5


async def test_a_huge_tree_is_looked_through_less_often(
    world: World, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often something happens, a look that costs 0.02 s of CPU is followed by 0.18 s of rest."""
    looks: list[float] = []
    spent = iter(range(1000))
    monkeypatch.setattr("worker.intake.watch.time.thread_time", lambda: next(spent) * 0.02)
    real = watch.scan_incoming

    def counted(*args: Any) -> Any:
        looks.append(time.monotonic())
        return real(*args)

    monkeypatch.setattr(watch, "scan_incoming", counted)
    running = asyncio.create_task(watched.watcher.run())
    async with asyncio.timeout(30):
        while len(looks) < 4:
            watched.watcher._woken.set()  # as events do
            await asyncio.sleep(0.005)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert min(after - before for before, after in itertools.pairwise(looks)) >= 0.17


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
    monkeypatch.setattr(take, "SMALL_BYTES", 50)
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
        submitter=world.submitter,
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
    world.drop("orders/year=2024/month=05/d.csv")  # in folders that are new, too
    files.add((await asyncio.wait_for(anext(changes), 30)).job.file)  # type: ignore[union-attr]
    (world.root / "tree/deep/er").mkdir(parents=True)
    (world.root / "tree/deep/er/e.csv").write_bytes(b"abc")
    (world.root / "tree").rename(world.zone.incoming / "orders/tree")
    files.add((await asyncio.wait_for(anext(changes), 30)).job.file)  # type: ignore[union-attr]
    assert files == {
        "a.csv",
        "moved.csv",
        "b.csv",
        "c.csv",
        "year=2024/month=05/d.csv",
        "tree/deep/er/e.csv",
    }
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
