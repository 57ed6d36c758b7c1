"""The intake as a whole, on the ports that the rest of the worker sees."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from config.settings import load_settings
from tests.unit.intake.conftest import ABC_SHA256, NOW, ORDERS, World, files_below
from worker.intake.events import IncomingEvents
from worker.intake.intake import FileIntake


@pytest.fixture
def intake(world: World) -> FileIntake:
    settings = load_settings(
        dropzone=world.root,
        data_dir=world.root,
        settle_seconds=0,
        rescan_seconds=0.02,
        min_free_bytes=0,
        namespace="shop",
    )
    intake = FileIntake(
        settings=settings,
        commands=world.commands,
        jobs=world.jobs,
        models=world.models,
        health=lambda: world.health,
        options_of=lambda model: {},
        now=lambda: NOW,
    )
    intake.prepare()
    return intake


async def test_drop_and_upload_end_in_jobs(world: World, intake: FileIntake) -> None:
    await world.models.create("orders", {})
    changes = world.jobs.changes()
    intake.start()
    upload = intake.open_upload("up.csv")
    await upload.write(b"abc")
    uploaded, _ = await upload.submit(ORDERS, {})
    await upload.discard()
    world.drop("orders/drop.csv")
    files = {(await asyncio.wait_for(anext(changes), 30)).job.file for _ in range(2)}  # type: ignore[union-attr]
    await intake.stop()
    await intake.stop()
    assert files == {"up.csv", "drop.csv"}
    assert {job.sha256 for job in await world.jobs.active()} == {ABC_SHA256}
    manifest = intake.manifest(uploaded.job_id)
    assert manifest is not None
    assert (manifest.job_id, manifest.file) == (uploaded.job_id, "up.csv")
    (world.zone.processing / uploaded.job_id / "up.csv").unlink()
    assert intake.manifest(uploaded.job_id) is None


async def test_a_job_is_pending_until_the_read_model_has_it(world: World, intake: FileIntake) -> None:
    intake.start()
    await asyncio.sleep(0)
    world.commands.available = False
    upload = intake.open_upload("up.csv")
    job, _ = await upload.submit(ORDERS, {})
    await upload.discard()
    assert intake.pending(job.job_id) == job
    world.jobs.put(job)
    async with asyncio.timeout(30):
        while intake.pending(job.job_id) is not None:
            await asyncio.sleep(0)
    await intake.stop()


async def test_after_a_stop_nothing_is_taken(world: World, intake: FileIntake) -> None:
    await world.models.create("default_model", {})
    before = set(threading.enumerate())
    intake.start()
    async with asyncio.timeout(30):
        while set(threading.enumerate()) <= before:
            await asyncio.sleep(0)
    world.drop("a.csv.part")
    await intake.stop()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    left = set(threading.enumerate()) - before
    assert [thread.name for thread in left if not thread.name.startswith("asyncio")] == []
    assert files_below(world.root) == ["incoming/a.csv.part"]


def test_a_start_removes_unfinished_uploads(world: World, intake: FileIntake) -> None:
    (world.zone.uploads / "0011.part").write_bytes(b"half")
    intake.prepare()
    assert files_below(world.root) == []


async def test_without_events_the_rescan_does_alone(
    world: World, intake: FileIntake, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def start(self: object) -> None:
        raise OSError(28, "inotify watch limit reached")

    monkeypatch.setattr("worker.intake.events.Observer.start", start)
    await world.models.create("default_model", {})
    changes = world.jobs.changes()
    intake.start()
    world.drop("first.csv")
    await asyncio.wait_for(anext(changes), 30)
    world.drop("second.csv")
    change = await asyncio.wait_for(anext(changes), 30)
    await intake.stop()
    assert change.job is not None
    assert change.job.file == "second.csv"
    assert sum("rescanned only" in record.getMessage() for record in caplog.records) == 1


async def test_events_of_a_missing_folder_are_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    events = IncomingEvents(tmp_path / "nothing", lambda: None)
    events.start()
    events.stop()
    assert len(caplog.records) == 1
