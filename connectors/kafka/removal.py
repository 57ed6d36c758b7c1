"""Takes away what jobs have in the cluster: their open transactions, their topics, their progress."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from aiokafka.client import AIOKafkaClient, ConnectionGroup, CoordinationType
from aiokafka.errors import (
    ConcurrentTransactions,
    GroupIdNotFound,
    KafkaError,
    NoError,
    NotControllerError,
    StaleMetadata,
    UnknownTopicOrPartitionError,
)
from aiokafka.errors import for_code as error_for_code
from aiokafka.protocol.admin import DeleteGroupsRequest, DeleteTopicsRequest
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.protocol.transaction import InitProducerIdRequest

from connectors.errors import ConnectorError, JobCode, JobError, RetriableError
from connectors.kafka.cluster import check_code, retried
from connectors.kafka.connection import KafkaConnection
from connectors.kafka.failures import CLIENT_ERRORS, DENIED

__all__ = ["KafkaRemover"]

_TRANSACTION_MS = 60_000  # as long as a sink's: a shorter one would be taken over by the broker
_DELETE_MS = 15_000
_AT_ONCE = 16  # requests for single jobs under way
_ASK_AGAIN_SECONDS = 0.05
_TOPIC_GONE = (NoError.errno, UnknownTopicOrPartitionError.errno)
_GROUP_GONE = (NoError.errno, GroupIdNotFound.errno)
_DELETION_DISABLED = 73  # TOPIC_DELETION_DISABLED; aiokafka has no class for it


class KafkaRemover:
    """Removes jobs from the cluster, many in few requests, on a connection of its own each time."""

    def __init__(self, connection: KafkaConnection, *, timeout: float = 60.0) -> None:
        self._connection = connection
        self._timeout = timeout

    async def remove(self, jobs: Mapping[str, Sequence[str]]) -> dict[str, ConnectorError]:
        """End the open transactions of all jobs, delete their topics, then their groups.

        `jobs` are their topics by identity, which is both transactional id and group. Asking for a producer
        id fences whoever still writes, and a topic with an open transaction on it would keep the coordinator
        busy. All topics go in one request: on Redpanda each deletion takes groups of others with it that
        have not committed yet. What is gone already is no error.

        Returns why some were not removed: RetriableError, or JobError TOPIC_DENIED where the broker does not
        allow it. Of all others the topics are no longer in the metadata.
        """
        removal = _Removal(dict(jobs))
        client = AIOKafkaClient(**self._connection.client_options(), retry_backoff_ms=20)
        try:
            async with asyncio.timeout(self._timeout):
                await client.bootstrap()
                await removal.run(client)
        except CLIENT_ERRORS as error:
            for identity in list(removal.jobs):
                removal.refuse(identity, error)
        finally:
            await client.close()
        return removal.refused


@dataclass(slots=True)
class _Removal:
    """One removal of many jobs. One that is refused leaves `jobs`: its next steps are not done."""

    jobs: dict[str, Sequence[str]]
    refused: dict[str, ConnectorError] = field(default_factory=dict)

    def refuse(self, identity: str, error: BaseException) -> None:
        del self.jobs[identity]
        self.refused[identity] = _connector_error(identity, error)

    async def run(self, client: AIOKafkaClient) -> None:
        refusals = await _each(self.jobs, lambda identity: _end_transaction(client, identity))
        for identity, refusal in refusals.items():
            self.refuse(identity, refusal)
        owners = {topic: identity for identity, topics in self.jobs.items() for topic in topics}
        for topic, error in (await _delete_topics(client, owners)).items():
            if owners[topic] in self.jobs:
                self.refuse(owners[topic], error)
        for group, error in (await _delete_groups(client, self.jobs)).items():
            self.refuse(group, error)


async def _each(names: Iterable[str], call: Callable[[str], Awaitable[object]]) -> dict[str, BaseException]:
    """Call for every name, some at once; return what went wrong, by name."""
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(name: str) -> None:
        async with gate:
            await call(name)

    called = list(names)
    outcomes = await asyncio.gather(*map(one, called), return_exceptions=True)
    return {name: error for name, error in zip(called, outcomes, strict=True) if error is not None}


async def _end_transaction(client: AIOKafkaClient, identity: str) -> None:
    """Return when nothing is open under this transactional id, and whoever held it is fenced (KIP-98)."""

    async def ask() -> bool:
        node = await client.coordinator_lookup(CoordinationType.TRANSACTION, identity)
        request = InitProducerIdRequest(identity, _TRANSACTION_MS)
        response = await client.send(node, request, group=ConnectionGroup.COORDINATION)
        if response.error_code == ConcurrentTransactions.errno:
            return False  # the coordinator is at it
        check_code(response.error_code)
        return True

    while True:
        if await retried(client, ask):
            return
        await asyncio.sleep(_ASK_AGAIN_SECONDS)


async def _delete_topics(client: AIOKafkaClient, topics: Collection[str]) -> dict[str, KafkaError | JobError]:
    """Return why topics were refused when the others are no longer in the metadata."""
    refused: dict[str, KafkaError | JobError] = {}
    waiting = set(topics)

    async def ask() -> None:
        controller = client.cluster.controller
        if controller is None:
            raise NotControllerError
        request = DeleteTopicsRequest(sorted(waiting), _DELETE_MS)
        response = await client.send(controller.nodeId, request, group=ConnectionGroup.COORDINATION)
        _take(response.topic_error_codes, _TOPIC_GONE, waiting, refused)

    if waiting:
        await retried(client, ask)
        await retried(client, lambda: _look_for_gone(client, set(topics) - refused.keys()))
    return refused


async def _look_for_gone(client: AIOKafkaClient, topics: Collection[str]) -> None:
    """Raise StaleMetadata, which is retried, while one still stands. The question must not make it anew."""
    if not topics:
        return  # an empty list asks for all topics
    response = await client.send(client.get_random_node(), MetadataRequest(sorted(topics), False))
    for answer in response.to_object()["topics"]:
        if answer["error_code"] != UnknownTopicOrPartitionError.errno:
            raise StaleMetadata(answer["topic"])


async def _delete_groups(client: AIOKafkaClient, groups: Collection[str]) -> dict[str, KafkaError | JobError]:
    refused: dict[str, KafkaError | JobError] = {}
    waiting = set(groups)

    async def ask() -> None:
        by_node: defaultdict[int, list[str]] = defaultdict(list)

        async def find(group: str) -> None:
            by_node[await client.coordinator_lookup(CoordinationType.GROUP, group)].append(group)

        for error in (await _each(sorted(waiting), find)).values():
            raise error
        for node, some in by_node.items():
            response = await client.send(node, DeleteGroupsRequest(some), group=ConnectionGroup.COORDINATION)
            _take(response.results, _GROUP_GONE, waiting, refused)

    await retried(client, ask)
    return refused


def _take(
    answers: Iterable[tuple[str, int]],
    gone: Collection[int],
    waiting: set[str],
    refused: dict[str, KafkaError | JobError],
) -> None:
    """Note the answers. Raises one of those that are to be asked again: their names are `waiting` still."""
    again: KafkaError | None = None
    for name, code in answers:
        error = error_for_code(code)(name)
        if code in gone:
            waiting.discard(name)
        elif error.retriable:
            again = error
        else:
            waiting.discard(name)
            refused[name] = _deletion_disabled(name) if code == _DELETION_DISABLED else error
    if again is not None:
        raise again


def _deletion_disabled(topic: str) -> JobError:
    return JobError(
        JobCode.TOPIC_DENIED,
        f"the broker does not delete topic `{topic}`: topics are not deleted on this cluster",
        "set `delete.topic.enable=true` on the brokers",
    )


def _connector_error(identity: str, error: BaseException) -> ConnectorError:
    if isinstance(error, ConnectorError):
        return error
    if isinstance(error, DENIED):
        return JobError(
            JobCode.TOPIC_DENIED,
            f"the broker does not let the worker delete topics and group of `{identity}`: {error}",
            "grant the worker's user DELETE on them, and WRITE on the transactional id",
        )
    return RetriableError(
        f"`{identity}` was not removed from the cluster: {str(error) or type(error).__name__}"
    )
