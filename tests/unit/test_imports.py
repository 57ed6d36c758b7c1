"""Imports point one way (DESIGN.md, layout): which room may know which, and who may load which library."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OURS = ("worker", "connectors", "config")

# room → the rooms that it may import besides itself; only the daemon, which puts all together, knows all
ARROWS: dict[str, set[str]] = {
    "config": set(),
    "connectors": set(),
    "worker.crashpoints": set(),
    "worker.logs": set(),
    "worker.jobs": set(),
    "worker.state": {"worker.jobs", "connectors", "config"},
    "worker.intake": {"worker.jobs", "worker.state", "worker.crashpoints", "connectors", "config"},
    "worker.running": {"worker.jobs", "worker.state", "worker.crashpoints", "connectors", "config"},
    "worker.http": {"worker.jobs", "worker.state", "worker.intake", "connectors", "config"},
    "worker.ui": {"worker.jobs", "worker.state", "worker.intake", "worker.http", "connectors", "config"},
    "worker.metrics": {"worker.jobs", "worker.state", "connectors"},
    "worker.cli": {"worker.jobs"},
}

# library → the only places that may import it
LIBRARIES: dict[str, set[str]] = {
    "faust": {"worker.state"},
    "mode": {"worker.state"},
    "aiokafka": {"worker.state", "connectors.kafka", "connectors.testing"},
    "pyarrow": {"connectors.parquet"},
    "cramjam": {"connectors.kafka"},
    "numba": {"connectors.compiled.kernels"},
    "llvmlite": {"connectors.compiled.kernels"},
    "backports": {"connectors.text", "connectors.kafka"},
    "jsonschema_rs": {"connectors.model"},
    "watchdog": {"worker.intake"},
    "pydantic_settings": {"config"},
    "prometheus_client": {"worker.metrics"},
}


def inside(module: str, place: str) -> bool:
    return module == place or module.startswith(f"{place}.")


def module_of(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(source: str, module: str, *, package: bool = False) -> Iterator[str]:
    """Yield every module that the source imports, wherever in it, and each name as if it were one."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                up = module.split(".")
                parents = up[: len(up) - node.level + package]
                base = ".".join([*parents, base] if base else parents)
            yield from (f"{base}.{alias.name}" for alias in node.names)


def edges() -> list[tuple[str, str]]:
    """Every (importing module, imported name) of the project."""
    found = []
    for package in OURS:
        for path in sorted((ROOT / package).rglob("*.py")):
            module = module_of(path, ROOT)
            text = path.read_text("utf-8")
            found += [(module, name) for name in imports(text, module, package=path.name == "__init__.py")]
    return found


EDGES = edges()


@pytest.mark.parametrize("room", ARROWS)
def test_a_room_imports_only_what_it_may(room: str) -> None:
    allowed = {room, *ARROWS[room]}
    if room == "worker.cli":
        allowed.add("worker.daemon")  # for the verb `worker`, see below
    wrong = [
        f"{module} → {name}"
        for module, name in EDGES
        if inside(module, room)
        and name.split(".")[0] in OURS
        and not any(inside(name, place) for place in allowed)
    ]
    assert wrong == []


def test_every_module_of_the_worker_belongs_to_a_room() -> None:
    rooms = {*ARROWS, "worker.daemon"}
    modules = {module for module, _ in EDGES if module != "worker"}
    assert [m for m in sorted(modules) if not any(inside(m, room) for room in rooms)] == []


def test_nothing_knows_the_daemon_but_the_command_that_starts_it() -> None:
    knowing = {module for module, name in EDGES if inside(name, "worker.daemon")}
    assert knowing - {"worker.daemon"} == {"worker.cli.main"}


def test_the_fold_is_pure() -> None:
    foreign = {
        name
        for module, name in EDGES
        if inside(module, "worker.jobs")
        and not inside(name, "worker.jobs")
        and name.split(".")[0] not in sys.stdlib_module_names
    }
    assert foreign == set()


def test_the_command_line_needs_the_standard_library_only() -> None:
    foreign = {
        name
        for module, name in EDGES
        if inside(module, "worker.cli")
        and name.split(".")[0] not in sys.stdlib_module_names
        and name.split(".")[0] != "worker"
    }
    assert foreign == set()


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_library_is_imported_in_its_places_only(library: str) -> None:
    importing = {module for module, name in EDGES if inside(name, library)}
    assert importing, f"nothing imports `{library}`: take it out of this table and of requirements.in"
    wrong = {module for module in importing if not any(inside(module, place) for place in LIBRARIES[library])}
    assert wrong == set()


@pytest.mark.parametrize(
    ("source", "package", "expected"),
    [
        ("import faust.web", False, {"faust.web"}),
        ("def f():\n    from faust import App", False, {"faust.App"}),
        ("from . import b", False, {"worker.http.b"}),
        ("from ..state.api import Job", False, {"worker.state.api.Job"}),
        ("from .a import b", True, {"worker.http.a.a.b"}),
        ("if TYPE_CHECKING:\n    import pyarrow as pa", False, {"pyarrow"}),
    ],
)
def test_the_scan_sees_every_form_of_import(source: str, package: bool, expected: set[str]) -> None:
    assert set(imports(source, "worker.http.a", package=package)) == expected
