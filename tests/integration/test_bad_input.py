"""What people really send: each odd or broken file through a real worker; code, message and hint are read."""

from __future__ import annotations

import http.client
import io
import json
import os
import random
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conftest import Broker
from tests.harness import Topics, WorkerProcess, eventually

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"id": {"type": "integer"}, "name": {"type": "string"}},
    "required": ["id"],
}
STRICT = {**SCHEMA, "additionalProperties": False}
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(64)


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory, broker: Broker) -> Iterator[WorkerProcess]:
    """One worker for all files of this module; each test uses a file name of its own."""
    namespace = f"bad{random.randrange(10**9)}"
    worker = WorkerProcess(tmp_path_factory.mktemp("bad-input"), broker.address, namespace)
    worker.start()
    worker.create_model("people", SCHEMA)
    worker.create_model("strict", STRICT)
    yield worker
    worker.close()


def parquet(**columns: list[object]) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("people.csv", "id,name\n1,a\n")
    return out.getvalue()


def submit(
    worker: WorkerProcess, name: str, content: bytes, model: str = "people", **options: str
) -> dict[str, Any]:
    """Upload and wait for the end."""
    status, job = worker.upload(model, name, content, **options)
    assert status == 202, job
    return worker.wait_ended(job["job_id"])


# --- files that become records -------------------------------------------------------------------------

GOOD: dict[str, tuple[bytes, list[bytes]]] = {
    "empty file": (b"", []),
    "only a BOM and blank lines": (b"\xef\xbb\xbf\n\r\n\n", []),
    "header only": (b"id,name\n", []),
    "header only, no newline": (b"id,name", []),
    "BOM": (b"\xef\xbb\xbfid,name\n1,a\n", [b'{"id":1,"name":"a"}']),
    "CRLF": (b"id,name\r\n1,a\r\n2,b\r\n", [b'{"id":1,"name":"a"}', b'{"id":2,"name":"b"}']),
    "blank lines": (b"\n\nid,name\n\n1,a\n\r\n2,b\n\n", [b'{"id":1,"name":"a"}', b'{"id":2,"name":"b"}']),
    "no last newline": (b"id,name\n1,a\n2,b", [b'{"id":1,"name":"a"}', b'{"id":2,"name":"b"}']),
    "a quoted newline and delimiter": (b'id,name\n1,"a,\n\r\nb"\n', [b'{"id":1,"name":"a,\\n\\r\\nb"}']),
    "a doubled quote": (b'id,name\n1,"say ""hi"""\n', [b'{"id":1,"name":"say \\"hi\\""}']),
    "a stray quote inside a cell": (
        b'id,name\n1,5" pipe\n2,b\n',
        [b'{"id":1,"name":"5\\" pipe"}', b'{"id":2,"name":"b"}'],
    ),
    "semicolons": (b"id;name\n1;a,b\n", [b'{"id":1,"name":"a,b"}']),
    "a parquet name on a CSV file": (b"id,name\n1,a\n", [b'{"id":1,"name":"a"}']),
}  # fmt: skip


@pytest.mark.parametrize("case", GOOD)
def test_odd_but_right(worker: WorkerProcess, topics: Topics, case: str) -> None:
    content, values = GOOD[case]
    name = "looks-like.parquet" if case.startswith("a parquet name") else f"{case}.csv"
    job = submit(worker, name, content)
    counts = (job["state"], job["format"], job["rows_read"], job["rows_rejected"], job["dlq_topic"])
    assert counts == ("COMPLETED", "csv", len(values), 0, None)
    assert topics.values(job["topic"]) == values


def test_a_csv_name_on_a_parquet_file(worker: WorkerProcess, topics: Topics) -> None:
    job = submit(worker, "looks-like.csv", parquet(id=[1, 2], name=["a", None]))
    assert (job["state"], job["format"]) == ("COMPLETED", "parquet")
    assert topics.values(job["topic"]) == [b'{"id":1,"name":"a"}', b'{"id":2,"name":""}']


# --- rows that become dead letters ---------------------------------------------------------------------

BIG = b"x" * 10_000_000
ROWS: dict[str, tuple[bytes, list[tuple[int, str, str | None, str]], int]] = {
    # content → (row, code, column, word of the message) of each reject, and the rows delivered
    "too few cells": (b"id,name\n1\n2,b\n", [(1, "COLUMN_COUNT", None, "1")], 1),
    "too many cells": (b"id,name\n1,a,x\n2,b\n", [(1, "COLUMN_COUNT", None, "3")], 1),
    "not an integer": (b"id,name\nseven,a\n2,b\n", [(1, "TYPE", "id", "seven")], 1),
    "nothing where required": (b"id,name\n,a\n2,b\n", [(1, "REQUIRED", "id", "required")], 1),
    "an unclosed quote": (b'id,name\n1,a\n2,"b\n3,c\n', [(2, "UNCLOSED_QUOTE", None, "quote")], 1),
    "invalid UTF-8": (b"id,name\n1,a\n2,\xff\xfe\n3,c\n", [(2, "ENCODING", None, "UTF-8")], 2),
    "10 MB in one row": (b"id,name\n1," + BIG + b"\n2,b\n", [(1, "ROW_TOO_LARGE", None, "900000")], 1),
}  # fmt: skip


