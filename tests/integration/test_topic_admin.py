"""Topics on a real broker: made once, with their settings, and refused with words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from confluent_kafka.admin import ConfigResource, ResourceType

from connectors.errors import JobCode, JobError, RetriableError, TopicLimitError
from connectors.kafka.connection import KafkaConnection
from connectors.kafka.topics import TopicAdmin, TopicSpec, job_topic_configs
from tests.conftest import Broker
from tests.harness import Topics

pytestmark = pytest.mark.broker


@pytest.fixture
async def admin(broker: Broker) -> AsyncIterator[TopicAdmin]:
    admin = TopicAdmin(KafkaConnection(broker.address))
    yield admin
    await admin.close()


async def refused(admin: TopicAdmin, spec: TopicSpec, kind: type[Exception]) -> Any:
    with pytest.raises(kind) as raised:
        await admin.create([spec])
    assert f"`{spec.name}`" in str(raised.value)
    return raised.value


async def test_a_job_topic_has_its_settings(
    admin: TopicAdmin, broker: Broker, topics: Topics, namespace: str
) -> None:
    name = f"{namespace}_job"
    configs = job_topic_configs(KafkaConnection(broker.address), retention_hours=1.5)
    await admin.create([TopicSpec(name, 3, configs)])

    resource = ConfigResource(ResourceType.TOPIC, name)
    described = await asyncio.to_thread(topics.admin.describe_configs([resource])[resource].result, 30)
    expected = {
        "cleanup.policy": "delete",
        "retention.ms": "5400000",
        "compression.type": "producer",
        "min.insync.replicas": "1",
        "message.timestamp.type": "LogAppendTime",
    }
    assert {key: described[key].value for key in expected} == expected
    assert len(topics.admin.list_topics(name, timeout=10).topics[name].partitions) == 3


async def test_a_topic_that_exists_is_left_as_it_is(
    admin: TopicAdmin, topics: Topics, namespace: str
) -> None:
    spec = TopicSpec(f"{namespace}_job", 2, {"retention.ms": "1000"})
    await admin.create([spec])
    before = topics.topic_id(spec.name)
    await admin.create([TopicSpec(spec.name, 1, {"retention.ms": "2000"})])
    assert topics.topic_id(spec.name) == before


async def test_too_few_partitions_of_a_topic_that_exists(admin: TopicAdmin, namespace: str) -> None:
    await admin.create([TopicSpec(f"{namespace}_job", 1)])
    error = await refused(admin, TopicSpec(f"{namespace}_job", 4), JobError)
    assert error.code is JobCode.TOPIC_DENIED
    assert "`1` partitions" in error.message
    assert "partitions" in error.hint


async def test_what_is_asked_for_together_goes_out_together(
    broker: Broker, topics: Topics, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = TopicAdmin(KafkaConnection(broker.address))
    await admin.start()
    assert admin._client is not None
    requests: list[int] = []
    send = admin._client.create_topics

    async def counted(new_topics: list[Any]) -> Any:
        requests.append(len(new_topics))
        return await send(new_topics)

    monkeypatch.setattr(admin._client, "create_topics", counted)
    names = [f"{namespace}_{n}" for n in range(30)]
    await asyncio.gather(*(admin.create([TopicSpec(name, 1)]) for name in [*names, names[0]]))
    await admin.close()
    assert set(names) <= topics.names()
    assert sum(requests) == 30
    assert len(requests) <= 2


async def test_one_refusal_does_not_stop_the_others(
    admin: TopicAdmin, topics: Topics, namespace: str
) -> None:
    outcomes = await asyncio.gather(
        admin.create([TopicSpec(f"{namespace}_good", 1)]),
        admin.create([TopicSpec(f"{namespace}_bad", 1, {"retention.ms": "never"})]),
        return_exceptions=True,
    )
    assert outcomes[0] is None
    assert isinstance(outcomes[1], JobError)
    assert f"{namespace}_good" in topics.names()
    assert f"{namespace}_bad" not in topics.names()


@pytest.mark.parametrize(
    ("configs", "replicas", "hint"),
    [({"min.insync.replicas": "none"}, 1, "BATCH_MIN_ISR"), ({}, 3, "BATCH_REPLICATION_FACTOR")],
)
async def test_bad_settings_fail_the_job(
    configs: dict[str, str], replicas: int, hint: str, broker: Broker, namespace: str
) -> None:
    admin = TopicAdmin(KafkaConnection(broker.address, replication_factor=replicas))
    error = await refused(admin, TopicSpec(f"{namespace}_job", 1, configs), JobError)
    await admin.close()
    assert error.code is JobCode.TOPIC_DENIED
    assert hint in error.hint


async def test_an_impossible_name_fails_the_job(admin: TopicAdmin, namespace: str) -> None:
    error = await refused(admin, TopicSpec(f"{namespace} job", 1), JobError)
    assert error.code is JobCode.TOPIC_DENIED


async def test_refused_partitions_make_the_job_wait(admin: TopicAdmin, namespace: str) -> None:
    # the code that Redpanda gives when its memory is full; Kafka gives it for 0 partitions
    error = await refused(admin, TopicSpec(f"{namespace}_job", 0), TopicLimitError)
    assert error.hint


async def test_no_broker_is_retriable() -> None:
    admin = TopicAdmin(KafkaConnection("127.0.0.1:1"))
    with pytest.raises(RetriableError):
        await admin.start()
    with pytest.raises(RetriableError):
        await admin.create([TopicSpec("t", 1)])
    await admin.close()


async def test_it_connects_again_when_the_broker_is_back(own_broker: Broker, namespace: str) -> None:
    own_broker.start()
    admin = TopicAdmin(KafkaConnection(own_broker.address))
    await admin.create([TopicSpec(f"{namespace}_1", 1)])
    await asyncio.to_thread(own_broker.stop)
    with pytest.raises(RetriableError):
        await admin.create([TopicSpec(f"{namespace}_2", 1)])
    await asyncio.to_thread(own_broker.start)
    await admin.create([TopicSpec(f"{namespace}_2", 1)])
    await admin.close()
    assert {f"{namespace}_1", f"{namespace}_2"} <= Topics(own_broker.address).names()
