"""A world for each test, and no waiting between tries."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.unit.running.world import World
from worker.running import runner as runner_module


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with ThreadPoolExecutor(2) as executor:
        yield World(tmp_path, executor)


@pytest.fixture(autouse=True)
def no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner_module, "_FIRST_BACKOFF", 0.0)
    monkeypatch.setattr(runner_module, "_LONGEST_BACKOFF", 0.0)
