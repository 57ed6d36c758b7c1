"""Fixtures of all tests: one Apache Kafka broker a session, on free ports, in a folder of its own."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent
_PORTS = range(10_240, 32_000)  # clients get those from 32768 on
_FIRST = ("faults", "integration", "browser")  # files of minutes; the quick ones fill the gaps at the end
# a test's broker lives for minutes: most of its CPU time would go into loading and compiling classes
_JVM = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
_KAFKA = ROOT / ".kafka"
_CLASSES = _KAFKA / "libs/classes-of-tests.jsa"  # beside the jars, since it goes with them

# how long an example takes says more about the machine than about the code
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the long files first, for workers of xdist that take one file after another."""
    rank = {folder: place for place, folder in enumerate(_FIRST)}
    items.sort(key=lambda item: rank.get(item.path.relative_to(ROOT / "tests").parts[0], len(rank)))


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
        _archive_classes()
        given = os.environ.get("JAVA_TOOL_OPTIONS", "")
        self.start_jvm(f"-XX:SharedArchiveFile={_CLASSES} {given}")

    def start_jvm(self, options: str, **environment: str) -> None:
        """Start with these options of the JVM, and no others from outside."""
        options = f"{_JVM} {options}"
        ports = (str(self.port), str(self.controller_port))
        self._script("start", str(self.folder), *ports, JAVA_TOOL_OPTIONS=options, **environment)

    def stop(self) -> None:
        self._script("stop", str(self.folder))

    def crash(self) -> None:
        """End it without its knowing.

        Asked to stop, a broker on its own may log a commit as complete without having written it (DESIGN.md,
        section 10): a job that is under way would be lost with it, as it is meant to be.
        """
        pid = self.pid
        os.kill(pid, signal.SIGKILL)
        while Path(f"/proc/{pid}").exists():
            time.sleep(0.01)

    @property
    def pid(self) -> int:
        return int((self.folder / "broker.pid").read_text())

    def _script(self, *args: str, **environment: str) -> None:
        done = subprocess.run(
            [str(ROOT / "scripts/kafka/broker.sh"), *args],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env={**os.environ, **environment},
        )
        assert done.returncode == 0, done.stderr


def _archive_classes() -> None:
    """Let the JVM write down, once, the classes that a broker loads: each start takes half the CPU time then.

    A JVM of another version, or other jars, and the archive is passed over without a word.
    """
    _KAFKA.mkdir(exist_ok=True)
    with (_KAFKA / ".classes-of-tests.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _CLASSES.exists():
            return
        with tempfile.TemporaryDirectory() as folder:
            broker = Broker(Path(folder) / "kafka")
            made = _CLASSES.with_suffix(".part")
            broker.start_jvm(f"-XX:ArchiveClassesAtExit={made}", BATCH_KAFKA_EXTRA="")
            broker.stop()
            made.rename(_CLASSES)


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
