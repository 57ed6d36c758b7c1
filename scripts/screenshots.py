"""Makes docs/img/*.png: a broker and a worker of their own, the samples, and a headless Chromium.

    .venv/bin/python scripts/screenshots.py

Needs what scripts/test.sh installs.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from selenium.webdriver import Chrome  # noqa: E402

from tests.browser.chromium import chromium, picture, set_theme, set_width  # noqa: E402
from tests.conftest import Broker  # noqa: E402
from tests.harness import WorkerProcess, eventually  # noqa: E402

IMAGES = ROOT / "docs/img"
ROWS = 400_000


def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        broker = Broker(Path(folder) / "kafka")
        broker.start()
        (Path(folder) / "worker").mkdir()
        worker = WorkerProcess(
            Path(folder) / "worker", broker.address, "batch", chunk_bytes=128 * 1024, worker_id="worker-1"
        )
        try:
            worker.start()
            with chromium() as browser:
                take(browser, worker)
        finally:
            worker.close()
            broker.stop()


def take(browser: Chrome, worker: WorkerProcess) -> None:
    for name, schema in {"default_model": "default", "penguins": "penguins"}.items():
        worker.create_model(name, json.loads((ROOT / f"schemas/{schema}.json").read_text()))
    done = [
        finished(worker, "penguins.csv", "penguins.csv", "penguins"),
        finished(worker, "penguins.parquet", "penguins.parquet", "penguins"),
        finished(worker, "sensors.csv", "bad/header_duplicate.csv", None),
        finished(worker, "api_data.csv", "api_data.csv", None),
    ]
    worker.drop("orders.csv", b"id,name\n1,x\n", "orders")
    header = b"request_id,measured_at,endpoint,status_code\n"
    rows = b"".join(
        b"%08x-0000-4000-8000-000000000000,2026-01-01T00:00:00Z,/v1/users/%d,%d\n"
        % (n, n, 0 if n % 9000 == 4000 else 200)
        for n in range(ROWS)
    )
    worker.drop("access_log.csv", header + rows)
    running = worker.wait_job("access_log.csv")["job_id"]
    # a rate is known once there were commits for a while
    eventually(lambda: worker.job(running)["rows_read"] > ROWS // 5, "the big file is under way", 120)
    for theme in ("light", "dark"):
        shoot(browser, worker, "/ui/", f"overview-{theme}", theme)
    shoot(browser, worker, "/ui/", "overview-phone", "light", width=390)
    shoot(browser, worker, f"/ui/jobs/{running}", "job-running", "light")
    shoot(browser, worker, f"/ui/jobs/{done[-1]}", "job-rejects", "light")
    shoot(browser, worker, "/ui/models/penguins", "model", "light")


def finished(worker: WorkerProcess, name: str, sample: str, model: str | None) -> str:
    worker.drop(name, (ROOT / "samples" / sample).read_bytes(), model)
    job_id: str = worker.wait_job(name)["job_id"]
    worker.wait_ended(job_id)
    return job_id


def shoot(
    browser: Chrome, worker: WorkerProcess, path: str, name: str, theme: str, width: int = 1040
) -> None:
    set_theme(browser, theme)
    set_width(browser, width, height=900 if width < 600 else 820)
    browser.get(worker.url + path)
    eventually(lambda: "Live" in browser.page_source, "the page is live", 20)
    time.sleep(1.5)  # a rate, a bar that has come to rest
    picture(browser, IMAGES / f"{name}.png", whole=False)


if __name__ == "__main__":
    main()
