"""The model store: reads from memory, writes by a compare-and-set on Kafka's own fencing of producers."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.kafka.connection import KafkaConnection
from connectors.kafka.failures import CLIENT_ERRORS
from connectors.kafka.transactional import close_producer, new_producer
from worker.jobs import exact_json
from worker.state.api import Model, UnavailableError
from worker.state.follower import Follower
from worker.state.model_topic import ModelMap, deletion_records, model_record
from worker.state.refusals import model_exists, model_not_found, same_schema, version_conflict

__all__ = ["KafkaModels"]

_WRITE_SECONDS = 20.0
_TRY_SECONDS = 10.0
_TRANSACTION_SECONDS = 15.0
_BARRIER_SECONDS = 5.0
_LONGEST_JITTER = 0.4
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Decision:
    """What a write does once nobody else can write: the records, none where nothing changes."""

    records: Sequence[tuple[bytes, bytes | None]]
    model: Model
    changed: bool = True


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
        text = _canonical_numbers(schema, text)
        await self.barrier()
        if (known := self._map.get(name)) is not None:  # most repeats need no write
            return self._same_or_refused(known, text), False

        def decide(nonce: str) -> _Decision:
            if (ours := self._map.written_by(name, nonce)) is not None:
                return _Decision((), ours)
            if (known := self._map.get(name)) is not None:
                return _Decision((), self._same_or_refused(known, text), changed=False)
            return self._next_version(name, schema, text, nonce)

        done = await self._write_until_done(name, decide)
        return done.model, done.changed

    async def update(
        self, name: str, schema: dict[str, Any], text: str | None = None, *, expected: int | None = None
    ) -> tuple[Model, bool]:
        text = _canonical_numbers(schema, text)

        def decide(nonce: str) -> _Decision:
            if (ours := self._map.written_by(name, nonce)) is not None:
                return _Decision((), ours)
            newest = self._expected(name, expected)
            if same_schema(newest.text, text):
                return _Decision((), newest, changed=False)
            return self._next_version(name, schema, text, nonce)

        await self.barrier()
        known = self._expected(name, expected)
        if same_schema(known.text, text):
            return known, False
        done = await self._write_until_done(name, decide)
        return done.model, done.changed

    async def delete(self, name: str, *, expected: int | None = None) -> None:
        await self.barrier()
        known = self._expected(name, expected)

        def decide(nonce: str) -> _Decision:
            if self._map.deleted_by(name, nonce):
                return _Decision((), known)
            newest = self._expected(name, expected)
            return _Decision(deletion_records(name, self._map.versions(name), self._now(), nonce), newest)

        await self._write_until_done(name, decide)

    def _expected(self, name: str, expected: int | None) -> Model:
        """The newest version, if it is the expected one. Raises StateError."""
        newest = self._map.get(name)
        if newest is None:
            raise model_not_found(name)
        if expected is not None and expected != newest.version:
            raise version_conflict(name, expected, newest.version)
        return newest

    def _same_or_refused(self, known: Model, text: str) -> Model:
        if same_schema(known.text, text):
            return known
        raise model_exists(known)

    def _next_version(self, name: str, schema: dict[str, Any], text: str, nonce: str) -> _Decision:
        model = Model(name, self._map.next_version(name), schema, self._now(), text)
        return _Decision([model_record(model, nonce)], model)

    async def _write_until_done(self, name: str, decide: Callable[[str], _Decision]) -> _Decision:
        """Decide and write, from the start after each failure. The nonce tells what an earlier try did."""
        nonce = secrets.token_hex(8)
        tries = 0
        async with self._writing:
            try:
                async with asyncio.timeout(_WRITE_SECONDS):
                    while True:
                        try:
                            return await self._write(decide, nonce)
                        except CLIENT_ERRORS as error:  # fenced by another writer, or the broker is away
                            tries += 1
                            _log.debug("writing model `%s` begins again: %r", name, error)
                        await asyncio.sleep(random.uniform(0, min(0.05 * tries, _LONGEST_JITTER)))
            except TimeoutError as error:
                raise self._unavailable(name) from error

    async def _write(self, decide: Callable[[str], _Decision], nonce: str) -> _Decision:
        producer = new_producer(
            self._connection, self._transactional_id, transaction_timeout=_TRANSACTION_SECONDS
        )
        try:
            async with asyncio.timeout(_TRY_SECONDS):
                await producer.start()
                await self._follower.barrier(_BARRIER_SECONDS)
                decision = decide(nonce)
                if not decision.records:
                    return decision
                await producer.begin_transaction()
                for sent in [
                    await producer.send(self._topic, value, key=key, partition=0)
                    for key, value in decision.records
                ]:
                    await sent
                await producer.commit_transaction()
        finally:
            await close_producer(producer)
        await self._follower.barrier(_BARRIER_SECONDS)
        model = decision.model
        what = "deleted" if self._map.get(model.name) is None else f"now at version {model.version}"
        _log.info("model `%s` is %s", model.name, what)
        return decision

    def _unavailable(self, name: str) -> UnavailableError:
        return UnavailableError(
            "KAFKA_UNAVAILABLE",
            f"Kafka at `{self._connection.bootstrap_servers}` did not take model `{name}` within "
            f"{_WRITE_SECONDS:.0f} s; it may still have",
            "look at the model once Kafka answers, and repeat the request if nothing has changed",
        )


def _canonical_numbers(schema: dict[str, Any], text: str | None) -> str:
    """The schema's JSON, compact, with the numbers as they were sent."""
    return exact_json.dumps(exact_json.loads(json.dumps(schema) if text is None else text))
