"""Transactional producers: how one is made, what ended it, and how it closes whatever the broker does.

Reaches into aiokafka: a producer whose broker is away cannot be closed by its public methods alone.
"""

from __future__ import annotations

import asyncio
import inspect
from itertools import chain
from types import CoroutineType

from aiokafka import AIOKafkaProducer

from connectors.kafka.clients import LentClient
from connectors.kafka.connection import KafkaConnection
from connectors.kafka.failures import CLIENT_ERRORS

__all__ = ["close_producer", "failure_of", "new_producer"]

_STOP_SECONDS = 3.0
_ABANDON_SECONDS = 1.0


def new_producer(
    connection: KafkaConnection,
    transactional_id: str,
    *,
    transaction_timeout: float,
    client: LentClient | None = None,
) -> AIOKafkaProducer:
    """Return a producer, not started, on `client` if one is lent, else on one of its own.

    The broker aborts what is open after `transaction_timeout` seconds.
    """
    producer = AIOKafkaProducer(
        **connection.client_options(),
        transactional_id=transactional_id,
        transaction_timeout_ms=round(transaction_timeout * 1000),
        acks="all",
        linger_ms=0,
        retry_backoff_ms=20,
        request_timeout_ms=30_000,
    )
    if client is not None:
        producer.client = producer._sender.client = client
        producer._metadata = producer._message_accumulator._cluster = client.cluster
    return producer


def failure_of(producer: AIOKafkaProducer) -> BaseException | None:
    """Return what ended the sender or broke the transaction: the call that meets it first hides it."""
    ends: tuple[asyncio.Future[None] | None, ...] = (
        producer._sender.sender_task,
        producer._txn_manager.wait_for_transaction_end(),
    )
    # each is looked at, so that none is logged as never retrieved
    errors = [end.exception() for end in ends if end is not None and end.done() and not end.cancelled()]
    return next((error for error in errors if error is not None), None)


async def close_producer(producer: AIOKafkaProducer) -> None:
    """Close within seconds and leave no task behind, also when the broker is away. Idempotent.

    A transaction that is still open is left to the broker and to the next producer of its id.
    """
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await producer.stop()
    except CLIENT_ERRORS:
        pass
    finally:
        await _abandon(producer)
        _forget(producer)


async def _abandon(producer: AIOKafkaProducer) -> None:
    """End what `stop` left running; the sender would wait for tasks of its own when cancelled alone."""
    tasks = _tasks_of(producer)
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=_ABANDON_SECONDS)
    await producer.client.close()


def _forget(producer: AIOKafkaProducer) -> None:
    """Look at the errors that nobody waits for any more; else asyncio logs each as never retrieved."""
    failure_of(producer)
    accumulator = producer._message_accumulator
    for batch in [*chain.from_iterable(accumulator._batches.values()), *accumulator._pending_batches]:
        for future in (batch.future, batch._drain_waiter):
            if future.done() and not future.cancelled():
                future.exception()


def _tasks_of(producer: AIOKafkaProducer) -> set[asyncio.Task[object]]:
    """Return the tasks that run a method of the producer's sender or accumulator."""
    owners = (producer._sender, producer._message_accumulator)
    return {
        task
        for task in asyncio.all_tasks()
        if isinstance(coroutine := task.get_coro(), CoroutineType)
        and any(inspect.getcoroutinelocals(coroutine).get("self") is owner for owner in owners)
    }
