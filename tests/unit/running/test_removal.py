"""Removing an ended job: the order of the steps, and what a removal that broke off leaves to the next."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from connectors.errors import ConnectorError, JobCode, JobError, RetriableError
from tests.unit.state.jobs import job
from worker.jobs.job import Job, State
from worker.jobs.manifest import Manifest
from worker.running import removal
from worker.running.removal import JobRemover, own_topics
from worker.state.api import StateError, UnavailableError
from worker.state.testing import MemoryCommands, MemoryJobs

ENDED = job(state=State.COMPLETED, revision=5)
MANIFEST = Manifest.__new__(Manifest)  # only whether there is one counts


@dataclass
class World:
    """Cluster, folders, table and read model; `steps` is what happened to them."""

    jobs: MemoryJobs
    commands: MemoryCommands
    steps: list[str] = field(default_factory=list)
    failure: ConnectorError | None = None
    failing: tuple[str, ...] = ()  # identities that fail with it; none: all
    moves: int = 1  # tries until the folder has left processing/
    retried: Job | None = None

    async def remove(self, jobs: Mapping[str, Sequence[str]]) -> Mapping[str, ConnectorError]:
        for identity, topics in jobs.items():
            self.steps.append(f"cluster {identity} {' '.join(topics)}")
        if self.failure is not None:
            return dict.fromkeys(self.failing or jobs, self.failure)
        if self.retried is not None:
            self.jobs.put(self.retried)
        return {}

    def dispose(self, job: Job) -> None:
        self.moves -= 1
        self.steps.append("move")

    def read_manifest(self, job_id: str) -> Manifest | None:
        return MANIFEST if self.moves > 0 else None


@pytest.fixture
def world() -> World:
    jobs = MemoryJobs([ENDED])
    commands = MemoryCommands(jobs)
    commands.published += [("another", None)] * 6  # type: ignore[list-item] (offsets after the revision)
    return World(jobs, commands)


def remover(world: World) -> JobRemover:
    return JobRemover(namespace="ns", cluster=world, folders=world, commands=world.commands, jobs=world.jobs)


def test_own_topics_are_named_after_the_job_alone() -> None:
    assert own_topics("ns", job(topic="shared", dlq_topic="shared_dlq", attempt=3)) == [
        "ns_aaaaaaaaaaaa",
        "ns_aaaaaaaaaaaa_dlq",
        "ns_aaaaaaaaaaaa_r2",
        "ns_aaaaaaaaaaaa_r2_dlq",
        "ns_aaaaaaaaaaaa_r3",
        "ns_aaaaaaaaaaaa_r3_dlq",
    ]


async def test_the_row_goes_last(world: World) -> None:
    changes = world.jobs.changes()
    await remover(world).remove(ENDED)
    assert world.steps == ["move", "cluster ns-aaaaaaaaaaaa ns_aaaaaaaaaaaa ns_aaaaaaaaaaaa_dlq"]
    assert (await anext(changes)).job is None
    assert await world.jobs.get("aaaaaaaaaaaa") is None
    assert [event.type for _, event in world.commands.published[6:]] == ["DELETED"]


@pytest.mark.parametrize("state", [State.QUEUED, State.RUNNING, State.PAUSED])
async def test_a_job_that_has_not_ended_is_left_alone(world: World, state: State) -> None:
    with pytest.raises(StateError) as caught:
        await remover(world).remove(job(state=state))
    assert (caught.value.code, caught.value.message) == (
        "INVALID_STATE",
        f"job `aaaaaaaaaaaa` is {state} and cannot be deleted",
    )
    assert world.steps == []


@pytest.mark.parametrize(
    ("failure", "message", "hint"),
    [
        (
            RetriableError("no answer"),
            "no answer",
            "it is safe to remove it again, once Kafka answers",
        ),
        (JobError(JobCode.TOPIC_DENIED, "denied", "grant it"), "denied", "grant it"),
    ],
)
async def test_the_row_stays_until_the_cluster_is_clean(
    world: World, failure: ConnectorError, message: str, hint: str
) -> None:
    world.failure = failure
    with pytest.raises(UnavailableError) as caught:
        await remover(world).remove(ENDED)
    assert (caught.value.code, caught.value.message, caught.value.hint) == (
        "KAFKA_UNAVAILABLE",
        message,
        hint,
    )
    assert await world.jobs.get("aaaaaaaaaaaa") == ENDED
    world.failure = None
    await remover(world).remove(ENDED)
    assert await world.jobs.get("aaaaaaaaaaaa") is None


async def test_without_kafka_for_the_event_the_row_stays(world: World) -> None:
    world.commands.available = False
    with pytest.raises(UnavailableError):
        await remover(world).remove(ENDED)
    assert await world.jobs.get("aaaaaaaaaaaa") == ENDED


async def test_a_folder_that_is_being_moved_is_waited_for(world: World) -> None:
    world.moves = 3
    await remover(world).remove(ENDED)
    assert world.steps[:3] == ["move", "move", "move"]


async def test_a_folder_that_stays_in_processing_stops_the_removal(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removal, "_MOVE_SECONDS", 0.1)
    world.moves = 1_000_000
    with pytest.raises(UnavailableError) as caught:
        await remover(world).remove(ENDED)
    assert caught.value.code == "NOT_READY"
    assert set(world.steps) == {"move"}  # without its row it would be submitted again


async def test_a_retry_that_came_first_wins(world: World) -> None:
    world.retried = ENDED.with_(state=State.QUEUED, attempt=2, revision=5)
    with pytest.raises(StateError) as caught:
        await remover(world).remove(ENDED)
    assert caught.value.code == "INVALID_STATE"
    assert await world.jobs.get("aaaaaaaaaaaa") == world.retried


async def test_a_fold_that_does_not_answer_ends_the_wait(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removal, "_ROW_SECONDS", 0.1)

    async def unfolded(*_: object) -> int:
        await asyncio.sleep(0)
        return 9

    monkeypatch.setattr(world.commands, "publish", unfolded)
    with pytest.raises(UnavailableError) as caught:
        await remover(world).remove(ENDED)
    assert caught.value.code == "NOT_READY"


async def test_many_are_removed_in_one_step_and_one_that_fails_keeps_none_back(world: World) -> None:
    ids = ["aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc"]
    jobs = [job(job_id, state=State.FAILED, revision=5) for job_id in ids]
    for ended in jobs:
        world.jobs.put(ended)
    world.moves = 0
    world.failure = JobError(JobCode.TOPIC_DENIED, "denied", "grant it")
    world.failing = ("ns-bbbbbbbbbbbb",)
    running = job("dddddddddddd", state=State.RUNNING)
    refused = await remover(world).remove_all([*jobs, running])
    assert {job_id: (error.code, str(error)) for job_id, error in refused.items()} == {
        "bbbbbbbbbbbb": ("KAFKA_UNAVAILABLE", "denied"),
        "dddddddddddd": ("INVALID_STATE", "job `dddddddddddd` is RUNNING and cannot be deleted"),
    }
    assert world.steps[:3] == ["move"] * 3
    assert world.steps[3:] == [f"cluster ns-{job_id} ns_{job_id} ns_{job_id}_dlq" for job_id in ids]
    deleted = [job_id for job_id, _ in world.commands.published[6:]]
    assert sorted(deleted) == ["aaaaaaaaaaaa", "cccccccccccc"]
    assert await world.jobs.get("bbbbbbbbbbbb") == jobs[1]


async def test_one_folder_that_stays_keeps_none_of_the_others_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removal, "_MOVE_SECONDS", 0.1)
    other = job("bbbbbbbbbbbb", state=State.COMPLETED, revision=5)
    world.jobs.put(other)
    monkeypatch.setattr(world, "read_manifest", lambda job_id: MANIFEST if job_id == "bbbbbbbbbbbb" else None)
    refused = await remover(world).remove_all([ENDED, other])
    assert [(job_id, error.code) for job_id, error in refused.items()] == [("bbbbbbbbbbbb", "NOT_READY")]
    assert await world.jobs.get("aaaaaaaaaaaa") is None
    assert await world.jobs.get("bbbbbbbbbbbb") == other
    assert [step for step in world.steps if step != "move"] == [
        "cluster ns-aaaaaaaaaaaa ns_aaaaaaaaaaaa ns_aaaaaaaaaaaa_dlq"
    ]