@pytest.mark.parametrize("case", ROWS)
def test_rows_that_are_rejected(worker: WorkerProcess, topics: Topics, case: str) -> None:
    content, expected, delivered = ROWS[case]
    job = submit(worker, f"{case}.csv", content)
    counts = (job["state"], job["rows_delivered"], job["rows_rejected"])
    assert counts == ("COMPLETED", delivered, len(expected))
    rejects = [json.loads(value) for value in topics.values(job["dlq_topic"])]
    for reject, (row, code, column, word) in zip(rejects, expected, strict=True):
        (error,) = reject["errors"]
        assert (reject["row"], error["code"], error["column"]) == (row, code, column)
        assert word in error["message"]
        assert (reject["job_id"], reject["attempt"], reject["file"]) == (job["job_id"], 1, f"{case}.csv")
    raw = rejects[0]
    if case == "10 MB in one row":
        assert (raw["raw_bytes"], raw["raw_truncated"]) == (len(BIG) + 2, True)
        assert raw["raw"].startswith("1,xxx")
        assert len(json.dumps(raw["raw"])) <= 256 * 1024
    elif case == "invalid UTF-8":
        assert (raw["raw"], raw["raw_encoding"]) == ("Miz//g==", "base64") or raw["raw_encoding"] == "base64"
    else:
        assert raw["raw_truncated"] is False


# --- files that fail -----------------------------------------------------------------------------------

