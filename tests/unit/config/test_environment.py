"""Misspelt variables are told at the start."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from config.environment import OTHER_VARIABLES, unknown_variables
from config.settings import Settings

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("BATCH_WEB_PROT", "did you mean `BATCH_WEB_PORT`?"),
        ("BATCH_BOOTSTRAP_SERVER", "did you mean `BATCH_BOOTSTRAP_SERVERS`?"),
        ("BATCH_TOKEN", "did you mean `BATCH_API_TOKEN`?"),
        ("batch_worker", "did you mean `BATCH_WORKER_ID`?"),
        ("BATCH_SOMETHING_ELSE_ALTOGETHER", "the settings are listed in docs/settings.md"),
    ],
)
def test_an_unknown_variable_is_named_with_the_nearest_setting(name: str, hint: str) -> None:
    assert unknown_variables({name: "1", "PATH": "/bin", "BATCH_WEB_PORT": "1"}) == [
        f"`{name}` is set, and there is no such setting; {hint}"
    ]


def test_settings_in_any_case_and_what_scripts_read_are_known() -> None:
    known = {"batch_web_port", "Batch_Namespace", *OTHER_VARIABLES}
    known |= {f"BATCH_{name.upper()}" for name in Settings.model_fields}
    assert unknown_variables(dict.fromkeys(known, "1")) == []


def test_every_variable_that_scripts_and_command_line_read_is_known() -> None:
    files = [*(ROOT / "scripts").rglob("*.sh"), ROOT / "bin/batch", *(ROOT / "worker").rglob("*.py")]
    read = {name for file in files for name in re.findall(r"BATCH_[A-Z_]*[A-Z]", file.read_text("utf-8"))}
    assert {"BATCH_PYTHON", "BATCH_CRASH_AT", "BATCH_URL"} <= read
    assert unknown_variables(dict.fromkeys(read, "1")) == []
