from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Batch
from tests.unit.cli.fake_worker import ID, FakeWorker, Reply, Stream, job, problem

JOB = f"GET /jobs/{ID}"


def page(items: list[str], cursor: str | None) -> Reply:
    return Reply(f'{{"items":[{",".join(items)}],"next_cursor":{json.dumps(cursor)}}}')


def test_a_model_is_created_from_the_text_of_its_file(
    worker: FakeWorker, batch: Batch, tmp_path: Path
) -> None:
    schema = tmp_path / "schema.json"
    schema.write_bytes('\ufeff{"minimum": 1.10, "title": "é"}'.encode())
    worker.on("POST /models", Reply('{"name":"m","version":1,"schema":{"minimum":1.10}}', 201))
    result = batch("model", "create", "m", str(schema))
    assert result.code == 0
    assert worker.requests[0].body == '{"name": "m", "schema": {"minimum": 1.10, "title": "é"}}'.encode()
    assert worker.requests[0].headers["Content-Type"] == "application/json"
    assert result.out == b'{\n  "name": "m",\n  "version": 1,\n  "schema": {\n    "minimum": 1.10\n  }\n}\n'
    assert result.err == ""


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"a": }', "is not JSON: Expecting value: line 1 column 7 (char 6)"),
        (b'{"a": NaN}', "is not JSON: `NaN` is not a JSON number"),
        (b"\xff\xfe", "is not JSON: 'utf-8' codec can't decode byte 0xff in position 0"),
    ],
)
def test_a_schema_file_that_is_no_json_is_refused_here(
    worker: FakeWorker, batch: Batch, tmp_path: Path, content: bytes, reason: str
) -> None:
    schema = tmp_path / "schema.json"
    schema.write_bytes(content)
    result = batch("model", "create", "m", str(schema))
    assert result.code == 1
    assert reason in result.err
    assert "\nhint: correct the file" in result.err
    assert worker.requests == []


def test_a_missing_schema_file_is_named(batch: Batch, tmp_path: Path) -> None:
    result = batch("model", "create", "m", str(tmp_path / "none.json"))
    assert (result.code, result.out) == (1, b"")
    assert f"error: cannot read `{tmp_path}/none.json`: no such file or directory\nhint: " in result.err


def test_a_model_is_shown_in_the_version_asked_for(worker: FakeWorker, batch: Batch) -> None:
    worker.on("GET /models/m", Reply('{"name":"m"}'))
    assert batch("model", "show", "m", "--version", "3").out == b'{\n  "name": "m"\n}\n'
    assert worker.requests[0].query == {"version": "3"}


def test_models_are_an_array(worker: FakeWorker, batch: Batch) -> None:
    worker.on("GET /models", page(['{"name":"a","version":2,"schema":{"x":1.0},"created_at":"t"}'], None))
    result = batch("model", "list")
    assert result.out.startswith(b'[\n  {\n    "name": "a",')
    assert b'"x": 1.0' in result.out
    assert result.err == ""  # a table is for a terminal


def test_a_list_follows_cursors_up_to_its_limit(worker: FakeWorker, batch: Batch) -> None:
    jobs = [json.dumps(job(job_id=str(n))) for n in range(4)]
    worker.on("GET /jobs", page(jobs[:2], "c1"), page(jobs[2:], "c2"))
    result = batch(
        "job", "list", "--limit", "3", "--state", "RUNNING,FAILED", "--model", "m", "--query", "a b"
    )
    assert [j["job_id"] for j in json.loads(result.out)] == ["0", "1", "2"]
    fixed = {"state": "RUNNING,FAILED", "model": "m", "q": "a b"}
    assert [r.query for r in worker.requests] == [
        {**fixed, "limit": "3"},
        {**fixed, "limit": "1", "cursor": "c1"},
    ]


def test_a_list_asks_for_pages_that_the_worker_gives(worker: FakeWorker, batch: Batch) -> None:
    worker.on("GET /jobs", page([], None))
    assert batch("job", "list", "--limit", "100000").out == b"[]\n"
    assert worker.requests[0].query["limit"] == "500"


@pytest.mark.parametrize("what", ["cancel", "pause", "resume", "retry"])
def test_requests_print_the_job(worker: FakeWorker, batch: Batch, what: str) -> None:
    worker.on(f"POST /jobs/{ID}/{what}", Reply(json.dumps(job("QUEUED")), 202))
    result = batch("job", what, ID)
    assert (result.code, json.loads(result.out)) == (0, job("QUEUED"))


def test_an_error_of_the_worker_is_told_with_its_hint(worker: FakeWorker, batch: Batch) -> None:
    worker.on(JOB, problem(404, "JOB_NOT_FOUND", "job `x` does not exist", "list them with `batch job list`"))
    result = batch("job", "show", ID)
    assert (result.code, result.out) == (1, b"")
    assert result.err == (
        "error: job `x` does not exist (JOB_NOT_FOUND)\nhint: list them with `batch job list`\n"
    )


