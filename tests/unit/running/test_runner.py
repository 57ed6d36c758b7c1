"""One job's run against a cluster in memory: what is committed, told and moved, and in which order."""

from __future__ import annotations

import asyncio
import logging
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connectors.api import Progress
from connectors.errors import FencedError, HeaderError, JobCode, JobError, RetriableError, TopicLimitError
from connectors.testing import MemorySink
from tests.unit.running.world import JOB_ID, NOW, TOPIC, World, dead_rows
from worker.jobs.events import Ended, Released, Started, WaitingFor
from worker.jobs.job import Job, Requested, State
from worker.jobs.manifest import Manifest
from worker.running import runner as runner_module
from worker.running.runner import JobRunner, Outcome

LINES = [b"l%d" % number for number in range(7)]


async def test_all_rows_in_order_then_the_event_then_the_move(world: World) -> None:
    world.write(*LINES[:5], b"!bad", LINES[6])
    assert await world.runner().run() is Outcome.ENDED
    assert world.cluster.values(TOPIC) == [*LINES[:5], LINES[6]]
    assert dead_rows(world) == [b"!bad"]
    progress = world.cluster.progress[JOB_ID]
    assert (progress.eof, progress.delivered, progress.rejected, progress.position.row) == (True, 6, 1, 7)
    ended = world.ended()
    assert ended.counts is not None
    assert (ended.state, ended.counts.rows_delivered, ended.counts.rows_rejected) == (State.COMPLETED, 6, 1)
    assert ended.counts.dlq_topic == f"{TOPIC}_dlq"
    assert ended.counts.bytes_read == world.path.stat().st_size
    assert world.log[0] == "STARTED"
    assert world.log[-2:] == ["ENDED", "dispose COMPLETED"]


async def test_the_last_commit_is_said_by_the_ended_event_alone(world: World) -> None:
    world.write(*LINES[:1])
    await world.runner(chunk_blocks=4).run()
    assert world.log == ["STARTED", "ENDED", "dispose COMPLETED"]
    ended = world.ended()
    assert ended.counts is not None
    assert ended.counts.rows_delivered == 1


async def test_the_first_block_is_made_while_the_start_is_committed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.write(*LINES)
    loop, encoded = asyncio.get_running_loop(), asyncio.Event()
    world.on_block = lambda number: loop.call_soon_threadsafe(encoded.set)
    commit, before = MemorySink.commit, list[tuple[list[bytes], list[str]]]()

    async def after_the_first_block(sink: MemorySink, progress: Progress) -> None:
        async with asyncio.timeout(10):
            await encoded.wait()
        before.append((world.cluster.values(TOPIC), list(world.log)))
        await commit(sink, progress)

    monkeypatch.setattr(MemorySink, "commit", after_the_first_block)
    assert await world.runner().run() is Outcome.ENDED
    assert before[0] == ([], [])  # no row and no word of it before
    assert world.cluster.values(TOPIC) == LINES


async def test_offsets_span_the_jobs_first_record_to_its_last(world: World) -> None:
    world.write(*LINES)
    await world.runner().run()
    # four chunks of 2, 2, 2 and 1 rows, a transaction marker after each
    counts = world.ended().counts
    assert counts is not None
    assert counts.offsets == {"0": [0, 10]}


async def test_an_empty_file_ends_with_a_topic_and_no_rows(world: World) -> None:
    world.write()
    await world.runner().run()
    assert world.cluster.values(TOPIC) == []
    assert world.cluster.progress[JOB_ID].eof
    assert world.ended().state is State.COMPLETED


@pytest.mark.parametrize(
    "call", ["start", "create_topics", "begin", "send", "flush", "commit", "end_offsets"]
)
async def test_an_error_that_passes_begins_again_at_the_commit(world: World, call: str) -> None:
    world.write(*LINES)
    world.failures = [{call: RetriableError("gone for a moment")}]
    assert await world.runner().run() is Outcome.ENDED
    assert world.cluster.values(TOPIC) == LINES
    assert world.ended().state is State.COMPLETED


