"""The worker daemon: the one file that knows every part, and puts them together."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Mapping
from datetime import timedelta
from importlib.metadata import version

from aiohttp import web

from config.environment import unknown_variables
from config.settings import Settings, SettingsError, load_settings
from connectors.kafka.clients import ClientPool
from connectors.kafka.connection import KafkaConnection
from connectors.kafka.reader import TopicReader
from connectors.kafka.removal import KafkaRemover
from connectors.kafka.sink import JobTopics, KafkaSink, SinkTimeouts
from connectors.kafka.topics import TopicAdmin
from connectors.kernels import Kernels
from connectors.model.options import parse_options
from worker.http.app import middlewares, setup_http
from worker.http.ports import Services
from worker.intake.dropzone import DropzoneError
from worker.intake.intake import FileIntake
from worker.intake.options import job_options
from worker.jobs.clock import utc_now
from worker.jobs.job import Job, Waiting
from worker.jobs.manifest import Manifest
from worker.logs import set_up_logging
from worker.metrics.events import EndedJobs, count_chunk
from worker.metrics.exposition import Exposition, Surroundings
from worker.metrics.instruments import Instruments
from worker.metrics.loop_delay import LoopDelay
from worker.metrics.requests import counting
from worker.running.checker import FileChecker
from worker.running.follower import RunningFollower
from worker.running.ports import RunnerPorts
from worker.running.reaper import Reaper
from worker.running.reconcile import Reconciler
from worker.running.removal import JobRemover
from worker.running.renewal import ManifestRenewal
from worker.running.runner import JobRunner
from worker.running.slots import tiny_slots
from worker.running.sources import ConnectorSources
from worker.running.supervisor import Supervisor
from worker.running.threads import converter_threads
from worker.state.identity import IdentityError, WorkerIdentity
from worker.state.service import PortInUseError, StateService
from worker.ui.docs import setup_docs
from worker.ui.routes import setup_ui

__all__ = ["Daemon", "main"]

_log = logging.getLogger(__name__)

# converters are Python threads: the event loop gets its turn among them this soon
_SWITCH_SECONDS = 0.0005
_PIPELINE_DEPTH = 2  # blocks ahead of the sender: with ~4 MiB each and their JSON, some 40 MB a job
_ATOMIC_SECONDS = 885.0  # under the 15 minutes that brokers allow a transaction by default
_MULTIPART_FIELD_BYTES = 1024 * 1024


def main() -> int:
    """Run the worker until it is stopped; return the exit code of a start that failed."""
    try:
        settings = load_settings()
    except SettingsError as error:
        print(f"batch worker: {error}", file=sys.stderr)
        return 1
    set_up_logging(settings.log_format, settings.log_level)
    for sentence in unknown_variables(os.environ):
        _log.warning("%s", sentence)
    sys.setswitchinterval(_SWITCH_SECONDS)
    try:
        Daemon(settings).run()
    except (DropzoneError, IdentityError, PortInUseError) as error:
        print(f"batch worker: {error}", file=sys.stderr)
    return 1


class Daemon:
    """All parts of one worker process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._connection = _connection(settings)
        self._identity = WorkerIdentity.acquire(settings.data_dir, settings.worker_id)
        self._instruments = Instruments()
        self._executor = converter_threads()
        self._admin = TopicAdmin(self._connection)
        self._clients = ClientPool(self._connection)
        self._state = StateService(
            settings,
            self._connection,
            worker_id=self._identity.worker_id,
            web_options={"client_max_size": _MULTIPART_FIELD_BYTES},
        )
        self._intake = FileIntake(
            settings=settings,
            commands=self._state.commands,
            jobs=self._state.jobs,
            models=self._state.models,
            health=self._state.health,
            options_of=lambda model: job_options(settings.namespace, model.schema, {}),
            now=utc_now,
            foreseen=self._foreseen,
        )
        ownership = self._state.ownership
        self._kernels = Kernels(settings.data_dir / "numba")
        sources = ConnectorSources(settings, self._kernels)
        self._runner_ports = RunnerPorts(
            worker_id=self._identity.worker_id,
            commands=self._state.commands,
            files=self._intake.folders,
            sources=sources,
            new_sink=self._new_sink,
            open_topic=self._open_topic,
            owns=ownership.owns,
            broker_ok=self._state.broker_ok,
            now=utc_now,
            executor=self._executor,
            chunk_bytes=settings.chunk_bytes,
            pipeline_depth=_PIPELINE_DEPTH,
            max_reject_ratio=settings.max_reject_ratio,
            refuse_duplicates=settings.duplicates == "reject",
            atomic_seconds=_ATOMIC_SECONDS,
            report_chunk=lambda report: count_chunk(self._instruments, report),
        )
        self._supervisor = Supervisor(
            commands=self._state.commands,
            folders=self._intake.folders,
            renewal=ManifestRenewal(settings.namespace, self._intake.folders, self._state.models),
            end_transaction=self._end_transaction,
            new_runner=lambda job, manifest, yields: JobRunner(job, manifest, self._runner_ports, yields),
            now=utc_now,
            slots=settings.max_running_jobs,
            tiny_slots=tiny_slots(settings.max_running_jobs),
        )
        self._reconciler = Reconciler(
            folders=self._intake.folders,
            commands=self._state.commands,
            supervisor=self._supervisor,
            row=ownership.row,
            own_jobs=ownership.active_jobs,
            owns=lambda job_id: self._state.commands.partition_of(job_id) in ownership.owned(),
        )
        ownership.follow(RunningFollower(self._supervisor, self._reconciler, ownership.owns))
        ownership.follow(EndedJobs(self._instruments))
        remover = JobRemover(
            namespace=settings.namespace,
            cluster=KafkaRemover(self._connection),
            folders=self._intake.folders,
            commands=self._state.commands,
            jobs=self._state.jobs,
        )
        self._reaper = Reaper(
            jobs=self._state.jobs,
            remover=remover,
            files=self._intake.retained,
            owns=lambda job_id: self._state.commands.partition_of(job_id) in ownership.owned(),
            row=ownership.row,
            broker_ok=self._state.broker_ok,
            job_retention=timedelta(hours=settings.job_retention_hours),
            done_retention=_hours(settings.done_retention_hours),
            seconds=settings.reap_seconds,
        )
        self._services = Services(
            settings=settings,
            jobs=self._state.jobs,
            commands=self._state.commands,
            models=self._state.models,
            health=self._state.health,
            intake=self._intake,
            open_topic=self._open_topic,
            remover=remover,
            checker=FileChecker(settings, sources),
            exposition=self._exposition(),
        )
        self._measuring: asyncio.Task[None] | None = None
        self._reconciling: asyncio.Task[None] | None = None
        self._reaping: asyncio.Task[None] | None = None

    def run(self) -> None:
        """Serve until the process ends. Raises DropzoneError or PortInUseError when it cannot begin."""
        self._intake.prepare()
        self._state.run(
            setup_web=self._set_up_web,
            middlewares=[counting(self._instruments), *middlewares(self._services)],
            start=self._start,
            drain=self._drain,
        )

    def _set_up_web(self, app: web.Application) -> None:
        setup_http(app, self._services)
        setup_ui(app, self._services)
        setup_docs(app)

    async def _start(self) -> None:
        if self._settings.converter != "reference":
            self._kernels.start()
        self._intake.start()
        self._reconciling = asyncio.create_task(self._reconciler.run_forever(), name="reconcile")
        self._reaping = asyncio.create_task(self._reaper.run_forever(), name="reaper")
        self._measuring = asyncio.create_task(LoopDelay(self._instruments).run(), name="loop-delay")

    async def _drain(self) -> None:
        """Take nothing more, abort what is open; the jobs go on from their last commit at the next start."""
        self._kernels.stop()
        for task in (self._reconciling, self._reaping):
            if task is not None:
                task.cancel()
        await self._intake.stop()
        await self._supervisor.stop()
        await self._admin.close()
        await self._clients.close()
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _foreseen(self, job: Job) -> Waiting | None:
        """What a new job will wait for; only of one of an own partition it is known."""
        owned = self._state.commands.partition_of(job.job_id) in self._state.ownership.owned()
        return self._supervisor.foreseen(job) if owned else None

    def _new_sink(self, job: Job, manifest: Manifest) -> KafkaSink:
        options = parse_options(manifest.options)
        topics = JobTopics(
            topic=job.topic,
            partitions=options.partitions,
            dlq_topic=manifest.dlq_topic,
            retention_hours=self._settings.topic_retention_hours,
            shared=options.topic is not None,
            dlq_always=self._settings.dlq_create == "always",
        )
        # an atomic job's one transaction may last as long as brokers allow
        timeouts = SinkTimeouts(transaction=_ATOMIC_SECONDS) if options.atomic else SinkTimeouts()
        return KafkaSink(
            self._connection,
            self._admin,
            topics,
            namespace=self._settings.namespace,
            job_id=job.job_id,
            timeouts=timeouts,
            clients=self._clients,
        )

    async def _end_transaction(self, job: Job, manifest: Manifest) -> None:
        sink = self._new_sink(job, manifest)
        try:
            await sink.start()
        finally:
            await sink.close()

    def _exposition(self) -> Exposition:
        settings, instruments = self._settings, self._instruments
        instruments.worker.info({"version": version("batch-worker"), "worker_id": self._identity.worker_id})
        instruments.job_slots.set(settings.max_running_jobs)
        instruments.tiny_job_slots.set(tiny_slots(settings.max_running_jobs))
        surroundings = Surroundings(
            jobs=self._state.jobs,
            health=self._state.health,
            lag=self._state.lag,
            waiting=self._intake.waiting,
            running=lambda: len(self._supervisor.running),
            disks={"dropzone": settings.dropzone, "data": settings.data_dir},
        )
        return Exposition(instruments, surroundings)

    def _open_topic(self, topic: str, start: Mapping[int, int]) -> TopicReader:
        return TopicReader(self._connection, topic, start)


def _connection(settings: Settings) -> KafkaConnection:
    password = settings.sasl_password
    return KafkaConnection(
        bootstrap_servers=settings.bootstrap_servers,
        security_protocol=settings.security_protocol,
        sasl_mechanism=settings.sasl_mechanism,
        sasl_username=settings.sasl_username,
        sasl_password=None if password is None else password.get_secret_value(),
        ssl_cafile=settings.ssl_cafile,
        ssl_certfile=settings.ssl_certfile,
        ssl_keyfile=settings.ssl_keyfile,
        replication_factor=settings.replication_factor,
        min_isr=settings.min_isr,
    )


def _hours(hours: float | None) -> timedelta | None:
    return None if hours is None else timedelta(hours=hours)


if __name__ == "__main__":
    sys.exit(main())
