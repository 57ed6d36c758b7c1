from __future__ import annotations

import asyncio
import errno
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.intake.conftest import ABC_SHA256, NOW, Died, World, files_below, received, submission
from worker.intake.received import SourceChangedError
from worker.jobs.events import Submitted
from worker.jobs.job import Job, Source, Waiting
from worker.running.reconcile import Reconciler
from worker.state.api import StateError, UnavailableError


class Nobody:
    """A supervisor without jobs."""

    running: frozenset[str] = frozenset()

    def adopt(self, jobs: object) -> None: ...


async def reconcile(world: World) -> None:
    """Run the real reconcile over the folders and the rows."""
    rows = {job.job_id: job for job in await world.jobs.active()}
    await Reconciler(
        folders=world.folders,
        commands=world.commands,
        supervisor=Nobody(),  # type: ignore[arg-type]
        row=rows.get,
        own_jobs=list,
        owns=lambda _: True,
    ).run_once()


async def test_a_file_becomes_a_job(world: World) -> None:
    path = world.drop("a.csv")
    mtime_ns = path.stat().st_mtime_ns
    job = await world.claims.claim(received(path), submission())
    assert job == Job(
        job_id=job.job_id,
        model="orders",
        model_version=3,
        file="a.csv",
        source=Source.DROPZONE,
        size_bytes=3,
        sha256=ABC_SHA256,
        created_at=NOW,
        topic=f"shop_{job.job_id}",
        options={"delimiter": ";"},
    )
    assert world.commands.published == [(job.job_id, Submitted(job))]
    assert files_below(world.root) == [f"processing/{job.job_id}/.job.json", f"processing/{job.job_id}/a.csv"]
    assert json.loads((world.zone.processing / job.job_id / ".job.json").read_bytes()) == {
        "job_id": job.job_id,
        "model": "orders",
        "model_version": 3,
        "schema": {"type": "object", "x-batch": {"delimiter": ";"}},
        "options": {"delimiter": ";"},
        "source": "dropzone",
        "file": "a.csv",
        "stored_name": "a.csv",
        "size_bytes": 3,
        "mtime_ns": mtime_ns,
        "sha256": ABC_SHA256,
        "block_bytes": 4096,
        "topic": f"shop_{job.job_id}",
        "dlq_topic": f"shop_{job.job_id}_dlq",
        "created_at": NOW,
        "overrides": {},
        "attempt": 1,
        "duplicate_of": None,
        "idempotency": None,
    }


async def test_what_a_job_will_wait_for_is_said_with_its_submission(world: World) -> None:
    waiting = Waiting("SLOT", "all `2` slots are taken", "it starts when a job before it ends")
    claims = world.new_claims(foreseen=lambda job: waiting)
    job = await claims.claim(received(world.drop("a.csv")), submission())
    assert job.waiting == waiting
    assert world.commands.published == [(job.job_id, Submitted(job))]
    manifest = world.folders.read_manifest(job.job_id)
    assert manifest is not None
    assert manifest.job().waiting is None  # who submits it again cannot know


async def test_two_files_of_one_name_are_two_jobs(world: World) -> None:
    first, second = await world.claimed("a.csv"), await world.claimed("a.csv")
    assert first.job_id != second.job_id
    assert files_below(world.zone.processing) == sorted(
        f"{job.job_id}/{name}" for job in (first, second) for name in (".job.json", "a.csv")
    )


async def test_of_two_claims_of_one_file_one_wins(world: World) -> None:
    file = received(world.drop("a.csv"))
    other = world.new_claims()
    results = await asyncio.gather(
        *(claims.claim(file, submission()) for claims in (world.claims, other)),
        return_exceptions=True,
    )
    (job,) = [result for result in results if isinstance(result, Job)]
    assert [type(result) for result in results if result is not job] == [SourceChangedError]
    assert [path.name for path in world.zone.processing.iterdir()] == [job.job_id]
    assert [job_id for job_id, _ in world.commands.published] == [job.job_id]


@pytest.mark.parametrize("change", ["written", "touched", "replaced", "gone"])
async def test_a_file_altered_after_its_hash_is_not_taken(world: World, change: str) -> None:
    path = world.drop("a.csv")
    file = received(path)
    if change == "written":
        path.write_bytes(b"abcd")
    elif change == "touched":
        os.utime(path, ns=(0, file.mtime_ns + 1))
    elif change == "replaced":
        (world.root / "new").write_bytes(b"xyz")
        os.utime(world.root / "new", ns=(0, file.mtime_ns))
        (world.root / "new").rename(path)
    else:
        path.unlink()
    with pytest.raises(SourceChangedError):
        await world.claims.claim(file, submission())
    assert path.exists() == (change != "gone")
    assert list(world.zone.processing.iterdir()) == []
    assert world.commands.published == []


