"""How far table and lists are behind."""

from __future__ import annotations

import math

from connectors.kafka.connection import KafkaConnection
from worker.state.api import Lag
from worker.state.internal_topics import InternalTopics
from worker.state.lag import LagMeter

TOPICS = InternalTopics("ns", 3)


def meter(owned: set[int], read: dict[int, int]) -> LagMeter:
    return LagMeter(KafkaConnection("127.0.0.1:1"), TOPICS, owned=lambda: owned, read=lambda: read)


def ends(events: list[int], jobs: list[int]) -> dict[tuple[str, int], int]:
    return {
        **{("ns.job-events", p): end for p, end in enumerate(events)},
        **{("ns.jobs", p): end for p, end in enumerate(jobs)},
    }


def test_nothing_is_known_before_the_first_answer() -> None:
    lag = meter(set(), {}).lag
    assert math.isnan(lag.table_events)
    assert math.isnan(lag.read_model_records)


def test_only_own_partitions_count_for_the_table_and_all_for_the_lists() -> None:
    found = meter({0, 2}, {0: 7, 1: 5, 2: 0})
    found.folded(0, 9)
    found.folded(1, 0)
    found.folded(2, 3)
    assert found.behind(ends([12, 100, 4], [10, 5, 1])) == Lag(2, 4)


def test_what_was_folded_since_the_question_is_no_lag() -> None:
    found = meter({0}, {0: 30, 1: 0, 2: 0})
    found.folded(0, 20)
    assert found.behind(ends([15, 0, 0], [29, 0, 0])) == Lag(0, 0)


def test_an_own_partition_without_a_folded_event_is_left_out() -> None:
    assert meter({0, 1}, {}).behind(ends([5, 5, 5], [5, 5, 5])) == Lag(0, 0)
