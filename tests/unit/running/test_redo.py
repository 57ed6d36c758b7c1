"""Retrying rejects: the dead letters again, exactly once; those that fail again come after the end."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from connectors.errors import RetriableError
from connectors.kafka.framing import Codec, frame
from connectors.testing import MemorySink, decode_batch
from tests.unit.running.world import JOB_ID, TOPIC, World, dead_rows, letter
from worker.jobs.apply import apply
from worker.jobs.events import Begin, Retried
from worker.jobs.job import Job, Requested, State, Work
from worker.jobs.manifest import Manifest
from worker.running.runner import Outcome

DLQ = f"{TOPIC}_dlq"
ROWS = [b"a", b"!b", b"c", b"!!d", b"!e", b"f", b"!g"]


def retried(world: World, job: Job) -> Job:
    row = apply(job, Retried(job.attempt + 1, begin=Begin.REJECTS), world.told())
    assert row is not None
    assert (row.state, row.work) == (State.QUEUED, Work.REJECTS)
    return row


async def completed(world: World) -> Job:
    world.write(*ROWS)
    runner = world.runner()
    assert await runner.run() is Outcome.ENDED
    assert dead_rows(world) == [b"!b", b"!!d", b"!e", b"!g"]
    world.events.clear()
    world.log.clear()
    world.rejected = b"!!"  # the model is mended for all but one
    return runner.job


async def test_what_is_mended_goes_into_the_topic_and_the_rest_stays_unresolved(world: World) -> None:
    job = await completed(world)
    runner = world.runner(retried(world, job))
    assert await runner.run() is Outcome.ENDED
    assert world.cluster.values(TOPIC) == [b"a", b"c", b"f", b"!b", b"!e", b"!g"]
    assert dead_rows(world) == [b"!b", b"!!d", b"!e", b"!g", b"!!d"]
    ended = runner.job
    assert (ended.state, ended.rows_read, ended.rows_delivered, ended.rows_rejected) == (
        State.COMPLETED, 7, 6, 1,
    )  # fmt: skip
    assert ended.dead_letters is not None
    first, end = ended.dead_letters
    assert [r.value for o, r in world.cluster.records[DLQ][0].items() if first <= o < end] == [
        letter(b"!!d", 2)[1]
    ]
    assert world.log[0] == "STARTED"
    assert world.log[-2:] == ["ENDED", "dispose COMPLETED"]


async def test_a_second_retry_takes_those_that_failed_again(world: World) -> None:
    job = await completed(world)
    runner = world.runner(retried(world, job))
    await runner.run()
    world.rejected = b"?"
    again = world.runner(retried(world, runner.job))
    assert await again.run() is Outcome.ENDED
    assert sorted(world.cluster.values(TOPIC)) == sorted(ROWS)
    assert (again.job.rows_delivered, again.job.rows_rejected) == (7, 0)
    assert again.job.dead_letters is not None
    assert again.job.dead_letters[0] >= again.job.dead_letters[1]


@pytest.mark.parametrize("call", ["start", "begin", "send", "flush", "commit", "end_offsets"])
@pytest.mark.parametrize("mended", [b"!!", b"?"])
async def test_an_error_that_passes_begins_again_at_the_commit(
    world: World, monkeypatch: pytest.MonkeyPatch, call: str, mended: bytes
) -> None:
    monkeypatch.setattr("worker.running.redo._CHUNK_LETTERS", 2)
    job = await completed(world)
    world.rejected = mended
    world.failures = [{call: RetriableError("away")} for _ in range(2)]
    assert await world.runner(retried(world, job)).run() is Outcome.ENDED
    assert world.ended().state is State.COMPLETED
    expected = [row for row in ROWS if not row.startswith(mended)]
    assert sorted(world.cluster.values(TOPIC)) == sorted(expected)


async def test_a_later_run_goes_on_behind_the_letters_of_the_last_commit(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.running.redo._CHUNK_LETTERS", 2)
    job = await completed(world)
    made = world.new_sink

    def new_sink(job: Job, manifest: Manifest) -> MemorySink:
        sink = made(job, manifest)
        commit = sink.commit

        async def once(progress: object) -> None:
            await commit(progress)  # type: ignore[arg-type]
            raise asyncio.CancelledError

        sink.commit = once  # type: ignore[method-assign]
        return sink

    world.new_sink = new_sink  # type: ignore[method-assign]
    runner = world.runner(retried(world, job))
    with pytest.raises(asyncio.CancelledError):
        await runner.run()
    world.new_sink = made  # type: ignore[method-assign]
    progress = world.cluster.progress[JOB_ID]
    assert progress.redo is not None
    assert (progress.redo.attempt, progress.delivered, progress.rejected) == (2, 4, 3)
    assert await world.runner(runner.job).run() is Outcome.ENDED
    assert sorted(world.cluster.values(TOPIC)) == sorted(row for row in ROWS if row != b"!!d")
    assert dead_rows(world).count(b"!!d") == 2


async def test_others_letters_in_a_shared_topic_are_passed_over(world: World) -> None:
    job = await completed(world)
    other = frame([letter(b"!x", 1, "otherjob0000")], 0, Codec.NONE)[0]
    records, ends = world.cluster.records[DLQ][0], world.cluster.ends[DLQ]
    moved = {offset + (offset > 1): record for offset, record in records.items()}
    records.clear()
    records.update(moved)
    records[2] = decode_batch(other)[0]
    ends[0] += 1
    progress = world.cluster.progress[JOB_ID]
    assert progress.dead_letters is not None
    world.cluster.progress[JOB_ID] = replace(progress, dead_letters=(0, progress.dead_letters[1] + 1))
    await world.runner(retried(world, job)).run()
    assert sorted(world.cluster.values(TOPIC)) == sorted(row for row in ROWS if row != b"!!d")


async def test_letters_that_the_broker_no_longer_has_fail_the_retry(world: World) -> None:
    job = await completed(world)
    del world.cluster.records[DLQ][0][min(world.cluster.records[DLQ][0])]
    runner = world.runner(retried(world, job))
    await runner.run()
    error = world.ended().error
    assert error is not None
    assert error.code == "PROGRESS_EXPIRED"
    assert "`1` dead letters" in error.message
    assert "--from-start" in error.hint


async def test_a_dead_letter_topic_made_again_is_noticed(world: World) -> None:
    job = await completed(world)
    world.cluster.ends[DLQ][0] = 1
    await world.runner(retried(world, job)).run()
    error = world.ended().error
    assert error is not None
    assert error.code == "TOPIC_REPLACED"
    assert DLQ in error.message


async def test_a_cancel_in_the_middle_keeps_what_is_committed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.running.redo._CHUNK_LETTERS", 2)
    job = await completed(world)
    runner = world.runner(retried(world, job))
    loop = asyncio.get_running_loop()
    world.on_block = lambda number: (
        loop.call_soon_threadsafe(runner.request, Requested.CANCEL) if world.letter_numbers[1:] else None
    )
    assert await runner.run() is Outcome.ENDED
    assert runner.job.state is State.CANCELLED
    assert runner.job.rows_rejected == 3
    world.on_block = lambda number: None
    going_on = apply(runner.job, Retried(3), world.told())
    assert going_on is not None
    assert going_on.work is Work.REJECTS
    assert await world.runner(going_on).run() is Outcome.ENDED
    assert sorted(world.cluster.values(TOPIC)) == sorted(row for row in ROWS if row != b"!!d")
    redo = world.cluster.progress[JOB_ID].redo
    assert redo is not None
    assert (redo.attempt, redo.again) == (3, 1)
