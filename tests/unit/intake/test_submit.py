"""Repeated submissions: one key makes one job, the same bytes are noticed."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.intake.conftest import (
    ABC_SHA256,
    ORDERS,
    Died,
    World,
    files_below,
    received,
    submission,
)
from tests.unit.intake.test_claim import reconcile
from worker.intake.submit import Submitter
from worker.jobs.events import Submitted
from worker.jobs.job import Job, Source, State
from worker.state.api import StateError, UnavailableError

KEY = "a key"
# SHA-256 of `["orders",{},"a.csv","<ABC_SHA256>"]`, by sha256sum
FINGERPRINT = "9a79781d3cadfc665c393eb8c194247253107f6d3800b50a480361f2015086bd"
OTHER_SHA256 = "0" * 64


async def submit(
    world: World,
    file: str = "a.csv",
    key: str | None = KEY,
    sha256: str = ABC_SHA256,
    submitter: Submitter | None = None,
    **changes: Any,
) -> tuple[Job, bool]:
    """Submit a new part file of the bytes `abc` as an upload."""
    part = world.zone.uploads / f"{len(list(world.zone.uploads.iterdir()))}.part"
    part.write_bytes(b"abc")
    try:
        return await (submitter or world.submitter).submit(
            received(part, sha256), submission(file, **{"source": Source.UPLOAD, **changes}), key
        )
    finally:
        part.unlink(missing_ok=True)


def another_worker(world: World, **changes: Any) -> Submitter:
    return world.new_submitter(world.new_claims(), **changes)


async def test_a_key_is_kept_with_its_job(world: World) -> None:
    job, created = await submit(world)
    assert created
    assert job.idempotency is not None
    assert (job.idempotency.key, job.idempotency.fingerprint) == (KEY, FINGERPRINT)
    manifest = world.folders.read_manifest(job.job_id)
    assert manifest is not None
    assert manifest.idempotency == job.idempotency
    assert await world.jobs.get(job.job_id) == job.with_(revision=0)
    assert files_below(world.zone.uploads) == []


async def test_the_same_request_again_gives_the_first_job(world: World) -> None:
    first, _ = await submit(world)
    again, created = await submit(world)
    assert (again, created) == (first, False)
    assert world.folders.processing() == [first.job_id]
    assert files_below(world.zone.uploads) == []


async def test_without_a_key_each_request_makes_a_job(world: World) -> None:
    jobs = [(await submit(world, key=None))[0].job_id for _ in range(2)]
    assert sorted(jobs) == world.folders.processing()
    assert len(set(jobs)) == 2


async def test_another_key_makes_another_job(world: World) -> None:
    first, _ = await submit(world)
    second, created = await submit(world, key="another key")
    assert created
    assert first.job_id != second.job_id


@pytest.mark.parametrize(
    ("changes", "differs"),
    [
        ({"file": "b.csv"}, "another file name"),
        ({"sha256": OTHER_SHA256}, "another content"),
        (
            {"model": dataclasses.replace(ORDERS, name="prices"), "file": "b.csv"},
            "another model and file name",
        ),
        ({"overrides": {"delimiter": ","}}, "other options"),
        ({"overrides": {"delimiter": None}}, "other options"),
    ],
)
async def test_a_key_with_another_request_is_refused(
    world: World, changes: dict[str, Any], differs: str
) -> None:
    first, _ = await submit(world)
    with pytest.raises(StateError) as caught:
        await submit(world, **changes)
    assert (caught.value.code, caught.value.message) == (
        "IDEMPOTENCY_MISMATCH",
        f"the key `a key` came before with {differs}, and made job `{first.job_id}`",
    )
    assert world.folders.processing() == [first.job_id]


async def test_a_newer_version_of_the_model_is_the_same_request(world: World) -> None:
    first, _ = await submit(world)
    newer = dataclasses.replace(ORDERS, version=4, schema={"type": "object"})
    assert await submit(world, model=newer, options={}) == (first, False)


@pytest.mark.parametrize("folded", [True, False])
async def test_another_worker_finds_the_first_job(world: World, folded: bool) -> None:
    if not folded:
        world.commands.available = False  # the claim is not published: only its folder tells of it
    first, _ = await submit(world)
    world.commands.available = True
    again, created = await submit(world, submitter=another_worker(world))
    assert (again.job_id, created) == (first.job_id, False)
    assert world.folders.processing() == [first.job_id]
    assert [job.job_id for job in await world.jobs.active()] == [first.job_id]


async def test_a_row_that_comes_between_two_looks_is_found(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = await submit(world)
    look, looks = world.jobs.submitted_with, 0

    async def too_early(key: str) -> Job | None:
        nonlocal looks
        looks += 1
        return await look(key) if looks > 1 else None

    monkeypatch.setattr(world.jobs, "submitted_with", too_early)
    again, created = await submit(world, submitter=another_worker(world))
    assert (again.job_id, created) == (first.job_id, False)


async def test_a_job_that_ended_and_left_is_found(world: World) -> None:
    job, _ = await submit(world)
    ended = job.with_(state=State.COMPLETED, revision=5)
    world.jobs.put(ended)
    world.folders.dispose(ended)
    assert await submit(world, submitter=another_worker(world)) == (ended, False)


async def test_a_key_is_forgotten_with_its_job(world: World) -> None:
    first, _ = await submit(world)
    world.folders.dispose(first.with_(state=State.COMPLETED))
    world.jobs.remove(first.job_id)
    second, created = await submit(world, submitter=another_worker(world))
    assert created
    assert second.job_id != first.job_id


@pytest.mark.parametrize("shared", [True, False])
async def test_many_requests_at_once_make_one_job(world: World, shared: bool) -> None:
    submitters = [another_worker(world) if shared else world.submitter for _ in range(6)]
    answers = await asyncio.gather(*(submit(world, submitter=submitter) for submitter in submitters))
    assert len({job.job_id for job, _ in answers}) == 1
    assert sum(created for _, created in answers) == 1
    assert world.folders.processing() == [answers[0][0].job_id]
    assert files_below(world.zone.uploads) == []


@pytest.mark.parametrize("where", ["after-manifest", "after-rename", "after-submission"])
async def test_a_crash_in_the_claim_and_a_repeated_request_make_one_job(
    world: World, die_at: Callable[[str], None], where: str
) -> None:
    die_at(where)
    with pytest.raises(Died):
        await submit(world)
    (left,) = world.folders.processing()
    die_at("nowhere")
    job, created = await submit(world, submitter=another_worker(world))
    assert created == (where == "after-manifest")
    assert (job.job_id == left) == (where != "after-manifest")
    await reconcile(world)
    assert [found.job_id for found in await world.jobs.active()] == [job.job_id]
    submitted = {event.job.job_id for _, event in world.commands.published if isinstance(event, Submitted)}
    assert submitted == {job.job_id}


async def test_a_key_without_kafka_is_refused(world: World) -> None:
    world.jobs.available = False
    with pytest.raises(UnavailableError) as caught:
        await submit(world)
    assert caught.value.code == "KAFKA_UNAVAILABLE"
    assert world.folders.processing() == []
    assert files_below(world.zone.uploads) == []


async def test_a_caller_that_goes_does_not_give_the_key_free_too_soon(world: World) -> None:
    publishing, go_on = asyncio.Event(), asyncio.Event()
    publish = world.commands.publish

    async def slow_publish(job_id: str, event: Submitted, timeout: float = 10.0) -> int:
        publishing.set()
        await go_on.wait()
        return await publish(job_id, event)

    world.commands.publish = slow_publish  # type: ignore[method-assign, assignment]
    caller = asyncio.create_task(submit(world))
    await asyncio.wait_for(publishing.wait(), 30)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    again = asyncio.create_task(submit(world, submitter=another_worker(world)))
    done, _ = await asyncio.wait({again}, timeout=0.1)
    assert done == set()  # it waits for the key
    go_on.set()
    job, created = await asyncio.wait_for(again, 30)
    assert (world.folders.processing(), created) == ([job.job_id], False)


# --- duplicates ----------------------------------------------------------------------------------------


def dropped(world: World, name: str, sha256: str = ABC_SHA256) -> Any:
    return received(world.drop(name), sha256), submission(name)


async def test_duplicates_are_not_looked_for_unless_told(world: World) -> None:
    await submit(world, key=None)
    world.jobs.available = False  # a look would ask Kafka
    job, _ = await submit(world, key=None)
    assert job.duplicate_of is None


async def test_warn_names_the_first_job(world: World, caplog: pytest.LogCaptureFixture) -> None:
    submitter = world.new_submitter(duplicates="warn")
    first, _ = await submit(world, key=None, submitter=submitter)
    second, _ = await submit(world, "b.csv", key=None, submitter=submitter)
    third, _ = await submitter.submit(*dropped(world, "c.csv"))
    assert [job.duplicate_of for job in (first, second, third)] == [None, first.job_id, first.job_id]
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        f"job {job.job_id} ({job.file}) has the same bytes as job {first.job_id} (a.csv)"
        for job in (second, third)
    ]
    manifest = world.folders.read_manifest(second.job_id)
    assert manifest is not None
    assert manifest.duplicate_of == first.job_id


async def test_reject_refuses_an_upload_and_marks_a_dropped_file(world: World) -> None:
    submitter = world.new_submitter(duplicates="reject")
    first, _ = await submitter.submit(*dropped(world, "a.csv"))
    with pytest.raises(StateError) as caught:
        await submit(world, "b.csv", key=None, submitter=submitter)
    assert (caught.value.code, caught.value.message) == (
        "DUPLICATE_FILE",
        f"job `{first.job_id}` of model `orders` has the same bytes: `a.csv`",
    )
    assert first.job_id in caught.value.hint
    assert world.folders.processing() == [first.job_id]
    second, _ = await submitter.submit(*dropped(world, "c.csv"))
    assert second.duplicate_of == first.job_id


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, True),
        ({"state": State.COMPLETED}, True),
        ({"state": State.PAUSED}, True),
        ({"state": State.FAILED}, False),
        ({"state": State.CANCELLED}, False),
        ({"model": "prices"}, False),
        ({"sha256": OTHER_SHA256}, False),
    ],
)
async def test_which_jobs_count(world: World, changes: dict[str, Any], found: bool) -> None:
    first, _ = await submit(world, key=None)
    world.jobs.put(first.with_(revision=9, **changes))
    submitter = another_worker(world, duplicates="warn")
    job, _ = await submit(world, key=None, submitter=submitter)
    assert job.duplicate_of == (first.job_id if found else None)


@pytest.mark.parametrize("partition_columns", [True, False])
async def test_where_folders_are_columns_another_folder_is_other_data(
    world: World, partition_columns: bool
) -> None:
    submitter = world.new_submitter(duplicates="warn")
    files = ["m=7/z.csv", "m=8/z.csv", "m=8/again.csv"]
    options = {"partition_columns": partition_columns}
    jobs = [(await submit(world, file, key=None, submitter=submitter, options=options))[0] for file in files]
    first, second, third = jobs
    original = second if partition_columns else first
    assert second.duplicate_of == (None if partition_columns else first.job_id)
    assert third.duplicate_of == original.job_id


async def test_of_two_same_files_at_once_one_is_the_duplicate(world: World) -> None:
    submitter = world.new_submitter(duplicates="reject")
    files = [dropped(world, name) for name in ("a.csv", "b.csv", "c.csv")]
    jobs = [job for job, _ in await asyncio.gather(*(submitter.submit(*file) for file in files))]
    (first,) = [job for job in jobs if job.duplicate_of is None]
    assert [job.duplicate_of for job in jobs if job is not first] == [first.job_id] * 2


async def test_a_repeated_key_comes_before_the_refusal_of_its_bytes(world: World) -> None:
    submitter = world.new_submitter(duplicates="reject")
    first, _ = await submit(world, submitter=submitter)
    assert await submit(world, submitter=submitter) == (first, False)
    with pytest.raises(StateError) as caught:
        await submit(world, key="another key", submitter=submitter)
    assert caught.value.code == "DUPLICATE_FILE"
    assert files_below(world.zone.uploads) == []
