"""A drop zone in a temporary folder, in-memory state, a clock and a Kafka that the test controls."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from worker.intake.claim import Claims
from worker.intake.dropzone import Dropzone
from worker.intake.folders import JobFolders
from worker.intake.received import Identity, ReceivedFile
from worker.intake.space import DiskSpace
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
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
        return path

    async def claimed(self, name: str = "a.csv", claims: Claims | None = None) -> Job:
        """Claim a dropped file of the bytes `abc`."""
        return await (claims or self.claims).claim(
            received(self.drop(name)),
            file=name,
            model=ORDERS,
            options={"delimiter": ";"},
            source=Source.DROPZONE,
        )


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
