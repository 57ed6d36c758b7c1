"""Errors of the data path, by what happens next.

ConnectorError
├── JobError            the job fails for good, with a code of the contract
│   └── HeaderError     before any row
├── ModelError          a model or a request is refused before there is a job
│   ├── SchemaError     INVALID_SCHEMA
│   └── OptionError     INVALID_OPTION
└── DeliveryError       nothing of the open transaction counts
    ├── RetriableError  abort, close, begin again from the committed position
    ├── TopicLimitError the cluster takes no more topics now: wait, then begin again
    └── FencedError     another owner may have started: stop, or look at the ownership first
"""

from __future__ import annotations

from enum import StrEnum

__all__ = [
    "ConnectorError",
    "DeliveryError",
    "FencedError",
    "HeaderError",
    "JobCode",
    "JobError",
    "ModelError",
    "OptionError",
    "RetriableError",
    "RowCode",
    "SchemaError",
    "TopicLimitError",
]


class JobCode(StrEnum):
    """Why a job fails, as far as the data path can find it."""

    UNSUPPORTED_FILE_TYPE = "UNSUPPORTED_FILE_TYPE"
    DUPLICATE_FILE = "DUPLICATE_FILE"
    HEADER_MISSING = "HEADER_MISSING"
    HEADER_DUPLICATE = "HEADER_DUPLICATE"
    COLUMN_MISSING = "COLUMN_MISSING"
    COLUMN_UNKNOWN = "COLUMN_UNKNOWN"
    COLUMN_TYPE = "COLUMN_TYPE"
    ENCODING = "ENCODING"
    PARQUET_INVALID = "PARQUET_INVALID"
    PARQUET_ROW_GROUP_TOO_LARGE = "PARQUET_ROW_GROUP_TOO_LARGE"
    DECOMPRESSION_LIMIT = "DECOMPRESSION_LIMIT"
    FILE_CHANGED = "FILE_CHANGED"
    FILE_GONE = "FILE_GONE"
    TOO_MANY_REJECTS = "TOO_MANY_REJECTS"
    TOPIC_REPLACED = "TOPIC_REPLACED"
    TOPIC_DENIED = "TOPIC_DENIED"
    PROGRESS_EXPIRED = "PROGRESS_EXPIRED"
    DELIVERY_FAILED = "DELIVERY_FAILED"
    INTERNAL = "INTERNAL"


class RowCode(StrEnum):
    """Why a row is a reject (contract §5)."""

    TYPE = "TYPE"
    ENUM = "ENUM"
    RANGE = "RANGE"
    LENGTH = "LENGTH"
    PATTERN = "PATTERN"
    FORMAT = "FORMAT"
    REQUIRED = "REQUIRED"
    COLUMN_COUNT = "COLUMN_COUNT"
    ENCODING = "ENCODING"
    ROW_TOO_LARGE = "ROW_TOO_LARGE"
    UNCLOSED_QUOTE = "UNCLOSED_QUOTE"
    SCHEMA = "SCHEMA"


class ConnectorError(Exception):
    """Root of the data path's errors."""


class JobError(ConnectorError):
    """The job fails for good. `message` says what and which value, `hint` what to do."""

    def __init__(self, code: JobCode, message: str, hint: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


class HeaderError(JobError):
    """The file's header or columns do not fit the model: no row was read."""


class ModelError(ConnectorError):
    """A model or its options cannot be used. `message` says what and which value, `hint` what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class SchemaError(ModelError):
    """The schema is not one that rows can be checked with (INVALID_SCHEMA).

    `pointer` is the place in the schema as a JSON Pointer (RFC 6901); empty: the root.
    """

    def __init__(self, pointer: str, message: str, hint: str) -> None:
        super().__init__(message, hint)
        self.pointer = pointer


class OptionError(ModelError):
    """An option is unknown, or its value is not allowed (INVALID_OPTION)."""


class DeliveryError(ConnectorError):
    """The open transaction cannot be committed."""


class RetriableError(DeliveryError):
    """Begin again with a new producer, from the committed position."""


class TopicLimitError(DeliveryError):
    """The cluster refuses more topics or partitions. `message` says what, `hint` what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class FencedError(DeliveryError):
    """The broker knows a newer producer of this transactional id."""
