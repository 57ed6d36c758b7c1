"""The command line and the worker's token."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Batch
from tests.unit.cli.fake_worker import ID, FakeWorker, Reply, job

TOKEN = "a-token.of_this~worker="
REFUSED = Reply(
    json.dumps({"code": "UNAUTHORIZED", "detail": "this worker asks for a token", "hint": "send it"}), 401
)


def test_the_token_goes_with_every_request(
    batch: Batch, worker: FakeWorker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BATCH_API_TOKEN", TOKEN)
    worker.on(f"GET /jobs/{ID}", job())
    worker.on(f"POST /jobs/{ID}/cancel", job())
    worker.on("POST /jobs", job())
    (tmp_path / "a.csv").write_text("a\n1\n")
    for argv in (["job", "show", ID], ["job", "cancel", ID], ["job", "create", "m", str(tmp_path / "a.csv")]):
        assert batch(*argv).code == 0
    assert [request.headers["Authorization"] for request in worker.requests] == [f"Bearer {TOKEN}"] * 3


@pytest.mark.parametrize("value", [None, ""])
def test_without_a_token_none_is_sent(
    batch: Batch, worker: FakeWorker, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    monkeypatch.delenv("BATCH_API_TOKEN", raising=False)
    if value is not None:
        monkeypatch.setenv("BATCH_API_TOKEN", value)
    worker.on(f"GET /jobs/{ID}", job())
    batch("job", "show", ID)
    assert "Authorization" not in worker.requests[0].headers


def test_a_worker_that_asks_for_a_token(
    batch: Batch, worker: FakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.on(f"GET /jobs/{ID}", REFUSED)
    monkeypatch.delenv("BATCH_API_TOKEN", raising=False)
    result = batch("job", "show", ID)
    assert result.code == 1
    assert "set BATCH_API_TOKEN to the value that the worker was started with" in result.err
    monkeypatch.setenv("BATCH_API_TOKEN", TOKEN)
    result = batch("job", "show", ID)
    assert result.code == 1
    assert f"BATCH_API_TOKEN is set, but not to the token of the worker at `{worker.url}`" in result.err
    assert TOKEN not in result.err


@pytest.mark.parametrize("token", ["two words", "tökens-are-ascii", "line\nbreak"])
def test_a_token_that_is_none_asks_nothing(
    batch: Batch, worker: FakeWorker, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setenv("BATCH_API_TOKEN", token)
    result = batch("job", "show", ID)
    assert (result.code, worker.requests) == (2, [])
    assert "BATCH_API_TOKEN holds other characters than a token has" in result.err
    assert token not in result.err
