"""Which job is next, whatever runs: big, small and tiny ones hold each other up as little as they can."""

from __future__ import annotations

import pytest

from tests.unit.running.test_supervisor import job
from worker.jobs.job import Job
from worker.jobs.sizes import SMALL_BYTES, TINY_BYTES
from worker.running.slots import JobQueue, tiny_slots

BIG, SMALL, TINY = SMALL_BYTES, SMALL_BYTES - 1, TINY_BYTES - 1


def fill(queue: JobQueue, *jobs: Job) -> list[str]:
    """Put the jobs and take all that may run; return their ids."""
    for waiting in jobs:
        queue.put(waiting)
    running: list[Job] = []
    while (taken := queue.take(running)) is not None:
        running.append(taken)
    return [taken.job_id for taken in running]


def of(size: int, *ids: str) -> list[Job]:
    return [job(job_id, size_bytes=size) for job_id in ids]


def test_tiny_files_have_slots_of_their_own() -> None:
    queue = JobQueue(2, 3)
    jobs = [*of(BIG, "b1", "b2", "b3"), *of(SMALL, "s1", "s2"), *of(TINY, "t1", "t2", "t3", "t4")]
    assert fill(queue, *jobs) == ["b1", "b2", "s1", "t1", "t2", "t3"]
    assert sorted(queue.ids()) == ["b3", "s2", "t4"]


def test_tiny_files_take_no_slot_of_the_others() -> None:
    jobs = [*of(TINY, "t1", "t2", "t3"), *of(BIG, "b1")]
    assert fill(JobQueue(1, 2), *jobs) == ["t1", "t2", "b1"]


def test_without_slots_of_their_own_tiny_files_are_small_ones() -> None:
    assert fill(JobQueue(1), *of(TINY, "t1", "t2", "t3")) == ["t1", "t2"]


@pytest.mark.parametrize("size", [BIG, SMALL, TINY])
def test_a_job_that_waits_is_found_replaced_and_dropped(size: int) -> None:
    queue = JobQueue(1, 1)
    (first, second) = of(size, "a1", "b2")
    queue.put(first)
    queue.put(second)
    queue.put(newer := first.with_(revision=9))
    assert queue.get("a1") == newer
    assert queue.take([]) == newer  # it kept its place
    queue.discard("b2")
    assert queue.get("b2") is None
    assert queue.take([]) is None


def test_a_job_would_wait_behind_others_of_its_size_and_for_a_slot() -> None:
    queue = JobQueue(1, 1)
    (tiny, other), (big,) = of(TINY, "t1", "t2"), of(BIG, "b1")
    assert not queue.would_wait(tiny, [])
    assert queue.would_wait(tiny, [other])
    assert not queue.would_wait(big, [other])
    queue.put(other)
    assert queue.would_wait(tiny, [])
    assert not queue.would_wait(big, [])


@pytest.mark.parametrize(("slots", "tiny"), [(1, 4), (2, 8), (8, 32), (16, 32), (256, 256)])
def test_tiny_files_have_four_times_as_many_slots_within_bounds(slots: int, tiny: int) -> None:
    assert tiny_slots(slots) == tiny
