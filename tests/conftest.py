"""Fixtures of all tests: one Apache Kafka broker a session, on free ports, in a folder of its own."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
_PORTS = range(10_240, 32_000)  # clients get those from 32768 on


def free_port() -> int:
    """Return a port that was free a moment ago, of those that the system gives to no client.

    A broker or worker that stops and starts again has to find its port free: a client's connection from it,
    or to itself, would have taken it meanwhile.
    """
    while True:
        port = secrets.choice(_PORTS)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port


class Broker:
    """One Kafka broker of a test session, started and stopped by the project's own script."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.controller_port = free_port()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        self._script("start", str(self.folder), str(self.port), str(self.controller_port))

    def stop(self) -> None:
        self._script("stop", str(self.folder))

    @property
    def pid(self) -> int:
        return int((self.folder / "broker.pid").read_text())

    def _script(self, *args: str) -> None:
        done = subprocess.run(
            [str(ROOT / "scripts/kafka/broker.sh"), *args],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env={**os.environ},
        )
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """The session's shared broker. Tests keep apart by `namespace`; none may stop this one."""
    broker = Broker(tmp_path_factory.mktemp("kafka"))
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[Broker]:
    """A broker of the test's own, not started yet: for tests that take it away."""
    broker = Broker(tmp_path / "kafka")
    yield broker
    broker.stop()


@pytest.fixture
def namespace() -> str:
    """A BATCH_NAMESPACE that no other test uses."""
    return f"t{secrets.token_hex(5)}"
