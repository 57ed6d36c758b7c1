"""A real worker for each test that asks for one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import Broker
from tests.harness import Topics, WorkerProcess


@pytest.fixture
def topics(broker: Broker) -> Topics:
    return Topics(broker.address)


@pytest.fixture
def groups(topics: Topics, namespace: str) -> Callable[[], set[str]]:
    """The ids of the namespace's groups, as the broker lists them."""

    def listed() -> set[str]:
        found = topics.admin.list_consumer_groups(request_timeout=10).result(20)
        return {group.group_id for group in found.valid if group.group_id.startswith(f"{namespace}-")}

    return listed


@pytest.fixture
def new_worker(tmp_path: Path, broker: Broker, namespace: str) -> Iterator[Callable[..., WorkerProcess]]:
    """Make workers on the session's broker, in this test's namespace; all are ended with the test."""
    made: list[WorkerProcess] = []

    def new(**settings: object) -> WorkerProcess:
        folder = tmp_path / f"worker-{len(made)}"
        folder.mkdir()
        made.append(WorkerProcess(folder, broker.address, namespace, **settings))
        return made[-1]

    yield new
    for worker in made:
        worker.close()


@pytest.fixture
def worker(new_worker: Callable[..., WorkerProcess]) -> WorkerProcess:
    """One worker, ready."""
    worker = new_worker()
    worker.start()
    return worker
