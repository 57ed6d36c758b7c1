from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.unit.cli.fake_worker import FakeWorker
from worker.cli.follow import Patience
from worker.cli.main import main


@dataclass(frozen=True)
class Result:
    code: int
    out: bytes
    err: str


Batch = Callable[..., Result]


@pytest.fixture
def worker() -> Iterator[FakeWorker]:
    worker = FakeWorker()
    yield worker
    worker.stop()


@pytest.fixture
def batch(
    worker: FakeWorker, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> Batch:
    """Runs a command against the fake worker."""
    monkeypatch.setenv("BATCH_URL", worker.url)

    def run(*argv: str) -> Result:
        try:
            code = main(argv)
        except SystemExit as ended:
            code = int(str(ended.code))
        out, err = capfdbinary.readouterr()
        return Result(code, out, err.decode())

    return run


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def patience(told: list[str]) -> Patience:
    """Tries again without waiting, for 60 s of its own time."""
    clock = Clock()
    return Patience(told.append, clock=clock, sleep=clock.sleep)