@pytest.mark.parametrize("status", [200, 404])
def test_another_program_at_the_address_is_told_from_a_worker(
    worker: FakeWorker, batch: Batch, status: int
) -> None:
    worker.on(JOB, Reply("<html>hello</html>", status))
    result = batch("job", "show", ID)
    assert (result.code, result.out) == (1, b"")
    assert "not as a worker does" in result.err
    assert "hint: check BATCH_URL" in result.err


def test_an_unreachable_worker_is_named_with_how_to_start_one(
    worker: FakeWorker, batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = FakeWorker()
    gone.stop()
    monkeypatch.setenv("BATCH_URL", gone.url)
    result = batch("job", "list")
    assert (result.code, result.out) == (1, b"")
    assert f"no worker answers at `{gone.url}`: connection refused" in result.err
    assert "`scripts/up.sh`" in result.err


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://x", "http://", "http://h:port", "http://h:99999"])
def test_a_wrong_address_is_wrong_usage(batch: Batch, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("BATCH_URL", url)
    result = batch("status")
    assert (result.code, result.out) == (2, b"")
    assert f"BATCH_URL: `{url}` is not an address" in result.err


def test_an_address_may_have_a_path(
    worker: FakeWorker, batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BATCH_URL", f"{worker.url}/behind/a/proxy/")
    worker.on(f"GET /behind/a/proxy/jobs/{ID}", job())
    assert batch("job", "show", ID).code == 0


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["job"],
        ["job", "dance"],
        ["job", "create", "m"],
        ["job", "create", "m", "f", "--option", "novalue"],
        ["job", "create", "m", "f", "--option", "=v"],
        ["job", "list", "--limit", "0"],
        ["job", "list", "--limit", "x"],
        ["model", "show", "m", "--version", "-1"],
        ["model", "update", "m"],
        ["model", "update", "m", "f", "--if-version", "0"],
        ["model", "delete"],
        ["job", "delete"],
        ["job", "pause"],
        ["dropzone", "here"],
    ],
)
def test_wrong_usage_is_2_and_asks_nothing(worker: FakeWorker, batch: Batch, argv: list[str]) -> None:
    result = batch(*argv)
    assert (result.code, result.out) == (2, b"")
    assert "usage: batch" in result.err
    assert worker.requests == []


def test_a_model_is_updated_with_a_guard(worker: FakeWorker, batch: Batch, tmp_path: Path) -> None:
    schema = tmp_path / "schema.json"
    schema.write_text('{"minimum": 1.10}')
    worker.on("PUT /models/m", Reply('{"name":"m","version":4}'))
    result = batch("model", "update", "m", str(schema), "--if-version", "3")
    assert (result.code, result.out) == (0, b'{\n  "name": "m",\n  "version": 4\n}\n')
    assert worker.requests[0].body == b'{"schema": {"minimum": 1.10}}'
    assert worker.requests[0].headers["If-Match"] == '"3"'
    batch("model", "update", "m", str(schema))
    assert "If-Match" not in worker.requests[1].headers


def test_deleting_says_what(worker: FakeWorker, batch: Batch) -> None:
    worker.on("DELETE /models/m", Reply("", 204))
    worker.on(f"DELETE /jobs/{ID}", Reply("", 204))
    assert batch("model", "delete", "m", "--if-version", "2").out == b'{\n  "deleted": "m"\n}\n'
    assert worker.requests[0].headers["If-Match"] == '"2"'
    result = batch("job", "delete", ID)
    assert (result.code, json.loads(result.out), result.err) == (0, {"deleted": ID}, "")
    assert "If-Match" not in worker.requests[1].headers


@pytest.mark.parametrize(
    ("argv", "what", "status", "code"),
    [
        (["model", "delete", "m"], "DELETE /models/m", 409, "MODEL_IN_USE"),
        (["model", "delete", "m", "--if-version", "1"], "DELETE /models/m", 412, "VERSION_CONFLICT"),
        (["job", "delete", ID], f"DELETE /jobs/{ID}", 409, "INVALID_STATE"),
        (["job", "pause", ID], f"POST /jobs/{ID}/pause", 409, "INVALID_STATE"),
    ],
)
def test_what_is_refused_is_1(
    worker: FakeWorker, batch: Batch, argv: list[str], what: str, status: int, code: str
) -> None:
    worker.on(what, problem(status, code, "it cannot be", "do something else"))
    result = batch(*argv)
    assert (result.code, result.out) == (1, b"")
    assert result.err == f"error: it cannot be ({code})\nhint: do something else\n"


def test_what_waits_in_the_drop_folder_is_an_array(worker: FakeWorker, batch: Batch) -> None:
    files = [
        {"path": path, "code": "NO_MODEL", "message": "m", "hint": "h", "size_bytes": size, "since": "t"}
        for path, size in (("a.csv", 3), ("b", None), ("c", 0))
    ]
    texts = [json.dumps(file) for file in files]
    worker.on("GET /dropzone", page(texts[:2], "c1"), page(texts[2:], None))
    result = batch("dropzone", "--limit", "7")
    assert (result.code, json.loads(result.out), result.err) == (0, files, "")
    assert [request.query for request in worker.requests] == [
        {"limit": "7"},
        {"limit": "5", "cursor": "c1"},
    ]


def test_help_names_environment_and_exit_codes(batch: Batch) -> None:
    result = batch("--help")
    assert result.code == 0
    for word in (b"BATCH_URL", b"130 interrupted", b"worker", b"status", b"dropzone", b"model", b"job"):
        assert word in result.out


@pytest.mark.parametrize(
    ("state", "rejected", "flags", "code"),
    [
        ("COMPLETED", 0, [], 0),
        ("COMPLETED", 2, [], 0),
        ("COMPLETED", 0, ["--fail-on-rejects"], 0),
        ("COMPLETED", 2, ["--fail-on-rejects"], 4),
        ("FAILED", 2, ["--fail-on-rejects"], 3),
        ("CANCELLED", 0, [], 3),
    ],
)
@pytest.mark.parametrize("verb", ["wait", "tail"])
def test_wait_and_tail_exit_as_the_job_ended(
    worker: FakeWorker, batch: Batch, verb: str, state: str, rejected: int, flags: list[str], code: int
) -> None:
    ended = job(state, rows_delivered=0, rows_rejected=rejected, offsets={})
    worker.on(JOB, ended)
    worker.on(f"GET /jobs/{ID}/records", Stream([]))
    result = batch("job", verb, ID, *flags)
    assert result.code == code
    assert (result.err == "") == (code == 0)
    assert json.loads(result.out or b"null") == (ended if verb == "wait" else None)


def test_why_a_job_failed_is_said(worker: FakeWorker, batch: Batch) -> None:
    error = {"code": "HEADER_MISSING", "message": "column 2 has no name", "hint": "name it"}
    worker.on(JOB, job("FAILED", error=error))
    result = batch("job", "wait", ID)
    assert result.err == "error: column 2 has no name (HEADER_MISSING)\nhint: name it\n"


def test_tail_prints_ndjson(worker: FakeWorker, batch: Batch) -> None:
    worker.on(JOB, job(offsets={"0": [0, 1]}))
    line = b'{"partition":0,"offset":0,"timestamp":1,"key":"k","value":{"n":1.10}}\n'
    worker.on(f"GET /jobs/{ID}/records", Stream([line]))
    assert batch("job", "tail", ID).out == b'{"n":1.10}\n'


def test_rejects_are_printed_as_they_came(worker: FakeWorker, batch: Batch) -> None:
    worker.on(f"GET /jobs/{ID}/rejects", Stream([b'{"row":1,"raw":"a"}\n{"row":', b'2,"raw":"b"}\n']))
    result = batch("job", "rejects", ID, "--limit", "2")
    assert (result.code, result.out) == (0, b'{"row":1,"raw":"a"}\n{"row":2,"raw":"b"}\n')
    assert worker.requests[0].query == {"limit": "2"}


def test_rejects_that_do_not_come_whole_are_an_error(worker: FakeWorker, batch: Batch) -> None:
    worker.on(f"GET /jobs/{ID}/rejects", Stream([b'{"row":1}\n'], cut=True))
    result = batch("job", "rejects", ID)
    assert (result.code, result.out) == (1, b'{"row":1}\n')
    assert "ended before the answer did" in result.err


def test_status_of_a_ready_worker_is_0(worker: FakeWorker, batch: Batch) -> None:
    worker.on("GET /healthz", {"status": "ok"})
    worker.on("GET /readyz", {"status": "ready"})
    result = batch("status")
    said = {"url": worker.url, "healthz": {"status": "ok"}, "readyz": {"status": "ready"}}
    assert (result.code, json.loads(result.out)) == (0, said)


def test_status_of_a_worker_without_kafka_says_why(worker: FakeWorker, batch: Batch) -> None:
    worker.on("GET /healthz", {"status": "ok"})
    worker.on("GET /readyz", problem(503, "KAFKA_UNAVAILABLE", "no broker at `h:1`", "start one"))
    result = batch("status")
    assert (result.code, json.loads(result.out)["readyz"]["code"]) == (1, "KAFKA_UNAVAILABLE")
    assert result.err == "error: no broker at `h:1` (KAFKA_UNAVAILABLE)\nhint: start one\n"
