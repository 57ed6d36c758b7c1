"""The image's steps without a Docker engine: the Dockerfile, line by line, on overlays of this machine.

What is not the same: the base image is this machine (its Python 3.11 and pip), and the two images that
docker-compose.yml pulls are not there.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.conftest import ROOT, Broker
from tests.harness import WorkerProcess, eventually

UID = 54321  # no user of this machine, as in a container that gets the host's user
PYTHON = Path("/usr/bin/python3.11")

pytestmark = [
    pytest.mark.broker,
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="mounts overlays, as root"),
    pytest.mark.skipif(not PYTHON.exists(), reason=f"stands on {PYTHON}, with venv and pip"),
]

# `stage NAME` begins a root file system: Debian with `python` and `pip` where the base image has them
BASE = f"""
set -euo pipefail
mount -t tmpfs tmpfs "$work"
stage() {{
  root=$work/$1/root
  mkdir -p "$work/$1/up" "$work/$1/work" "$root"
  mount -t overlay overlay -o "lowerdir=/,upperdir=$work/$1/up,workdir=$work/$1/work" "$root"
  mount --rbind /dev "$root/dev"
  mount --rbind /proc "$root/proc"
  cp -L --remove-destination /etc/resolv.conf "$root/etc/resolv.conf"
  rm -f "$root"/usr/lib/python3*/EXTERNALLY-MANAGED
  mkdir -p "$root/usr/local/bin"
  ln -sf {PYTHON} "$root/usr/local/bin/python"
  printf '#!/bin/sh\\nexec python -m pip "$@"\\n' > "$root/usr/local/bin/pip"
  chmod 755 "$root/usr/local/bin/pip"
}}
run() {{ chroot "$root" /usr/bin/env "${{environment[@]}}" sh -ec "cd '$1' && $2"; }}
"""

# as docker-compose.yml: nothing but the two folders and /tmp can be written; a new volume begins as a copy
START = f"""
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount --bind "$dropzone" "$root/dropzone"
cp -a "$root/var/lib/batch" "$work/volume"
mount -t tmpfs -o "mode=$(stat -c %a "$root/var/lib/batch")" tmpfs "$root/var/lib/batch"
cp -a "$work/volume/." "$root/var/lib/batch/"
mount -o remount,ro "$root"
run / '! touch /written 2>/dev/null'
exec chroot --userspec={UID}:{UID} --groups= "$root" /usr/bin/env -i "${{environment[@]}}"
"""


def instructions() -> Iterator[tuple[str, str]]:
    text = (ROOT / "Dockerfile").read_text("utf-8").replace("\\\n", "")
    for line in text.splitlines():
        if line and not line.startswith("#"):
            keyword, _, rest = line.partition(" ")
            yield keyword, rest.strip()


def script() -> str:
    """The Dockerfile as a shell script that ends as the container's process."""
    lines, path, command, place = [BASE], "/usr/local/bin:/usr/bin:/bin", "", "/"
    for keyword, rest in instructions():
        match keyword:
            case "FROM" if not rest.endswith(" AS base"):
                place = "/"
                lines.append(f"environment=(PATH={path})")
                lines.append(f"stage {rest.split(' AS ')[1] if ' AS ' in rest else 'last'}")
            case "WORKDIR":
                place = rest
                lines.append(f'mkdir -p "$root{place}"')
            case "RUN":
                lines.append(f"run {place} {shlex.quote(rest)}")
            case "COPY":
                *sources, target = rest.split()
                origin = "$context"
                if sources[0].startswith("--from="):
                    origin = f"$work/{sources.pop(0).removeprefix('--from=')}/root"
                into = Path(place, target)
                for source in sources:  # a folder's contents, a file beside the others
                    end = "/." if source.endswith("/") or origin != "$context" else ""
                    lines.append(
                        f'mkdir -p "$root{into}" && cp -a "{origin}/{source.strip("/")}{end}" "$root{into}/"'
                    )
            case "ENV":
                for name, value in re.findall(r"(\w+)=(\S+)", rest):
                    lines.append(f"environment+=({name}={value.replace('$PATH', path)})")
            case "CMD":
                command = shlex.join(json.loads(rest))
    given = '"${given[@]}"'
    lines.append(f'read -ra given <<< "$settings"\nenvironment+=({given})')
    return "\n".join(lines) + START.rstrip() + f" {command}\n"


class Container(WorkerProcess):
    """The worker as the image starts it, as a user that this machine does not know."""

    def start_container(self) -> None:
        environment = YAML(typ="safe", pure=True).load(ROOT / "docker-compose.yml")["services"]["worker"][
            "environment"
        ]
        environment |= {
            "BATCH_BOOTSTRAP_SERVERS": self.bootstrap,
            "BATCH_NAMESPACE": self.namespace,
            "BATCH_WEB_PORT": str(self.port),
            "BATCH_MIN_FREE_BYTES": "0",
        }
        for folder in ("work", "context", "dropzone"):
            (self.folder / folder).mkdir()
        os.chown(self.folder / "dropzone", UID, UID)
        for source in ("LICENSE", "README.md", "pyproject.toml", "requirements.lock"):
            shutil.copy(ROOT / source, self.folder / "context" / source)
        for source in ("config", "connectors", "worker"):
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / source, self.folder / "context" / source, ignore=ignored)
        (self.folder / "image.sh").write_text(script())
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                ["unshare", "--mount", "bash", self.folder / "image.sh"],
                env={
                    **os.environ,
                    **{folder: str(self.folder / folder) for folder in ("work", "context", "dropzone")},
                    "settings": " ".join(
                        f"{name}={value}" for name, value in environment.items() if value is not None
                    ),
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )


@pytest.fixture
def container(tmp_path: Path, broker: Broker, namespace: str) -> Iterator[Container]:
    container = Container(tmp_path, broker.address, namespace)
    yield container
    container.close()


@pytest.mark.timeout(900)
def test_the_image_s_steps_give_a_worker_that_serves(container: Container) -> None:
    container.start_container()
    container.wait_ready(600)
    assert container.process is not None
    status = Path(f"/proc/{container.process.pid}/status").read_text()
    assert f"Uid:\t{UID}\t{UID}" in status
    assert "CapEff:\t0000000000000000" in status

    (health,) = [rest for keyword, rest in instructions() if keyword == "HEALTHCHECK"]
    _, *check = json.loads(health.split("CMD ")[1])
    port = {"BATCH_WEB_PORT": str(container.port)}
    assert subprocess.run([sys.executable, *check], env={**os.environ, **port}).returncode == 0
    assert container.call("GET", "/ui/")[0] == 200

    container.create_model("penguins", json.loads((ROOT / "schemas/penguins.json").read_text()))
    eventually(lambda: "the compiled converter is ready" in container.log, "the kernels of the image", 120)
    folder = container.dropzone / "incoming/penguins"
    folder.mkdir(exist_ok=True)
    os.chown(folder, UID, UID)
    container.drop("penguins.csv", (ROOT / "samples/penguins.csv").read_bytes(), "penguins")
    job = container.wait_ended(container.wait_job("penguins.csv")["job_id"])
    assert (job["state"], job["rows_read"], job["converter"]) == ("COMPLETED", 344, "compiled")
    assert (container.dropzone / "done" / job["job_id"]).stat().st_uid == UID

    assert container.terminate(20) == 0
    assert subprocess.run(
        [sys.executable, *check], env={**os.environ, **port}, stderr=subprocess.DEVNULL
    ).returncode
