"""Topics are made here: asked for by many jobs, created in few requests, ready when `create` returns."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from aiokafka import errors as kafka
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from connectors.errors import ConnectorError, JobCode, JobError, RetriableError, TopicLimitError
from connectors.kafka.connection import KafkaConnection

__all__ = ["TopicAdmin", "TopicSpec", "job_topic_configs"]

_POLL_SECONDS = 0.02
_CREATED = (kafka.NoError.errno, kafka.TopicAlreadyExistsError.errno)
_LIMITS = (kafka.InvalidPartitionsError.errno, kafka.PolicyViolationError.errno)
_DENIED_HINTS: dict[int, str] = {
    kafka.TopicAuthorizationFailedError.errno: "grant the worker's user CREATE on the topic or the cluster",
    kafka.ClusterAuthorizationFailedError.errno: "grant the worker's user CREATE on the cluster",
    kafka.InvalidReplicationFactorError.errno: "set `BATCH_REPLICATION_FACTOR` to fit the cluster",
    kafka.InvalidConfigurationError.errno: "look at `BATCH_TOPIC_RETENTION_HOURS` and `BATCH_MIN_ISR`",
    kafka.InvalidTopicError.errno: "use letters, digits, `.`, `_` and `-`, at most 249",
    kafka.InvalidRequestError.errno: "look at the broker's log",
}


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic that should exist. Its replication is the connection's."""

    name: str
    partitions: int
    configs: Mapping[str, str] = field(default_factory=dict)


def job_topic_configs(connection: KafkaConnection, retention_hours: float) -> dict[str, str]:
    """Return the settings of a topic that a job writes.

    The broker stamps the records: with a worker's clock that is wrong, retention would count from that.
    """
    return {
        "cleanup.policy": "delete",
        "retention.ms": str(round(retention_hours * 3_600_000)),
        "compression.type": "producer",
        "min.insync.replicas": str(connection.min_isr),
        "message.timestamp.type": "LogAppendTime",
    }


@dataclass(frozen=True, slots=True)
class _Request:
    spec: TopicSpec
    done: asyncio.Future[None]


