from __future__ import annotations

import asyncio
import errno
import os
import random
import threading
from pathlib import Path

import pytest

from tests.unit.intake.conftest import ABC_SHA256, EMPTY_SHA256, ORDERS, World, files_below
from worker.intake.space import DiskSpace
from worker.intake.upload import Upload, open_upload, sweep_uploads
from worker.jobs.job import Source
from worker.state.api import StateError, UnavailableError

MIB = 1024 * 1024


def opened(world: World, name: str = "a.csv", max_bytes: int = 10 * MIB) -> Upload:
    return open_upload(world.zone, name, submitter=world.submitter, space=world.space, max_bytes=max_bytes)


async def test_an_upload_becomes_a_job(world: World) -> None:
    upload = opened(world, "../../a.csv")
    await upload.write(b"a")
    await upload.write(b"bc")
    job, _ = await upload.submit(ORDERS, {"delimiter": ";"})
    await upload.discard()
    assert (job.file, job.size_bytes, job.sha256, job.source) == ("a.csv", 3, ABC_SHA256, Source.UPLOAD)
    assert files_below(world.root) == [f"processing/{job.job_id}/.job.json", f"processing/{job.job_id}/a.csv"]
    path = world.zone.processing / job.job_id / "a.csv"
    manifest = world.folders.read_manifest(job.job_id)
    assert manifest is not None
    assert (path.read_bytes(), manifest.mtime_ns) == (b"abc", path.stat().st_mtime_ns)


async def test_an_empty_upload_becomes_a_job(world: World) -> None:
    upload = opened(world)
    job, _ = await upload.submit(ORDERS, {})
    await upload.discard()
    assert (job.size_bytes, job.sha256) == (0, EMPTY_SHA256)


async def test_pieces_of_any_size_arrive_in_order(world: World) -> None:
    source = random.Random(4).randbytes(5 * MIB + 17)
    upload = opened(world)
    at = 0
    for size in (1, 700_000, 3, MIB - 1, MIB, MIB + 1, 2 * MIB):
        await upload.write(source[at : at + size])
        at += size
    await upload.write(source[at:])
    received = await upload.finish()
    assert received.path.read_bytes() == source
    assert received.size == 5 * MIB + 17
    await upload.discard()


@pytest.mark.parametrize(
    "name", [".job.json", "error.json", "two\nlines \"and\" 'quotes'.csv", "x" * 300 + ".csv"]
)
async def test_hostile_names_keep_their_name_for_the_user(world: World, name: str) -> None:
    upload = opened(world, name)
    await upload.write(b"abc")
    job, _ = await upload.submit(ORDERS, {})
    await upload.discard()
    assert job.file == name
    manifest = world.folders.read_manifest(job.job_id)
    assert manifest is not None
    assert world.folders.job_file(manifest).read_bytes() == b"abc"
    assert manifest.file == name


async def test_exactly_the_limit_passes_and_one_byte_more_does_not(world: World) -> None:
    exact = opened(world, max_bytes=2 * MIB)
    await exact.write(b"x" * 2 * MIB)
    assert (await exact.submit(ORDERS, {}))[0].size_bytes == 2 * MIB
    await exact.discard()

    over = opened(world, max_bytes=2 * MIB)
    await over.write(b"x" * 2 * MIB)
    with pytest.raises(StateError) as caught:
        await over.write(b"x")
    assert (caught.value.code, str(caught.value), caught.value.hint) == (
        "FILE_TOO_LARGE",
        "the file is larger than `2097152` bytes",
        "split it, or raise BATCH_MAX_UPLOAD_BYTES",
    )
    await over.discard()
    assert files_below(world.zone.uploads) == []


async def test_an_abandoned_upload_leaves_nothing(world: World) -> None:
    upload = opened(world)
    await upload.write(b"x" * 2 * MIB)
    assert len(files_below(world.zone.uploads)) == 1
    await upload.discard()
    await upload.discard()
    assert files_below(world.root) == []


