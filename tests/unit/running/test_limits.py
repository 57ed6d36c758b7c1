"""Jobs that fail for too many rejects, atomic jobs, refused duplicates, and a start that forgets the rest."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connectors.api import Position, Progress
from tests.unit.running.world import JOB_ID, TOPIC, World, dead_rows
from worker.jobs.apply import apply
from worker.jobs.events import Begin, Retried
from worker.jobs.job import State
from worker.running.limits import RejectLimit
from worker.running.runner import Outcome


def progress(delivered: int, rejected: int, base: tuple[int, int] = (0, 0)) -> Progress:
    return Progress(
        attempt=1, position=Position(), eof=False, delivered=delivered, rejected=rejected, offsets={},
        size=0, mtime_ns=0, base=base,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("ratio", "counts", "base", "exceeded"),
    [
        (0.5, (499, 500), (0, 0), False),  # 999 rows say nothing yet
        (0.5, (499, 501), (0, 0), True),
        (0.5, (500, 500), (0, 0), False),  # the share itself is allowed
        (0.0, (999, 1), (0, 0), True),
        (0.0, (1000, 0), (0, 0), False),
        (1.0, (0, 5000), (0, 0), False),
        (0.5, (500, 1500), (1000, 1000), False),  # earlier attempts do not count
        (0.5, (499, 1501), (1000, 1000), True),
    ],
)
def test_the_limit(ratio: float, counts: tuple[int, int], base: tuple[int, int], exceeded: bool) -> None:
    assert RejectLimit(ratio).exceeded(progress(*counts, base=base)) is exceeded
    half = (counts[0] // 2, counts[1] // 2)
    rest = {"delivered": counts[0] - half[0], "rejected": counts[1] - half[1]}
    assert RejectLimit(ratio).exceeded(progress(*half, base=base), **rest) is exceeded


async def test_too_many_rejects_fail_the_job_after_their_commit_and_a_retry_goes_on(world: World) -> None:
    world.max_reject_ratio = 0.5
    bad = [b"!%d" % number for number in range(1500)]
    world.write(*bad)
    runner = world.runner(chunk_blocks=10_000)
    assert await runner.run() is Outcome.ENDED
    error = world.ended().error
    assert error is not None
    assert error.code == "TOO_MANY_REJECTS"
    assert "`1000` of `1000` rows" in error.message
    assert dead_rows(world) == bad[:1000]
    assert not world.cluster.progress[JOB_ID].eof

    again = apply(runner.job, Retried(2), world.told())
    world.events.clear()
    await world.runner(again, chunk_blocks=10_000).run()
    assert world.ended().state is State.COMPLETED  # the 500 rows of this attempt are too few to judge
    assert dead_rows(world) == bad


async def test_too_many_rejects_at_the_very_end(world: World) -> None:
    world.max_reject_ratio = 0.5
    world.write(*[b"!%d" % number for number in range(1000)])
    runner = world.runner(chunk_blocks=10_000)
    await runner.run()
    assert world.ended().state is State.FAILED
    again = apply(runner.job, Retried(2), world.told())
    world.events.clear()
    await world.runner(again).run()
    assert world.ended().state is State.COMPLETED
    assert len(dead_rows(world)) == 1000


async def test_an_atomic_job_is_one_transaction(world: World) -> None:
    world.options = {"atomic": True}
    lines = [b"%d" % number for number in range(50)]
    world.write(*lines)
    await world.runner(chunk_blocks=1).run()
    assert world.cluster.values(TOPIC) == lines
    assert len(world.chunks) == 1
    assert world.cluster.ends[TOPIC][0] == 51  # one marker


@pytest.mark.parametrize(
    ("last", "limits", "code"),
    [
        (b"BROKEN", {}, "PARQUET_INVALID"),
        (b"!x", {"max_reject_ratio": 0.0}, "TOO_MANY_REJECTS"),
        (b"x", {"atomic_seconds": 0.0}, "DELIVERY_FAILED"),
    ],
)
async def test_nothing_of_an_atomic_job_that_failed(
    world: World, last: bytes, limits: dict[str, float], code: str
) -> None:
    world.options = {"atomic": True}
    for name, value in limits.items():
        setattr(world, name, value)
    world.write(*[b"%d" % number for number in range(1001)], last)
    runner = world.runner()
    await runner.run()
    error = world.ended().error
    assert error is not None
    assert error.code == code
    assert world.cluster.values(TOPIC) == []
    assert f"{TOPIC}_dlq" not in world.cluster.records or dead_rows(world) == []
    assert (runner.job.rows_read, runner.job.position["row"]) == (0, 0)


async def test_a_duplicate_is_refused_until_it_is_sent_back(world: World) -> None:
    world.write(b"a")
    world.duplicate_of = "firstjob0000"
    world.refuse_duplicates = True
    runner = world.runner()
    await runner.run()
    error = world.ended().error
    assert error is not None
    assert error.code == "DUPLICATE_FILE"
    assert "`firstjob0000`" in error.message
    assert world.cluster.records == {}
    again = apply(runner.job, Retried(2), world.told())
    world.events.clear()
    await world.runner(again).run()
    assert world.ended().state is State.COMPLETED


async def test_a_start_on_the_same_shared_topic_does_not_read_on(world: World) -> None:
    world.write(b"a", b"b", b"c")
    runner = world.runner()
    await runner.run()
    again = apply(runner.job, Retried(2, begin=Begin.START), world.told())
    assert again is not None
    assert (again.rows_read, again.started_at, again.first_attempt) == (0, None, 2)
    world.events.clear()
    second = world.runner(again)
    await second.run()
    assert world.cluster.values(TOPIC) == [b"a", b"b", b"c"] * 2
    assert world.opened == [0, 0]
    assert second.job.offsets["0"][0] > 3
    assert replace(second.job, revision=0).rows_delivered == 3
