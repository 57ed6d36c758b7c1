"""The scripts with next to nothing installed, and where they must refuse."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = [*sorted((ROOT / "scripts").rglob("*.sh")), ROOT / "bin/batch", ROOT / ".ci/run"]
COREUTILS = (
    "cat",
    "cksum",
    "dirname",
    "head",
    "mkdir",
    "readlink",
    "realpath",
    "rm",
    "sha256sum",
    "timeout",
    "tr",
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the scripts, in a folder where nothing is built."""
    project = tmp_path / "project"
    shutil.copytree(ROOT / "scripts", project / "scripts")
    shutil.copytree(ROOT / "bin", project / "bin")
    for name in ("requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, project / name)
    return project


def run(project: Path, *command: str, tools: tuple[str, ...] = (), **environment: str) -> tuple[int, str]:
    """Run a script where PATH has Bash, a little of coreutils, and `tools`."""
    path = project / "path"
    path.mkdir(exist_ok=True)
    for name in ("bash", *COREUTILS, *tools):
        found = shutil.which(name)
        assert found is not None, name
        (path / name).unlink(missing_ok=True)
        (path / name).symlink_to(found)
    ran = subprocess.run(
        ["bash", *command],
        cwd=project,
        env={"PATH": str(path), "HOME": str(project), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    return ran.returncode, ran.stderr


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_bash_and_can_be_run(script: Path) -> None:
    assert subprocess.run(["bash", "-n", str(script)]).returncode == 0
    assert os.access(script, os.X_OK) or script.name == "stack.sh"  # which is sourced


def test_a_missing_python_is_named_with_the_way_out(project: Path) -> None:
    code, error = run(project, "scripts/build.sh")
    assert code == 1
    assert error == ("error: no Python 3.11 or newer was found; install one, or name it with BATCH_PYTHON\n")


def test_a_missing_java_is_named_before_anything_is_built(project: Path) -> None:
    (project / "samples").mkdir()
    (project / "samples/penguins.csv").write_text("a\n")
    code, error = run(project, "scripts/quickstart.sh", tools=("basename",))
    assert code == 1
    assert error == "broker: java was not found; install a Java runtime of version 17 or newer\n"
    assert not (project / ".venv").exists()


def test_a_java_that_is_too_old_is_named_with_its_version(project: Path) -> None:
    fake = project / "path/java"
    fake.parent.mkdir()
    fake.write_text("#!/usr/bin/env bash\necho 'openjdk version \"11.0.2\" 2019-01-15' >&2\n")
    fake.chmod(0o755)
    code, error = run(project, "scripts/kafka/broker.sh", "check")
    assert (code, error) == (1, "broker: java is version 11; Apache Kafka needs 17 or newer\n")


def test_a_missing_maven_is_named(project: Path) -> None:
    code, error = run(project, "scripts/kafka/broker.sh", "check", tools=("java",))
    assert (code, error) == (
        1,
        "broker: mvn was not found; install Apache Maven, it resolves Kafka's jars\n",
    )


def test_the_command_says_that_nothing_is_built(project: Path) -> None:
    code, error = run(project, "bin/batch", "job", "list")
    assert (code, error) == (1, f"batch: nothing is built yet; run {project}/scripts/build.sh\n")


@pytest.mark.parametrize(
    ("name", "reason"),
    [("none.csv", "cannot read"), ("x.part", "leaves names like x.part alone"), ("_x.csv", "rename it")],
)
def test_a_file_that_cannot_be_dropped_is_named_before_anything_is_built(
    project: Path, name: str, reason: str
) -> None:
    if name != "none.csv":
        (project / name).write_text("a\n")
    code, error = run(project, "scripts/quickstart.sh", name, tools=("basename",))
    assert code == 1
    assert reason in error
    assert not (project / ".venv").exists()


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (("scripts/up.sh", "--help"), (2, "usage: scripts/up.sh\n")),
        (("scripts/down.sh", "--force"), (2, "usage: scripts/down.sh [--clean]\n")),
        (("scripts/quickstart.sh", "a.csv", "b.csv"), (2, "usage: scripts/quickstart.sh [FILE]\n")),
        (("scripts/quickstart.sh", "--help"), (0, "")),  # its usage goes to stdout
    ],
)
def test_a_wrong_argument_is_answered_with_the_usage_and_starts_nothing(
    project: Path, command: tuple[str, ...], expected: tuple[int, str]
) -> None:
    assert run(project, *command) == expected
    assert not (project / ".venv").exists()
    assert not (project / ".run").exists()


def test_clean_deletes_data_and_keeps_the_dropzone(project: Path) -> None:
    for folder in (".data", ".run/kafka/data", "dropzone/incoming"):
        (project / folder).mkdir(parents=True)
    (project / "dropzone/incoming/mine.csv").write_text("a\n")
    assert run(project, "scripts/down.sh", "--clean")[0] == 0
    assert sorted(path.name for path in project.iterdir()) == sorted(
        ["bin", "dropzone", "path", "pyproject.toml", "requirements.lock", "scripts"]
    )
    assert (project / "dropzone/incoming/mine.csv").read_text() == "a\n"


def test_clean_deletes_the_data_dir_that_up_noted(project: Path) -> None:
    elsewhere = project.parent / "elsewhere"
    elsewhere.mkdir()
    (project / ".run/worker").mkdir(parents=True)
    (project / ".run/worker/data_dir").write_text(f"{elsewhere}\n")
    assert run(project, "scripts/down.sh", "--clean")[0] == 0
    assert not elsewhere.exists()


@pytest.mark.parametrize("place", ["project", ".", "project/dropzone", "other"])
def test_clean_refuses_a_data_dir_that_holds_more(project: Path, place: str) -> None:
    dropzone = project.parent / "other/dropzone" if place == "other" else project / "dropzone"
    dropzone.mkdir(parents=True)
    (project / ".run/worker").mkdir(parents=True)
    (project / ".run/worker/data_dir").write_text(f"{project.parent / place}\n")
    (project / ".run/worker/dropzone").write_text(f"{dropzone}\n")
    code, error = run(project, "scripts/down.sh", "--clean")
    assert code == 1
    assert "delete its data by hand" in error
    assert dropzone.is_dir()
    assert (project / "scripts/down.sh").is_file()


def test_down_leaves_a_process_alone_that_only_has_the_worker_s_old_pid(project: Path) -> None:
    (project / ".run/worker").mkdir(parents=True)
    with subprocess.Popen(["sleep", "60"]) as stranger:
        (project / ".run/worker/worker.pid").write_text(f"{stranger.pid}\n")
        code, _ = run(project, "scripts/down.sh")
        alive = stranger.poll() is None
        stranger.kill()
    assert (code, alive) == (0, True)
