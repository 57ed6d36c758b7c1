"""How long folders stay in `done/`, and that one is removed whole, once, or not at all."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.unit.intake.conftest import World, files_below
from worker.intake.retained import RetainedFolders
from worker.jobs.job import Job, State


@pytest.fixture
def retained(world: World) -> RetainedFolders:
    return RetainedFolders(world.zone)


async def completed(world: World, name: str) -> Job:
    job = (await world.claimed(name)).with_(state=State.COMPLETED)
    world.folders.dispose(job)
    return job


def moved_at(world: World, job: Job) -> float:
    """When the file system says that the folder came to where it is."""
    return (world.zone.done / job.job_id).stat().st_ctime


async def test_the_time_in_done_counts_not_the_age_of_the_file(
    world: World, retained: RetainedFolders
) -> None:
    job = await world.claimed()
    folder = world.zone.processing / job.job_id
    for path in (folder / "a.csv", folder):
        os.utime(path, (1000, 1000))
    claimed_at = folder.stat().st_ctime
    deadline = time.monotonic() + 5
    while time.time() <= claimed_at + 0.02:  # the clock of file systems moves in steps of milliseconds
        assert time.monotonic() < deadline
    world.folders.dispose(job.with_(state=State.COMPLETED))
    moved = moved_at(world, job)
    assert moved > claimed_at
    assert retained.done_before(moved) == []
    assert retained.done_before(moved + 0.001) == [job.job_id]


async def test_only_folders_of_jobs_are_found(world: World, retained: RetainedFolders) -> None:
    job = await completed(world, "a.csv")
    failed = (await world.claimed("b.csv")).with_(state=State.FAILED)
    world.folders.dispose(failed)
    (world.zone.done / "by-hand").mkdir()
    (world.zone.done / "file00000000").write_bytes(b"abc")
    (world.zone.done / "link00000000").symlink_to(world.zone.failed / failed.job_id)
    assert retained.done_before(time.time() + 60) == [job.job_id]


async def test_a_folder_is_removed_once_with_all_in_it(world: World, retained: RetainedFolders) -> None:
    gone, kept = await completed(world, "a.csv"), await completed(world, "b.csv")
    nested = world.zone.done / gone.job_id / "more"
    nested.mkdir()
    (nested / "x").write_bytes(b"x")
    (nested / "link").symlink_to(world.zone.done / kept.job_id)
    assert retained.remove_done(gone.job_id)
    assert not retained.remove_done(gone.job_id)
    assert files_below(world.root) == [f"done/{kept.job_id}/.job.json", f"done/{kept.job_id}/b.csv"]


async def test_what_a_crash_leaves_goes_at_the_next_sweep(
    world: World, retained: RetainedFolders, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await completed(world, "a.csv")

    def crash(path: Path) -> None:
        (path / "a.csv").unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("shutil.rmtree", crash)
        with pytest.raises(KeyboardInterrupt):
            retained.remove_done(job.job_id)
    (world.zone.done / ".mine").mkdir()
    assert world.folders.manifest(job.job_id) is None
    assert retained.done_before(time.time() + 60) == []
    retained.sweep()
    assert [path.name for path in world.zone.done.iterdir()] == [".mine"]
