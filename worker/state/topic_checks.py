"""Whether the internal topics are as the worker makes them, and events and table belong together.

Redpanda ignores settings that it does not know without a word, and a topic may have been made by another
hand: so the broker is asked (DescribeConfigs, KIP-133).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAuthorizationFailedError

from connectors.kafka.cluster import check_code
from connectors.kafka.diagnosis import Refusal
from connectors.kafka.topics import TopicSpec

__all__ = ["TopicSettings", "UnusableTopicError", "check_history", "newest_revisions", "topic_settings"]

_POLICY = "cleanup.policy"
_FIRST_WINDOW, _LAST_WINDOW = 100, 10_000  # records at the end of a partition


class UnusableTopicError(Exception):
    """An internal topic would lose what the worker keeps in it; someone has to mend that at the broker."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.refusal = Refusal(message, hint)


@dataclass(frozen=True, slots=True)
class TopicSettings:
    """What the broker says of a topic; `found` is None where the worker's user may not ask."""

    spec: TopicSpec
    found: Mapping[str, str] | None

    def check_policy(self) -> None:
        """Raise UnusableTopicError when the broker deletes what must stay, or the other way round.

        A table's changelog with `compact,delete` loses rows, and its recovery stalls; events that are
        compacted lose all but the last one of each job.
        """
        if self.found is None or _POLICY not in self.found:
            return
        wanted, found = self.spec.configs[_POLICY], self.found[_POLICY]
        if {part.strip() for part in found.split(",")} != {wanted}:
            raise UnusableTopicError(
                f"topic `{self.spec.name}` has `{_POLICY}` = `{found}`, but must have `{wanted}`: "
                "the worker would lose what it keeps there",
                f"mend it with {_commands(self.spec.name, _POLICY, wanted)}; the worker then goes on",
            )

    def differences(self) -> list[str]:
        """Return a sentence for each setting that is another one, or one when none can be seen."""
        if self.found is None:
            return [
                f"the settings of topic `{self.spec.name}` cannot be checked: grant DESCRIBE_CONFIGS on it"
            ]
        return [
            f"topic `{self.spec.name}` has `{name}` = `{self.found[name]}` instead of `{wanted}`; "
            f"mend it with {_commands(self.spec.name, name, wanted)}"
            for name, wanted in self.spec.configs.items()
            if name != _POLICY and self.found.get(name, wanted) != wanted
        ]

    @property
    def unknown(self) -> list[str]:
        """The settings that this broker does not have."""
        return [] if self.found is None else [name for name in self.spec.configs if name not in self.found]


async def topic_settings(admin: AIOKafkaAdminClient, specs: Sequence[TopicSpec]) -> list[TopicSettings]:
    """Ask the broker for the settings that the topics were to be made with. Raises KafkaError."""
    resources = [
        ConfigResource(ConfigResourceType.TOPIC, spec.name, configs=dict.fromkeys(spec.configs))
        for spec in specs
    ]
    answers = {}
    for response in await admin.describe_configs(resources):
        for resource in response.to_object()["resources"]:
            answers[resource["resource_name"]] = resource
    return [TopicSettings(spec, _found(answers[spec.name])) for spec in specs]


def _found(answer: Mapping[str, object]) -> dict[str, str] | None:
    if answer["error_code"] == TopicAuthorizationFailedError.errno:
        return None
    check_code(int(str(answer["error_code"])))
    entries = answer["config_entries"]
    assert isinstance(entries, Iterable)
    return {entry["config_names"]: entry["config_value"] for entry in entries}


def _commands(topic: str, name: str, value: str) -> str:
    return (
        f"`kafka-configs.sh --bootstrap-server … --alter --entity-type topics --entity-name {topic} "
        f"--add-config {name}={value}` or `rpk topic alter-config {topic} --set {name}={value}`"
    )


def check_history(events: str, jobs: str, revisions: Mapping[int, int], ends: Mapping[int, int]) -> None:
    """Raise UnusableTopicError when a row is of an event that the topic of events does not have.

    `revisions` are the newest ones in the table's changelog, `ends` the end offsets of the events, by
    partition. A revision is the offset of an event: where it lies beyond the end, the events were made anew,
    and each command would count as an old one for as long as it takes to get there again.
    """
    for partition, revision in sorted(revisions.items()):
        if revision >= ends[partition]:
            raise UnusableTopicError(
                f"topic `{events}` was made anew: its partition {partition} ends at `{ends[partition]}`, but "
                f"topic `{jobs}` has rows as of `{revision}`; commands to their jobs would be ignored",
                f"stop all workers and delete topic `{jobs}` as well: the list of jobs begins anew, and jobs "
                "that have not ended go on from their last commit; or choose another BATCH_NAMESPACE",
            )


async def newest_revisions(consumer: AIOKafkaConsumer, topic: str, ends: Mapping[int, int]) -> dict[int, int]:
    """Return the newest revision of each partition of the changelog; none where only tombstones are near.

    Rows are written in the order of their events, so the newest revision stands near the end: the last
    10,000 records are looked at. `ends` are the end offsets.
    """
    partitions = {TopicPartition(topic, partition): end for partition, end in ends.items() if end > 0}
    consumer.assign(list(partitions))
    begins = await consumer.beginning_offsets(list(partitions)) if partitions else {}
    revisions: dict[int, int] = {}
    window = _FIRST_WINDOW
    while partitions and window <= _LAST_WINDOW:
        starts = {tp: max(begins[tp], end - window) for tp, end in partitions.items()}
        for tp, revision in (await _highest(consumer, starts, partitions)).items():
            revisions[tp.partition] = revision
        partitions = {
            tp: end
            for tp, end in partitions.items()
            if tp.partition not in revisions and starts[tp] > begins[tp]
        }
        window *= 10
    return revisions


async def _highest(
    consumer: AIOKafkaConsumer,
    starts: Mapping[TopicPartition, int],
    ends: Mapping[TopicPartition, int],
) -> dict[TopicPartition, int]:
    """Read from `starts` to `ends`; return the highest revision of each partition that has a row there."""
    highest: dict[TopicPartition, int] = {}
    waiting = {tp for tp, end in ends.items() if starts[tp] < end}
    for tp in waiting:
        consumer.seek(tp, starts[tp])
    while waiting:
        for tp, records in (await consumer.getmany(*waiting, timeout_ms=200)).items():
            found = [revision for record in records if (revision := _revision(record.value)) is not None]
            if found:
                highest[tp] = max([*found, highest.get(tp, -1)])
        waiting = {tp for tp in waiting if await consumer.position(tp) < ends[tp]}
    return highest


def _revision(value: bytes | None) -> int | None:
    try:
        revision = json.loads(value or b"null")["revision"]
    except (ValueError, TypeError, KeyError):
        return None
    return revision if isinstance(revision, int) else None