async def test_a_failing_broker_ends_the_job_after_its_attempts(world: World) -> None:
    world.write(*LINES)
    world.failures = [{"send": RetriableError("no")} for _ in range(runner_module.MAX_ATTEMPTS)]
    await world.runner().run()
    error = world.ended().error
    assert error is not None
    assert (world.ended().state, error.code) == (State.FAILED, "DELIVERY_FAILED")
    assert f"`{runner_module.MAX_ATTEMPTS}` times" in error.message
    assert f"batch job retry {JOB_ID}" in error.hint
    assert world.log[-1] == "dispose FAILED"


async def test_a_permanent_error_ends_the_job_at_once(world: World) -> None:
    world.write(*LINES)
    world.failures = [{"send": JobError(JobCode.TOPIC_DENIED, "message", "hint")}]
    await world.runner().run()
    error = world.ended().error
    assert error is not None
    assert (error.code, error.message, error.hint) == ("TOPIC_DENIED", "message", "hint")


async def test_a_header_that_does_not_fit_makes_no_topic(world: World) -> None:
    world.write(*LINES)
    world.header_error = HeaderError(JobCode.COLUMN_MISSING, "m", "h")
    await world.runner().run()
    assert world.cluster.records == {}
    assert world.log == ["ENDED", "dispose FAILED"]
    assert world.ended().format == "csv"


async def test_a_file_broken_in_the_middle_keeps_the_rows_before(world: World) -> None:
    world.write(*LINES[:4], b"BROKEN")
    await world.runner(chunk_blocks=10).run()
    assert world.cluster.values(TOPIC) == LINES[:4]
    counts, error = world.ended().counts, world.ended().error
    assert counts is not None
    assert error is not None
    assert (counts.rows_delivered, error.code) == (4, "PARQUET_INVALID")


async def test_after_a_fence_by_another_owner_nothing_is_said_or_moved(world: World) -> None:
    world.write(*LINES)
    world.failures = [{"send": FencedError("newer")}]
    world.owned = False
    assert await world.runner().run() is Outcome.LOST
    assert world.log == ["STARTED"]


async def test_a_fence_while_still_the_owner_is_an_expired_transaction(world: World) -> None:
    world.write(*LINES)
    world.failures = [{"commit": FencedError("expired")}]
    assert await world.runner().run() is Outcome.ENDED
    assert world.cluster.values(TOPIC) == LINES


async def test_a_topic_limit_leaves_the_slot_and_the_next_run_goes_on(world: World) -> None:
    world.write(*LINES)
    world.failures = [{"create_topics": TopicLimitError("full", "wait")}]
    runner = world.runner()
    assert await runner.run() is Outcome.WAITS
    waiting = runner.job.waiting
    assert waiting is not None
    assert (waiting.code, waiting.message, waiting.hint) == ("TOPIC_LIMIT", "full", "wait")
    assert world.log == ["WAITING"]
    assert await world.runner(runner.job).run() is Outcome.ENDED
    assert world.cluster.values(TOPIC) == LINES
    assert world.ended().state is State.COMPLETED


async def test_a_topic_limit_in_the_middle_queues_the_job_again(world: World) -> None:
    world.write(*LINES[:4], b"!bad")
    world.failures = [{"send_rejects": TopicLimitError("full", "wait")}]
    runner = world.runner()
    assert await runner.run() is Outcome.WAITS
    assert (runner.job.state, runner.job.rows_read) == (State.QUEUED, 4)
    assert await world.runner(runner.job).run() is Outcome.ENDED
    assert world.cluster.values(TOPIC) == LINES[:4]
    assert dead_rows(world) == [b"!bad"]


async def test_a_second_run_reads_on_where_the_first_committed(world: World) -> None:
    world.write(*LINES)
    first = world.runner()
    reached = asyncio.Event()
    loop = asyncio.get_running_loop()
    world.on_block = lambda number: loop.call_soon_threadsafe(reached.set) if number == 2 else None
    task = asyncio.create_task(first.run())
    await reached.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    committed = world.cluster.progress[JOB_ID].position.row
    assert 0 < committed < 7

    row = first.job.with_(revision=9)
    assert await world.runner(row).run() is Outcome.ENDED
    assert world.opened == [0, committed]
    assert world.cluster.values(TOPIC) == LINES