async def test_an_id_that_a_folder_or_a_row_has_is_refused(world: World) -> None:
    for parent in ("processing", "failed", "done"):
        (world.root / parent / f"{parent:0<12}").mkdir()
    world.jobs.put(Job("row000000000", "orders", 1, "a.csv", Source.UPLOAD, 3, "", NOW, "shop_row000000000"))
    ids = iter(["processing00", "failed000000", "done00000000", "row000000000", "fresh0000000"])
    job = await world.claimed("a.csv", world.new_claims(new_id=lambda: next(ids)))
    assert job.job_id == "fresh0000000"


async def test_without_kafka_nothing_is_claimed(world: World) -> None:
    world.kafka_goes()
    with pytest.raises(UnavailableError) as caught:
        await world.claimed()
    assert (caught.value.code, caught.value.message, caught.value.hint) == (
        "KAFKA_UNAVAILABLE",
        "Kafka at `127.0.0.1:9092` does not answer",
        "start it with scripts/up.sh",
    )
    assert files_below(world.root) == ["incoming/a.csv"]


async def test_when_kafka_goes_after_the_claim_the_file_is_a_job(world: World) -> None:
    world.commands.available = False
    job = await world.claimed()
    assert world.claims.pending(job.job_id) == job
    assert files_below(world.root) == [f"processing/{job.job_id}/.job.json", f"processing/{job.job_id}/a.csv"]
    world.commands.available = True
    await reconcile(world)
    assert await world.jobs.get(job.job_id) == job.with_(revision=0)


async def test_pending_ends_when_the_read_model_shows_the_job(world: World) -> None:
    world.commands.available = False
    first, second = await world.claimed("a.csv"), await world.claimed("b.csv")
    following = asyncio.create_task(world.claims.follow())
    await asyncio.sleep(0)
    world.jobs.put(first)
    async with asyncio.timeout(30):
        while world.claims.pending(first.job_id) is not None:
            await asyncio.sleep(0)
    assert world.claims.pending(second.job_id) == second
    assert world.claims.pending("unknown00000") is None
    following.cancel()


@pytest.mark.parametrize("where", ["after-manifest", "after-rename", "after-submission"])
async def test_a_crash_at_each_step_loses_and_doubles_nothing(
    world: World, die_at: Callable[[str], None], where: str
) -> None:
    die_at(where)
    with pytest.raises(Died):
        await world.claimed()
    (job_id,) = world.folders.processing()
    die_at("nowhere")
    await reconcile(world)
    if where == "after-manifest":
        assert files_below(world.root) == ["incoming/a.csv", f"processing/{job_id}/.job.json"]
        assert world.commands.published == []
        for name in (".job.json", "."):  # the claim is long past
            os.utime(world.zone.processing / job_id / name, (0, 0))
        await reconcile(world)
        assert files_below(world.root) == ["incoming/a.csv"]
        assert world.folders.processing() == []
    else:
        assert files_below(world.root) == [f"processing/{job_id}/.job.json", f"processing/{job_id}/a.csv"]
        assert [(id_, type(event)) for id_, event in world.commands.published] == [(job_id, Submitted)]
        assert [job.sha256 for job in await world.jobs.active()] == [ABC_SHA256]


async def test_a_full_disk_is_said_and_leaves_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def write_durably(path: Path, data: bytes) -> None:
        path.write_bytes(data[:5])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("worker.intake.claim.write_durably", write_durably)
    with pytest.raises(StateError) as caught:
        await world.claimed()
    assert caught.value.code == "NO_SPACE"
    assert files_below(world.root) == ["incoming/a.csv"]
    assert world.folders.processing() == []


async def test_a_cancelled_caller_does_not_stop_a_claim(world: World) -> None:
    published = asyncio.Event()
    publish = world.commands.publish

    async def slow_publish(job_id: str, event: Submitted, timeout: float = 10.0) -> int:
        published.set()
        await asyncio.sleep(0)
        return await publish(job_id, event)

    world.commands.publish = slow_publish  # type: ignore[method-assign, assignment]
    caller = asyncio.create_task(world.submitter.submit(received(world.drop("a.csv")), submission()))
    await asyncio.wait_for(published.wait(), 30)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    async with asyncio.timeout(30):
        while not world.commands.published:
            await asyncio.sleep(0)
    assert [job.file for job in await world.jobs.active()] == ["a.csv"]


async def test_a_file_named_like_ours_keeps_its_name_for_the_user(world: World) -> None:
    job = await world.claimed("error.json")
    assert job.file == "error.json"
    manifest = world.folders.read_manifest(job.job_id)
    assert manifest is not None
    assert (manifest.file, manifest.stored_name) == ("error.json", "_error.json")
    assert files_below(world.zone.processing / job.job_id) == [".job.json", "_error.json"]
