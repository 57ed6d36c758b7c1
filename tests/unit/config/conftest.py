from __future__ import annotations

import os

import pytest


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting comes from outside the test."""
    for name in [name for name in os.environ if name.startswith("BATCH_")]:
        monkeypatch.delenv(name)