async def test_a_file_is_removed_in_a_thread(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last close of a large file frees it, which takes long: the event loop must not wait for it."""
    upload = opened(world)
    await upload.write(b"x" * MIB)
    closing: list[int] = []
    real = os.close

    def close(descriptor: int) -> None:
        closing.append(threading.get_ident())
        real(descriptor)

    monkeypatch.setattr("worker.intake.upload.os.close", close)
    await upload.discard()
    monkeypatch.undo()
    assert len(closing) == 1
    assert closing[0] != threading.get_ident()
    assert files_below(world.root) == []


async def test_a_client_that_goes_while_its_bytes_are_written(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = asyncio.get_running_loop()
    writing, go_on = asyncio.Event(), asyncio.Event()
    real = os.write

    def write(descriptor: int, data: bytes) -> int:
        loop.call_soon_threadsafe(writing.set)
        asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result(timeout=60)
        return real(descriptor, data)

    upload = opened(world)
    monkeypatch.setattr("worker.intake.upload.os.write", write)
    handler = asyncio.create_task(upload.write(b"x" * MIB))
    await asyncio.wait_for(writing.wait(), 60)
    handler.cancel()
    with pytest.raises(asyncio.CancelledError):
        await handler
    discarding = asyncio.create_task(upload.discard())
    await asyncio.sleep(0)
    assert not discarding.done()  # the thread still has the file
    go_on.set()
    await asyncio.wait_for(discarding, 60)
    assert files_below(world.root) == []


async def test_no_space_before_and_during_an_upload(world: World) -> None:
    world.free_bytes = 999
    with pytest.raises(StateError) as caught:
        opened(world)
    assert (caught.value.code, str(caught.value)) == (
        "NO_SPACE",
        "the drop zone's disk has `999` bytes free; nothing is taken below `1000`",
    )
    world.free_bytes = 1000
    upload = opened(world)
    await upload.write(b"x" * MIB)
    world.free_bytes = 999
    with pytest.raises(StateError) as caught:
        await upload.write(b"x" * MIB)
    assert caught.value.code == "NO_SPACE"
    await upload.discard()
    assert files_below(world.root) == []


def test_the_data_dirs_disk_counts_too(tmp_path: Path) -> None:
    free = {tmp_path / "zone": 1000, tmp_path / "data": 999}
    space = DiskSpace(tmp_path / "zone", 1000, free.__getitem__, data_dir=tmp_path / "data")
    with pytest.raises(StateError) as caught:
        space.check()
    assert (caught.value.code, caught.value.message) == (
        "NO_SPACE",
        "the data dir's disk has `999` bytes free; nothing is taken below `1000`",
    )
    free[tmp_path / "data"] = 1000
    space.check()


async def test_a_full_disk_is_no_space(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = opened(world)

    def write(descriptor: int, data: bytes) -> int:
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    monkeypatch.setattr("worker.intake.upload.os.write", write)
    with pytest.raises(StateError) as caught:
        await upload.write(b"x" * MIB)
    assert caught.value.code == "NO_SPACE"
    await upload.discard()


async def test_without_kafka_the_upload_is_refused_and_removed(world: World) -> None:
    upload = opened(world)
    await upload.write(b"abc")
    world.kafka_goes()
    with pytest.raises(UnavailableError) as caught:
        await upload.submit(ORDERS, {})
    assert caught.value.code == "KAFKA_UNAVAILABLE"
    await upload.discard()
    assert files_below(world.root) == []


async def test_a_start_sweeps_what_dead_processes_left_and_spares_the_living(world: World) -> None:
    living = opened(world)
    await living.write(b"abc")
    (world.zone.uploads / "0011223344556677.part").write_bytes(b"half a file")
    assert sweep_uploads(world.zone) == 1
    job, _ = await living.submit(ORDERS, {})
    await living.discard()
    assert job.sha256 == ABC_SHA256
    assert files_below(world.zone.uploads) == []


def test_the_sweep_touches_no_folder_and_follows_no_link(world: World, tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(b"abc")
    (world.zone.uploads / "link").symlink_to(tmp_path / "mine")
    (world.zone.uploads / "folder").mkdir()
    assert sweep_uploads(world.zone) == 0
    assert (tmp_path / "mine").read_bytes() == b"abc"
