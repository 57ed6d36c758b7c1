from __future__ import annotations

import json
import os
import re
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Batch
from tests.unit.cli.fake_worker import ID, FakeWorker, Reply, Request, job, problem

UPLOAD = "POST /jobs"


def parts(request: Request) -> list[Message]:
    """Read multipart/form-data with the standard library's MIME parser."""
    head = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
    payload = message_from_bytes(head + request.body).get_payload()
    assert isinstance(payload, list)
    return payload


def filename(request: Request) -> str | None:
    return parts(request)[-1].get_filename()


def test_the_file_comes_last_after_model_and_options(
    worker: FakeWorker, batch: Batch, tmp_path: Path
) -> None:
    file = tmp_path / "data.csv"
    file.write_bytes(b"a\n1\n\xff\x00\r\n")
    worker.on(UPLOAD, Reply(json.dumps(job("QUEUED")), 202))
    result = batch("job", "create", "m", str(file), "--option", "delimiter=;", "--option", "key=a=b")
    assert (result.code, json.loads(result.out)) == (0, job("QUEUED"))
    request = worker.requests[0]
    names = [part.get_param("name", header="content-disposition") for part in parts(request)]
    assert names == ["model", "delimiter", "key", "file"]
    values = [part.get_payload() for part in parts(request)[:3]]
    assert values == ["m", ";", "a=b"]
    assert filename(request) == "data.csv"
    assert int(request.headers["Content-Length"]) == len(request.body)
    boundary = re.search("boundary=(.*)", request.headers["Content-Type"])
    assert boundary is not None
    assert request.body.endswith(b"\r\n\r\na\n1\n\xff\x00\r\n\r\n--" + boundary[1].encode() + b"--\r\n")


@pytest.mark.parametrize("name", ['5" pipe.csv', "back\\slash.csv", "new\nline.csv", "100%.csv", "a b'c.csv"])
def test_every_file_name_arrives_as_it_is(
    worker: FakeWorker, batch: Batch, tmp_path: Path, name: str
) -> None:
    file = tmp_path / name
    file.write_bytes(b"a\n")
    worker.on(UPLOAD, Reply(json.dumps(job()), 202))
    assert batch("job", "create", "m", str(file)).code == 0
    assert filename(worker.requests[0]) == name


def test_a_name_in_utf_8_is_sent_as_browsers_send_it(
    worker: FakeWorker, batch: Batch, tmp_path: Path
) -> None:
    file = tmp_path / "größe.csv"
    file.write_bytes(b"a\n")
    worker.on(UPLOAD, Reply(json.dumps(job()), 202))
    batch("job", "create", "m", str(file))
    assert 'name="file"; filename="größe.csv"\r\n'.encode() in worker.requests[0].body


def test_a_file_of_many_pieces_arrives_whole(worker: FakeWorker, batch: Batch, tmp_path: Path) -> None:
    content = os.urandom(3 * 1024 * 1024 + 17)
    file = tmp_path / "big.bin"
    file.write_bytes(content)
    worker.on(UPLOAD, Reply(json.dumps(job()), 202))
    assert batch("job", "create", "m", str(file)).code == 0
    assert content in worker.requests[0].body


def test_a_refusal_in_mid_upload_is_read_before_the_rest_is_sent(
    worker: FakeWorker, batch: Batch, tmp_path: Path
) -> None:
    file = tmp_path / "big.csv"
    with file.open("wb") as out:
        out.truncate(64 * 1024 * 1024)
    refusal = problem(404, "MODEL_NOT_FOUND", "model `m` does not exist", "create it")
    worker.on(UPLOAD, Reply(refusal.body, 404, early=True))
    result = batch("job", "create", "m", str(file))
    assert (result.code, result.out) == (1, b"")
    assert result.err == "error: model `m` does not exist (MODEL_NOT_FOUND)\nhint: create it\n"


@pytest.mark.parametrize(("flag", "code"), [("--wait", 0), ("--fail-on-rejects", 4)])
def test_waiting_prints_the_job_once_as_it_ended(
    worker: FakeWorker, batch: Batch, tmp_path: Path, flag: str, code: int
) -> None:
    file = tmp_path / "data.csv"
    file.write_bytes(b"a\n1\n")
    worker.on(UPLOAD, Reply(json.dumps(job("QUEUED")), 202))
    worker.on(f"GET /jobs/{ID}", job(rows_rejected=1))
    result = batch("job", "create", "m", str(file), flag)
    assert (result.code, json.loads(result.out)) == (code, job(rows_rejected=1))


def test_what_is_not_a_file_that_can_be_read_is_named(
    worker: FakeWorker, batch: Batch, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    missing = batch("job", "create", "m", str(tmp_path / "none.csv"))
    pipe = batch("job", "create", "m", str(tmp_path / "pipe"))
    folder = batch("job", "create", "m", str(tmp_path))
    assert (missing.code, pipe.code, folder.code) == (1, 1, 1)
    assert f"cannot read `{tmp_path}/none.csv`: no such file or directory" in missing.err
    assert f"`{tmp_path}/pipe` is not a regular file" in pipe.err
    assert f"`{tmp_path}` is not a regular file" in folder.err
    assert worker.requests == []
