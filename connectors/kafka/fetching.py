"""aiokafka's consumers stop without an error of their own making.

`Fetcher.close` awaits the fetches that it cancelled. One that sleeps after a connection error, or has not
begun, hands its CancelledError to whoever stops the consumer, who takes it for the own cancellation; the
connections stay open (aio-libs/aiokafka#647). Importing this module mends it for all consumers of the
process, Faust's too. Read anew with every other version.
"""

from __future__ import annotations

import asyncio
from typing import Any

import aiokafka
from aiokafka.consumer.fetcher import Fetcher

__all__: list[str] = []

if not aiokafka.__version__.startswith("0.14."):
    raise ImportError(f"the mended stop was tried with aiokafka 0.14, not `{aiokafka.__version__}`")

_close = Fetcher.close


async def _close_quietly(fetcher: Any) -> None:
    fetcher._fetch_task.cancel()
    await asyncio.gather(fetcher._fetch_task, return_exceptions=True)  # first: it begins new fetches
    pending = list(fetcher._pending_tasks)
    for fetch in pending:
        fetch.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    fetcher._pending_tasks.clear()
    await _close(fetcher)


Fetcher.close = _close_quietly
