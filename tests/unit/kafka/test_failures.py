from __future__ import annotations

import pytest
from aiokafka import errors as kafka

from connectors.errors import (
    ConnectorError,
    FencedError,
    JobCode,
    JobError,
    RetriableError,
    TopicLimitError,
)
from connectors.kafka.failures import delivery_error
from connectors.kafka.topics import TopicSpec, _refusal


def meaning(error: BaseException) -> ConnectorError:
    return delivery_error(error, topic="batch_j", transactional_id="batch-j")


@pytest.mark.parametrize("error", [kafka.ProducerFenced(), kafka.InvalidProducerEpoch()])
def test_fenced(error: Exception) -> None:
    assert isinstance(meaning(error), FencedError)


def test_fenced_behind_the_senders_wrapping() -> None:
    error = kafka.KafkaError("Unexpected error during batch delivery")
    error.__cause__ = kafka.InvalidProducerEpoch()
    assert isinstance(meaning(error), FencedError)


@pytest.mark.parametrize(
    "error",
    [
        kafka.KafkaConnectionError("away"),
        kafka.RequestTimedOutError(),
        kafka.UnknownTopicOrPartitionError(),
        kafka.InvalidTxnState(),
        kafka.OutOfOrderSequenceNumber(),
        kafka.KafkaError("anything"),
        kafka.IllegalOperation("not in a transaction"),
        AssertionError(),
        ConnectionResetError(),
        TimeoutError(),
    ],
)
def test_begin_again(error: Exception) -> None:
    found = meaning(error)
    assert isinstance(found, RetriableError)
    assert "`batch_j`" in str(found)
    assert not str(found).endswith(": ")


@pytest.mark.parametrize(
    ("error", "code", "hint"),
    [
        (kafka.MessageSizeTooLargeError(), JobCode.TOPIC_DENIED, "max.message.bytes"),
        (kafka.RecordListTooLargeError(), JobCode.TOPIC_DENIED, "max.message.bytes"),
        (kafka.TopicAuthorizationFailedError("batch_j"), JobCode.TOPIC_DENIED, "grant"),
        (kafka.TransactionalIdAuthorizationFailed("batch-j"), JobCode.TOPIC_DENIED, "grant"),
        (kafka.InvalidTransactionTimeout(), JobCode.DELIVERY_FAILED, "transaction.max.timeout.ms"),
    ],
)
def test_the_job_fails(error: Exception, code: JobCode, hint: str) -> None:
    found = meaning(error)
    assert isinstance(found, JobError)
    assert found.code is code
    assert hint in found.hint


def test_our_own_errors_pass() -> None:
    own = RetriableError("x")
    assert meaning(own) is own


@pytest.mark.parametrize(
    ("code", "kind"), [(37, TopicLimitError), (44, TopicLimitError), (29, JobError), (31, JobError)]
)
def test_refused_topics(code: int, kind: type[ConnectorError]) -> None:
    found = _refusal(TopicSpec("batch_j", 5), code, "no more")
    assert isinstance(found, kind)
    assert "`batch_j`" in str(found)
    assert "no more" in str(found)


def test_a_refusal_that_may_pass_is_tried_again() -> None:
    assert isinstance(_refusal(TopicSpec("batch_j", 5), 41, None), RetriableError)
