"""Every setting of the worker: environment `BATCH_*` over the TOML file `BATCH_CONFIG` over defaults."""

from __future__ import annotations

import os
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

__all__ = ["Settings", "SettingsError", "load_settings"]

MIB = 1024 * 1024
GIB = 1024 * MIB


def _cores() -> int:
    return max(2, len(os.sched_getaffinity(0)))


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False  # a name: where it leads is not known here


class SettingsError(Exception):
    """A setting has a wrong value: the message names the setting, the value and what is allowed."""


class Settings(BaseSettings):
    """The worker's settings. The descriptions are the reference: docs/settings.md is made from them."""

    model_config = SettingsConfigDict(env_prefix="BATCH_", extra="forbid", validate_default=True)

    # broker
    bootstrap_servers: str = Field(
        default="127.0.0.1:9092", description="Kafka or Redpanda, as `host:port[,host:port…]`."
    )
    namespace: str = Field(
        default="batch",
        pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$",
        description="First part of every topic and group name.",
    )
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="PLAINTEXT", description="How to talk to the broker."
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        default="PLAIN", description="SASL mechanism, with a SASL protocol."
    )
    sasl_username: str | None = Field(default=None, description="SASL user.")
    sasl_password: SecretStr | None = Field(default=None, description="SASL password.")
    ssl_cafile: Path | None = Field(
        default=None, description="File of the certificate authorities that sign the broker."
    )
    replication_factor: int = Field(default=1, ge=1, le=7, description="Replicas of every topic made here.")
    min_isr: int = Field(default=1, ge=1, le=7, description="`min.insync.replicas` of every topic made here.")
    internal_partitions: int = Field(
        default=8, ge=1, le=256, description="Partitions of the internal topics, fixed at the first start."
    )
    compression: Literal["zstd", "lz4", "snappy", "none"] = Field(
        default="zstd", description="Codec of the record batches."
    )
    topic_retention_hours: float = Field(
        default=168, gt=0, description="How long records stay in a job's topics (hours)."
    )
    dlq_create: Literal["first", "always"] = Field(
        default="first",
        description="Create the dead letter topic at the first reject, or always with the job's topic.",
    )

    # web
    allow_anonymous: bool = Field(
        default=False,
        description="Let `BATCH_WEB_HOST` be other than loopback: whoever reaches it may do everything.",
    )
    web_host: str = Field(default="127.0.0.1", description="Address that the worker listens on.")
    web_port: int = Field(default=8000, ge=1, le=65535, description="Port that the worker listens on.")
    allowed_hosts: str = Field(
        default="", description="More names that `Host` may carry, separated by commas."
    )
    max_upload_bytes: int = Field(
        default=GIB, ge=1, description="Largest file that is taken, by upload or drop (bytes)."
    )

    # files
    dropzone: Path = Field(default=Path("dropzone"), description="The watched folder.")
    data_dir: Path = Field(
        default=Path(".data"), description="The worker's own state; every worker needs its own."
    )
    default_model: str = Field(
        default="default_model",
        pattern=r"^[a-z0-9_-]{1,64}$",
        description="Model of the files that lie directly in `incoming/`.",
    )
    rescan_seconds: float = Field(
        default=2, gt=0, description="How often `incoming/` is looked through (seconds)."
    )
    settle_seconds: float = Field(
        default=2, ge=0, description="How long size and mtime must stand still (seconds)."
    )
    min_free_bytes: int = Field(
        default=2 * GIB, ge=0, description="Nothing is taken below this much free disk (bytes)."
    )

    # jobs
    worker_id: str | None = Field(
        default=None,
        pattern=r"^[a-zA-Z0-9._-]{1,64}$",
        description="Name of this worker; made once and kept in the data dir.",
    )
    max_running_jobs: int = Field(
        default_factory=_cores, ge=1, le=256, description="Jobs that run at once (the cores, at least 2)."
    )
    chunk_bytes: int = Field(
        default=32 * MIB, ge=4096, description="File bytes of one transaction (at most 5 s of them)."
    )
    max_row_bytes: int = Field(
        default=900_000, ge=1024, le=900_000, description="Largest row, and largest JSON of a row (bytes)."
    )
    converter: Literal["auto", "compiled", "reference"] = Field(
        default="auto", description="Which converter reads rows."
    )

    # logs
    log_format: Literal["text", "json"] = Field(default="text", description="Log lines for people or JSON.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least level that is logged."
    )

    @field_validator("bootstrap_servers")
    @classmethod
    def _servers(cls, value: str) -> str:
        for server in value.split(","):
            host, _, port = server.strip().rpartition(":")
            if not host or not port.isdigit():
                raise ValueError(f"`{server}` is not `host:port`")
        return value

    @field_validator("web_host")
    @classmethod
    def _guarded(cls, value: str, info: ValidationInfo) -> str:
        # `allow_anonymous` is missing when it is wrong itself, which has its own line then
        if not _is_loopback(value) and not info.data.get("allow_anonymous", True):
            raise ValueError(
                "whoever reaches that address could use the worker; say BATCH_ALLOW_ANONYMOUS=true if that "
                "is meant, or listen on `127.0.0.1`"
            )
        return value

    @field_validator("dropzone", "data_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return Path(os.path.abspath(value.expanduser()))  # noqa: PTH100 (no symlink may be resolved)

    @property
    def block_bytes(self) -> int:
        """File bytes of one block: 4 MiB, or the chunk if that is smaller."""
        return min(4 * MIB, self.chunk_bytes)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        sources: list[PydanticBaseSettingsSource] = [init_settings, env_settings]
        if path := os.environ.get("BATCH_CONFIG"):
            sources.append(TomlConfigSettingsSource(settings_cls, toml_file=path))
        return tuple(sources)


def load_settings(**overrides: Any) -> Settings:
    """Read the settings. Raises SettingsError with one line per wrong value."""
    path = os.environ.get("BATCH_CONFIG")
    if path and not Path(path).is_file():
        raise SettingsError(f"BATCH_CONFIG: `{path}` is not a file; name a TOML file or leave it unset")
    try:
        return Settings(**overrides)
    except ValidationError as error:
        lines = [_explain(e["loc"], e.get("input"), e["msg"]) for e in error.errors()]
        raise SettingsError("\n".join(lines)) from None


def _explain(loc: tuple[int | str, ...], value: object, message: str) -> str:
    name = "BATCH_" + "_".join(str(part) for part in loc).upper()
    if message == "Extra inputs are not permitted":
        return f"{name}: there is no such setting; the settings are listed in docs/settings.md"
    message = message.removeprefix("Value error, ")  # pydantic's word for what a validator here refused
    return f"{name}: `{value}` is not allowed: {message[0].lower()}{message[1:]}"