async def test_with_eof_committed_the_file_is_not_opened(world: World) -> None:
    world.write(*LINES)
    runner = world.runner()
    manifest = world.manifest()
    await runner.run()
    world.path.unlink()
    world.events.clear()
    again = runner.job.with_(state=State.RUNNING, requested=Requested.CANCEL)
    assert await world.runner(again, manifest=manifest).run() is Outcome.ENDED
    assert world.ended().state is State.COMPLETED
    assert world.opened == [0]


async def test_progress_that_expired_is_never_begun_again(world: World) -> None:
    world.write(*LINES)
    job = world.manifest().job().with_(started_at=NOW, rows_read=4)
    await world.runner(job).run()
    error = world.ended().error
    assert error is not None
    assert error.code == "PROGRESS_EXPIRED"
    assert "`4`" in error.message
    assert world.cluster.records == {}


@pytest.mark.parametrize("block", [1, 2, 3])
async def test_a_topic_made_again_is_noticed(world: World, block: int) -> None:
    world.write(*LINES)
    world.on_block = lambda number: world.cluster.ends.update({TOPIC: {0: 0}}) if number == block else None
    await world.runner().run()
    error = world.ended().error
    assert error is not None
    assert error.code == "TOPIC_REPLACED"
    assert TOPIC in error.message


async def test_a_topic_gone_after_the_last_row_is_noticed(world: World) -> None:
    world.write(*LINES)
    job = world.manifest().job()
    await world.runner(job).run()
    world.events.clear()
    world.cluster.ends[TOPIC] = {0: 0}
    await world.runner(job.with_(started_at=NOW)).run()
    error = world.ended().error
    assert error is not None
    assert error.code == "TOPIC_REPLACED"


async def test_an_altered_file_fails_before_its_last_commit(world: World) -> None:
    world.write(*LINES)

    def alter(number: int) -> None:
        if number == 3:
            with world.path.open("ab") as file:
                file.write(b"more")

    world.on_block = alter
    await world.runner().run()
    error = world.ended().error
    assert error is not None
    assert error.code == "FILE_CHANGED"
    assert not world.cluster.progress[JOB_ID].eof


async def test_a_missing_file(world: World) -> None:
    world.write(*LINES)
    runner = world.runner()
    world.path.unlink()
    await runner.run()
    error = world.ended().error
    assert error is not None
    assert error.code == "FILE_GONE"


@pytest.mark.parametrize(
    ("requested", "outcome", "state"),
    [(Requested.CANCEL, Outcome.ENDED, State.CANCELLED), (Requested.PAUSE, Outcome.RELEASED, State.PAUSED)],
)
async def test_a_request_is_done_at_the_next_block(
    world: World, requested: Requested, outcome: Outcome, state: State
) -> None:
    world.write(*LINES)
    runner = world.runner()
    loop = asyncio.get_running_loop()

    def ask(number: int) -> None:
        if number == 1:
            loop.call_soon_threadsafe(runner.request, requested)

    world.on_block = ask
    assert await runner.run() is outcome
    last = [event for event in world.events if isinstance(event, Ended | Released)][-1]
    assert last.state is state
    committed = len(world.cluster.values(TOPIC))
    assert 0 < committed < 7
    assert runner.job.rows_read == committed


