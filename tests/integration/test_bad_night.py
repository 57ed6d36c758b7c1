"""A bad night over HTTP and the command line: check, infer, shared topics, every kind of retry."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Broker
from tests.harness import Topics, WorkerProcess, eventually

pytestmark = pytest.mark.broker

ROWS = "".join(f"{n},{'x' if n % 100 == 7 else n * 2}\n" for n in range(1000))
GOOD = [{"id": n, "v": n * 2} for n in range(1000) if n % 100 != 7]
CSV = ("id,v\n" + ROWS).encode()


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory, broker: Broker) -> Iterator[WorkerProcess]:
    worker = WorkerProcess(
        tmp_path_factory.mktemp("night"), broker.address, f"night{random.randrange(10**9)}"
    )
    worker.start()
    yield worker
    worker.close()


@pytest.fixture(scope="module")
def topics(broker: Broker) -> Topics:
    return Topics(broker.address)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    path.write_bytes(CSV)
    return path


def schema(kind: object = "integer", **options: object) -> dict[str, Any]:
    properties = {"id": {"type": "integer"}, "v": {"type": kind}}
    return {"properties": properties, "required": ["id", "v"], "x-batch": options}


def delivered(worker: WorkerProcess, job_id: str) -> list[dict[str, Any]]:
    """The job's records as `tail` prints them."""
    code, out, err = worker.batch("job", "tail", job_id)
    assert code == 0, err
    return [json.loads(line) for line in out.splitlines()]


def rejected(worker: WorkerProcess, job_id: str) -> list[dict[str, Any]]:
    code, out, err = worker.batch("job", "rejects", job_id)
    assert code == 0, err
    return [json.loads(line) for line in out.splitlines()]


def by_id(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: int(row["id"]))


def job_of(answered: tuple[int, str, str], code: int = 0) -> dict[str, Any]:
    assert answered[0] == code, answered
    found: dict[str, Any] = json.loads(answered[1])
    return found


def test_check_and_infer_leave_nothing(worker: WorkerProcess, file: Path, topics: Topics) -> None:
    worker.create_model("looked", schema())
    report = job_of(worker.batch("job", "check", "looked", str(file)), 4)
    assert (report["rows"], report["valid"], report["rejected"], report["format"]) == (1000, 990, 10, "csv")
    (error,) = report["errors"]
    assert (error["column"], error["code"], error["count"]) == ("v", "TYPE", 10)
    assert error["examples"][0] == {"row": 8, "line": 9, "message": "`x` is not an integer"}
    unfit = job_of(worker.batch("job", "check", "looked", str(file), "--option", "delimiter=;"), 1)
    assert unfit["error"]["code"] == "COLUMN_MISSING"
    inferred = job_of(worker.batch("model", "infer", str(file)))
    worker.create_model("inferred", inferred)
    assert job_of(worker.batch("job", "check", "inferred", str(file)))["rejected"] == 0
    assert [job for job in worker.jobs() if job["model"] in ("looked", "inferred")] == []
    assert [entry for entry in (worker.dropzone / ".uploads").iterdir() if entry.suffix == ".part"] == []


def test_from_the_start_with_a_better_model(worker: WorkerProcess, file: Path, topics: Topics) -> None:
    worker.create_model("own", schema())
    first = job_of(worker.batch("job", "create", "own", str(file), "--wait"))
    assert (first["rows_delivered"], first["rows_rejected"]) == (990, 10)
    assert worker.json("PUT", "/models/own", {"schema": schema("string", partitions=3)})[0] == 200
    again = job_of(worker.batch("job", "retry", first["job_id"], "--from-start", "--wait"))
    assert (again["model_version"], again["attempt"], again["first_attempt"]) == (2, 2, 2)
    assert (again["topic"], again["rows_rejected"]) == (f"{first['topic']}_r2", 0)
    rows = by_id(delivered(worker, first["job_id"]))
    assert rows == [json.loads(value) for value in sorted(topics.values(again["topic"]), key=_id)]
    assert len(rows) == 1000
    assert rows[7] == {"id": 7, "v": "x"}
    assert rejected(worker, first["job_id"]) == []


