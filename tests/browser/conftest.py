"""One browser and one real worker a module; what they leave behind is the next test's past."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome

from tests.browser.chromium import chromium, set_theme, set_width
from tests.conftest import ROOT, Broker
from tests.harness import WorkerProcess


@pytest.fixture(scope="module")
def running_browser() -> Iterator[Chrome]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def browser(running_browser: Chrome) -> Chrome:
    """The module's browser, as wide and light as at its start, with an empty log."""
    running_browser.get("about:blank")
    set_theme(running_browser, "light")
    set_width(running_browser, 1280)
    running_browser.get_log("browser")
    return running_browser


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory, broker: Broker) -> Iterator[WorkerProcess]:
    worker = WorkerProcess(
        tmp_path_factory.mktemp("worker"),
        broker.address,
        f"t{secrets.token_hex(5)}",
        chunk_bytes=64 * 1024,
        converter="reference",  # slow enough for a job to be met before its end
    )
    try:
        worker.start()
        worker.create_model("default_model", json.loads((ROOT / "schemas/default.json").read_text()))
        yield worker
    finally:
        worker.close()
