"""`batch job check` and `batch model infer`, and what `create` sends besides."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.conftest import Batch
from tests.unit.cli.fake_worker import ID, FakeWorker, Reply, job, problem
from tests.unit.cli.test_upload import filename, parts

CHECK, INFER, CREATE = "POST /jobs", "POST /models/infer", "POST /jobs"


def report(rejected: int = 0, error: dict[str, str] | None = None) -> dict[str, Any]:
    examples = [{"row": 2, "line": 3, "message": "`x` is not an integer"}]
    group = {"column": "id", "code": "TYPE", "count": rejected, "examples": examples}
    return {
        "format": None if error else "csv",
        "columns": [],
        "rows": 1200,
        "valid": 1200 - rejected,
        "rejected": rejected,
        "errors": [group] if rejected else [],
        "unlisted": 0,
        "error": error,
    }


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "data.csv"
    path.write_bytes(b"a\n1\n")
    return path


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        (report(), 0, ""),
        (report(3), 4, "3 of 1,200 rows would be rejected\n"),
        (
            report(error={"code": "COLUMN_MISSING", "message": "column `id` is missing", "hint": "add it"}),
            1,
            "error: column `id` is missing (COLUMN_MISSING)\nhint: add it\n",
        ),
    ],
)
def test_a_check_prints_the_report(
    worker: FakeWorker, batch: Batch, file: Path, answer: dict[str, Any], code: int, said: str
) -> None:
    worker.on(CHECK, Reply(json.dumps(answer)))
    result = batch("job", "check", "m", str(file), "--option", 'null_values=["NA"]', "--name", "y=1/d.csv")
    assert (result.code, json.loads(result.out), result.err) == (code, answer, said)
    (request,) = worker.requests
    assert request.query == {"validate": "true"}
    assert [part.get_payload() for part in parts(request)[:2]] == ["m", '["NA"]']
    assert filename(request) == "y=1/d.csv"


def test_a_check_that_is_refused(worker: FakeWorker, batch: Batch, file: Path) -> None:
    worker.on(CHECK, problem(404, "MODEL_NOT_FOUND", "model `m` does not exist", "create it"))
    result = batch("job", "check", "m", str(file))
    assert (result.code, result.out) == (1, b"")
    assert result.err == "error: model `m` does not exist (MODEL_NOT_FOUND)\nhint: create it\n"


def test_an_inferred_schema_is_printed_alone_and_verbatim(
    worker: FakeWorker, batch: Batch, file: Path
) -> None:
    worker.on(INFER, Reply('{"schema": {"properties": {"a": {"minimum": 1.10}}}, "format": "csv"}'))
    result = batch("model", "infer", str(file), "--option", "encoding=cp1252")
    assert result.code == 0
    assert result.out == b'{\n  "properties": {\n    "a": {\n      "minimum": 1.10\n    }\n  }\n}\n'
    assert result.err == ""
    (request,) = worker.requests
    names = [part.get_param("name", header="content-disposition") for part in parts(request)]
    assert (names, filename(request)) == (["encoding", "file"], "data.csv")


def test_a_submission_with_a_key_and_another_name(worker: FakeWorker, batch: Batch, file: Path) -> None:
    worker.on(CREATE, Reply(json.dumps(job()), 202))
    argv = ["--idempotency-key", "night 7", "--name", "year=2024/month=05/may.csv"]
    assert batch("job", "create", "m", str(file), *argv).code == 0
    (request,) = worker.requests
    assert request.headers["Idempotency-Key"] == "night 7"
    assert filename(request) == "year=2024/month=05/may.csv"
    batch("job", "create", "m", str(file))
    assert "Idempotency-Key" not in worker.requests[1].headers
    assert worker.requests[1].query == {}


@pytest.mark.parametrize(
    ("code", "status"), [("IDEMPOTENCY_MISMATCH", 422), ("DUPLICATE_FILE", 409), ("INVALID_OPTION", 400)]
)
def test_submissions_that_are_refused(
    worker: FakeWorker, batch: Batch, file: Path, code: str, status: int
) -> None:
    worker.on(CREATE, problem(status, code, "it cannot be", "do this"))
    result = batch("job", "create", "m", str(file), "--idempotency-key", ID)
    assert (result.code, result.out) == (1, b"")
    assert result.err == f"error: it cannot be ({code})\nhint: do this\n"


def test_a_key_that_no_header_can_hold_is_wrong_usage(worker: FakeWorker, batch: Batch, file: Path) -> None:
    for key in ("", "two\nlines", "späť", "x" * 256):
        result = batch("job", "create", "m", str(file), "--idempotency-key", key)
        assert (result.code, worker.requests) == (2, [])