class TopicAdmin:
    """Creates topics; one for all jobs of a worker.

    What is asked for while a request is under way goes out together in the next one. Connects when it must,
    and again after every failure.
    """

    def __init__(self, connection: KafkaConnection, *, timeout: float = 30.0) -> None:
        self._connection = connection
        self._timeout = timeout
        self._client: AIOKafkaAdminClient | None = None
        self._connecting = asyncio.Lock()
        self._queue: list[_Request] = []
        self._sender: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect now. Raises RetriableError when no broker answers."""
        try:
            async with asyncio.timeout(self._timeout):
                await self._connected()
        except (kafka.KafkaError, OSError, TimeoutError) as error:
            raise _unreachable(error) from error

    async def close(self) -> None:
        """Give up what is under way and disconnect. Idempotent."""
        if self._sender is not None:
            self._sender.cancel()
            await asyncio.gather(self._sender, return_exceptions=True)
        requests, self._queue = self._queue, []
        _tell(requests, {request.spec.name: _closed() for request in requests})
        await self._disconnect()

    async def create(self, specs: Sequence[TopicSpec]) -> None:
        """Return when all topics exist, with a leader for each partition. One that exists is left as it is.

        Raises JobError TOPIC_DENIED, TopicLimitError or RetriableError. Every topic is tried before any is
        raised for.
        """
        loop = asyncio.get_running_loop()
        requests = [_Request(spec, loop.create_future()) for spec in specs]
        self._queue.extend(requests)
        if self._sender is None or self._sender.done():
            self._sender = loop.create_task(self._send_queued())
        try:
            async with asyncio.timeout(self._timeout):
                outcomes = await asyncio.gather(*(r.done for r in requests), return_exceptions=True)
                for outcome in outcomes:
                    if outcome is not None:
                        raise outcome
                await self._wait_until_usable(specs)
        except (kafka.KafkaError, OSError, TimeoutError) as error:
            await self._disconnect()
            raise _unreachable(error) from error

    async def _send_queued(self) -> None:
        while self._queue:
            requests, self._queue = self._queue, []
            refusals: Mapping[str, ConnectorError] = {request.spec.name: _closed() for request in requests}
            try:
                async with asyncio.timeout(self._timeout):
                    refusals = await self._create(request.spec for request in requests)
            except Exception as error:  # noqa: BLE001 (whatever it is, those who wait must be told)
                await self._disconnect()
                refusals = {request.spec.name: _unreachable(error) for request in requests}
            finally:
                _tell(requests, refusals)

    async def _create(self, specs: Iterable[TopicSpec]) -> dict[str, ConnectorError]:
        """Send one CreateTopics request; return why topics were refused."""
        by_name = {spec.name: spec for spec in specs}  # a name given twice is a malformed request
        client = await self._connected()
        replicas = self._connection.replication_factor
        response = await client.create_topics(
            [
                NewTopic(s.name, s.partitions, replicas, topic_configs=dict(s.configs))
                for s in by_name.values()
            ]
        )
        return {
            topic: _refusal(by_name[topic], code, message)
            for topic, code, message in response.topic_errors
            if code not in _CREATED
        }

    async def _wait_until_usable(self, specs: Sequence[TopicSpec]) -> None:
        """Metadata follow a creation; a record sent before would be refused."""
        waiting = {spec.name: spec for spec in specs}
        while True:
            client = await self._connected()
            for answer in await client.describe_topics(list(waiting)):
                spec = waiting[answer["topic"]]
                if answer["error_code"] in _DENIED_HINTS:
                    raise _refusal(spec, answer["error_code"], None)
                leaders = [partition["leader"] for partition in answer["partitions"]]
                if answer["error_code"] or not leaders or -1 in leaders:
                    continue
                _check_partitions(spec, len(leaders))
                del waiting[spec.name]
            if not waiting:
                return
            await asyncio.sleep(_POLL_SECONDS)

    async def _connected(self) -> AIOKafkaAdminClient:
        async with self._connecting:
            if self._client is None:
                client = AIOKafkaAdminClient(
                    **self._connection.client_options(), request_timeout_ms=15_000, retry_backoff_ms=20
                )
                try:
                    await client.start()
                except BaseException:
                    await client.close()
                    raise
                self._client = client
            return self._client

    async def _disconnect(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()


def _tell(requests: Iterable[_Request], refusals: Mapping[str, ConnectorError]) -> None:
    for request in requests:
        if request.done.done():
            continue  # its asker has gone
        if (refusal := refusals.get(request.spec.name)) is None:
            request.done.set_result(None)
        else:
            request.done.set_exception(refusal)


def _refusal(spec: TopicSpec, code: int, message: str | None) -> ConnectorError:
    error = kafka.for_code(code)
    reason = message or error.__name__
    if code in _LIMITS:
        return TopicLimitError(
            f"the broker refuses topic `{spec.name}` with {spec.partitions} partitions: {reason}",
            "delete ended jobs or raise the cluster's limit; the job starts by itself when there is room",
        )
    if code in _DENIED_HINTS:
        return JobError(
            JobCode.TOPIC_DENIED, f"the broker refuses topic `{spec.name}`: {reason}", _DENIED_HINTS[code]
        )
    return RetriableError(f"topic `{spec.name}` was not created: {reason}")


def _check_partitions(spec: TopicSpec, found: int) -> None:
    if found < spec.partitions:
        raise JobError(
            JobCode.TOPIC_DENIED,
            f"topic `{spec.name}` has `{found}` partitions, but the job needs `{spec.partitions}`",
            "add partitions to the topic, or submit the file with the option `partitions` set to what it has",
        )


def _closed() -> RetriableError:
    return RetriableError("topics are no longer created: the worker stops")


def _unreachable(error: BaseException) -> RetriableError:
    return RetriableError(
        f"the broker did not create or show the topic: {str(error) or type(error).__name__}"
    )
