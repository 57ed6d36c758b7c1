from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from config.reference import PAGES, example_toml, settings_page
from config.settings import Settings

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("path", PAGES)
def test_the_written_pages_are_up_to_date(path: str) -> None:
    assert (ROOT / path).read_text("utf-8") == PAGES[path](), "run `python -m config.reference`"


def test_every_setting_has_a_row_with_a_sentence() -> None:
    rows = {line.split("`")[1]: line for line in settings_page().splitlines() if line.startswith("| `BATCH_")}
    assert set(rows) == {f"BATCH_{name.upper()}" for name in Settings.model_fields}
    for row in rows.values():
        assert row.endswith(". |"), row


def test_rows_say_type_bounds_and_default() -> None:
    page = settings_page()
    assert "| `BATCH_WEB_PORT` | whole number, at least 1, at most 65535 | `8000` | Port that" in page
    assert "| `BATCH_SETTLE_SECONDS` | number, at least 0 | `2` |" in page
    assert "| `BATCH_TOPIC_RETENTION_HOURS` | number, over 0 | `168` |" in page
    assert "| `BATCH_COMPRESSION` | `zstd`, `lz4`, `snappy`, `none` | `zstd` |" in page
    assert "| `BATCH_ALLOW_ANONYMOUS` | `true`, `false` | `false` |" in page
    assert "| `BATCH_SASL_USERNAME` | text |  |" in page
    assert "| `BATCH_DROPZONE` | path | `dropzone` |" in page


def test_the_example_is_toml_with_the_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clean_environment: None
) -> None:
    lines = [line.removeprefix("# ") for line in example_toml().splitlines() if " = " in line]
    path = tmp_path / "batch.toml"
    path.write_text("\n".join(lines), "utf-8")
    unset = {name for name in Settings.model_fields if f"# {name} is not set" in example_toml()}
    assert set(tomllib.loads(path.read_text("utf-8"))) == set(Settings.model_fields) - unset
    assert unset >= {"worker_id", "sasl_username", "sasl_password"}
    defaults = Settings()
    monkeypatch.setenv("BATCH_CONFIG", str(path))
    assert Settings() == defaults
