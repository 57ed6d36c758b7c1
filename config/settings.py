"""Every setting of the worker: environment `BATCH_*` over the TOML file `BATCH_CONFIG` over defaults."""

from __future__ import annotations

import os
import re
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from config.certificates import check_authorities, check_certificate

__all__ = ["Settings", "SettingsError", "load_settings"]

MIB = 1024 * 1024
GIB = 1024 * MIB
_CENTURY_HOURS = 100 * 366 * 24  # calendars end somewhere
_TOKEN_LENGTH = 8
_TOKEN = re.compile(rf"[!-~]{{{_TOKEN_LENGTH},}}")


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
        default=None,
        description="File of the certificate authorities that sign the broker (PEM); unset: the system's.",
    )
    ssl_certfile: Path | None = Field(
        default=None,
        description="File of the worker's own certificate (PEM), for a broker that asks for one.",
    )
    ssl_keyfile: Path | None = Field(
        default=None,
        description="File of that certificate's key (PEM, no passphrase); unset: the certificate's file.",
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
    api_token: SecretStr | None = Field(
        default=None,
        description="Bearer token that every request but the probes and `/metrics` must carry: at least 8 "
        "printable ASCII characters without spaces.",
    )
    allow_anonymous: bool = Field(
        default=False,
        description="Let `BATCH_WEB_HOST` be other than loopback without a token: whoever reaches it may do "
        "everything.",
    )
    web_host: str = Field(default="127.0.0.1", description="Address that the worker listens on.")
    web_port: int = Field(default=8000, ge=1, le=65535, description="Port that the worker listens on.")
    allowed_hosts: str = Field(
        default="", description="More names that `Host` may carry, separated by commas."
    )
    max_upload_bytes: int = Field(
        default=GIB, ge=1, description="Largest file that is taken, by upload or drop (bytes)."
    )

    max_decompressed_bytes: int = Field(
        default=8 * GIB, ge=1, description="Most that a compressed file may unpack to (bytes)."
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

    done_retention_hours: float | None = Field(
        default=None,
        gt=0,
        le=_CENTURY_HOURS,
        description="How long files stay in `done/` (hours); unset: for good.",
    )
    duplicates: Literal["off", "warn", "reject"] = Field(
        default="off", description="What to do with a file whose bytes were submitted for its model before."
    )

    # jobs
    worker_id: str | None = Field(
        default=None,
        pattern=r"^[a-zA-Z0-9._-]{1,64}$",
        description="Name of this worker; made once and kept in the data dir.",
    )
    max_running_jobs: int = Field(
        default_factory=_cores,
        ge=1,
        le=256,
        description="Jobs that run at once (the cores, at least 2); of files under 1 MiB four times as many, "
        "but not over 32 by that.",
    )
    chunk_bytes: int = Field(
        default=32 * MIB, ge=4096, description="File bytes of one transaction (at most 5 s of them)."
    )
    max_row_bytes: int = Field(
        default=900_000, ge=1024, le=900_000, description="Largest row, and largest JSON of a row (bytes)."
    )
    max_reject_ratio: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="A job with more rejects than this share of its rows fails, from row 1,000 on; 1: never.",
    )
    job_retention_hours: float = Field(
        default=168,
        gt=0,
        le=_CENTURY_HOURS,
        description="How long an ended job, its own topics and its state are kept (hours).",
    )
    reap_seconds: float = Field(
        default=300, gt=0, description="How often is looked for what outlived its retention (seconds)."
    )
    converter: Literal["auto", "compiled", "reference"] = Field(
        default="auto",
        description="Converter of rows: `compiled` as soon as it is ready (`auto`), waiting until it is "
        "(`compiled`), or the slower `reference` alone. What the compiled one cannot do the reference does.",
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

    @field_validator("sasl_username", "sasl_password")
    @classmethod
    def _with_sasl(cls, value: str | SecretStr | None, info: ValidationInfo) -> str | SecretStr | None:
        protocol = info.data.get("security_protocol", "")
        if not value and protocol.startswith("SASL"):
            raise ValueError(f"BATCH_SECURITY_PROTOCOL={protocol} needs it")
        return value

    @field_validator("ssl_cafile")
    @classmethod
    def _authorities(cls, value: Path | None) -> Path | None:
        if value is not None:
            check_authorities(value)
        return value

    @field_validator("ssl_keyfile")
    @classmethod
    def _certificate(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        certificate = info.data.get("ssl_certfile")
        if certificate is not None:
            check_certificate(certificate, value)
        elif value is not None:
            raise ValueError("a key needs its certificate; set BATCH_SSL_CERTFILE, too")
        return value

    @field_validator("api_token")
    @classmethod
    def _token(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _TOKEN.fullmatch(value.get_secret_value()):
            raise ValueError(
                f"a token has at least {_TOKEN_LENGTH} printable ASCII characters and no space; make one "
                "with `openssl rand -hex 32`"
            )
        return value

    @field_validator("web_host")
    @classmethod
    def _guarded(cls, value: str, info: ValidationInfo) -> str:
        # what is missing in `info` is wrong itself, which has a line of its own then
        open_to_all = info.data.get("api_token", True) is None and not info.data.get("allow_anonymous", True)
        if open_to_all and not _is_loopback(value):
            raise ValueError(
                "whoever reaches that address could use the worker; set BATCH_API_TOKEN, say "
                "BATCH_ALLOW_ANONYMOUS=true if that is meant, or listen on `127.0.0.1`"
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
    field = "_".join(str(part) for part in loc)
    name = f"BATCH_{field.upper()}"
    if message == "Extra inputs are not permitted":
        return f"{name}: there is no such setting; the settings are listed in docs/settings.md"
    message = message.removeprefix("Value error, ")  # pydantic's word for what a validator here refused
    if value is None:
        return f"{name} is not set: {message}"
    shown = "its value" if _is_secret(field) else f"`{value}`"
    return f"{name}: {shown} is not allowed: {message[0].lower()}{message[1:]}"


def _is_secret(field: str) -> bool:
    return SecretStr in get_args(Settings.model_fields[field].annotation)
