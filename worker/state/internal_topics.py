"""The topics that the workers of one namespace share, and what they are made with."""

from __future__ import annotations

from dataclasses import dataclass

from config.settings import Settings
from connectors.kafka.connection import KafkaConnection
from connectors.kafka.topics import TopicSpec

__all__ = ["InternalTopics"]

_HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class InternalTopics:
    """Names and settings. `partitions` is the number of both `events` and `jobs`; `models` has one."""

    namespace: str
    partitions: int

    @classmethod
    def of(cls, settings: Settings) -> InternalTopics:
        return cls(settings.namespace, settings.internal_partitions)

    @property
    def events(self) -> str:
        """JobEvents by job id: the commands that the table folds."""
        return f"{self.namespace}.job-events"

    @property
    def jobs(self) -> str:
        """Job JSON by job id: the table's changelog, public and read only."""
        return f"{self.namespace}.jobs"

    @property
    def models(self) -> str:
        """Model JSON by `name@version`."""
        return f"{self.namespace}.models"

    @property
    def group(self) -> str:
        """The consumer group that spreads the partitions over the workers."""
        return f"{self.namespace}-workers"

    def specs(self, connection: KafkaConnection) -> list[TopicSpec]:
        """Return what the topics are created with.

        Compaction works on closed segments only, so those of the table are closed every hour.
        """
        durable = {"min.insync.replicas": str(connection.min_isr)}
        compacted = {**durable, "cleanup.policy": "compact"}
        hourly = {"segment.ms": str(_HOUR_MS), "max.compaction.lag.ms": str(6 * _HOUR_MS)}
        kept_a_week = {"cleanup.policy": "delete", "retention.ms": str(7 * 24 * _HOUR_MS)}
        return [
            TopicSpec(self.events, self.partitions, {**durable, **kept_a_week}),
            TopicSpec(self.jobs, self.partitions, {**compacted, **hourly}),
            TopicSpec(self.models, 1, compacted),
        ]
