from __future__ import annotations

import dataclasses
import errno
import json
import os
from pathlib import Path

import pytest

from tests.unit.intake.conftest import World, files_below
from worker.intake.dropzone import Dropzone, DropzoneError
from worker.intake.folders import JobFolders
from worker.jobs.job import Job, JobFailure, Source, State

FAILURE = JobFailure("FILE_CHANGED", "the file was altered", "submit it again")


def ended(job: Job, state: State) -> Job:
    return job.with_(state=state, error=FAILURE if state is State.FAILED else None)


async def test_a_completed_job_goes_to_done(world: World) -> None:
    job = ended(await world.claimed(), State.COMPLETED)
    world.folders.dispose(job)
    after = [f"done/{job.job_id}/.job.json", f"done/{job.job_id}/a.csv"]
    assert files_below(world.root) == after
    world.folders.dispose(job)
    assert files_below(world.root) == after


@pytest.mark.parametrize("state", [State.FAILED, State.CANCELLED])
async def test_a_failed_or_cancelled_job_goes_to_failed_with_its_end(world: World, state: State) -> None:
    job = ended(await world.claimed("error.json"), state)
    world.folders.dispose(job)
    world.folders.dispose(job)
    folder = world.zone.failed / job.job_id
    assert files_below(world.root) == [
        f"failed/{job.job_id}/{name}" for name in (".job.json", "_error.json", "error.json")
    ]
    assert json.loads((folder / "error.json").read_bytes()) == job.to_json()
    assert (folder / "_error.json").read_bytes() == b"abc"


