"""Takes away what a job has in the cluster: its open transaction, its topics, its progress."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aiokafka.client import AIOKafkaClient, ConnectionGroup, CoordinationType
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    GroupIdNotFound,
    NoError,
    NotControllerError,
    StaleMetadata,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
    UnknownTopicOrPartitionError,
)
from aiokafka.protocol.admin import DeleteGroupsRequest, DeleteTopicsRequest
from aiokafka.protocol.metadata import MetadataRequest

from connectors.errors import JobCode, JobError, RetriableError
from connectors.kafka.cluster import check_code, retried
from connectors.kafka.connection import KafkaConnection
from connectors.kafka.failures import CLIENT_ERRORS
from connectors.kafka.transactional import close_producer, new_producer

__all__ = ["KafkaRemover"]

_TRANSACTION_SECONDS = 60.0  # as long as a sink's: a shorter one would be taken over by the broker
_TOPIC_GONE = (NoError.errno, UnknownTopicOrPartitionError.errno)
_GROUP_GONE = (NoError.errno, GroupIdNotFound.errno)
_DELETION_DISABLED = 73  # TOPIC_DELETION_DISABLED; aiokafka has no class for it
_DENIED = (
    TopicAuthorizationFailedError,
    GroupAuthorizationFailedError,
    ClusterAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)


class KafkaRemover:
    """Removes jobs from the cluster, each on a connection of its own. What is gone already is no error."""

    def __init__(self, connection: KafkaConnection, *, timeout: float = 60.0) -> None:
        self._connection = connection
        self._timeout = timeout

    async def remove(self, identity: str, topics: Sequence[str]) -> None:
        """End the open transaction of `identity`, delete the topics, then the group `identity`.

        `identity` is both the transactional id and the group. The producer's start fences whoever still
        writes, and a topic with an open transaction on it would keep the coordinator busy. When this returns
        the topics are no longer in the metadata. Raises RetriableError, or JobError TOPIC_DENIED where the
        broker does not allow it.
        """
        producer = new_producer(self._connection, identity, transaction_timeout=_TRANSACTION_SECONDS)
        try:
            async with asyncio.timeout(self._timeout):
                await producer.start()
                await _delete_topics(producer.client, topics)
                await _delete_group(producer.client, identity)
        except _DENIED as error:
            raise JobError(
                JobCode.TOPIC_DENIED,
                f"the broker does not let the worker delete topics and group of `{identity}`: {error}",
                "grant the worker's user DELETE on them, and WRITE on the transactional id",
            ) from error
        except CLIENT_ERRORS as error:
            reason = str(error) or type(error).__name__
            raise RetriableError(f"`{identity}` was not removed from the cluster: {reason}") from error
        finally:
            await close_producer(producer)


async def _delete_topics(client: AIOKafkaClient, topics: Sequence[str]) -> None:
    async def ask() -> None:
        controller = client.cluster.controller
        if controller is None:
            raise NotControllerError
        request = DeleteTopicsRequest(list(topics), 15_000)
        response = await client.send(controller.nodeId, request, group=ConnectionGroup.COORDINATION)
        for topic, code in response.topic_error_codes:
            if code == _DELETION_DISABLED:
                raise JobError(
                    JobCode.TOPIC_DENIED,
                    f"the broker does not delete topic `{topic}`: topics are not deleted on this cluster",
                    "set `delete.topic.enable=true` on the brokers",
                )
            if code not in _TOPIC_GONE:
                check_code(code)

    await retried(client, ask)
    await retried(client, lambda: _look_for_gone(client, topics))


async def _look_for_gone(client: AIOKafkaClient, topics: Sequence[str]) -> None:
    """Raise StaleMetadata, which is retried, while one still stands. The question must not make it anew."""
    response = await client.send(client.get_random_node(), MetadataRequest(list(topics), False))
    for answer in response.to_object()["topics"]:
        if answer["error_code"] != UnknownTopicOrPartitionError.errno:
            raise StaleMetadata(answer["topic"])


async def _delete_group(client: AIOKafkaClient, group: str) -> None:
    async def ask() -> None:
        node = await client.coordinator_lookup(CoordinationType.GROUP, group)
        response = await client.send(node, DeleteGroupsRequest([group]), group=ConnectionGroup.COORDINATION)
        for _, code in response.results:
            if code not in _GROUP_GONE:
                check_code(code)

    await retried(client, ask)
