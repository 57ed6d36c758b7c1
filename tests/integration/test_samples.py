"""Every sample through a real worker: the records and rejects that plain Python computes from the file."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import Broker
from tests.harness import Topics, WorkerProcess
from tests.integration.samples_expected import expected
from tests.integration.samples_table import SAMPLES, Sample


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory, broker: Broker) -> Iterator[WorkerProcess]:
    worker = WorkerProcess(
        tmp_path_factory.mktemp("samples"),
        broker.address,
        f"samples{random.randrange(10**9)}",
        converter="compiled",
    )
    worker.start()
    yield worker
    worker.close()


def submit(worker: WorkerProcess, sample: Sample) -> dict[str, Any]:
    """Upload a sample under the model of its schema; return the ended job."""
    model = sample.schema.removesuffix(".json").removesuffix(".schema").split("/")[-1]
    worker.create_model(model, sample.schema_json)
    options = {name: str(value) for name, value in sample.options.items()}
    status, job = worker.upload(model, sample.path.name, sample.path.read_bytes(), **options)
    assert status == 202, job
    return worker.wait_ended(job["job_id"])


def name_of(sample: Sample) -> str:
    return "-".join([sample.file, *sample.options])


@pytest.mark.parametrize("sample", [sample for sample in SAMPLES if sample.error is None], ids=name_of)
def test_records_and_rejects(worker: WorkerProcess, topics: Topics, sample: Sample) -> None:
    job = submit(worker, sample)
    wanted = expected(sample)
    assert (job["state"], job["error"]) == ("COMPLETED", None)
    assert (job["rows_delivered"], job["rows_rejected"]) == (len(wanted.records), len(wanted.rejects))
    assert [(record.key(), record.value()) for record in topics.read(job["topic"])] == wanted.records
    rejects = [json.loads(value) for value in topics.values(job["dlq_topic"])] if wanted.rejects else []
    for reject in rejects:
        assert all(error.pop("message") for error in reject["errors"])
    origin = {"job_id": job["job_id"], "attempt": 1}
    assert rejects == [{**origin, **reject} for reject in wanted.rejects]
    if not wanted.rejects:
        assert job["dlq_topic"] is None


REFUSED_UPLOADS = ("UNSUPPORTED_FILE_TYPE",)


@pytest.mark.parametrize(
    "sample", [s for s in SAMPLES if s.error and s.error not in REFUSED_UPLOADS], ids=name_of
)
def test_files_that_fail_their_job(worker: WorkerProcess, sample: Sample) -> None:
    job = submit(worker, sample)
    assert (job["state"], job["error"]["code"], job["rows_read"]) == ("FAILED", sample.error, 0)
    assert job["error"]["message"]
    assert job["error"]["hint"]
