"""The reference of the settings, made from their definitions: `python -m config.reference` writes it anew."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from config.settings import Settings

__all__ = ["PAGES", "example_toml", "settings_page"]

_PAGE_HEAD = """\
# Settings

The worker reads each setting from the environment, else from the TOML file that `BATCH_CONFIG` names (there
without `BATCH_`, in lower case; see [batch.example.toml](../config/batch.example.toml)), else takes the
default. A wrong value stops the worker with the setting's name, the value and what is allowed. Relative
paths start at the folder in which the worker is started; for `scripts/up.sh` that is the project's.

This page is made from `config/settings.py` by `python -m config.reference`.

| setting | allowed | default | meaning |
|---|---|---|---|
"""

_PAGE_TAIL = """
The command line reads `BATCH_URL` (`http://127.0.0.1:8000`), the worker's address, and `BATCH_API_TOKEN`.
A variable `BATCH_…` that nothing reads is named in the log at the start. The scripts read
`BATCH_PYTHON` (which Python builds `.venv`), `BATCH_KAFKA_PORT` (`9092`) and `BATCH_KAFKA_CONTROLLER_PORT`
(`9093`, both for the broker that `scripts/up.sh` starts), and with Docker `BATCH_CONSOLE_PORT` (`8080`).
"""

_EXAMPLE_HEAD = """\
# Settings of the batch worker, each with its default. Name this file with BATCH_CONFIG.
# A variable BATCH_<NAME> in the environment wins over the line here.
"""


def settings_page() -> str:
    """Return docs/settings.md."""
    rows = [f"| {' | '.join(_cells(name, field))} |\n" for name, field in Settings.model_fields.items()]
    return _PAGE_HEAD + "".join(rows) + _PAGE_TAIL


def example_toml() -> str:
    """Return config/batch.example.toml: every setting, commented out, with its default if that is fixed."""
    return _EXAMPLE_HEAD + "".join(
        f"\n# {field.description}\n{_example(name, field)}\n" for name, field in Settings.model_fields.items()
    )


PAGES: dict[str, Callable[[], str]] = {
    "docs/settings.md": settings_page,
    "config/batch.example.toml": example_toml,
}


def _cells(name: str, field: FieldInfo) -> tuple[str, str, str, str]:
    allowed = _allowed(field).replace("|", "\\|")
    return f"`BATCH_{name.upper()}`", allowed, _default(field), field.description or ""


def _default(field: FieldInfo) -> str:
    if field.default_factory is not None:
        return "see the meaning"
    if isinstance(field.default, bool):
        return f"`{field.default}`".lower()
    return "" if field.default in (None, "") else f"`{field.default}`"


def _example(name: str, field: FieldInfo) -> str:
    if field.default_factory is not None or field.default is None:
        return f"# {name} is not set"
    default = str(field.default) if isinstance(field.default, Path) else field.default
    return f"# {name} = {json.dumps(default)}"


def _allowed(field: FieldInfo) -> str:
    kinds = [kind for kind in get_args(field.annotation) or (field.annotation,) if kind is not NoneType]
    if get_origin(field.annotation) is Literal:
        return ", ".join(f"`{kind}`" for kind in kinds)
    names = {bool: "`true`, `false`", int: "whole number", float: "number", Path: "path"}
    words = [names.get(kind, "text") for kind in kinds]
    return ", ".join([*words, *_limits(field)])


def _limits(field: FieldInfo) -> Iterator[str]:
    """Yield the field's bounds in words. They stand in annotated-types objects, each with one attribute."""
    words = {"ge": "at least {}", "gt": "over {}", "le": "at most {}", "pattern": "matching `{}`"}
    for rule in field.metadata:
        for attribute, word in words.items():
            value: Any = getattr(rule, attribute, None)
            if value is not None:
                yield word.format(value)


def _write() -> None:
    root = Path(__file__).resolve().parent.parent
    for path, page in PAGES.items():
        (root / path).write_text(page(), "utf-8")


if __name__ == "__main__":
    _write()
