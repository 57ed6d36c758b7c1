"""Publishing events: refusals, acknowledgements, unknown outcomes."""

from __future__ import annotations

import asyncio
import json

import pytest

from worker.jobs.events import Requests
from worker.state.api import UnavailableError
from worker.state.commands import KafkaCommands
from worker.state.testing import kafka_away


class Broker:
    """Acknowledges when the test says so."""

    def __init__(self) -> None:
        self.sent: list[tuple[bytes, bytes, int]] = []
        self.answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.refusal: UnavailableError | None = None
        self.commands = KafkaCommands(
            send=self.send, refusal=lambda: self.refusal, partitions=8, address="broker:9092"
        )

    async def send(self, key: bytes, value: bytes, partition: int) -> int:
        self.sent.append((key, value, partition))
        return await self.answer


@pytest.fixture
async def broker() -> Broker:
    return Broker()


async def test_the_offset_is_returned_once_acknowledged(broker: Broker) -> None:
    publishing = asyncio.create_task(broker.commands.publish("aaaaaaaaaaaa", Requests("cancel")))
    await asyncio.sleep(0.01)
    assert not publishing.done()
    broker.answer.set_result(41)
    assert await publishing == 41
    ((key, value, partition),) = broker.sent
    assert (key, json.loads(value)) == (b"aaaaaaaaaaaa", {"type": "REQUESTED", "what": "cancel"})
    assert partition == broker.commands.partition_of("aaaaaaaaaaaa")


@pytest.mark.parametrize(
    # where librdkafka's partitioner `murmur2`, the Java client's, sent them on a real broker
    ("job_id", "partition"),
    [("aaaaaaaaaaaa", 1), ("000000000001", 4), ("q7x2k9m4p0zz", 4)],
)
async def test_partitions_are_those_of_the_java_client(broker: Broker, job_id: str, partition: int) -> None:
    assert broker.commands.partition_of(job_id) == partition


async def test_nothing_is_sent_when_kafka_is_away(broker: Broker) -> None:
    broker.refusal = kafka_away()
    with pytest.raises(UnavailableError) as caught:
        await broker.commands.publish("aaaaaaaaaaaa", Requests("cancel"))
    assert caught.value.code == "KAFKA_UNAVAILABLE"
    assert broker.sent == []


async def test_a_late_acknowledgement_is_an_unknown_outcome(broker: Broker) -> None:
    with pytest.raises(UnavailableError) as caught:
        await broker.commands.publish("aaaaaaaaaaaa", Requests("cancel"), timeout=0.01)
    assert caught.value.code == "KAFKA_UNAVAILABLE"
    assert caught.value.message == (
        "REQUESTED was sent, but Kafka at `broker:9092` did not acknowledge it within 0.01 s; "
        "it may still take effect"
    )
    assert "repeating is safe" in caught.value.hint
    broker.answer.set_result(1)  # the send itself was never cancelled
    await asyncio.sleep(0)


async def test_an_error_of_the_broker_is_an_unknown_outcome(broker: Broker) -> None:
    broker.answer.set_exception(ConnectionError("reset"))
    with pytest.raises(UnavailableError, match="answered ConnectionError: reset"):
        await broker.commands.publish("aaaaaaaaaaaa", Requests("cancel"))


async def test_who_stops_waiting_does_not_cancel_the_send(broker: Broker) -> None:
    publishing = asyncio.create_task(broker.commands.publish("aaaaaaaaaaaa", Requests("cancel")))
    await asyncio.sleep(0.01)
    publishing.cancel()
    await asyncio.gather(publishing, return_exceptions=True)
    assert not broker.answer.cancelled()
    broker.answer.set_result(1)
    await asyncio.sleep(0)
