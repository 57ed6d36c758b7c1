"""The first cases of all, 42, on a real worker and broker: 14 HTTP, 8 dead letters, 8 errors, 12 CLI.

One file, long as it is: the cases are one list, and are counted.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conftest import Broker
from tests.harness import Topics, WorkerProcess, eventually

pytestmark = pytest.mark.broker

PEOPLE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": {"type": "integer"},
        "name": {"type": "string", "maxLength": 20},
        "age": {"type": ["integer", "null"], "minimum": 0, "maximum": 150},
    },
    "required": ["id"],
}
CSV = b"id,name,age\n1,Ada,36\nseven,Grace,45\n3,Edsger,\n"  # its second row is a reject
ADA, EDSGER = b'{"id":1,"name":"Ada","age":36}', b'{"id":3,"name":"Edsger","age":null}'
MANY = 130_000  # rows of a job that is still running when it is asked to stop
UPLOAD_LIMIT = 4_000_000
SEVEN = "`seven` is not an integer"


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory, broker: Broker) -> Iterator[WorkerProcess]:
    """One worker with one model for all cases; each uses names of its own."""
    worker = WorkerProcess(
        tmp_path_factory.mktemp("seed"),
        broker.address,
        f"seed{random.randrange(10**9)}",
        converter="compiled",
        chunk_bytes=64 * 1024,  # many commits
        max_upload_bytes=UPLOAD_LIMIT,
    )
    worker.start()
    worker.create_model("people", PEOPLE)
    yield worker
    worker.close()


@pytest.fixture(scope="module")
def topics(broker: Broker) -> Topics:
    return Topics(broker.address)


@pytest.fixture
def refused(worker: WorkerProcess) -> Callable[[int, str, tuple[int, Any]], dict[str, Any]]:
    """Check the one shape of errors; return the problem."""

    def check(status: int, code: str, answer: tuple[int, Any]) -> dict[str, Any]:
        found, problem = answer
        assert (found, problem["status"], problem["code"]) == (status, status, code)
        assert problem["type"] == f"urn:batch:error:{code}"
        assert list(problem) == ["type", "title", "status", "detail", "code", "hint"]
        assert all(problem[word] for word in ("title", "detail", "hint"))
        return dict(problem)

    return check


Refused = Callable[[int, str, tuple[int, Any]], dict[str, Any]]


def submit(worker: WorkerProcess, name: str, content: bytes = CSV, **options: str) -> str:
    model = options.pop("model", "people")
    status, job = worker.upload(model, name, content, **options)
    assert status == 202, job
    return str(job["job_id"])


def done(worker: WorkerProcess, name: str, content: bytes = CSV, **options: str) -> dict[str, Any]:
    """Upload a file and wait until its job has completed."""
    job = worker.wait_ended(submit(worker, name, content, **options))
    assert job["state"] == "COMPLETED", job["error"]
    return job


def rejects(worker: WorkerProcess, topics: Topics, job: dict[str, Any]) -> list[dict[str, Any]]:
    """The dead letters, which are the same over HTTP and in the topic."""
    values = topics.values(job["dlq_topic"])
    status, headers, body = worker.call("GET", f"/jobs/{job['job_id']}/rejects")
    assert (status, headers["Content-Type"]) == (200, "application/x-ndjson")
    assert body == b"".join(value + b"\n" for value in values)
    return [json.loads(value) for value in values]


def many_rows() -> bytes:
    return b"id,name,age\n" + b"".join(b"%d,%s,\n" % (n, b"x" * 20) for n in range(MANY))


def wait_state(worker: WorkerProcess, job_id: str, state: str) -> dict[str, Any]:
    def reached() -> dict[str, Any] | None:
        job = worker.job(job_id)
        return job if job["state"] == state else None

    return eventually(reached, f"job {job_id} is {state}")


def errors_of(reject: dict[str, Any]) -> list[tuple[str | None, str, str]]:
    return [(error["column"], error["code"], error["message"]) for error in reject["errors"]]


# --- HTTP ----------------------------------------------------------------------------------------------


def test_http_01_alive_and_ready(worker: WorkerProcess) -> None:
    assert worker.json("GET", "/healthz") == (200, {"status": "alive"})
    status, ready = worker.json("GET", "/readyz")
    assert (status, ready["status"], ready["broker_ok"], ready["ready"]) == (200, "ready", True, True)
    assert (ready["broker"], ready["partitions"]) == (worker.bootstrap, [0, 1, 2, 3, 4, 5, 6, 7])


def test_http_02_the_interface_describes_itself(worker: WorkerProcess) -> None:
    status, document = worker.json("GET", "/openapi.json")
    assert (status, document["openapi"]) == (200, "3.1.0")
    assert list(document["paths"]["/models/{name}"]) == ["get", "put", "delete"]
    status, headers, page = worker.call("GET", "/docs")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert b"/jobs/{job_id}/retry" in page


def test_http_03_a_model_is_created_and_shown(worker: WorkerProcess) -> None:
    body = b'{"name": "exact", "schema": {"properties": {"n": {"maximum": 1.10}}}}'
    status, headers, made = worker.call("POST", "/models", body)
    assert (status, headers["ETag"], headers["Location"]) == (201, '"1"', "/models/exact")
    assert b'"maximum":1.10' in made
    assert worker.call("POST", "/models", body)[0::2] == (200, made)
    status, headers, shown = worker.call("GET", "/models/exact")
    assert (status, headers["ETag"], shown) == (200, '"1"', made)


def test_http_04_a_model_is_changed_and_deleted_under_guard(worker: WorkerProcess) -> None:
    worker.create_model("guarded", {})
    body = b'{"schema": {"required": ["id"]}}'
    status, headers, made = worker.call("PUT", "/models/guarded", body, {"If-Match": '"1"'})
    assert (status, headers["ETag"], json.loads(made)["version"]) == (200, '"2"', 2)
    assert worker.call("PUT", "/models/guarded", b'{"schema": {}}', {"If-Match": '"1"'})[0] == 412
    assert worker.json("GET", "/models/guarded?version=1")[1]["schema"] == {}
    assert worker.call("DELETE", "/models/guarded", headers={"If-Match": '"1"'})[0] == 412
    assert worker.call("DELETE", "/models/guarded", headers={"If-Match": '"2"'})[0::2] == (204, b"")
    assert worker.json("GET", "/models/guarded")[1]["code"] == "MODEL_NOT_FOUND"


def test_http_05_models_are_listed_newest_first(worker: WorkerProcess) -> None:
    worker.create_model("older", {})
    worker.create_model("newer", {})
    status, page = worker.json("GET", "/models?limit=1")
    assert (status, [model["name"] for model in page["items"]]) == (200, ["newer"])
    _, page = worker.json("GET", f"/models?limit=1&cursor={page['next_cursor']}")
    assert [model["name"] for model in page["items"]] == ["older"]


def test_http_06_an_upload_is_a_job_that_completes(worker: WorkerProcess, topics: Topics) -> None:
    status, submitted = worker.upload("people", "http 06.csv", CSV)
    job_id = submitted["job_id"]
    assert (status, submitted["state"]) == (202, "QUEUED")
    assert (len(job_id), job_id.isalnum(), job_id.lower()) == (12, True, job_id)
    job = worker.wait_ended(job_id)
    ended = {
        "model": "people", "model_version": 1, "options": {}, "source": "upload", "file": "http 06.csv",
        "size_bytes": 46, "sha256": hashlib.sha256(CSV).hexdigest(), "format": "csv", "state": "COMPLETED",
        "requested": None, "waiting": None, "rows_read": 3, "rows_delivered": 2, "rows_rejected": 1,
        "position": {"byte": 46, "row": 3, "line": 4, "block": 1, "row_group": 0}, "bytes_read": 46,
        "attempt": 1, "topic": f"{worker.namespace}_{job_id}", "offsets": {"0": [0, 2]}, "error": None,
        "dlq_topic": f"{worker.namespace}_{job_id}_dlq",
    }  # fmt: skip
    assert {name: job[name] for name in ended} == ended
    assert job["created_at"] < job["started_at"] < job["finished_at"]
    assert topics.values(job["topic"]) == [ADA, EDSGER]
    eventually(lambda: not (worker.dropzone / "processing" / job_id).exists(), "the file is moved")


def test_http_07_options_of_the_request(worker: WorkerProcess, topics: Topics) -> None:
    job = done(worker, "http 07.csv", b"1\tAda\n2\tGrace\n3\tAda\n", delimiter="tab", header="false",
               columns='["id", "name"]', partitions="4", key="name")  # fmt: skip
    assert job["options"] == {
        "delimiter": "\t", "header": False, "columns": ["id", "name"], "partitions": 4, "key": "name"
    }  # fmt: skip
    found = {(record.key(), record.value()): record.partition() for record in topics.read(job["topic"])}
    ada, grace = b'{"id":1,"name":"Ada"}', b'{"id":2,"name":"Grace"}'
    again = b'{"id":3,"name":"Ada"}'
    assert set(found) == {(b"Ada", ada), (b"Grace", grace), (b"Ada", again)}
    assert found[b"Ada", ada] == found[b"Ada", again]


def test_http_08_jobs_are_filtered_and_paged(worker: WorkerProcess) -> None:
    worker.create_model("listed", PEOPLE)
    ids = [done(worker, f"http-08-{n}.csv", model="listed")["job_id"] for n in range(3)]
    _, page = worker.json("GET", "/jobs?model=listed&state=COMPLETED,FAILED&limit=2")
    assert [job["job_id"] for job in page["items"]] == [ids[2], ids[1]]
    _, page = worker.json("GET", f"/jobs?model=listed&limit=2&cursor={page['next_cursor']}")
    assert ([job["job_id"] for job in page["items"]], page["next_cursor"]) == ([ids[0]], None)
    assert worker.json("GET", "/jobs?model=listed&state=RUNNING")[1]["items"] == []
    for query in ("http-08-1", ids[1][:11]):
        assert [job["job_id"] for job in worker.json("GET", f"/jobs?q={query}")[1]["items"]] == [ids[1]]


def test_http_09_records_are_read_and_followed(worker: WorkerProcess) -> None:
    job_id = submit(worker, "http 09.csv")
    path = f"/jobs/{job_id}/records"
    both = ADA + b"\n" + EDSGER + b"\n"
    assert worker.call("GET", f"{path}?follow=true")[2] == both  # it ends with the job
    status, headers, body = worker.call("GET", path)
    assert (status, headers["Content-Type"], body) == (200, "application/x-ndjson", both)
    assert worker.call("GET", f"{path}?limit=1")[2] == ADA + b"\n"
    envelope = json.loads(worker.call("GET", f"{path}?format=envelope&from=0:1")[2])
    assert envelope.pop("timestamp") > 1_700_000_000_000
    value = {"id": 3, "name": "Edsger", "age": None}
    assert envelope == {"partition": 0, "offset": 1, "key": None, "value": value}


def test_http_10_events_tell_a_jobs_states_to_the_end(worker: WorkerProcess) -> None:
    job_id = submit(worker, "http 10.csv")
    status, headers, body = worker.call("GET", f"/jobs/{job_id}/events")  # `end` closes it
    assert (status, headers["Content-Type"]) == (200, "text/event-stream")
    events = [
        dict(line.split(": ", 1) for line in block.splitlines())
        for block in body.decode().split("\n\n")
        if "event: " in block
    ]
    assert events[-1] == {"event": "end", "data": '{"reason": "ended"}'}
    assert {event["event"] for event in events[:-1]} == {"job"}
    assert int(events[-2]["id"]) == worker.job(job_id)["revision"]
    assert json.loads(events[-2]["data"]) == worker.job(job_id)


def test_http_11_a_job_is_paused_and_resumed(worker: WorkerProcess, topics: Topics) -> None:
    job_id = submit(worker, "http 11.csv", many_rows())
    status, job = worker.json("POST", f"/jobs/{job_id}/pause")
    assert (status, job["requested"]) == (202, "pause")
    job = wait_state(worker, job_id, "PAUSED")
    assert (job["rows_read"] < MANY, job["requested"]) == (True, None)
    status, job = worker.json("POST", f"/jobs/{job_id}/resume")
    assert (status, job["state"]) == (202, "QUEUED")
    job = worker.wait_ended(job_id)
    assert (job["state"], job["attempt"]) == ("COMPLETED", 1)
    assert [json.loads(value)["id"] for value in topics.values(job["topic"])] == list(range(MANY))


def test_http_12_a_job_is_cancelled_and_retried(worker: WorkerProcess, topics: Topics) -> None:
    job_id = submit(worker, "http 12.csv", many_rows())
    status, job = worker.json("POST", f"/jobs/{job_id}/cancel")
    assert (status, job["requested"]) == (202, "cancel")
    job = wait_state(worker, job_id, "CANCELLED")
    assert (job["rows_read"] < MANY, job["error"]) == (True, None)
    eventually((worker.dropzone / "failed" / job_id / "error.json").exists, "the file is in failed/")
    status, job = worker.json("POST", f"/jobs/{job_id}/retry")
    assert (status, job["state"], job["attempt"]) == (202, "QUEUED", 2)
    job = worker.wait_ended(job_id)
    assert (job["state"], job["rows_delivered"]) == ("COMPLETED", MANY)
    assert [json.loads(value)["id"] for value in topics.values(job["topic"])] == list(range(MANY))


def test_http_13_an_ended_job_is_deleted_with_its_topics(worker: WorkerProcess, topics: Topics) -> None:
    job = done(worker, "http 13.csv")
    own = {job["topic"], job["dlq_topic"]}
    assert own <= topics.names()
    assert worker.call("DELETE", f"/jobs/{job['job_id']}")[0::2] == (204, b"")
    assert worker.json("GET", f"/jobs/{job['job_id']}")[1]["code"] == "JOB_NOT_FOUND"
    eventually(lambda: not own & topics.names(), "its topics are gone")


def test_http_14_the_drop_folder_takes_files_or_says_why_not(worker: WorkerProcess) -> None:
    worker.drop("waits.csv", CSV, model="http_14_later")

    def waits() -> dict[str, Any] | None:
        items = worker.json("GET", "/dropzone?limit=500")[1]["items"]
        found = (
            i for i in items if i["path"] == "http_14_later/waits.csv" and i["code"] == "MODEL_NOT_FOUND"
        )
        return next(found, None)

    waiting = eventually(waits, "the file is listed")
    assert (waiting["message"], waiting["size_bytes"]) == ("model `http_14_later` does not exist", 46)
    worker.create_model("http_14_later", PEOPLE)
    job = worker.wait_ended(worker.wait_job("waits.csv")["job_id"])
    assert (job["state"], job["source"], job["model"]) == ("COMPLETED", "dropzone", "http_14_later")
    stored = worker.dropzone / "done" / job["job_id"] / "waits.csv"
    eventually(stored.exists, "the file is in done/")
    assert stored.read_bytes() == CSV


# --- dead letters --------------------------------------------------------------------------------------


def test_dlq_01_every_field_and_header(worker: WorkerProcess, topics: Topics) -> None:
    job = done(worker, "dlq 01.csv")
    assert rejects(worker, topics, job) == [
        {
            "job_id": job["job_id"], "attempt": 1, "file": "dlq 01.csv", "row": 2, "line": 3,
            "byte_offset": 21, "errors": [{"column": "id", "code": "TYPE", "message": SEVEN}],
            "raw": "seven,Grace,45", "raw_encoding": "utf-8", "raw_bytes": 14, "raw_truncated": False,
        }
    ]  # fmt: skip
    (record,) = topics.read(job["dlq_topic"])
    assert (record.key(), dict(record.headers())) == (
        None,
        {
            "__connect.errors.topic": job["topic"].encode(),
            "__connect.errors.stage": b"VALUE_CONVERTER",
            "__connect.errors.exception.message": SEVEN.encode(),
            "__connect.errors.task.id": b"0",
            "__connect.errors.connector.name": f"{worker.namespace}-{job['job_id']}".encode(),
            "batch.job_id": job["job_id"].encode(),
        },
    )


def test_dlq_02_rejects_stand_in_the_order_of_the_rows(worker: WorkerProcess, topics: Topics) -> None:
    lines = [b"x%d,bad," % n if n % 10 == 0 else b"%d,good," % n for n in range(1, 6001)]
    job = done(worker, "dlq 02.csv", b"id,name,age\n" + b"\n".join(lines), partitions="3")
    assert (job["rows_read"], job["rows_delivered"], job["rows_rejected"]) == (6000, 5400, 600)
    assert [found["row"] for found in rejects(worker, topics, job)] == list(range(10, 6001, 10))


def test_dlq_03_line_and_byte_behind_blank_and_quoted_lines(worker: WorkerProcess, topics: Topics) -> None:
    content = b'\xef\xbb\xbfid,name\r\n1,"two\nlines"\r\n\r\nx,b\r\n4\n5,"open'
    found = rejects(worker, topics, done(worker, "dlq 03.csv", content))
    assert [(r["row"], r["line"], r["byte_offset"], r["raw"]) for r in found] == [
        (2, 5, 29, "x,b"),
        (3, 6, 34, "4"),
        (4, 7, 36, '5,"open'),
    ]
    assert [errors_of(r) for r in found] == [
        [("id", "TYPE", "`x` is not an integer")],
        [(None, "COLUMN_COUNT", "the row has 1 cells, but the file has 2 columns")],
        [(None, "UNCLOSED_QUOTE", "a quote in this row is not closed before the file ends")],
    ]


def test_dlq_04_every_column_says_what_is_wrong_with_it(worker: WorkerProcess, topics: Topics) -> None:
    (found,) = rejects(
        worker, topics, done(worker, "dlq 04.csv", b"age,name,id\n200,a name of 22 chars ..,\n")
    )
    assert errors_of(found) == [
        ("age", "RANGE", "`200` is greater than `150`"),
        ("name", "LENGTH", "`a name of 22 chars ..` has length 21, greater than 20"),
        ("id", "REQUIRED", "a value is required, but there is none"),
    ]


def test_dlq_05_bytes_that_are_no_text_are_kept_whole(worker: WorkerProcess, topics: Topics) -> None:
    (found,) = rejects(worker, topics, done(worker, "dlq 05.csv", b"id,name\n1,a\n2,\xff\xfe\n"))
    assert errors_of(found) == [(None, "ENCODING", "byte `0xFF` at offset 2 of the row is not valid UTF-8")]
    assert (found["raw"], found["raw_encoding"], found["raw_bytes"]) == ("Miz//g==", "base64", 4)
    assert base64.b64decode(found["raw"]) == b"2,\xff\xfe"


def test_dlq_06_a_long_row_is_cut_and_says_so(worker: WorkerProcess, topics: Topics) -> None:
    long = b"x," + b"y" * 299_998
    huge = b"2," + b"z" * 999_998
    content = b"id,name\n" + long + b"\n" + huge + b"\n3,c\n"
    job = done(worker, "dlq 06.csv", content)
    first, second = rejects(worker, topics, job)
    assert [code for _, code, _ in errors_of(first)] == ["TYPE", "LENGTH"]
    assert errors_of(second) == [
        (None, "ROW_TOO_LARGE", "the row has 1000000 bytes, more than the 900000 allowed")
    ]
    for found, row in ((first, long), (second, huge)):
        assert (found["raw_truncated"], found["raw_bytes"]) == (True, len(row))
        assert found["raw"].encode() == row[: 256 * 1024 - 2]
    assert topics.values(job["topic"]) == [b'{"id":3,"name":"c"}']


def test_dlq_07_rows_of_parquet_are_kept_as_json(worker: WorkerProcess, topics: Topics) -> None:
    worker.create_model("scores", {"properties": {"id": {"type": "integer"}, "score": {"type": "number"}}})
    out = io.BytesIO()
    pq.write_table(pa.table({"id": [1, 2], "score": [1.5, float("nan")]}), out)
    job = done(worker, "dlq 07.parquet", out.getvalue(), model="scores")
    (found,) = rejects(worker, topics, job)
    assert (found["row"], found["line"], found["byte_offset"]) == (2, None, None)
    assert (found["raw"], found["raw_encoding"]) == ('{"id":2,"score":"NaN"}', "utf-8")
    assert errors_of(found) == [("score", "RANGE", "`NaN` is not a finite number")]
    assert topics.values(job["topic"]) == [b'{"id":1,"score":1.5}']


def test_dlq_08_without_rejects_there_is_no_topic(worker: WorkerProcess, topics: Topics) -> None:
    job = done(worker, "dlq 08.csv", b"id,name\n1,a\n")
    assert (job["rows_rejected"], job["dlq_topic"]) == (0, None)
    assert f"{job['topic']}_dlq" not in topics.names()
    assert worker.call("GET", f"/jobs/{job['job_id']}/rejects")[0::2] == (200, b"")


# --- errors of requests and files ----------------------------------------------------------------------


def test_error_01_an_address_or_a_method_that_is_not_there(worker: WorkerProcess, refused: Refused) -> None:
    problem = refused(404, "NOT_FOUND", worker.json("GET", "/job"))
    assert problem["detail"] == "there is nothing at `/job`"
    problem = refused(405, "METHOD_NOT_ALLOWED", worker.json("PATCH", "/jobs"))
    assert problem["hint"] == "use GET, HEAD, POST"
    assert worker.call("PATCH", "/jobs")[1]["Content-Type"] == "application/problem+json"


def test_error_02_a_request_that_cannot_be_read(worker: WorkerProcess, refused: Refused) -> None:
    problem = refused(400, "INVALID_REQUEST", worker.json("POST", "/models", {"name": "No!", "schema": {}}))
    assert problem["detail"].startswith("member `name` is `No!`")
    problem = refused(400, "INVALID_REQUEST", worker.json("GET", "/jobs?stat=RUNNING"))
    assert problem["detail"] == "there is no parameter `stat`"
    assert "`state`" in problem["hint"]


def test_error_03_a_model_or_job_that_does_not_exist(worker: WorkerProcess, refused: Refused) -> None:
    problem = refused(404, "MODEL_NOT_FOUND", worker.upload("nobody", "error 03.csv", CSV))
    assert problem["hint"] == "create it with `batch model create nobody schema.json`"
    problem = refused(404, "JOB_NOT_FOUND", worker.json("GET", "/jobs/abcdefghijkl"))
    assert problem["detail"] == "job `abcdefghijkl` does not exist"


def test_error_04_a_model_that_is_wrong_or_there_already(worker: WorkerProcess, refused: Refused) -> None:
    wrong = {"name": "error_04", "schema": {"properties": {"id": {"type": "int"}}}}
    problem = refused(400, "INVALID_SCHEMA", worker.json("POST", "/models", wrong))
    assert "/properties/id/type" in problem["detail"]
    other = {"name": "people", "schema": {}}
    problem = refused(409, "MODEL_EXISTS", worker.json("POST", "/models", other))
    assert "`people`" in problem["detail"]


def test_error_05_an_option_that_is_misspelt_or_wrong(worker: WorkerProcess, refused: Refused) -> None:
    problem = refused(400, "INVALID_OPTION", worker.upload("people", "error 05.csv", CSV, delimeter=";"))
    assert problem["detail"] == "option `delimeter` does not exist"
    assert problem["hint"] == "did you mean `delimiter`?"
    refused(400, "INVALID_OPTION", worker.upload("people", "error 05.csv", CSV, partitions="65"))
    assert worker.json("GET", "/jobs?q=error%2005")[1]["items"] == []


def test_error_06_a_file_of_another_kind_or_too_large(worker: WorkerProcess, refused: Refused) -> None:
    png = b"\x89PNG\r\n\x1a\n" + bytes(100)
    problem = refused(400, "UNSUPPORTED_FILE_TYPE", worker.upload("people", "error 06.csv", png))
    assert "PNG" in problem["detail"]
    exact = b"id\n" + b"1\n" * ((UPLOAD_LIMIT - 4) // 2) + b"1"
    assert len(exact) == UPLOAD_LIMIT
    problem = refused(413, "FILE_TOO_LARGE", worker.upload("people", "error 06.csv", exact + b"1"))
    assert problem["detail"] == "the file is larger than `4000000` bytes"
    job = worker.json("POST", f"/jobs/{submit(worker, 'error 06.csv', exact)}/cancel")[1]
    assert job["size_bytes"] == 4_000_000
    wait_state(worker, job["job_id"], "CANCELLED")


FAILS = {
    "twice": (b"id,name,id\n1,a,2\n", "HEADER_DUPLICATE", "`id`"),
    "missing": (b"name\na\n", "COLUMN_MISSING", "`id`"),
    "latin 1": (b"id,n\xe4me\n1,a\n", "ENCODING", "UTF-8"),
    "torn": (b"PAR1" + bytes(100), "PARQUET_INVALID", "Parquet"),
}


def test_error_07_a_file_that_fails_its_job(worker: WorkerProcess) -> None:
    ids = {name: submit(worker, f"error 07 {name}.csv", content) for name, (content, _, _) in FAILS.items()}
    for name, (content, code, words) in FAILS.items():
        job = worker.wait_ended(ids[name])
        assert (job["state"], job["error"]["code"], job["rows_read"]) == ("FAILED", code, 0)
        assert words in job["error"]["message"]
        assert job["error"]["hint"]
        folder = worker.dropzone / "failed" / job["job_id"]
        eventually((folder / "error.json").exists, "the file is in failed/")
        assert json.loads((folder / "error.json").read_text())["error"] == job["error"]
        assert (folder / job["file"]).read_bytes() == content


def test_error_08_what_the_state_or_the_sender_forbids(worker: WorkerProcess, refused: Refused) -> None:
    path = f"/jobs/{done(worker, 'error 08.csv')['job_id']}"
    for verb in ("cancel", "pause", "resume", "retry"):
        problem = refused(409, "INVALID_STATE", worker.json("POST", f"{path}/{verb}"))
        assert "is COMPLETED and cannot be" in problem["detail"]
    for headers, code in (
        ({"Host": "evil.example"}, "FORBIDDEN_HOST"),
        ({"Origin": "http://evil.example"}, "FORBIDDEN_ORIGIN"),
    ):
        status, _, body = worker.call("DELETE", path, headers=headers)
        refused(403, code, (status, json.loads(body)))
    assert worker.json("GET", path)[0] == 200


# --- CLI -----------------------------------------------------------------------------------------------


def job_of(output: tuple[int, str, str], code: int = 0) -> dict[str, Any]:
    """Check the exit code; return the Job on stdout, which is indented."""
    assert output[0] == code, output[2]
    assert output[1].startswith('{\n  "job_id": "')
    return dict(json.loads(output[1]))


@pytest.fixture
def csv(tmp_path: Path) -> str:
    path = tmp_path / "cli.csv"
    path.write_bytes(CSV)
    return str(path)


def test_cli_01_status_and_drop_folder(worker: WorkerProcess) -> None:
    code, out, _ = worker.batch("status")
    status = json.loads(out)
    assert (code, status["url"], status["healthz"]) == (0, worker.url, {"status": "alive"})
    assert status["readyz"]["ready"] is True
    worker.drop("cli 01.csv", CSV, model="cli_01_missing")

    def codes() -> bool:
        items = json.loads(worker.batch("dropzone", "--limit", "500")[1])
        return ("cli_01_missing/cli 01.csv", "MODEL_NOT_FOUND") in [(i["path"], i["code"]) for i in items]

    eventually(codes, "the file and its reason are listed")


def test_cli_02_a_models_life(worker: WorkerProcess, tmp_path: Path) -> None:
    schema = tmp_path / "schema.json"
    schema.write_text('{"properties": {"n": {"maximum": 1.10}}}')
    code, out, _ = worker.batch("model", "create", "cli_02", str(schema))
    assert (code, json.loads(out)["version"], '"maximum": 1.10' in out) == (0, 1, True)
    schema.write_text("{}")
    code, out, _ = worker.batch("model", "update", "cli_02", str(schema), "--if-version", "1")
    assert (code, json.loads(out)["version"]) == (0, 2)
    code, out, _ = worker.batch("model", "show", "cli_02", "--version", "1")
    assert (code, json.loads(out)["schema"]) == (0, {"properties": {"n": {"maximum": 1.1}}})
    assert worker.batch("model", "delete", "cli_02") == (0, '{\n  "deleted": "cli_02"\n}\n', "")


def test_cli_03_models_are_an_array(worker: WorkerProcess) -> None:
    worker.create_model("cli_03", {})
    code, out, _ = worker.batch("model", "list", "--limit", "1")
    assert (code, [model["name"] for model in json.loads(out)]) == (0, ["cli_03"])


def test_cli_04_the_quick_start_word_for_word(worker: WorkerProcess) -> None:
    assert worker.batch("model", "create", "default_model", "./schemas/default.json")[0] == 0
    created = job_of(worker.batch("job", "create", "default_model", "./samples/api_data.csv"))
    assert (created["state"], created["model"]) == ("QUEUED", "default_model")
    job = job_of(worker.batch("job", "wait", created["job_id"]))
    counts = (job["state"], job["rows_read"], job["rows_delivered"], job["rows_rejected"])
    assert counts == ("COMPLETED", 200, 197, 3)
    code, out, _ = worker.batch("job", "list")
    assert (code, job["job_id"] in [listed["job_id"] for listed in json.loads(out)]) == (0, True)


def test_cli_05_create_waits_and_show_agrees(worker: WorkerProcess, csv: str) -> None:
    job = job_of(worker.batch("job", "create", "people", csv, "--wait", "--option", "partitions=2"))
    assert (job["state"], job["file"], job["options"]) == ("COMPLETED", "cli.csv", {"partitions": 2})
    assert job_of(worker.batch("job", "show", job["job_id"])) == job


def test_cli_06_jobs_are_filtered(worker: WorkerProcess) -> None:
    ids = [done(worker, f"cli-06-{n}.csv")["job_id"] for n in range(3)]
    filters = ("--query", "cli-06", "--state", "COMPLETED", "--model", "people")
    code, out, said = worker.batch("job", "list", *filters, "--limit", "2")
    assert (code, [job["job_id"] for job in json.loads(out)], said) == (0, [ids[2], ids[1]], "")
    assert worker.batch("job", "list", "--query", "cli-06", "--state", "FAILED") == (0, "[]\n", "")


def test_cli_07_tail_prints_the_records_to_the_end(worker: WorkerProcess) -> None:
    job_id = submit(worker, "cli 07.csv")
    assert worker.batch("job", "tail", job_id) == (0, f"{ADA.decode()}\n{EDSGER.decode()}\n", "")


def test_cli_08_rejects_are_printed_as_they_stand(worker: WorkerProcess, topics: Topics) -> None:
    job = done(worker, "cli 08.csv", b"id\nx\n1\ny\n")
    first, second = (value.decode() for value in topics.values(job["dlq_topic"]))
    assert worker.batch("job", "rejects", job["job_id"]) == (0, f"{first}\n{second}\n", "")
    assert worker.batch("job", "rejects", job["job_id"], "--limit", "1") == (0, f"{first}\n", "")


def test_cli_09_rejects_may_be_a_failure(worker: WorkerProcess, csv: str) -> None:
    output = worker.batch("job", "create", "people", csv, "--fail-on-rejects")
    job = job_of(output, code=4)
    assert output[2] == (
        "error: 1 of 3 rows were rejected\n"
        f"hint: `batch job rejects {job['job_id']}` shows them and why\n"
    )  # fmt: skip
    assert worker.batch("job", "tail", job["job_id"], "--fail-on-rejects")[0] == 4


def test_cli_10_a_job_that_fails_says_why(worker: WorkerProcess, tmp_path: Path) -> None:
    path = tmp_path / "cli-10.csv"
    path.write_bytes(b"name\nAda\n")
    output = worker.batch("job", "create", "people", str(path), "--wait")
    job = job_of(output, code=3)
    error, hint = output[2].splitlines()
    assert error == f"error: {job['error']['message']} (COLUMN_MISSING)"
    assert hint == f"hint: {job['error']['hint']}"


def test_cli_11_a_job_is_stopped_and_goes_on(worker: WorkerProcess) -> None:
    job_id = submit(worker, "cli 11.csv", many_rows())
    assert job_of(worker.batch("job", "pause", job_id))["requested"] == "pause"
    wait_state(worker, job_id, "PAUSED")
    assert job_of(worker.batch("job", "resume", job_id))["state"] == "QUEUED"
    assert job_of(worker.batch("job", "cancel", job_id))["requested"] == "cancel"
    code, _, said = worker.batch("job", "wait", job_id)
    assert (code, f"error: job `{job_id}` was cancelled" in said) == (3, True)
    assert job_of(worker.batch("job", "retry", job_id))["attempt"] == 2
    assert job_of(worker.batch("job", "wait", job_id))["rows_delivered"] == MANY
    assert json.loads(worker.batch("job", "delete", job_id)[1]) == {"deleted": job_id}


def test_cli_12_what_goes_wrong_has_an_exit_code(worker: WorkerProcess, csv: str) -> None:
    code, out, said = worker.batch("job", "show", "abcdefghijkl")
    assert (code, out) == (1, "")
    assert said == (
        "error: job `abcdefghijkl` does not exist (JOB_NOT_FOUND)\n"
        "hint: list the jobs with `batch job list`\n"
    )
    code, out, said = worker.batch("job", "create", "nobody", csv)
    assert (code, "(MODEL_NOT_FOUND)" in said) == (1, True)
    for usage in (("job", "create", "people"), ("job", "list", "--limit", "0"), ("jobs",)):
        assert worker.batch(*usage)[0] == 2