async def test_events_wait_for_kafka(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.write(*LINES)
    world.unavailable = 2
    monkeypatch.setattr(runner_module.random, "uniform", lambda low, high: 0.0)
    assert await world.runner().run() is Outcome.ENDED
    assert [event.type for event in world.events if isinstance(event, Started | Ended)] == [
        "STARTED",
        "ENDED",
    ]


async def test_a_defect_fails_its_job_and_says_so(world: World) -> None:
    world.write(*LINES)

    def break_down(number: int) -> None:
        raise ZeroDivisionError("oh")

    world.on_block = break_down
    await world.runner().run()
    error = world.ended().error
    assert error is not None
    assert error.code == "INTERNAL"
    assert "ZeroDivisionError: oh" in error.message


async def test_the_final_row_is_what_the_fold_will_have(world: World) -> None:
    world.write(*LINES)
    await world.runner().run()
    job: Any = world.disposed
    assert (job.state, job.rows_read, job.finished_at, job.worker) == (State.COMPLETED, 7, NOW, "worker-1")


def said(caplog: pytest.LogCaptureFixture, text: str) -> list[str]:
    return [r.getMessage() for r in caplog.records if text in r.getMessage() and r.levelno >= logging.WARNING]


async def test_a_folder_that_cannot_be_moved_does_not_change_how_the_job_ended(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.write(*LINES)
    world.immovable = True
    assert await world.runner().run() is Outcome.ENDED
    assert world.ended().state is State.COMPLETED
    assert [r.exc_info for r in caplog.records] == [None] * len(caplog.records)
    assert len(said(caplog, "No space left")) == 1
    assert said(caplog, "FAILED") == []


async def test_a_job_that_moved_away_is_not_ended_here(world: World) -> None:
    world.write(*LINES)
    world.header_error = HeaderError(JobCode.COLUMN_MISSING, "m", "h")
    world.owned = False
    assert await world.runner().run() is Outcome.LOST
    assert world.log == []


async def test_a_defect_after_the_job_moved_away_says_nothing(world: World) -> None:
    world.write(*LINES)

    def break_down(number: int) -> None:
        world.owned = False
        raise ZeroDivisionError("oh")

    world.on_block = break_down
    assert await world.runner().run() is Outcome.LOST
    assert world.log == ["STARTED"]


async def test_an_outage_does_not_use_up_the_attempts_and_is_said_once(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.write(*LINES)
    tries = runner_module.MAX_ATTEMPTS
    world.failures = [{"send": RetriableError("refused")} for _ in range(tries - 1)]
    world.failures += [{"start": RetriableError("away")} for _ in range(20)]
    world.failures += [{"start": RetriableError("coordinator loads")} for _ in range(tries - 1)]
    made = world.new_sink

    def new_sink(job: Job, manifest: Manifest) -> MemorySink:
        world.broker_ok = not (world.failures and "away" in str(world.failures[0].get("start")))
        return made(job, manifest)

    world.new_sink = new_sink  # type: ignore[method-assign]
    assert await world.runner().run() is Outcome.ENDED
    assert world.ended().state is State.COMPLETED
    assert world.cluster.values(TOPIC) == LINES
    assert len(said(caplog, "away")) == 1


async def test_the_pauses_grow_also_in_an_outage_and_after_a_fence(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.write(*LINES)
    world.failures = [{"start": FencedError("newer")} for _ in range(4)]
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(runner_module, "_FIRST_BACKOFF", 2.0)
    monkeypatch.setattr(runner_module, "_LONGEST_BACKOFF", 12.0)
    monkeypatch.setattr(runner_module.random, "uniform", lambda low, high: 1.0)
    monkeypatch.setattr(runner_module.asyncio, "sleep", sleep)
    await world.runner().run()
    # those of a second are the reporter's
    assert [pause for pause in pauses if pause > 1] == [2.0, 4.0, 8.0, 12.0]


async def test_a_start_is_told_once_a_run(world: World) -> None:
    world.write(*LINES)
    world.failures = [{"send": RetriableError("no")}, {"commit": RetriableError("no")}]
    await world.runner().run()
    assert world.log.count("STARTED") == 1


async def test_a_limit_is_said_once(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.write(*LINES)
    world.failures = [{"create_topics": TopicLimitError("full", "wait")} for _ in range(3)]
    job = None
    for _ in range(3):
        runner = world.runner(job)
        assert await runner.run() is Outcome.WAITS
        job = runner.job
    assert world.log == ["WAITING"]
    assert len(said(caplog, "TOPIC_LIMIT")) == 1


async def test_a_job_that_never_started_shows_what_holds_it_up(world: World) -> None:
    world.write(*LINES)
    world.failures = [{"start": RetriableError("the coordinator loads")}]
    await world.runner().run()
    (waiting,) = [event.waiting for event in world.events if isinstance(event, WaitingFor)]
    assert waiting is not None
    assert waiting.code == "RETRY_LATER"
    assert "the coordinator loads" in waiting.message
    assert world.ended().state is State.COMPLETED


async def test_a_pause_that_was_taken_back_does_not_pause(world: World) -> None:
    world.write(*LINES)
    made = world.new_sink
    sinks: list[MemorySink] = []

    def new_sink(job: Job, manifest: Manifest) -> MemorySink:
        sink = made(job, manifest)
        sinks.append(sink)
        close = sink.close

        async def close_and_resume() -> None:
            await close()
            runner.request(None)

        sink.close = close_and_resume  # type: ignore[method-assign]
        return sink

    world.new_sink = new_sink  # type: ignore[method-assign]
    runner = world.runner()
    loop = asyncio.get_running_loop()
    asked = []

    def ask(number: int) -> None:
        if not asked:
            asked.append(number)
            loop.call_soon_threadsafe(runner.request, Requested.PAUSE)

    world.on_block = ask
    assert await runner.run() is Outcome.ENDED
    assert len(sinks) == 2
    assert not [event for event in world.events if isinstance(event, Released)]
    assert world.cluster.values(TOPIC) == LINES


async def test_progress_behind_what_this_run_committed_is_never_used(world: World) -> None:
    world.write(*LINES)
    made = world.new_sink

    def new_sink(job: Job, manifest: Manifest) -> MemorySink:
        sink = made(job, manifest)
        commit = sink.commit
        commits: list[Progress] = []

        async def fail_fourth(progress: Progress) -> None:
            commits.append(progress)
            if len(commits) == 4:
                world.cluster.progress[JOB_ID] = commits[1]
                raise RetriableError("gone")
            await commit(progress)

        sink.commit = fail_fourth  # type: ignore[method-assign]
        return sink

    world.new_sink = new_sink  # type: ignore[method-assign]
    await world.runner().run()
    error = world.ended().error
    assert error is not None
    assert error.code == "PROGRESS_EXPIRED"
    assert "`4` rows were committed, but the broker has row 2" in error.message


async def test_a_file_written_to_without_a_new_size_is_told_as_such(world: World) -> None:
    world.write(*LINES)
    runner = world.runner()
    stat = world.path.stat()
    os.utime(world.path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    await runner.run()
    error = world.ended().error
    assert error is not None
    assert error.code == "FILE_CHANGED"
    assert "but written to since" in error.message
    assert "submit the altered file as a new job" in error.hint


async def test_a_file_that_vanishes_while_it_is_opened(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.write(*LINES)
    runner = world.runner()

    def format_of(path: Path) -> str:
        path.unlink()
        path.read_bytes()
        raise AssertionError

    monkeypatch.setattr(world, "format_of", format_of)
    await runner.run()
    error = world.ended().error
    assert error is not None
    assert error.code == "FILE_GONE"


@pytest.mark.parametrize("completed", [True, False])
async def test_a_file_gone_at_the_end_is_believed_after_a_new_start_only(
    world: World, completed: bool
) -> None:
    """A worker that was frozen must not call a job failed that another one completed meanwhile."""
    world.write(*LINES)

    def go(number: int) -> None:
        if number == 3:
            world.path.unlink()

    world.on_block = go
    made = world.new_sink

    def new_sink(job: Job, manifest: Manifest) -> MemorySink:
        if not world.path.exists() and completed:
            world.cluster.progress[JOB_ID] = replace(world.cluster.progress[JOB_ID], eof=True)
        return made(job, manifest)

    world.new_sink = new_sink  # type: ignore[method-assign]
    await world.runner().run()
    error = world.ended().error
    if completed:
        assert world.ended().state is State.COMPLETED
        assert world.log[-1] == "dispose COMPLETED"
    else:
        assert error is not None
        assert error.code == "FILE_GONE"


async def test_a_slot_is_given_up_at_a_commit_and_the_next_run_reads_on(world: World) -> None:
    world.write(*LINES)
    ports = world.runner()._ports
    first = JobRunner(world.manifest().job(), world.manifest(), ports, yields=lambda: True)
    assert await first.run() is Outcome.YIELDED
    assert world.cluster.values(TOPIC) == LINES[:2]
    (released,) = [event for event in world.events if isinstance(event, Released)]
    assert released.state is State.QUEUED
    assert (first.job.state, first.job.rows_read) == (State.QUEUED, 2)
    assert await world.runner(first.job).run() is Outcome.ENDED
    assert world.cluster.values(TOPIC) == LINES
    assert world.opened == [0, 2]