WHOLE = parquet(id=list(range(1000)), name=[f"n{n}" for n in range(1000)])
FAILS: dict[str, tuple[str, bytes, str, tuple[str, ...]]] = {
    # content → model, code, words of the message
    "an empty name": ("people", b"id,,name\n1,2,3\n", "HEADER_MISSING", ("2",)),
    "an unclosed header": ("people", b'id,"name\n1,a\n', "HEADER_MISSING", ("quote",)),
    "a bare CR in the header": ("people", b"id,name\r1,a\r2,b\r", "HEADER_MISSING", ("CR",)),
    "a name twice": ("people", b"id,name,id\n1,a,2\n", "HEADER_DUPLICATE", ("`id`",)),
    "no column for a required property": ("people", b"name\na\n", "COLUMN_MISSING", ("`id`",)),
    "a column that the model forbids": (
        "strict",
        b"id,name,color\n1,a,red\n",
        "COLUMN_UNKNOWN",
        ("`color`",),
    ),
    "a header that is not UTF-8": ("people", b"id,n\xe4me\n1,a\n", "ENCODING", ("UTF-8",)),
    "a truncated Parquet file": ("people", WHOLE[: len(WHOLE) // 2], "PARQUET_INVALID", ()),
    "a Parquet file with a broken page": (
        "people",
        WHOLE[:100] + bytes(200) + WHOLE[300:],
        "PARQUET_INVALID",
        (),
    ),
    "a Parquet column of another type": ("people", parquet(id=["a"], name=["b"]), "COLUMN_TYPE", ("`id`",)),
}


@pytest.mark.parametrize("case", FAILS)
def test_files_that_fail(worker: WorkerProcess, case: str) -> None:
    model, content, code, words = FAILS[case]
    job = submit(worker, f"{case}.csv", content, model)
    assert job["state"] == "FAILED"
    assert job["error"]["code"] == code
    for word in words:
        assert word in job["error"]["message"]
    assert job["error"]["hint"]
    folder = worker.dropzone / "failed" / job["job_id"]
    eventually((folder / "error.json").exists, "the file is in failed/")
    assert json.loads((folder / "error.json").read_text())["error"] == job["error"]
    assert (folder / f"{case}.csv").read_bytes() == content
    assert "Traceback" not in worker.log


NOT_SUPPORTED = {
    "a PNG": (PNG, "PNG"),
    "a ZIP": (zipped(), "ZIP"),
    "random bytes": (random.Random(7).randbytes(5000), "NUL"),
}


@pytest.mark.parametrize("case", NOT_SUPPORTED)
def test_what_is_neither_csv_nor_parquet(worker: WorkerProcess, case: str) -> None:
    content, word = NOT_SUPPORTED[case]
    status, problem = worker.upload("people", f"{case}.csv", content)
    assert (status, problem["code"]) == (400, "UNSUPPORTED_FILE_TYPE")
    assert word in problem["detail"]
    assert problem["hint"]
    worker.drop(f"dropped {case}", content, model="people")
    job = worker.wait_ended(worker.wait_job(f"dropped {case}")["job_id"])
    assert (job["state"], job["error"]["code"]) == ("FAILED", "UNSUPPORTED_FILE_TYPE")
    assert word in job["error"]["message"]


# --- requests that are refused -------------------------------------------------------------------------


def test_an_unknown_model(worker: WorkerProcess) -> None:
    status, problem = worker.upload("nobody", "a.csv", b"id\n1\n")
    assert (status, problem["code"]) == (404, "MODEL_NOT_FOUND")
    assert "`nobody`" in problem["detail"]
    assert "batch model create nobody" in problem["hint"]


@pytest.mark.parametrize(
    ("schema", "pointer"),
    [
        ({"type": "object", "properties": {"id": {"type": "whole number"}}}, "/properties/id/type"),
        ({"properties": {"id": {"minimum": "5"}}}, "/properties/id/minimum"),
        ({"properties": {"a": {"$ref": "http://127.0.0.1:9/x.json"}}}, "/properties/a/$ref"),
        ({"properties": {"a": {"type": "string", "pattern": "(a)\\1"}}}, "/properties/a/pattern"),
        ({"properties": {"a": {"type": "string", "pattern": "(?=a)b"}}}, "/properties/a/pattern"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "/$schema"),
    ],
)
def test_an_invalid_schema_names_the_place(
    worker: WorkerProcess, schema: dict[str, Any], pointer: str
) -> None:
    status, problem = worker.json("POST", "/models", {"name": "broken", "schema": schema})
    assert (status, problem["code"]) == (400, "INVALID_SCHEMA")
    assert pointer in problem["detail"]
    assert problem["hint"]


@pytest.mark.parametrize(
    ("option", "value", "word"),
    [
        ("delimeter", ";", "delimiter"),
        ("delimiter", "#", "#"),
        ("partitions", "65", "64"),
        ("header", "maybe", "maybe"),
        ("encoding", "cp12520", "cp12520"),
        ("atomic", "maybe", "maybe"),
        ("header", "false", "columns"),
    ],
)
def test_an_invalid_option(worker: WorkerProcess, option: str, value: str, word: str) -> None:
    status, problem = worker.upload("people", "a.csv", b"id\n1\n", **{option: value})
    assert (status, problem["code"]) == (400, "INVALID_OPTION")
    assert word in problem["detail"] + problem["hint"]


def test_a_key_without_a_column(worker: WorkerProcess) -> None:
    job = submit(worker, "no key.csv", b"id,name\n1,a\n", key="color")
    assert (job["state"], job["error"]["code"]) == ("FAILED", "COLUMN_MISSING")
    assert "`color`" in job["error"]["message"]


def test_a_client_that_disconnects_in_mid_upload(worker: WorkerProcess) -> None:
    before = len(worker.jobs())
    connection = http.client.HTTPConnection("127.0.0.1", worker.port, timeout=30)
    connection.putrequest("POST", "/jobs")
    connection.putheader("Content-Type", "multipart/form-data; boundary=b")
    connection.putheader("Content-Length", "100000000")
    connection.endheaders(
        b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\npeople\r\n'
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="half.csv"\r\n\r\nid,name\n'
    )
    connection.send(b"1,a\n" * 100_000)
    uploads = worker.dropzone / ".uploads"
    eventually(lambda: list(uploads.iterdir()), "the part file is there")
    connection.close()
    eventually(lambda: not list(uploads.iterdir()), "the part file is gone")
    assert len(worker.jobs()) == before
    assert "Traceback" not in worker.log


# --- the drop folder -----------------------------------------------------------------------------------


def test_two_files_of_one_name(worker: WorkerProcess, topics: Topics) -> None:
    worker.drop("same.csv", b"id,name\n1,first\n", model="people")
    first = worker.wait_job("same.csv")
    worker.drop("same.csv", b"id,name\n2,second\n", model="people")
    eventually(lambda: len([j for j in worker.jobs() if j["file"] == "same.csv"]) == 2, "two jobs")
    values = {
        value
        for job in worker.jobs()
        if job["file"] == "same.csv"
        for value in topics.values(worker.wait_ended(job["job_id"])["topic"])
    }
    assert values == {b'{"id":1,"name":"first"}', b'{"id":2,"name":"second"}'}
    assert first["job_id"]


def test_a_file_still_being_written_in_bursts(worker: WorkerProcess, topics: Topics) -> None:
    folder = worker.dropzone / "incoming/people"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "bursts.csv").open("wb") as file:
        file.write(b"id,name\n")
        for number in range(20):
            file.write(b"%d,burst\n" % number)
            file.flush()
            os.fsync(file.fileno())
            # the worker looks at it again and again while it grows
            eventually(lambda: worker.status("/healthz") == 200, "a moment passes")
    job = worker.wait_ended(worker.wait_job("bursts.csv")["job_id"])
    assert (job["state"], job["rows_delivered"]) == ("COMPLETED", 20)


def test_altered_after_the_claim(worker: WorkerProcess) -> None:
    worker.drop("altered.csv", b"id,name\n" + b"1,aaaaaaaaaa\n" * 400_000, model="people")
    job = worker.wait_job("altered.csv")
    path = worker.dropzone / "processing" / job["job_id"] / "altered.csv"
    with path.open("ab") as file:
        file.write(b"2,more\n")
    ended = worker.wait_ended(job["job_id"])
    assert (ended["state"], ended["error"]["code"]) == ("FAILED", "FILE_CHANGED")
    assert "`altered.csv`" in ended["error"]["message"]
    assert "new job" in ended["error"]["hint"]


def test_links_and_pipes_stay_where_they_are(worker: WorkerProcess, tmp_path: Path) -> None:
    folder = worker.dropzone / "incoming/people"
    folder.mkdir(parents=True, exist_ok=True)
    target = tmp_path / "secret.csv"
    target.write_bytes(b"id,name\n1,secret\n")
    (folder / "symlink.csv").symlink_to(target)
    os.link(target, folder / "hardlink.csv")
    os.mkfifo(folder / "pipe.csv")
    try:
        worker.drop("after-links.csv", b"id,name\n1,a\n", model="people")
        worker.wait_ended(worker.wait_job("after-links.csv")["job_id"])
        for name in ("symlink.csv", "hardlink.csv", "pipe.csv"):
            assert os.path.lexists(folder / name)
            assert not any(job["file"] == name for job in worker.jobs())
        page = worker.call("GET", "/ui/")[2].decode()
        assert page.count("LINK_REFUSED") >= 3
        for name in ("symlink.csv", "hardlink.csv", "pipe.csv"):
            assert f"people/{name}" in page
    finally:
        for name in ("symlink.csv", "hardlink.csv", "pipe.csv"):
            (folder / name).unlink()


HOSTILE = [
    "two words.csv",
    "quote\"d 'name'.csv",
    "new\nline.csv",
    "ünï çødé ✓.csv",
    "<script>alert(1)</script>.csv".replace("/", ""),
    "x" * 251 + ".csv",
    "-rf.csv",
    ".job.json",
    "error.json",
]


@pytest.mark.parametrize("name", [name for name in HOSTILE if not name.startswith(".")])
def test_hostile_names_in_the_drop_folder(worker: WorkerProcess, topics: Topics, name: str) -> None:
    folder = worker.dropzone / "incoming/people"
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / ".hostile.part"
    part.write_bytes(b"id,name\n1,a\n")
    part.rename(folder / name)
    job = worker.wait_ended(worker.wait_job(name)["job_id"])
    assert (job["state"], job["file"]) == ("COMPLETED", name)
    assert topics.values(job["topic"]) == [b'{"id":1,"name":"a"}']
    done = worker.dropzone / "done" / job["job_id"]
    eventually(done.is_dir, "the file is in done/")
    stored = f"_{name}" if name == "error.json" else name
    assert (done / stored).read_bytes() == b"id,name\n1,a\n"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\\\files\\\\orders.csv", "orders.csv"),
        (".job.json", ".job.json"),
        ("two words.csv", "two words.csv"),
    ],
)
def test_hostile_names_of_uploads(worker: WorkerProcess, sent: str, kept: str) -> None:
    job = submit(worker, sent, b"id,name\n1,a\n")
    assert (job["state"], job["file"]) == ("COMPLETED", kept)
    inside = worker.dropzone / "done" / job["job_id"]
    eventually(inside.is_dir, "the file is in done/")
    assert not (worker.dropzone / "etc").exists()


def test_names_left_alone(worker: WorkerProcess) -> None:
    folder = worker.dropzone / "incoming/people"
    folder.mkdir(parents=True, exist_ok=True)
    names = [".hidden.csv", "_private.csv", "a.csv.part", "b.tmp", "c.crdownload", "d.csv~"]
    for name in names:
        (folder / name).write_bytes(b"id,name\n1,a\n")
    worker.drop("after-names.csv", b"id,name\n1,a\n", model="people")
    worker.wait_ended(worker.wait_job("after-names.csv")["job_id"])
    for name in names:
        assert (folder / name).exists()
        (folder / name).unlink()
