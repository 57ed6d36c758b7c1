"""Variables `BATCH_*` of the environment that nothing reads: most are misspelt settings."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from config.settings import Settings

__all__ = ["OTHER_VARIABLES", "unknown_variables"]

OTHER_VARIABLES = frozenset(
    {
        "BATCH_CONFIG",
        "BATCH_URL",  # the command line
        "BATCH_PYTHON",  # the scripts, from here on
        "BATCH_KAFKA_PORT",
        "BATCH_KAFKA_CONTROLLER_PORT",
        "BATCH_KAFKA_EXTRA",
        "BATCH_CONSOLE_PORT",
        "BATCH_CRASH_AT",  # the tests
    }
)
"""What is read beside the settings."""


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """Return a sentence for each variable `BATCH_*` that no part of the project reads."""
    settings = [f"BATCH_{name.upper()}" for name in Settings.model_fields]
    known = {*settings, *OTHER_VARIABLES}
    return [
        _sentence(name, settings)
        for name in sorted(environment)
        if name.upper().startswith("BATCH_") and name.upper() not in known
    ]


def _sentence(name: str, settings: list[str]) -> str:
    near = get_close_matches(name.upper(), settings, n=1, cutoff=0.75)
    hint = f"did you mean `{near[0]}`?" if near else "the settings are listed in docs/settings.md"
    return f"`{name}` is set, and there is no such setting; {hint}"
