"""A drop zone in a temporary folder, in-memory state, a clock and a Kafka that the test controls."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from worker.intake import take
from worker.intake.claim import Claims, Submission
from worker.intake.dropzone import Dropzone
from worker.intake.folders import JobFolders
from worker.intake.locks import KeyLocks
from worker.intake.received import Identity, ReceivedFile
from worker.intake.space import DiskSpace
from worker.intake.submit import Submitter
from worker.intake.watch import Watcher
from worker.jobs.codes import CODES
from worker.jobs.job import Job, Source
from worker.state.api import Health, Model
from worker.state.testing import MemoryCommands, MemoryJobs, MemoryModels

NOW = "2026-01-02T03:04:05.678Z"
ORDERS = Model("orders", 3, {"type": "object", "x-batch": {"delimiter": ";"}}, NOW)
ABC_SHA256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, B.1
EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


class Died(BaseException):
    """Stands for kill -9: nothing after it runs."""


@dataclass
class World:
    """What surrounds the intake. `free_bytes` is what the disk claims to have."""

    root: Path
    seconds: float = 1000.0
    free_bytes: int = 10_000
    health: Health = field(
        default_factory=lambda: Health("127.0.0.1:9092", True, True, "Kafka answers", "nothing to do", NOW)
    )

    def __post_init__(self) -> None:
        self.zone = Dropzone(self.root)
        self.zone.create()
        self.folders = JobFolders(self.zone)
        self.jobs = MemoryJobs()
        self.commands = MemoryCommands(self.jobs)
        self.models = MemoryModels()
        self.space = DiskSpace(self.root, 1000, lambda _: self.free_bytes)
        self.claims = self.new_claims()
        self.submitter = self.new_submitter()

    def new_claims(self, **changes: Any) -> Claims:
        ports: dict[str, Any] = {
            "zone": self.zone,
            "space": self.space,
            "commands": self.commands,
            "jobs": self.jobs,
            "health": lambda: self.health,
            "namespace": "shop",
            "block_bytes": 4096,
            "now": lambda: NOW,
        }
        return Claims(**{**ports, **changes})

    def new_submitter(self, claims: Claims | None = None, **changes: Any) -> Submitter:
        """A submitter as another worker on the same drop zone has it, if it has `claims` of its own."""
        ports: dict[str, Any] = {
            "claims": claims or self.claims,
            "jobs": self.jobs,
            "folders": self.folders,
            "keys": KeyLocks(self.zone.uploads),
        }
        return Submitter(**{**ports, **changes})

    def clock(self) -> float:
        return self.seconds

    def kafka_goes(self) -> None:
        self.health = replace(
            self.health,
            broker_ok=False,
            ready=False,
            message="Kafka at `127.0.0.1:9092` does not answer",
            hint="start it with scripts/up.sh",
        )
        self.commands.available = False

    def kafka_comes(self) -> None:
        self.health = replace(self.health, broker_ok=True, ready=True, message="Kafka answers", hint="")
        self.commands.available = True

    def drop(self, name: str, data: bytes = b"abc") -> Path:
        path = self.zone.incoming / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    async def claimed(self, name: str = "a.csv", claims: Claims | None = None) -> Job:
        """Claim a dropped file of the bytes `abc`."""
        return await (claims or self.claims).claim(received(self.drop(name)), submission(name))


def submission(file: str = "a.csv", model: Model = ORDERS, **changes: Any) -> Submission:
    values: dict[str, Any] = {"options": {"delimiter": ";"}, "source": Source.DROPZONE}
    return Submission(file, model, **{**values, **changes})


def received(path: Path, sha256: str = ABC_SHA256) -> ReceivedFile:
    """The file as it is now, as if it had just been hashed."""
    return ReceivedFile(path, Identity.of(path.stat()), sha256)


def files_below(folder: Path) -> list[str]:
    return sorted(
        os.path.relpath(Path(where) / name, folder) for where, _, names in os.walk(folder) for name in names
    )


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "dropzone")


@pytest.fixture
def die_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Make the claim die at a crash point."""

    def arrange(wanted: str) -> None:
        def crash_point(point: str) -> None:
            if point == wanted:
                raise Died(point)

        monkeypatch.setattr("worker.intake.claim.crash_point", crash_point)

    return arrange


class Watched:
    """A watcher on the world's drop zone; only the test moves its clock."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.options_of: Callable[[Model], dict[str, Any]] = lambda model: model.schema["x-batch"]
        self.watcher = Watcher(
            zone=world.zone,
            submitter=world.submitter,
            space=world.space,
            models=world.models,
            health=lambda: world.health,
            options_of=lambda model: self.options_of(model),
            default_model="default_model",
            max_bytes=100,
            settle_seconds=2.0,
            rescan_seconds=60.0,
            clock=world.clock,
            now=lambda: f"{world.seconds:.0f}",
        )

    async def after(self, seconds: float) -> None:
        """Move the clock, scan, and wait for what is being taken."""
        self.world.seconds += seconds
        await self.watcher.scan()
        await self.watcher.idle()

    async def jobs(self) -> list[Job]:
        return list(await self.world.jobs.active())

    @property
    def codes(self) -> dict[str, str]:
        return {entry.path: entry.code for entry in self.watcher.waiting()}

    def entry(self, path: str) -> tuple[str, str, str]:
        (entry,) = [entry for entry in self.watcher.waiting() if entry.path == path]
        assert entry.code == "INTERNAL" or "file waits" in CODES[entry.code].where
        return entry.code, entry.message, entry.hint


@pytest.fixture
async def watched(world: World) -> Watched:
    for name in ("orders", "default_model"):
        await world.models.create(name, {"type": "object", "x-batch": {"delimiter": "|"}})
    return Watched(world)


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are hashed, in order."""
    names: list[str] = []
    real = take.hash_file

    def counted(path: Path, *rest: Any) -> Any:
        names.append(path.name)
        return real(path, *rest)

    monkeypatch.setattr(take, "hash_file", counted)
    return names
