"""A headless Chromium: opening pages, pictures of them, and axe's opinion."""

from __future__ import annotations

import base64
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

__all__ = ["chromium", "picture", "serious_issues", "set_theme", "set_width"]

# Debian's launcher is a script with needs of its own, whatever PATH the tests have
_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/bin", "/usr/bin", "/bin"])
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)


@contextmanager
def chromium() -> Iterator[Chrome]:
    """A browser of its own, with a fresh profile. Debian's packages `chromium` and `chromium-driver`."""
    program, driver = shutil.which("chromium", path=_PATH), shutil.which("chromedriver", path=_PATH)
    assert program is not None and driver is not None, "install chromium and chromium-driver"  # noqa: PT018
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = ChromeOptions()
        options.binary_location = program
        for flag in (*_FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        browser = Chrome(options=options, service=Service(driver, env={**os.environ, "PATH": _PATH}))
        try:
            browser.set_page_load_timeout(60)
            set_width(browser, 1280)
            yield browser
        finally:
            browser.quit()


def set_theme(browser: Chrome, theme: str) -> None:
    """`light` or `dark`, as the system's setting would say."""
    features = [
        {"name": "prefers-color-scheme", "value": theme},
        {"name": "prefers-reduced-motion", "value": "reduce"},
    ]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def set_width(browser: Chrome, width: int, height: int = 900, scale: float = 1) -> None:
    metrics = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})


def serious_issues(browser: Chrome) -> list[str]:
    """What axe-core calls serious or critical on the page that is open."""
    script = resources.files("axe_core_python").joinpath("axe.min.js").read_text("utf-8")
    browser.execute_script(script)
    found: dict[str, Any] = browser.execute_async_script(
        "const done = arguments[0]; axe.run(document).then(done, (error) => done({failed: String(error)}));"
    )
    assert "failed" not in found, found
    assert found["passes"], "axe looked at nothing"
    return [
        f"{issue['id']}: {node['html'][:200]} ({node['failureSummary']})"
        for issue in found["violations"]
        if issue["impact"] in ("serious", "critical")
        for node in issue["nodes"]
    ]


def picture(browser: Chrome, path: Path, whole: bool = True) -> None:
    """Write a PNG of the page, in its whole height unless told otherwise."""
    shot = browser.execute_cdp_cmd(
        "Page.captureScreenshot", {"format": "png", "captureBeyondViewport": whole}
    )
    path.write_bytes(base64.b64decode(shot["data"]))
