"""Events are committed behind the changelog records that came of them, never before."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import AsyncMock, patch

import faust
import pytest
from faust.exceptions import ProducerSendError
from faust.transport.drivers.aiokafka import Consumer

from config.settings import load_settings
from connectors.kafka.connection import KafkaConnection
from worker.state import committing
from worker.state.app import AppHooks, build_app
from worker.state.committing import PatientConsumer, WrittenTable
from worker.state.internal_topics import InternalTopics

OFFSETS = {"tp": 7}


@pytest.fixture
def table() -> WrittenTable:
    return WrittenTable(faust.App("t", store="memory://"), name="jobs")


def send(table: WrittenTable) -> asyncio.Future[Any]:
    record: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    with patch.object(faust.Table, "send_changelog", return_value=record):
        assert table.send_changelog(0, b"k", b"v") is record
    return record


def consumer(table: WrittenTable) -> PatientConsumer:
    made = PatientConsumer.__new__(PatientConsumer)
    made.__dict__["app"] = SimpleNamespace(jobs=table)
    return made


async def commit(made: PatientConsumer, committed: AsyncMock, crash: AsyncMock | None = None) -> bool:
    with (
        patch.object(Consumer, "_filter_committable_offsets", return_value=OFFSETS),
        patch.object(Consumer, "_handle_attached", AsyncMock()),
        patch.object(Consumer, "_commit_offsets", committed),
        patch.object(Consumer, "crash", crash or AsyncMock()),
    ):
        return await made._commit_tps(["tp"], True)


async def test_a_commit_waits_for_the_rows_before_it(table: WrittenTable) -> None:
    record, committed = send(table), AsyncMock(return_value=True)
    task = asyncio.create_task(commit(consumer(table), committed))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not committed.called
    later = send(table)  # folded meanwhile: of a later offset
    record.set_result(None)
    assert await task
    committed.assert_awaited_once_with(OFFSETS, start_new_transaction=True)
    assert not later.done()


async def test_without_rows_on_their_way_nothing_waits(table: WrittenTable) -> None:
    send(table).set_result(None)
    await asyncio.sleep(0)
    assert await commit(consumer(table), AsyncMock(return_value=True))


async def test_rows_that_are_late_put_the_commit_off(
    table: WrittenTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committing, "_WRITE_SECONDS", 0.01)
    send(table)
    committed = AsyncMock()
    assert not await commit(consumer(table), committed)
    assert not committed.called


async def test_a_row_that_cannot_be_written_ends_the_worker(table: WrittenTable) -> None:
    record, committed, crash = send(table), AsyncMock(), AsyncMock()
    record.set_exception(ValueError("too large"))
    assert not await commit(consumer(table), committed, crash)
    [error] = crash.await_args.args
    assert isinstance(error, ProducerSendError)
    assert not committed.called


def test_the_application_is_made_of_them(tmp_path: Path) -> None:
    hooks = AppHooks(*[None] * 6)  # type: ignore[arg-type]
    app: Any = build_app(
        connection=KafkaConnection("127.0.0.1:1"),
        topics=InternalTopics.of(load_settings()),
        worker_id="w",
        data_dir=tmp_path,
        web_host="127.0.0.1",
        web_port=1,
        web_options={},
        hooks=hooks,
    )
    assert isinstance(app.jobs, WrittenTable)
    assert app.transport.Consumer is PatientConsumer
