"""A worker with a token, and what it has counted when a file is through."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import ROOT
from tests.harness import WorkerProcess, eventually

pytestmark = pytest.mark.broker

TOKEN = "0123456789abcdef0123456789abcdef"
SAMPLE = ROOT / "samples/api_data.csv"
SCHEMA = json.loads((ROOT / "schemas/default.json").read_text())
# of the rows 41, 91 and 151, as samples/README.md lists them; the third has two errors
FIRST_ERRORS = ("TYPE", "FORMAT", "ENUM")


def scrape(worker: WorkerProcess) -> dict[tuple[str, ...], float]:
    """The value of each sample by its name and its labels' values, in the order of the labels' names."""
    status, headers, body = worker.call("GET", "/metrics", headers={"Authorization": "none"})
    assert (status, headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


def test_a_worker_with_a_token(new_worker: Callable[..., WorkerProcess]) -> None:
    worker = new_worker(api_token=TOKEN, web_prot=1)
    worker.start()
    assert (
        "`BATCH_WEB_PROT` is set, and there is no such setting; did you mean `BATCH_WEB_PORT`?" in worker.log
    )
    wrong = {"Authorization": f"Bearer {TOKEN[:-1]}"}
    for path in ("/jobs", "/models", "/faust/", "/openapi.json", "/ui/", "/no/such/page"):
        status, headers, body = worker.call("GET", path, headers=wrong)
        assert (status, headers["WWW-Authenticate"]) == (401, "Bearer"), path
        assert json.loads(body)["code"] == "UNAUTHORIZED"
    for path in ("/healthz", "/readyz", "/metrics"):
        assert worker.call("GET", path, headers=wrong)[0] == 200
    assert worker.call("GET", "/faust/")[0] == 200
    code, _, err = worker.batch("model", "create", "default_model", str(ROOT / "schemas/default.json"))
    assert (code, err) == (0, "")
    code, out, _ = worker.batch("job", "create", "default_model", str(SAMPLE), "--wait")
    assert (code, json.loads(out)["state"]) == (0, "COMPLETED")
    del worker.settings["BATCH_API_TOKEN"]  # of the command line; the worker has read it
    code, out, err = worker.batch("job", "list")
    assert (code, out) == (1, "")
    assert "set BATCH_API_TOKEN to the value that the worker was started with" in err
    assert worker.batch("status")[0] == 0
    assert TOKEN not in worker.log


def test_what_a_run_has_counted(worker: WorkerProcess) -> None:
    before = time.time()
    worker.create_model("default_model", SCHEMA)
    worker.drop("a.csv", SAMPLE.read_bytes())
    job = worker.wait_ended(worker.wait_job("a.csv")["job_id"])
    assert (job["rows_delivered"], job["rows_rejected"]) == (197, 3)
    broken = worker.upload("default_model", "broken.csv", b"a,a\n1,2\n")[1]["job_id"]
    worker.wait_ended(broken)
    worker.drop("lost.csv", b"a\n1\n", model="no_such_model")
    eventually(lambda: scrape(worker)["batch_incoming_files", "MODEL_NOT_FOUND"] == 1, "the file waits")
    still = ("batch_table_lag_events", "batch_read_model_lag_records", "batch_jobs_running")
    found = eventually(
        lambda: s if all((s := scrape(worker))[name,] == 0 for name in still) else None,
        "all is measured and the slots are free",
    )
    assert found["batch_rows_delivered_total", "default_model"] == 197
    rejects = {key[1:]: count for key, count in found.items() if key[0] == "batch_rows_rejected_total"}
    assert rejects == {(code, "default_model"): 1 for code in FIRST_ERRORS}
    assert found["batch_file_bytes_total", "default_model"] == SAMPLE.stat().st_size
    assert found["batch_chunk_commit_seconds_count",] >= 1
    assert before < found["batch_last_commit_timestamp_seconds",] <= time.time()
    assert (found["batch_jobs", "COMPLETED"], found["batch_jobs", "FAILED"]) == (1, 1)
    assert found["batch_jobs_ended_total", "default_model", "COMPLETED"] == 1
    assert found["batch_jobs_ended_total", "default_model", "FAILED"] == 1
    assert (found["batch_jobs_running",], found["batch_broker_up",], found["batch_ready",]) == (0, 1, 1)
    assert found["batch_partitions_owned",] == 8
    assert found["batch_read_model_lag_records",] == 0
    assert found["batch_http_requests_total", "POST", "/jobs", "202"] == 1
    assert found["batch_event_loop_delay_seconds_count",] > 10
    assert found["batch_disk_free_bytes", "data"] > 0
    assert not any(job["job_id"] in label for key in found for label in key)
    (version,) = [key[1:] for key in found if key[0] == "batch_worker_info"]
    assert job["worker"] in version


def test_without_kafka_the_lags_are_not_known(new_worker: Callable[..., WorkerProcess]) -> None:
    worker = new_worker(bootstrap_servers="127.0.0.1:1")
    worker.start(ready=False)
    eventually(lambda: worker.status("/healthz") == 200, "the worker answers")
    found = scrape(worker)
    assert (found["batch_broker_up",], found["batch_ready",]) == (0, 0)
    assert math.isnan(found["batch_table_lag_events",])
