"""The scripts with a Docker engine and no Python. The engine is a script that notes what it is asked."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ("bash", "cat", "dirname", "head", "id", "mkdir", "readlink", "sha256sum", "sleep", "timeout", "tr")

DOCKER = """#!/usr/bin/env bash
printf '%s\\n' "$*" >> "$NOTES"
case "$1" in
  info) exit "${ENGINE:-0}" ;;
  image) exit "${IMAGE:-0}" ;;
  compose)
    case " $* " in
      *" version "*) exit "${COMPOSE:-0}" ;;
      *" ps "*) printf '%s' "${RUNNING:-}" ;;
      *" up "*) printf 'as %s:%s\\n' "$UID" "${GID:-}" >> "$NOTES" ;;
    esac ;;
  run) exit "${ANSWER:-0}" ;;
esac
"""


class Machine:
    """A copy of the scripts, a PATH with a few tools and `docker`, and what that was asked."""

    def __init__(self, folder: Path) -> None:
        self.project = folder / "project"
        self.path = folder / "path"
        self.notes = folder / "notes"
        self.path.mkdir()
        shutil.copytree(ROOT / "scripts", self.project / "scripts")
        shutil.copytree(ROOT / "bin", self.project / "bin")
        for name in ("requirements.lock", "pyproject.toml", "Dockerfile", "docker-compose.yml"):
            shutil.copy(ROOT / name, self.project / name)
        for name in TOOLS:
            found = shutil.which(name)
            assert found is not None, name
            (self.path / name).symlink_to(found)
        (self.path / "docker").write_text(DOCKER)
        (self.path / "docker").chmod(0o755)

    def run(self, *command: str, **environment: str) -> tuple[int, str]:
        """Return the exit code and what was said on standard error."""
        ran = subprocess.run(
            ["bash", *command],
            cwd=self.project,
            env={"PATH": str(self.path), "NOTES": str(self.notes), "HOME": str(self.project), **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        return ran.returncode, ran.stderr

    def asked(self, word: str) -> list[str]:
        notes = self.notes.read_text().splitlines() if self.notes.exists() else []
        return [line for line in notes if line.split()[0] == word]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def taken_port() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield str(server.getsockname()[1])


@pytest.fixture
def free_ports() -> dict[str, str]:
    settings = ("BATCH_KAFKA_PORT", "BATCH_CONSOLE_PORT", "BATCH_WEB_PORT")
    servers = [socket.create_server(("127.0.0.1", 0)) for _ in settings]
    ports = {name: str(server.getsockname()[1]) for name, server in zip(settings, servers, strict=True)}
    for server in servers:
        server.close()
    return ports


def test_build_makes_the_image_alone(machine: Machine) -> None:
    assert machine.run("scripts/build.sh") == (0, "")
    assert machine.asked("build") == [f"build --quiet --tag batch-worker:latest {machine.project}"]
    assert not (machine.project / ".venv").exists()


@pytest.mark.parametrize("missing", [{"ENGINE": "1"}, {"COMPOSE": "1"}])
def test_a_client_alone_or_an_engine_without_compose_is_no_docker(
    machine: Machine, missing: dict[str, str]
) -> None:
    code, error = machine.run("scripts/build.sh", **missing)
    assert code == 1
    assert error.startswith("error: no Python 3.11 or newer was found")
    assert not machine.asked("build")


def test_up_starts_all_three_services_as_this_user(machine: Machine, free_ports: dict[str, str]) -> None:
    assert machine.run("scripts/up.sh", **free_ports) == (0, "")
    compose = f"compose --file {machine.project}/docker-compose.yml"
    assert f"{compose} up --detach --wait redpanda console worker" in machine.asked("compose")
    assert machine.asked("as") == [f"as {os.getuid()}:{os.getgid()}"]
    (status,) = machine.asked("run")
    assert status.endswith("batch-worker:latest batch status")


@pytest.mark.parametrize("setting", ["BATCH_KAFKA_PORT", "BATCH_CONSOLE_PORT", "BATCH_WEB_PORT"])
def test_a_busy_port_is_named_with_what_to_set(
    machine: Machine, free_ports: dict[str, str], taken_port: str, setting: str
) -> None:
    ports = free_ports | {setting: taken_port}
    code, error = machine.run("scripts/up.sh", **ports)
    assert code == 1
    assert error == f"error: port {taken_port} is in use by another program; set {setting} to a free one\n"
    assert not machine.asked("as")
    # it is our own service's when that runs
    assert machine.run("scripts/up.sh", RUNNING="c0ffee", **ports) == (0, "")


def test_a_broker_of_one_s_own_needs_a_worker_outside_of_docker(machine: Machine) -> None:
    code, error = machine.run("scripts/up.sh", BATCH_BOOTSTRAP_SERVERS="kafka:9092")
    assert code == 1
    assert "BATCH_BOOTSTRAP_SERVERS is for a worker outside of Docker" in error


def test_down_removes_volumes_only_when_told(machine: Machine) -> None:
    compose = f"compose --file {machine.project}/docker-compose.yml"
    (machine.path / "realpath").symlink_to(shutil.which("realpath") or "")
    (machine.path / "rm").symlink_to(shutil.which("rm") or "")
    assert machine.run("scripts/down.sh")[0] == 0
    assert machine.asked("compose")[-1] == f"{compose} down"
    assert machine.run("scripts/down.sh", "--clean")[0] == 0
    assert machine.asked("compose")[-1] == f"{compose} down --volumes"


def test_the_command_line_runs_beside_the_worker_and_sees_its_files(machine: Machine) -> None:
    schema = machine.project / 'a "schema", odd.json'
    schema.write_text("{}")
    code, _ = machine.run("bin/batch", "model", "create", "m", schema.name, RUNNING="c0ffee", ANSWER="4")
    assert code == 4
    quoted = str(schema).replace('"', '""')
    assert machine.asked("run") == [
        f"run --rm --init --user {os.getuid()}:{os.getgid()} --workdir {machine.project} --env BATCH_URL "
        f'--mount type=bind,"source={quoted}","target={quoted}",readonly '
        f"--network container:c0ffee batch-worker:latest batch model create m {schema.name}"
    ]


@pytest.mark.parametrize("environment", [{}, {"BATCH_URL": "http://10.1.2.3:8000", "RUNNING": "c0ffee"}])
def test_another_worker_is_reached_over_the_host_s_network(
    machine: Machine, environment: dict[str, str]
) -> None:
    assert machine.run("bin/batch", "job", "list", **environment) == (0, "")
    assert machine.asked("run")[0].endswith("--network host batch-worker:latest batch job list")


def test_the_daemon_is_the_service(machine: Machine) -> None:
    assert machine.run("bin/batch", "worker") == (0, "")
    assert machine.asked("compose")[-1].endswith("docker-compose.yml up worker")


def test_an_image_that_is_not_built_is_named_with_the_way_out(machine: Machine) -> None:
    code, error = machine.run("bin/batch", "job", "list", IMAGE="1")
    assert (code, error) == (
        1,
        f"batch: nothing is built yet; run {machine.project}/scripts/build.sh\n",
    )
