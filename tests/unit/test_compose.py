"""docker-compose.yml and the Dockerfile, as far as they can be checked without a Docker engine."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from ruamel.yaml import YAML

from config.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "docker-compose.yml"
DOCKERFILE = ROOT / "Dockerfile"


def parsed(path: Path) -> Any:
    return YAML(typ="safe", pure=True).load(path)


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = parsed(COMPOSE)["services"]
    return found


def instructions(keyword: str) -> list[str]:
    text = DOCKERFILE.read_text("utf-8").replace("\\\n", "")
    return re.findall(rf"^{keyword} +(.*)$", text, re.MULTILINE)


@pytest.fixture(scope="module")
def specification() -> jsonschema_rs.Validator:
    """The compose specification's schema, as check-jsonschema ships it."""
    path = distribution("check-jsonschema").locate_file(
        "check_jsonschema/builtin_schemas/vendor/compose-spec.json"
    )
    return jsonschema_rs.validator_for(json.loads(Path(str(path)).read_text("utf-8")))


def test_the_file_follows_the_compose_specification(specification: jsonschema_rs.Validator) -> None:
    assert [error.message for error in specification.iter_errors(parsed(COMPOSE))] == []


def test_the_specification_s_schema_refuses(specification: jsonschema_rs.Validator) -> None:
    broken = parsed(COMPOSE)
    broken["services"]["worker"]["restarts"] = "always"
    assert not specification.is_valid(broken)


def test_every_service_and_volume_is_there_and_used() -> None:
    assert set(services()) == {"redpanda", "console", "worker"}
    named = {
        volume.split(":")[0]
        for service in services().values()
        for volume in service.get("volumes", [])
        if isinstance(volume, str) and not volume.startswith(".")
    }
    assert set(parsed(COMPOSE)["volumes"]) == named


def test_images_are_pinned_and_only_ours_is_latest() -> None:
    assert {name: service["image"] for name, service in services().items()} == {
        "redpanda": "redpandadata/redpanda:v26.2.1",
        "console": "redpandadata/console:v3.3.1",
        "worker": "batch-worker:latest",
    }
    assert services()["worker"]["build"] == "."


def test_ports_are_published_on_loopback_only() -> None:
    ports = {name: service["ports"] for name, service in services().items()}
    assert ports == {
        "redpanda": ["127.0.0.1:${BATCH_KAFKA_PORT:-9092}:9092"],
        "console": ["127.0.0.1:${BATCH_CONSOLE_PORT:-8080}:8080"],
        "worker": ["127.0.0.1:${BATCH_WEB_PORT:-8000}:8000"],
    }
    assert all("network_mode" not in service for service in services().values())


def test_redpanda_puts_acknowledged_records_on_the_disk() -> None:
    command = services()["redpanda"]["command"]
    assert not any("dev-container" in word for word in command)
    assert command[:2] == ["redpanda", "start"]
    assert set(command[2:8]) == {
        "--smp=1",
        "--memory=2G",
        "--reserve-memory=0M",
        "--overprovisioned",
        "--check=false",
        "--set=redpanda.developer_mode=true",
    }


def test_redpanda_has_the_cluster_properties_that_delivery_rests_on() -> None:
    (mounted,) = [v for v in services()["redpanda"]["volumes"] if v.startswith(".")]
    source, target, mode = mounted.split(":")
    assert (target, mode) == ("/etc/redpanda/.bootstrap.yaml", "ro")
    assert parsed(ROOT / source) == {
        "auto_create_topics_enabled": False,
        "write_caching_default": "false",
        "group_initial_rebalance_delay": 0,
        "group_topic_partitions": 3,
        "transaction_coordinator_partitions": 4,
        "transactional_id_expiration_ms": 24 * 3600 * 1000,
        "group_offset_retention_sec": 30 * 24 * 3600,
        "topic_partitions_memory_allocation_percent": 30,
        "storage_min_free_bytes": 1024**3,
    }


