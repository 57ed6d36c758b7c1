"""What is said of internal topics that are not as the worker makes them."""

from __future__ import annotations

import pytest

from connectors.kafka.topics import TopicSpec
from worker.state.topic_checks import TopicSettings, UnusableTopicError, check_history

JOBS = TopicSpec(
    "ns.jobs", 8, {"cleanup.policy": "compact", "segment.ms": "3600000", "min.insync.replicas": "1"}
)
EVENTS = TopicSpec("ns.job-events", 8, {"cleanup.policy": "delete"})
AS_MADE = {"cleanup.policy": "compact", "segment.ms": "3600000", "min.insync.replicas": "1"}


def test_topics_as_they_were_made_pass_in_silence() -> None:
    settings = TopicSettings(JOBS, AS_MADE)
    settings.check_policy()
    assert (settings.differences(), settings.unknown) == ([], [])
    TopicSettings(EVENTS, {"cleanup.policy": "delete"}).check_policy()


@pytest.mark.parametrize(
    ("spec", "found", "wanted"),
    [
        (JOBS, "delete", "compact"),
        (JOBS, "compact,delete", "compact"),
        (JOBS, "delete, compact", "compact"),
        (EVENTS, "compact", "delete"),
        (EVENTS, "compact,delete", "delete"),
    ],
)
def test_a_policy_that_would_lose_rows_or_events_is_refused(spec: TopicSpec, found: str, wanted: str) -> None:
    with pytest.raises(UnusableTopicError) as caught:
        TopicSettings(spec, {**AS_MADE, "cleanup.policy": found}).check_policy()
    refusal = caught.value.refusal
    assert refusal.message == (
        f"topic `{spec.name}` has `cleanup.policy` = `{found}`, but must have `{wanted}`: "
        "the worker would lose what it keeps there"
    )
    assert f"`rpk topic alter-config {spec.name} --set cleanup.policy={wanted}`" in refusal.hint


def test_other_differences_name_the_command_that_mends_them() -> None:
    settings = TopicSettings(JOBS, {**AS_MADE, "segment.ms": "1209600000"})
    settings.check_policy()
    (sentence,) = settings.differences()
    assert sentence.startswith(
        "topic `ns.jobs` has `segment.ms` = `1209600000` instead of `3600000`; mend it with "
    )
    assert "--entity-name ns.jobs --add-config segment.ms=3600000`" in sentence


def test_settings_that_the_broker_does_not_have_are_no_differences() -> None:
    settings = TopicSettings(JOBS, {"cleanup.policy": "compact"})
    settings.check_policy()
    assert settings.differences() == []
    assert settings.unknown == ["segment.ms", "min.insync.replicas"]


def test_settings_that_may_not_be_seen_are_said_once_a_topic() -> None:
    settings = TopicSettings(JOBS, None)
    settings.check_policy()
    assert settings.differences() == [
        "the settings of topic `ns.jobs` cannot be checked: grant DESCRIBE_CONFIGS on it"
    ]
    assert settings.unknown == []


def test_a_row_of_an_event_that_is_not_there_shows_that_the_events_were_made_anew() -> None:
    check_history("ns.job-events", "ns.jobs", {0: 9, 2: 0}, {0: 10, 1: 0, 2: 1})
    with pytest.raises(UnusableTopicError) as caught:
        check_history("ns.job-events", "ns.jobs", {0: 9, 2: 1}, {0: 10, 1: 0, 2: 1})
    assert caught.value.refusal.message == (
        "topic `ns.job-events` was made anew: its partition 2 ends at `1`, but topic `ns.jobs` has rows "
        "as of `1`; commands to their jobs would be ignored"
    )
    assert "delete topic `ns.jobs` as well" in caught.value.refusal.hint
