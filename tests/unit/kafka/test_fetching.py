"""A consumer that is stopped while a fetch of its sleeps, or has not begun."""

from __future__ import annotations

import asyncio
from unittest.mock import AsyncMock, Mock

import pytest
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.errors import KafkaConnectionError

import connectors.kafka.connection  # noqa: F401 (what every client of ours is made from)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("begun", [True, False])
async def test_closing_raises_nothing_of_its_own(begun: bool) -> None:
    fetcher = Fetcher.__new__(Fetcher)
    fetcher._client = Mock(send=AsyncMock(side_effect=KafkaConnectionError("gone")))
    fetcher._retry_backoff = 60.0
    fetcher._preferred_read_replica = {}
    fetcher._fetch_waiters = set()
    fetcher._fetch_task = asyncio.ensure_future(asyncio.Event().wait())
    fetch = asyncio.ensure_future(fetcher._proc_fetch_request(Mock(active=True), 0, Mock(topics=[])))
    fetcher._pending_tasks = {fetch}
    while begun and not fetcher._client.send.await_count:
        await asyncio.sleep(0)
    await fetcher.close()
    assert fetch.done()
    assert fetcher._fetch_task.done()
