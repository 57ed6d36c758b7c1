"""Connected clients, lent to one producer after the other.

A producer that brings its own opens three connections and greets on each before the first request of its job,
which costs broker and worker more than a small file does. Nothing of a job hangs on a connection: what fences
producers, the transactional id and the epoch, stands in every request.

Reaches into aiokafka: a producer connects and closes its client itself, and only a client knows whether an
answer is outstanding.
"""

from __future__ import annotations

import asyncio

from aiokafka.client import AIOKafkaClient

from connectors.kafka.connection import KafkaConnection

__all__ = ["ClientPool", "LentClient"]

_IDLE_SECONDS = 10.0


class LentClient(AIOKafkaClient):  # type: ignore[misc]
    """A client that producers neither connect again nor close: its pool does."""

    async def bootstrap(self) -> None:
        if self._sync_task is None:
            await super().bootstrap()

    async def close(self) -> None:
        """Nothing: a producer calls it at its end."""

    async def disconnect(self) -> None:
        await super().close()

    def forget_topics(self) -> None:
        """Ask no more for the last job's topics: where topics are made at need, that would make them."""
        self._topics: set[str] = set()

    @property
    def quiet(self) -> bool:
        """Whether it is connected, every connection stands and no answer is outstanding on any."""
        if self._sync_task is None or self._sync_task.done():
            return False
        return all(c.connected() and not c._requests for c in self._conns.values())


class ClientPool:
    """Lends clients. Each has one user at a time, and the next one only if all its requests were answered:
    nothing late of one job can come between those of another.

    A client that nobody has wanted for `idle_seconds` is disconnected; with 0 none is kept.
    """

    def __init__(self, connection: KafkaConnection, *, idle_seconds: float = _IDLE_SECONDS) -> None:
        self._connection = connection
        self._idle_seconds = idle_seconds
        self._idle: dict[LentClient, asyncio.TimerHandle] = {}
        self._disconnecting: set[asyncio.Task[None]] = set()
        self._closed = False

    async def take(self) -> LentClient:
        """Return a connected client, or a new one, which the producer's start connects."""
        while self._idle:
            client, expiry = self._idle.popitem()  # the one used last: the others may expire
            expiry.cancel()
            if client.quiet:
                return client
            await client.disconnect()
        return LentClient(**self._connection.client_options(), request_timeout_ms=30_000, retry_backoff_ms=20)

    async def give_back(self, client: LentClient, *, reusable: bool) -> None:
        """Keep the client for the next one, if its user closed in good order; else disconnect."""
        if self._closed or not self._idle_seconds or not reusable or not client.quiet:
            await client.disconnect()
            return
        client.forget_topics()
        loop = asyncio.get_running_loop()
        self._idle[client] = loop.call_later(self._idle_seconds, self._expire, client)

    async def close(self) -> None:
        """Disconnect what is idle; what comes back later is disconnected then. Idempotent."""
        self._closed = True
        for client in list(self._idle):
            self._expire(client)
        if self._disconnecting:
            await asyncio.wait(self._disconnecting)

    def _expire(self, client: LentClient) -> None:
        self._idle.pop(client).cancel()
        task = asyncio.get_running_loop().create_task(client.disconnect())
        self._disconnecting.add(task)
        task.add_done_callback(self._disconnecting.discard)