def test_clients_inside_and_outside_get_an_address_that_they_reach() -> None:
    command = dict(word.split("=", 1) for word in services()["redpanda"]["command"] if "=" in word)
    assert command["--kafka-addr"] == "internal://0.0.0.0:29092,external://0.0.0.0:9092"
    assert command["--advertise-kafka-addr"] == (
        "internal://redpanda:29092,external://127.0.0.1:${BATCH_KAFKA_PORT:-9092}"
    )
    assert services()["worker"]["environment"]["BATCH_BOOTSTRAP_SERVERS"] == "redpanda:29092"
    assert services()["console"]["environment"] == {"KAFKA_BROKERS": "redpanda:29092"}


def test_the_console_waits_for_a_healthy_broker() -> None:
    assert services()["redpanda"]["healthcheck"]["test"] == [
        "CMD-SHELL",
        "rpk cluster health | grep -E 'Healthy:.+true'",
    ]
    assert services()["console"]["depends_on"] == {"redpanda": {"condition": "service_healthy"}}


def test_the_worker_starts_with_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in services()["worker"]["environment"].items():
        assert name.removeprefix("BATCH_").lower() in Settings.model_fields
        if value is not None:  # None: taken over from where compose is called
            monkeypatch.setenv(name, value)
    settings = Settings()
    assert (settings.web_host, settings.web_port, settings.allow_anonymous) == ("0.0.0.0", 8000, True)
    assert settings.allowed_hosts == "worker"


def test_the_worker_writes_the_dropzone_as_its_user_and_nothing_else() -> None:
    worker = services()["worker"]
    assert worker["user"] == "${UID:-1000}:${GID:-1000}"
    dropzone, data = worker["volumes"]
    assert (dropzone["type"], dropzone["source"]) == ("bind", "./dropzone")
    environment = dict(re.findall(r"(BATCH_\w+)=(\S+)", " ".join(instructions("ENV"))))
    assert environment == {"BATCH_DROPZONE": dropzone["target"], "BATCH_DATA_DIR": data.split(":")[1]}
    assert (worker["read_only"], worker["cap_drop"]) == (True, ["ALL"])


def test_the_worker_is_given_the_time_it_takes_to_stop() -> None:
    from worker.state.stopping import _HARD_SECONDS

    assert int(services()["worker"]["stop_grace_period"].removesuffix("s")) > _HARD_SECONDS
    assert all(service["restart"] == "unless-stopped" for service in services().values())


def test_the_dockerfile_has_no_finding_of_its_linter() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    ran = subprocess.run([hadolint, "--no-color", DOCKERFILE], capture_output=True, text=True)
    assert (ran.returncode, ran.stdout + ran.stderr) == (0, "")


def test_the_linter_finds(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM python\nCMD batch worker\n")
    hadolint = Path(sys.executable).with_name("hadolint")
    ran = subprocess.run([hadolint, tmp_path / "Dockerfile"], capture_output=True, text=True)
    assert ran.returncode != 0
    assert "DL3006" in ran.stdout


def test_the_image_is_pinned_runs_without_root_and_says_how_it_is() -> None:
    first, *others = instructions("FROM")
    assert re.fullmatch(r"python:3\.11\.\d+-slim-[a-z]+ AS base", first)
    assert others == ["base AS build", "base"]
    assert instructions("USER") == ["1000:1000"]
    assert json.loads(instructions("CMD")[-1]) == ["batch", "worker"]
    (health,) = instructions("HEALTHCHECK")
    program, *arguments = json.loads(health.split("CMD ")[1])
    assert program == "python"
    assert "/healthz" in arguments[-1]


def test_what_the_image_copies_reaches_the_build() -> None:
    ignored, *kept = [
        line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")
    ]
    assert ignored == "*"
    copied = {
        source.rstrip("/")
        for line in instructions("COPY")
        if not line.startswith("--from")
        for source in line.split()[:-1]
    }
    assert {line.strip("!/") for line in kept if line.startswith("!")} == copied
    assert [line for line in kept if not line.startswith("!")] == ["**/__pycache__/"]
    assert all((ROOT / source).exists() for source in copied)
