"""The model store: reads from memory, writes by a compare-and-set on Kafka's own fencing of producers."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import secrets
from collections.abc import Callable, Sequence
from typing import Any

from connectors.kafka.connection import KafkaConnection
from connectors.kafka.failures import CLIENT_ERRORS
from connectors.kafka.transactional import close_producer, new_producer
from worker.jobs import exact_json
from worker.state.api import Model, StateError, UnavailableError
from worker.state.follower import Follower
from worker.state.model_topic import ModelMap, encode_model, model_key

__all__ = ["KafkaModels"]

_WRITE_SECONDS = 20.0
_TRY_SECONDS = 10.0
_TRANSACTION_SECONDS = 15.0
_BARRIER_SECONDS = 5.0
_LONGEST_JITTER = 0.4
_log = logging.getLogger(__name__)


class KafkaModels:
    """Implements `ModelStore` on the topic `batch.models`.

    All workers write with one transactional id. Starting a producer fences the others and ends their open
    transaction, so between that and the commit nobody else can write: the version that is decided after
    reading to the end is still right when it is committed, or the commit fails and everything begins again.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        *,
        topic: str,
        transactional_id: str,
        refusal: Callable[[], UnavailableError | None],
        now: Callable[[], str],
    ) -> None:
        self._connection = connection
        self._topic = topic
        self._transactional_id = transactional_id
        self._refusal = refusal
        self._now = now
        self._map = ModelMap()
        self._follower = Follower(connection, topic, 1, self._map, isolation_level="read_committed")
        self._writing = asyncio.Lock()  # two writers of one process would only fence each other

    @property
    def caught_up(self) -> bool:
        """Whether the models that the topic had at the connect are known."""
        return self._follower.caught_up

    async def run(self) -> None:
        """Follow the topic until cancelled. Only once the topic exists."""
        await self._follower.run()

    # the port

    def get(self, name: str, version: int | None = None) -> Model | None:
        return self._map.get(name, version)

    def list(self) -> Sequence[Model]:
        return self._map.newest()

    def versions(self, name: str) -> Sequence[int]:
        return self._map.versions(name)

    async def barrier(self, timeout: float = _BARRIER_SECONDS) -> None:
        if (refusal := self._refusal()) is not None:
            raise refusal
        await self._follower.barrier(timeout)

    async def create(self, name: str, schema: dict[str, Any], text: str | None = None) -> tuple[Model, bool]:
        text = exact_json.dumps(exact_json.loads(json.dumps(schema) if text is None else text))
        nonce = secrets.token_hex(8)
        await self.barrier()
        if (known := self._map.get(name)) is not None:
            return _same_or_refused(known, text), False
        async with self._writing:
            try:
                async with asyncio.timeout(_WRITE_SECONDS):
                    return await self._write_until_done(Model(name, 1, schema, self._now(), text), nonce)
            except TimeoutError as error:
                raise self._unavailable(name) from error

    async def _write_until_done(self, model: Model, nonce: str) -> tuple[Model, bool]:
        tries = 0
        while True:
            try:
                return await self._write(model, nonce)
            except CLIENT_ERRORS as error:  # fenced by another writer, or the broker is away
                tries += 1
                _log.debug("writing model `%s` begins again: %r", model.name, error)
            await asyncio.sleep(random.uniform(0, min(0.05 * tries, _LONGEST_JITTER)))

    async def _write(self, model: Model, nonce: str) -> tuple[Model, bool]:
        producer = new_producer(
            self._connection, self._transactional_id, transaction_timeout=_TRANSACTION_SECONDS
        )
        try:
            async with asyncio.timeout(_TRY_SECONDS):
                await producer.start()
                await self._follower.barrier(_BARRIER_SECONDS)
                if (known := self._map.get(model.name)) is not None:
                    ours = self._map.nonce(known) == nonce  # an earlier try of this call was committed
                    return (known, True) if ours else (_same_or_refused(known, model.text), False)
                await producer.begin_transaction()
                sent = await producer.send(
                    self._topic,
                    encode_model(model, nonce),
                    key=model_key(model.name, model.version),
                    partition=0,
                )
                await sent
                await producer.commit_transaction()
        finally:
            await close_producer(producer)
        await self._follower.barrier(_BARRIER_SECONDS)
        _log.info("model `%s` version %d is created", model.name, model.version)
        return model, True

    def _unavailable(self, name: str) -> UnavailableError:
        return UnavailableError(
            "KAFKA_UNAVAILABLE",
            f"Kafka at `{self._connection.bootstrap_servers}` did not take model `{name}` within "
            f"{_WRITE_SECONDS:.0f} s; it may still have",
            "repeat the request: it answers 200 if the model is there already",
        )


def _same_or_refused(known: Model, text: str) -> Model:
    if exact_json.canonical(known.text) == exact_json.canonical(text):
        return known
    raise StateError(
        "MODEL_EXISTS",
        f"model `{known.name}` exists with another schema (its newest version is `{known.version}`)",
        "choose another name, or update the model to make a new version of it",
    )
