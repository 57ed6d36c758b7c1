"""The compiled converter becomes ready beside the reference, or says why it does not."""

from __future__ import annotations

import logging
import shutil
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from connectors import kernels as module
from connectors.api import Block, EncodedBlock, Position
from connectors.compiled import cache
from connectors.kernels import Kernels
from connectors.switching import SwitchingEncoder

READY = "import sys"
BROKEN = "raise OSError('no locator available for file x')"


@dataclass
class Encoder:
    """Notes the blocks that it gets."""

    name: str
    blocks: list[object] = field(default_factory=list)

    def encode(self, block: Block) -> EncodedBlock:
        self.blocks.append(block)
        return EncodedBlock(Position(), 0, 0, (), ())


def kernels(monkeypatch: pytest.MonkeyPatch, program: str) -> Kernels:
    """Kernels whose compiling process runs a program of the test's."""
    monkeypatch.setattr(module, "_COMPILE", (sys.executable, "-c", program))
    monkeypatch.setattr(module, "is_filled", lambda: False)
    return Kernels(Path("unused"))


def test_until_they_are_ready_the_reference_has_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    loading, loaded = threading.Event(), threading.Event()

    def load() -> None:
        loading.set()
        loaded.wait(30)

    monkeypatch.setattr("connectors.compiled.warm_up", load)
    made = kernels(monkeypatch, READY)
    reference, compiled = Encoder("reference"), Encoder("compiled")
    encoder = SwitchingEncoder(reference, compiled, made)
    made.start()
    assert loading.wait(30)
    encoder.encode(cast("Block", 1))
    assert encoder.name == "reference"
    loaded.set()
    assert made.wait()
    assert encoder.name == "compiled"
    encoder.encode(cast("Block", 2))
    assert (reference.blocks, compiled.blocks) == ([1], [2])


@pytest.mark.parametrize("fails", ["compiling", "loading"])
def test_without_them_the_reference_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fails: str
) -> None:
    def load() -> None:
        raise OSError("no locator available for file x")

    monkeypatch.setattr("connectors.compiled.warm_up", load)
    made = kernels(monkeypatch, BROKEN if fails == "compiling" else READY)
    made.start()
    assert not made.wait()
    assert not made.ready
    (record,) = (record for record in caplog.records if record.levelno == logging.WARNING)
    assert record.getMessage() == (
        "the compiled converter is not available, files are converted by the reference, which is slower: "
        "OSError: no locator available for file x; NUMBA_CACHE_DIR has to name a directory that the worker "
        "may write to"
    )
    reference, compiled = Encoder("reference"), Encoder("compiled")
    SwitchingEncoder(reference, compiled, made).encode(cast("Block", 1))
    assert (reference.blocks, compiled.blocks) == ([1], [])


def test_what_is_compiled_already_is_loaded_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.compiled.warm_up", lambda: None)
    made = kernels(monkeypatch, BROKEN)
    monkeypatch.setattr(module, "is_filled", lambda: True)
    made.start()
    assert made.wait()


def test_a_cache_is_filled_for_one_machine_and_one_state_of_the_source(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    cache.mark_filled()  # numba has not made the directory: nothing is there
    assert not cache.is_filled()
    cache.cache_directory().mkdir()
    cache.mark_filled()
    assert cache.is_filled()
    monkeypatch.setattr("platform.machine", lambda: "another")
    assert not cache.is_filled()
    monkeypatch.undo()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert cache.is_filled()
    monkeypatch.setenv("NUMBA_BOUNDSCHECK", "1")
    assert not cache.is_filled()


def test_a_cache_is_filled_for_one_place_of_the_source(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    cache.cache_directory().mkdir(parents=True)
    cache.mark_filled()
    shutil.copytree(cache._SOURCE, tmp_path / "kernels", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(cache, "_SOURCE", tmp_path / "kernels")
    assert cache.cache_directory().is_dir()
    assert not cache.is_filled()


def test_a_stop_ends_the_compiling_process(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made = kernels(monkeypatch, "import time; time.sleep(600)")
    made.start()
    made.stop()
    assert not made.wait()
    assert not caplog.records
