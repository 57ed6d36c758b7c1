from __future__ import annotations

from pathlib import Path

import pytest

from config.settings import SettingsError, load_settings

pytestmark = pytest.mark.usefixtures("clean_environment")


def test_the_defaults_are_those_of_the_contract() -> None:
    settings = load_settings()
    assert settings.bootstrap_servers == "127.0.0.1:9092"
    assert (settings.web_host, settings.web_port) == ("127.0.0.1", 8000)
    assert settings.namespace == "batch"
    assert (settings.internal_partitions, settings.replication_factor, settings.min_isr) == (8, 1, 1)
    assert settings.topic_retention_hours == 168
    assert settings.chunk_bytes == 33_554_432
    assert settings.block_bytes == 4_194_304
    assert settings.max_row_bytes == 900_000
    assert settings.max_upload_bytes == 1_073_741_824
    assert settings.min_free_bytes == 2_147_483_648
    assert (settings.rescan_seconds, settings.settle_seconds) == (2, 2)
    assert settings.max_running_jobs >= 2
    assert (settings.converter, settings.compression, settings.log_format) == ("auto", "zstd", "text")
    assert settings.default_model == "default_model"


def test_a_block_is_never_larger_than_its_chunk() -> None:
    assert load_settings(chunk_bytes=1_048_576).block_bytes == 1_048_576


def test_paths_are_absolute_from_the_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load_settings()
    assert settings.dropzone == tmp_path / "dropzone"
    assert settings.data_dir == tmp_path / ".data"


def test_the_environment_wins_over_the_file_and_the_file_over_the_defaults(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "batch.toml"
    path.write_text('web_port = 8001\nnamespace = "file"\n')
    monkeypatch.setenv("BATCH_CONFIG", str(path))
    monkeypatch.setenv("BATCH_NAMESPACE", "environment")
    settings = load_settings()
    assert (settings.web_port, settings.namespace, settings.web_host) == (8001, "environment", "127.0.0.1")


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("BATCH_WEB_PORT", "0", "greater than or equal to 1"),
        ("BATCH_WEB_PORT", "eight", "valid integer"),
        ("BATCH_BOOTSTRAP_SERVERS", "localhost", "`localhost` is not `host:port`"),
        ("BATCH_NAMESPACE", "Batch", "match pattern"),
        ("BATCH_COMPRESSION", "gzip", "'zstd', 'lz4', 'snappy' or 'none'"),
        ("BATCH_SETTLE_SECONDS", "-1", "greater than or equal to 0"),
        ("BATCH_MAX_ROW_BYTES", "900001", "less than or equal to 900000"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, allowed: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as raised:
        load_settings()
    assert str(raised.value).startswith(f"{name}: `{value}` is not allowed: ")
    assert allowed in str(raised.value)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "10.1.2.3", "batch.example", "127.evil.example"])
def test_listening_elsewhere_than_on_loopback_is_said_on_purpose(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("BATCH_WEB_HOST", host)
    with pytest.raises(SettingsError) as raised:
        load_settings()
    assert str(raised.value) == (
        f"BATCH_WEB_HOST: `{host}` is not allowed: whoever reaches that address could use the worker; "
        "set BATCH_API_TOKEN, say BATCH_ALLOW_ANONYMOUS=true if that is meant, or listen on `127.0.0.1`"
    )
    monkeypatch.setenv("BATCH_ALLOW_ANONYMOUS", "true")
    assert load_settings().web_host == host
    monkeypatch.delenv("BATCH_ALLOW_ANONYMOUS")
    monkeypatch.setenv("BATCH_API_TOKEN", "a-token-of-this-worker")
    assert load_settings().web_host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_loopback_needs_no_permission(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("BATCH_WEB_HOST", host)
    settings = load_settings()
    assert (settings.web_host, settings.allow_anonymous) == (host, False)


def test_a_wrong_permission_is_named_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATCH_WEB_HOST", "0.0.0.0")
    monkeypatch.setenv("BATCH_ALLOW_ANONYMOUS", "perhaps")
    with pytest.raises(SettingsError) as raised:
        load_settings()
    assert [line.split(":")[0] for line in str(raised.value).splitlines()] == ["BATCH_ALLOW_ANONYMOUS"]


@pytest.mark.parametrize("token", ["", "7letter", "with a space", "tökenlang", "line\nbreak", "tab\there"])
def test_a_token_that_cannot_be_one_is_refused_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setenv("BATCH_API_TOKEN", token)
    monkeypatch.setenv("BATCH_WEB_HOST", "0.0.0.0")
    with pytest.raises(SettingsError) as raised:
        load_settings()
    assert str(raised.value) == (
        "BATCH_API_TOKEN: its value is not allowed: a token has at least 8 printable ASCII characters and no "
        "space; make one with `openssl rand -hex 32`"
    )


def test_a_token_of_eight_characters_is_one_and_does_not_show() -> None:
    settings = load_settings(api_token="8letters")
    assert settings.api_token is not None
    assert settings.api_token.get_secret_value() == "8letters"
    assert "8letters" not in repr(settings)


def test_every_wrong_value_has_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BATCH_WEB_PORT", "0")
    monkeypatch.setenv("BATCH_LOG_FORMAT", "xml")
    with pytest.raises(SettingsError) as raised:
        load_settings()
    assert [line.split(":")[0] for line in str(raised.value).splitlines()] == [
        "BATCH_WEB_PORT",
        "BATCH_LOG_FORMAT",
    ]


def test_an_unknown_setting_in_the_file_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "batch.toml"
    path.write_text("web_prot = 8001\n")
    monkeypatch.setenv("BATCH_CONFIG", str(path))
    with pytest.raises(SettingsError, match="BATCH_WEB_PROT: there is no such setting"):
        load_settings()


def test_a_file_that_does_not_exist_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BATCH_CONFIG", str(tmp_path / "none.toml"))
    with pytest.raises(SettingsError, match=r"BATCH_CONFIG: `.*none\.toml` is not a file"):
        load_settings()


def test_the_password_does_not_show() -> None:
    assert "s3cret" not in repr(load_settings(sasl_password="s3cret"))


@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "SASL_SSL"])
def test_sasl_needs_a_user_and_a_password(protocol: str) -> None:
    with pytest.raises(SettingsError) as raised:
        load_settings(security_protocol=protocol)
    assert str(raised.value).splitlines() == [
        f"BATCH_SASL_USERNAME is not set: BATCH_SECURITY_PROTOCOL={protocol} needs it",
        f"BATCH_SASL_PASSWORD is not set: BATCH_SECURITY_PROTOCOL={protocol} needs it",
    ]
    assert (
        load_settings(security_protocol=protocol, sasl_username="u", sasl_password="p").sasl_username == "u"
    )
