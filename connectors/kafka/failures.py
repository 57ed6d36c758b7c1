"""What a client's error means for the job: begin again, stop, or fail it."""

from __future__ import annotations

from aiokafka import errors as kafka

from connectors.errors import ConnectorError, FencedError, JobCode, JobError, RetriableError

__all__ = ["CLIENT_ERRORS", "DENIED", "delivery_error"]

# aiokafka asserts its own state transitions: an assertion there is a broken transaction, not our defect
CLIENT_ERRORS = (kafka.KafkaError, kafka.IllegalOperation, AssertionError, OSError, TimeoutError)

DENIED = (
    kafka.TopicAuthorizationFailedError,
    kafka.GroupAuthorizationFailedError,
    kafka.ClusterAuthorizationFailedError,
    kafka.TransactionalIdAuthorizationFailed,
)
"""What a broker answers to a user who may not do what was asked."""

_FENCED = (
    kafka.ProducerFenced,
    kafka.InvalidProducerEpoch,
    kafka.InvalidProducerIdMapping,
    kafka.TransactionCoordinatorFenced,
)
_TOO_LARGE = (kafka.MessageSizeTooLargeError, kafka.RecordListTooLargeError)
_REFUSED = (
    kafka.PolicyViolationError,
    kafka.InvalidTopicError,
    kafka.InvalidTimestampError,
    kafka.InvalidRequiredAcksError,
    kafka.UnsupportedForMessageFormatError,
)
_MISCONFIGURED = (
    kafka.InvalidTransactionTimeout,
    kafka.UnsupportedVersionError,
    kafka.IncompatibleBrokerVersion,
    kafka.OffsetMetadataTooLargeError,
    kafka.InvalidCommitOffsetSizeError,
)


def delivery_error(error: BaseException, *, topic: str, transactional_id: str) -> ConnectorError:
    """Return the error that says what happens next: JobError, FencedError or RetriableError."""
    if isinstance(error, ConnectorError):
        return error
    error = _root(error)
    if isinstance(error, _FENCED):
        return FencedError(
            f"another producer of `{transactional_id}` has started, or its transaction expired"
        )
    if isinstance(error, _TOO_LARGE):
        return JobError(
            JobCode.TOPIC_DENIED,
            f"the broker refuses a record batch of topic `{topic}` as too large",
            "raise the topic's `max.message.bytes` (or the broker's `message.max.bytes`) to 1048588 or more",
        )
    if isinstance(error, DENIED):
        return JobError(
            JobCode.TOPIC_DENIED,
            f"the broker denies access to `{topic}` or `{transactional_id}`: {_words(error)}",
            "grant the worker's user WRITE on the topic, READ on the group and WRITE on the transactional id",
        )
    if isinstance(error, _REFUSED):
        return JobError(
            JobCode.TOPIC_DENIED,
            f"the broker refuses the records of topic `{topic}`: {_words(error)}",
            "look at the topic's settings and the broker's policies",
        )
    if isinstance(error, _MISCONFIGURED):
        return JobError(
            JobCode.DELIVERY_FAILED,
            f"the broker cannot take the transactions of `{transactional_id}`: {_words(error)}",
            "look at the broker's version, `transaction.max.timeout.ms` and `offset.metadata.max.bytes`",
        )
    return RetriableError(f"delivery to topic `{topic}` failed: {_words(error)}")


def _root(error: BaseException) -> BaseException:
    """Undo the bare KafkaError that aiokafka's sender wraps unexpected errors in."""
    while type(error) is kafka.KafkaError and error.__cause__ is not None:
        error = error.__cause__
    return error


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__