def _id(value: bytes) -> int:
    return int(json.loads(value)["id"])


def test_rejects_after_the_model_was_mended(worker: WorkerProcess, file: Path) -> None:
    worker.create_model("mended", schema())
    first = job_of(worker.batch("job", "create", "mended", str(file), "--wait"))
    job_id = first["job_id"]
    assert [reject["row"] for reject in rejected(worker, job_id)] == list(range(8, 1000, 100))
    still = job_of(worker.batch("job", "retry", job_id, "--rejects", "--wait"))
    assert (still["rows_delivered"], still["rows_rejected"], still["attempt"]) == (990, 10, 2)
    assert {reject["attempt"] for reject in rejected(worker, job_id)} == {2}
    assert worker.json("PUT", "/models/mended", {"schema": schema(["integer", "string"])})[0] == 200
    done = job_of(worker.batch("job", "retry", job_id, "--rejects", "--wait"))
    assert (done["state"], done["rows_delivered"], done["rows_rejected"]) == ("COMPLETED", 1000, 0)
    assert rejected(worker, job_id) == []
    rows = delivered(worker, job_id)
    assert by_id(rows) == by_id([*GOOD, *({"id": n, "v": "x"} for n in range(7, 1000, 100))])
    assert worker.batch("job", "retry", job_id, "--rejects")[0] == 1


def test_jobs_that_share_their_topics(worker: WorkerProcess, file: Path, topics: Topics) -> None:
    shared = f"{worker.namespace}shared"
    worker.create_model("sharing", schema(topic=shared, dlq_topic=f"{shared}-bad", partitions=2))
    a, b = (job_of(worker.batch("job", "create", "sharing", str(file), "--wait")) for _ in range(2))
    assert len(topics.values(shared)) == 1980
    for job in (a, b):
        assert by_id(delivered(worker, job["job_id"])) == GOOD
        rejects = rejected(worker, job["job_id"])
        assert {reject["job_id"] for reject in rejects} == {job["job_id"]}
        assert [reject["row"] for reject in rejects] == list(range(8, 1000, 100))
    refused = worker.batch("job", "retry", a["job_id"], "--from-start")
    assert (refused[0], refused[1]) == (1, "")
    assert "(SHARED_TOPIC)" in refused[2]
    again = job_of(worker.batch("job", "retry", a["job_id"], "--from-start", "--allow-duplicates", "--wait"))
    assert (again["topic"], again["state"]) == (shared, "COMPLETED")
    assert len(topics.values(shared)) == 2970
    assert by_id(delivered(worker, a["job_id"])) == GOOD  # those of the newest start
    assert len(rejected(worker, a["job_id"])) == 10


def test_many_at_once(worker: WorkerProcess, file: Path) -> None:
    worker.create_model("many", schema())
    jobs = [
        job_of(worker.batch("job", "create", "many", str(file), "--option", "delimiter=;", "--wait"), 3)
        for _ in range(3)
    ]
    assert {job["error"]["code"] for job in jobs} == {"COLUMN_MISSING"}
    gone = worker.dropzone / "failed" / jobs[1]["job_id"] / "rows.csv"
    eventually(gone.exists, "the file is in failed/")
    gone.unlink()
    code, out, err = worker.batch("job", "retry", "--state", "failed", "--model", "many", "--wait")
    assert code == 1
    assert [job["job_id"] for job in json.loads(out)] == [jobs[0]["job_id"], jobs[2]["job_id"]]
    assert [line for line in err.splitlines() if line.startswith("refused:")] == [
        f"refused: the file `rows.csv` of job `{jobs[1]['job_id']}` is no longer in the drop folder "
        "(FILE_GONE); submit the file again as a new job"
    ]
