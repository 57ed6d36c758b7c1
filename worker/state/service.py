"""The state of one worker, put together: gate, fold, ownership, commands, read model, models, health."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from typing import Any, NoReturn

from aiohttp import web

from config.settings import Settings
from connectors.kafka.connection import KafkaConnection
from worker.jobs.clock import utc_now
from worker.state.api import Health, Lag, Ownership, UnavailableError
from worker.state.app import AppHooks, build_app
from worker.state.commands import KafkaCommands
from worker.state.fold import Fold
from worker.state.gate import Gate, PartitionsChangedError
from worker.state.internal_topics import InternalTopics
from worker.state.lag import LagMeter
from worker.state.models import KafkaModels
from worker.state.ownership import PartitionOwnership
from worker.state.probe import BrokerProbe
from worker.state.read_model import ReadModel
from worker.state.restore import TableFiles, restore_table
from worker.state.stopping import StoppableWorker
from worker.state.watchdog import Watchdog

__all__ = ["PortInUseError", "StateService"]

_START_HINT = (
    "start the broker (`scripts/up.sh` does), or set BATCH_BOOTSTRAP_SERVERS to the address of one that runs"
)
_log = logging.getLogger(__name__)


class PortInUseError(Exception):
    """The web server cannot have its address: the message says what to set."""


class StateService:
    """Everything of the worker that lives in Kafka, behind the ports of `api.py`.

    Made on the main thread before any event loop runs; `run` then serves until the process ends.
    `web_options` are keyword arguments of aiohttp's Application, such as `client_max_size` (bytes).
    """

    def __init__(
        self,
        settings: Settings,
        connection: KafkaConnection,
        *,
        worker_id: str,
        web_options: Mapping[str, Any] | None = None,
    ) -> None:
        self._settings = settings
        self._connection = connection
        topics = self._topics = InternalTopics.of(settings)
        self._gate = Gate(connection, topics)
        self._app = build_app(
            connection=connection,
            topics=topics,
            worker_id=worker_id,
            data_dir=settings.data_dir / "faust",
            web_host=settings.web_host,
            web_port=settings.web_port,
            web_options=web_options or {},
            hooks=AppHooks(
                boot=self._boot,
                open_gate=self._open_gate,
                fold=self._fold_record,
                revoked=lambda: self._ownership.revoked(),
                assigned=lambda partitions: self._ownership.reassigned(partitions),
                recovered=lambda: self._ownership.recovered(),
            ),
        )
        self._commands = KafkaCommands(
            send=self._app.send_event,
            refusal=self._refusal,
            partitions=topics.partitions,
            address=connection.bootstrap_servers,
        )
        self._ownership = PartitionOwnership(
            partition_of=self._commands.partition_of,
            send_marker=self._commands.publish_marker,
            table=self._app.jobs,
        )
        self._fold = Fold(
            self._app.jobs, on_row=self._ownership.row_folded, on_marker=self._ownership.marker_folded
        )
        self._jobs = ReadModel(
            connection,
            topic=topics.jobs,
            partitions=topics.partitions,
            path=settings.data_dir / "read-model.sqlite",
            touch=self._commands.publish,
        )
        self._models = KafkaModels(
            connection,
            topic=topics.models,
            transactional_id=f"{topics.namespace}-models",
            refusal=self._refusal,
            now=utc_now,
        )
        self._watchdog = Watchdog(
            self._ownership, broker_ok=lambda: self._probe.ok, end=lambda reason: self.end(reason)
        )
        self._probe = BrokerProbe(connection, topics.events, self._watchdog.broker_is_back)
        self._lag = LagMeter(
            connection, topics, owned=self._ownership.owned, read=lambda: self._jobs.next_offsets
        )
        self._tasks: set[asyncio.Task[None]] = set()
        self._restoring = False
        self._worker: StoppableWorker | None = None
        self._start: Callable[[], Awaitable[None]] | None = None

    # the ports

    @property
    def jobs(self) -> ReadModel:
        return self._jobs

    @property
    def commands(self) -> KafkaCommands:
        return self._commands

    @property
    def models(self) -> KafkaModels:
        return self._models

    @property
    def ownership(self) -> Ownership:
        return self._ownership

    def broker_ok(self) -> bool:
        """Whether Kafka answered when it was last asked, at most a few seconds ago."""
        return self._probe.ok

    def lag(self) -> Lag:
        """How far table and lists are behind, as of the last seconds."""
        return self._lag.lag

    def health(self) -> Health:
        ready, message, hint = self._describe()
        return Health(
            broker=self._connection.bootstrap_servers,
            broker_ok=self._probe.ok,
            ready=ready,
            message=message,
            hint=hint,
            since=self._probe.since,
            partitions=tuple(sorted(self._ownership.owned())),
        )

    # the life

    def run(
        self,
        *,
        setup_web: Callable[[web.Application], None],
        middlewares: Iterable[Any] = (),
        start: Callable[[], Awaitable[None]],
        drain: Callable[[], Awaitable[None]],
    ) -> NoReturn:
        """Serve until SIGTERM, SIGINT or a crash, and end the process: 0 after a signal, else 1.

        `setup_web` adds the routes, once. `start` runs on the loop before the web server answers and before
        Kafka is looked for; the read model can be read by then. `drain` runs first of all when the worker
        stops, for at most 8 s. Raises PortInUseError.
        """
        self._check_port()
        self._start = start
        application = self._app.web_application
        application.middlewares.extend(middlewares)
        setup_web(application)
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        self._worker = StoppableWorker(
            self._app, loop=loop, drain=lambda: self._drain(drain), broker_ok=self.broker_ok
        )
        self._worker.execute_from_commandline()

    def end(self, reason: str) -> None:
        """End the process with exit code 1 after a clean stop, for a `reason` that only a restart mends."""
        _log.critical("%s", reason)
        if self._worker is not None:
            self._worker.begin_stop(1)

    def _check_port(self) -> None:
        host, port = self._settings.web_host, self._settings.web_port
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                raise PortInUseError(
                    f"the web server cannot listen on `{host}:{port}`: {error.strerror}; "
                    "set BATCH_WEB_PORT to a free port, or BATCH_WEB_HOST to an address of this machine"
                ) from error

    async def _boot(self) -> None:
        await self._jobs.open()
        self._supervise(self._behind_the_gate(self._probe.run), "probe")
        self._supervise(self._behind_the_gate(self._jobs.run), "read-model")
        self._supervise(self._behind_the_gate(self._models.run), "models")
        self._supervise(self._behind_the_gate(self._watchdog.run), "watchdog")
        self._supervise(self._behind_the_gate(self._lag.run), "lag")
        if self._start is not None:
            await self._start()

    async def _open_gate(self) -> None:
        try:
            await self._gate.open(self._before_opening)
        except PartitionsChangedError as error:
            self.end(str(error))
            await asyncio.Event().wait()  # nothing behind the gate may start; the stop ends this

    async def _before_opening(self, changelog_ends: dict[int, int]) -> None:
        self._app.forget_stale_table(changelog_ends)
        files = TableFiles(self._app.jobs.data)
        self._restoring = True
        try:
            await restore_table(self._connection, self._topics.jobs, files, changelog_ends)
        finally:
            self._restoring = False

    async def _behind_the_gate(self, run: Callable[[], Awaitable[None]]) -> None:
        await self._gate.wait_open()
        await run()

    def _supervise(self, coroutine: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(coroutine, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._task_ended)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("%s failed", task.get_name(), exc_info=error)
            self.end(f"the worker ends: {task.get_name()} cannot go on")

    async def _drain(self, drain: Callable[[], Awaitable[None]]) -> None:
        try:
            await drain()
        finally:
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, self._ownership.close(), return_exceptions=True)
            await self._jobs.close()

    def _fold_record(self, key: bytes | None, value: bytes | None, partition: int, offset: int) -> None:
        try:
            self._fold.fold(key, value, partition, offset)
            self._lag.folded(partition, offset)
        except Exception as error:  # noqa: BLE001 (the process ends here)
            # Faust would acknowledge the event all the same and lose it: end before it can commit
            _log.critical(
                "the table in `%s` cannot be written: %s; the worker ends; free some space, or set "
                "BATCH_DATA_DIR, and start it again: nothing is lost",
                self._settings.data_dir,
                error,
            )
            logging.shutdown()
            os._exit(1)

    # health

    def _refusal(self) -> UnavailableError | None:
        if self._gate.is_open and self._probe.ok:
            return None
        _, message, hint = self._describe()
        return UnavailableError("NOT_READY" if self._restoring else "KAFKA_UNAVAILABLE", message, hint)

    def _describe(self) -> tuple[bool, str, str]:
        servers = self._connection.bootstrap_servers
        if self._restoring:
            return (
                False,
                f"Kafka at `{servers}` answers; the table of jobs is being restored from its changelog",
                "wait some seconds; that is the first start on a new data dir",
            )
        if not self._gate.is_open:
            if (refusal := self._gate.refusal) is not None:
                return False, f"Kafka at `{servers}` cannot be used: {refusal.message}", refusal.hint
            reason = f": {self._gate.error}" if self._gate.error else ""
            return (
                False,
                f"Kafka at `{servers}` has not answered since the worker started{reason}",
                _START_HINT,
            )
        if not self._probe.ok:
            message = f"Kafka at `{servers}` has not answered for {self._probe.silent_seconds:.0f} s"
            if (refusal := self._probe.refusal) is not None:
                return False, f"{message}: {refusal.message}", refusal.hint
            return False, message, _START_HINT
        if not self._ownership.settled:
            return (
                False,
                f"Kafka at `{servers}` answers; the worker is taking over its partitions",
                "wait some seconds; if it lasts, look at the worker's log",
            )
        if not (self._jobs.caught_up and self._models.caught_up):
            return (
                False,
                f"Kafka at `{servers}` answers; the lists of jobs and models are still being read",
                "wait some seconds; a large list takes longer at the first start",
            )
        owned = len(self._ownership.owned())
        return True, f"Kafka at `{servers}` answers; {owned} partitions are this worker's", ""
