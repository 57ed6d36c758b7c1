"""The Faust application: a table, the agent that folds into it, the web server, the order they start in."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faust
from aiohttp.web import Application, AppRunner
from faust.app.base import BootStrategy
from faust.web.base import BlueprintManager
from mode import Service

from connectors.kafka.connection import KafkaConnection
from worker.state.committing import PatientConsumer, WrittenTable
from worker.state.internal_topics import InternalTopics

__all__ = ["AppHooks", "JobsApp", "build_app"]

_MIB = 1024 * 1024
_WEB_SHUTDOWN_SECONDS = 1.0
_SESSION_SECONDS = 10.0
_log = logging.getLogger(__name__)
_client_log = logging.getLogger("faust.jobs")  # what mode says of our services counts as Faust's

# what a table of small rows needs: eight partitions with RocksDB's defaults could take gigabytes
_ROCKSDB = {
    "write_buffer_size": 4 * _MIB,
    "max_write_buffer_number": 2,
    "target_file_size_base": 16 * _MIB,
    "block_cache_size": 4 * _MIB,
    "max_open_files": 64,
}


@dataclass(frozen=True, slots=True)
class AppHooks:
    """What the application calls.

    `boot` runs first of all, before the web server; `open_gate` after it, and Kafka's part of the boot waits
    for it. `fold` takes key, value, partition and offset of one event. The other three follow the
    rebalances, on the loop's thread; they return at once.
    """

    boot: Callable[[], Awaitable[None]]
    open_gate: Callable[[], Awaitable[None]]
    fold: Callable[[bytes | None, bytes | None, int, int], None]
    revoked: Callable[[], None]
    assigned: Callable[[frozenset[int]], None]
    recovered: Callable[[], None]


class _Step(Service):
    """A step of the boot: the next one waits until `run` returns."""

    logger = _client_log
    mundane_level = "debug"

    def __init__(self, run: Callable[[], Awaitable[None]], **kwargs: Any) -> None:
        self._run = run
        super().__init__(**kwargs)

    async def on_start(self) -> None:
        await self._run()


class _OfflineBoot(BootStrategy):
    """Web first, so that a worker without Kafka can say so; everything that needs Kafka behind the gate."""

    app: JobsApp

    def server(self) -> Iterable[Any]:
        return self._chain(
            [_Step(self.app.hooks.boot)],
            self.sensors(),
            self.web_server(),
            [_Step(self.app.hooks.open_gate)],
            self.kafka_producer(),
            self.kafka_consumer(),
            self.agents(),
            self.kafka_conductor(),
            self.tables(),
        )


class JobsApp(faust.App):
    """`events`, `jobs` are the topic of JobEvents and the table of Job JSON by id, both in bytes."""

    logger = _client_log
    mundane_level = "debug"
    BootStrategy = _OfflineBoot
    hooks: AppHooks
    events: Any
    jobs: Any

    @property
    def web_application(self) -> Application:
        """The application that Faust's web server serves."""
        web: Any = self.web
        application: Application = web.web_app
        return application

    async def send_event(self, key: bytes, value: bytes, partition: int) -> int:
        """Send one record and return its offset once it is acknowledged."""
        sent = await self.events.send(key=key, value=value, partition=partition)
        return int((await sent).offset)

    def forget_stale_table(self, ends: Mapping[int, int]) -> None:
        """Drop the table's files if they are ahead of the changelog: it is another topic than theirs.

        Faust would end the worker there. `ends` are the changelog's end offsets by partition.
        """
        store = self.jobs.data
        topic = self.jobs.changelog_topic_name
        for partition, end in ends.items():
            if not store.partition_path(partition).exists():
                continue
            offset = store.persisted_offset(faust.types.TP(topic, partition))
            if offset is not None and offset >= end:
                _log.warning("topic `%s` was made anew; the table in the data dir is built again", topic)
                store.reset_state()
                return