async def test_a_crash_between_error_json_and_move_is_made_good(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = ended(await world.claimed(), State.FAILED)

    def rename(self: Path, target: Path) -> Path:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", rename)
        with pytest.raises(KeyboardInterrupt):
            world.folders.dispose(job)
    assert files_below(world.zone.processing) == [
        f"{job.job_id}/{name}" for name in (".job.json", "a.csv", "error.json")
    ]
    (world.zone.processing / job.job_id / "error.json").write_bytes(b'{"half')
    world.folders.dispose(job)
    assert world.folders.processing() == []
    assert json.loads((world.zone.failed / job.job_id / "error.json").read_bytes()) == job.to_json()


async def test_a_half_moved_folder_is_completed(world: World) -> None:
    job = ended(await world.claimed(), State.COMPLETED)
    (world.zone.done / job.job_id).mkdir()
    (world.zone.processing / job.job_id / "a.csv").rename(world.zone.done / job.job_id / "a.csv")
    world.folders.dispose(job)
    assert files_below(world.root) == [f"done/{job.job_id}/.job.json", f"done/{job.job_id}/a.csv"]
    assert world.folders.processing() == []


async def test_a_retry_brings_the_folder_back_without_the_old_end(world: World) -> None:
    job = await world.claimed()
    world.folders.dispose(ended(job, State.FAILED))
    assert world.folders.read_manifest(job.job_id) is None
    assert world.folders.manifest(job.job_id) is not None
    for _ in range(2):
        assert world.folders.reclaim(job.job_id)
        assert files_below(world.root) == [
            f"processing/{job.job_id}/.job.json",
            f"processing/{job.job_id}/a.csv",
        ]
    world.folders.dispose(ended(job, State.COMPLETED))
    assert files_below(world.root) == [f"done/{job.job_id}/.job.json", f"done/{job.job_id}/a.csv"]
    assert world.folders.manifest("nothere00000") is None
    assert not world.folders.reclaim("nothere00000")


async def test_a_completed_job_is_retried_from_done(world: World) -> None:
    job = await world.claimed()
    world.folders.dispose(ended(job, State.COMPLETED))
    assert world.folders.manifest(job.job_id) is not None
    assert world.folders.reclaim(job.job_id)
    assert world.folders.processing() == [job.job_id]
    # as if it was cancelled before it began: a crash had left its folder in done/
    world.folders.dispose(ended(job, State.COMPLETED))
    world.folders.dispose(ended(job, State.CANCELLED).with_(attempt=2))
    assert sorted(path.name for path in (world.zone.failed / job.job_id).iterdir()) == [
        ".job.json",
        "a.csv",
        "error.json",
    ]
    assert not (world.zone.done / job.job_id).exists()


async def test_a_manifest_is_rewritten_whole_or_not_at_all(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = await world.claimed()
    first = world.folders.read_manifest(job.job_id)
    assert first is not None
    second = dataclasses.replace(first, model_version=9)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            world.folders.rewrite_manifest(second)
    assert files_below(world.root) == [f"processing/{job.job_id}/.job.json", f"processing/{job.job_id}/a.csv"]
    assert world.folders.read_manifest(job.job_id) == first
    world.folders.rewrite_manifest(second)
    assert world.folders.read_manifest(job.job_id) == second


async def test_a_retry_that_is_cancelled_before_it_starts_says_so(world: World) -> None:
    job = await world.claimed()
    world.folders.dispose(ended(job, State.FAILED))
    cancelled = ended(job, State.CANCELLED).with_(attempt=2)
    world.folders.dispose(cancelled)
    error = json.loads((world.zone.failed / job.job_id / "error.json").read_bytes())
    assert (error["state"], error["attempt"], error["error"]) == ("CANCELLED", 2, None)


def test_a_job_without_folder_is_nothing_to_dispose_of(world: World) -> None:
    job = Job("nothere00000", "orders", 1, "a.csv", Source.UPLOAD, 3, "", "", "t", state=State.FAILED)
    world.folders.dispose(job)
    assert files_below(world.root) == []


async def test_what_lies_in_processing(world: World) -> None:
    first, second = await world.claimed("a.csv"), await world.claimed("b.csv")
    (world.zone.processing / "not-a-job").mkdir()
    (world.zone.processing / "file00000000").write_bytes(b"")
    assert world.folders.processing() == sorted([first.job_id, second.job_id])
    manifest = world.folders.read_manifest(second.job_id)
    assert manifest is not None
    assert manifest.job() == second
    path = world.folders.job_file(manifest)
    assert path == world.zone.processing / second.job_id / "b.csv"
    assert world.folders.has_file(manifest)
    path.unlink()
    assert not world.folders.has_file(manifest)
    assert world.folders.manifest(second.job_id) is None
    path.symlink_to("/etc/hostname")
    assert not world.folders.has_file(manifest)


@pytest.mark.parametrize("data", [b"", b'{"job_id": "half', b"[]", b'{"source": "mail"}', b"{}", b"\xff"])
def test_a_broken_manifest_is_none(world: World, data: bytes) -> None:
    (world.zone.processing / "broken000000").mkdir()
    (world.zone.processing / "broken000000/.job.json").write_bytes(data)
    assert world.folders.read_manifest("broken000000") is None
    assert world.folders.read_manifest("nothere00000") is None


def test_an_unclaimed_folder_goes_when_no_claim_can_be_under_way(world: World) -> None:
    folder = world.zone.processing / "unclaimed000"
    folder.mkdir()
    (folder / ".job.json").write_bytes(b"{}")
    (folder / ".job.json.new").write_bytes(b'{"half')
    os.utime(folder, (5000, 5000))
    JobFolders(world.zone, clock=lambda: 5059.0).discard_unclaimed("unclaimed000")
    assert folder.is_dir()
    JobFolders(world.zone, clock=lambda: 5060.0).discard_unclaimed("unclaimed000")
    assert not folder.exists()
    world.folders.discard_unclaimed("unclaimed000")


def test_a_folder_with_a_file_is_never_discarded(world: World, caplog: pytest.LogCaptureFixture) -> None:
    folder = world.zone.processing / "users0000000"
    folder.mkdir()
    (folder / "a.csv").write_bytes(b"abc")
    folders = JobFolders(world.zone, clock=lambda: 1e12)
    folders.discard_unclaimed("users0000000")
    folders.discard_unclaimed("users0000000")
    assert files_below(folder) == ["a.csv"]
    assert len(caplog.records) == 1


def test_the_layout_is_made_once_and_kept(tmp_path: Path) -> None:
    zone = Dropzone(tmp_path / "a/b")
    zone.create()
    (zone.incoming / "a.csv").write_bytes(b"abc")
    zone.create()
    assert sorted(path.name for path in zone.root.iterdir()) == [
        ".uploads",
        "done",
        "failed",
        "incoming",
        "processing",
    ]
    assert (zone.incoming / "a.csv").read_bytes() == b"abc"


def test_a_drop_zone_that_cannot_be_used_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DropzoneError, match="cannot be used: Not a directory"):
        Dropzone(tmp_path / "file/zone").create()
    real = Path.stat

    def stat(self: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        status = real(self, follow_symlinks=follow_symlinks)
        if self.name != "incoming":
            return status
        return os.stat_result((status.st_mode, status.st_ino, status.st_dev + 1, *tuple(status)[3:]))

    monkeypatch.setattr(Path, "stat", stat)
    with pytest.raises(DropzoneError, match="lie on 2 file systems"):
        Dropzone(tmp_path / "zone").create()
