"""Two model stores on one topic: every version once, whoever writes, and none of a deleted model again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from connectors.kafka.connection import KafkaConnection
from connectors.kafka.topics import TopicAdmin, TopicSpec
from tests.conftest import Broker
from tests.harness import Topics
from worker.state.api import StateError
from worker.state.models import KafkaModels

pytestmark = pytest.mark.broker

WRITERS = 4


@pytest.fixture
async def stores(broker: Broker, namespace: str) -> AsyncIterator[list[KafkaModels]]:
    """Two stores that know nothing of each other, as in two workers."""
    connection = KafkaConnection(broker.address)
    admin = TopicAdmin(connection)
    await admin.create([TopicSpec(f"{namespace}.models", 1, {"cleanup.policy": "compact"})])
    await admin.close()
    made = [
        KafkaModels(
            connection,
            topic=f"{namespace}.models",
            transactional_id=f"{namespace}-models",
            refusal=lambda: None,
            now=lambda: datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        )
        for _ in range(2)
    ]
    following = [asyncio.create_task(store.run()) for store in made]
    yield made
    for task in following:
        task.cancel()
    await asyncio.gather(*following, return_exceptions=True)


async def test_updates_of_two_stores_at_once_are_all_kept(
    stores: list[KafkaModels], topics: Topics, namespace: str
) -> None:
    await stores[0].create("orders", {"n": 0})
    outcomes = await asyncio.gather(
        *(stores[n % 2].update("orders", {"n": n}) for n in range(1, WRITERS + 1))
    )
    assert [created for _, created in outcomes] == [True] * WRITERS
    assert sorted(model.version for model, _ in outcomes) == [2, 3, 4, 5]
    for store in stores:
        await store.barrier()
        assert list(store.versions("orders")) == [1, 2, 3, 4, 5]
        for model, _ in outcomes:
            assert store.get("orders", model.version) == model
    records = await asyncio.to_thread(topics.read, f"{namespace}.models")
    assert [r.key() for r in records] == [f"orders@{v}".encode() for v in range(1, 6)]


async def test_of_those_that_expect_one_version_one_wins(stores: list[KafkaModels]) -> None:
    await stores[0].create("orders", {"n": 0})
    outcomes = await asyncio.gather(
        *(stores[n % 2].update("orders", {"n": n}, expected=1) for n in range(1, WRITERS + 1)),
        return_exceptions=True,
    )
    conflicts = [outcome for outcome in outcomes if isinstance(outcome, StateError)]
    assert [(c.code, c.message) for c in conflicts] == [
        ("VERSION_CONFLICT", "the newest version of model `orders` is `2`, not `1` as the request expects")
    ] * 3
    assert all("the newest is version 2: send its ETag" in c.hint for c in conflicts)
    (won,) = [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]
    assert (won[0].version, won[1]) == (2, True)
    # the same again is no new version, nor is it the expected one any more
    assert await stores[1].update("orders", won[0].schema) == (won[0], False)
    with pytest.raises(StateError) as caught:
        await stores[1].update("orders", won[0].schema, expected=1)
    assert caught.value.code == "VERSION_CONFLICT"


async def test_a_deleted_model_begins_again_with_the_next_version(
    stores: list[KafkaModels], broker: Broker, topics: Topics, namespace: str
) -> None:
    await stores[0].create("orders", {"n": 1})
    await stores[1].update("orders", {"n": 2})
    with pytest.raises(StateError) as caught:
        await stores[0].delete("orders", expected=1)
    assert caught.value.code == "VERSION_CONFLICT"
    outcomes = await asyncio.gather(*(store.delete("orders") for store in stores), return_exceptions=True)
    refused = [outcome for outcome in outcomes if outcome is not None]
    assert [getattr(outcome, "code", outcome) for outcome in refused] == ["MODEL_NOT_FOUND"]
    for store in stores:
        await store.barrier()
        assert (store.get("orders"), list(store.list()), list(store.versions("orders"))) == (None, [], [])
    with pytest.raises(StateError) as caught:
        await stores[0].update("orders", {"n": 3})
    assert caught.value.code == "MODEL_NOT_FOUND"
    again, created = await stores[0].create("orders", {"n": 1})
    assert (again.version, created) == (3, True)
    await stores[1].delete("orders", expected=3)

    records = await asyncio.to_thread(topics.read, f"{namespace}.models")
    assert [(r.key(), r.value() is None) for r in records] == [
        (b"orders@1", False),
        (b"orders@2", False),
        (b"orders", False),
        (b"orders@1", True),
        (b"orders@2", True),
        (b"orders@3", False),
        (b"orders", False),
        (b"orders@3", True),
    ]
    assert json.loads(records[6].value())["last_version"] == 3


async def test_a_store_that_starts_later_knows_what_was_deleted(
    stores: list[KafkaModels], broker: Broker, namespace: str
) -> None:
    await stores[0].create("orders", {})
    await stores[0].delete("orders")
    late = KafkaModels(
        KafkaConnection(broker.address),
        topic=f"{namespace}.models",
        transactional_id=f"{namespace}-models",
        refusal=lambda: None,
        now=lambda: "2026-01-01T00:00:00.000Z",
    )
    following = asyncio.create_task(late.run())
    made, _ = await late.create("orders", {})
    assert made.version == 2
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