def build_app(
    *,
    connection: KafkaConnection,
    topics: InternalTopics,
    worker_id: str,
    data_dir: Path,
    web_host: str,
    web_port: int,
    web_options: Mapping[str, Any],
    hooks: AppHooks,
) -> JobsApp:
    """Build the application. `web_options` are keyword arguments of aiohttp's Application."""
    data_dir.mkdir(parents=True, exist_ok=True)
    app = JobsApp(
        topics.group,
        broker=[f"kafka://{server.strip()}" for server in connection.bootstrap_servers.split(",")],
        broker_credentials=_credentials(connection),
        datadir=str(data_dir),
        store="rocksdb://",
        processing_guarantee="at_least_once",
        consumer_auto_offset_reset="earliest",
        # a known member: its restart is no rebalance, and it has its partitions back within seconds
        consumer_group_instance_id=worker_id,
        broker_session_timeout=_SESSION_SECONDS,
        broker_heartbeat_interval=2.0,
        broker_rebalance_timeout=15.0,
        broker_request_timeout=15.0,
        broker_max_poll_interval=300.0,
        # the first commit comes at twice the interval: at the default of 2.8 s a crash replays thousands
        broker_commit_interval=1.0,
        stream_wait_empty=False,
        producer_acks=-1,
        topic_partitions=topics.partitions,
        topic_replication_factor=connection.replication_factor,
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_bind=web_host,
        web_host=web_host,
        web_port=web_port,
        Table=WrittenTable,
        web_application_options=dict(web_options),
        web_tables_enabled=False,
        web_router_enabled=False,
        worker_redirect_stdouts=False,
    )
    app.hooks = hooks
    transport: Any = app.transport
    transport.Consumer = PatientConsumer
    _add_table_and_fold(app, topics)
    _add_signals(app, topics)
    _move_web_pages(app)
    return app


def _credentials(connection: KafkaConnection) -> Any:
    protocol = connection.security_protocol
    if protocol == "PLAINTEXT":
        return None
    context: ssl.SSLContext | None = connection.client_options().get("ssl_context")
    if protocol == "SSL":
        return faust.SSLCredentials(context)
    return faust.SASLCredentials(
        username=connection.sasl_username,
        password=connection.sasl_password,
        mechanism=connection.sasl_mechanism,
        ssl_context=context,
    )


def _add_table_and_fold(app: JobsApp, topics: InternalTopics) -> None:
    app.events = app.topic(
        topics.events,
        key_type=bytes,
        key_serializer="raw",
        value_type=bytes,
        value_serializer="raw",
        partitions=topics.partitions,
        internal=True,
    )
    # bytes on both: of a key of another type Faust would write the JSON, with its quotes
    changelog = app.topic(
        topics.jobs,
        key_type=bytes,
        value_type=bytes,
        value_serializer="raw",
        partitions=topics.partitions,
        compacting=True,
        deleting=False,
        acks=False,
        internal=True,
        allow_empty=True,
        maxsize=131_072,
    )
    app.jobs = app.Table(
        "jobs",
        partitions=topics.partitions,
        key_type=bytes,
        value_type=bytes,
        changelog_topic=changelog,
        options=dict(_ROCKSDB),
    )

    async def fold(stream: Any) -> None:
        async for event in stream.events():
            app.hooks.fold(event.key, event.value, event.message.partition, event.message.offset)

    # one at a time: with more, Faust commits past events that are still in work
    app.agent(app.events, name="fold", concurrency=1)(fold)


def _add_signals(app: JobsApp, topics: InternalTopics) -> None:
    async def revoked(_app: Any, _revoked: Any, **_: Any) -> None:
        app.hooks.revoked()

    async def assigned(_app: Any, assigned: Iterable[Any], **_: Any) -> None:
        app.hooks.assigned(frozenset(tp.partition for tp in assigned if tp.topic == topics.events))

    async def recovered(_app: Any, **_: Any) -> None:
        app.hooks.recovered()

    connections: list[tuple[Any, Any]] = [
        (app.on_partitions_revoked, revoked),
        (app.on_partitions_assigned, assigned),
        (app.on_rebalance_complete, recovered),
    ]
    for signal, handler in connections:
        signal.connect(handler)


def _move_web_pages(app: JobsApp) -> None:
    web: Any = app.web
    web.blueprints = BlueprintManager([("/faust", "faust.web.apps.stats:blueprint")])
    # a client that follows a job would hold the stop up for a minute
    web._runner = AppRunner(web.web_app, access_log=None, shutdown_timeout=_WEB_SHUTDOWN_SECONDS)
