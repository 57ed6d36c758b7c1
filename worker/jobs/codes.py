"""Every error code that a user can meet (contract §10): one table, compared with docs/errors.md by a test."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["CODES", "Code", "CodeInfo", "Where"]


class Where(StrEnum):
    REQUEST = "request"
    JOB_FAILS = "job fails"
    JOB_WAITS = "job waits"
    FILE_WAITS = "file waits"
    ROW = "row"


@dataclass(frozen=True, slots=True)
class CodeInfo:
    """`status` is the HTTP status where the code answers a request; `meaning` one sentence for people."""

    where: frozenset[Where]
    status: int | None
    meaning: str


_R, _F, _W, _I, _X = Where.REQUEST, Where.JOB_FAILS, Where.JOB_WAITS, Where.FILE_WAITS, Where.ROW


def _at(status: int | None, meaning: str, *where: Where) -> CodeInfo:
    return CodeInfo(frozenset(where), status, meaning)


CODES: dict[str, CodeInfo] = {
    "INVALID_REQUEST": _at(400, "The request cannot be read as this call needs it.", _R),
    "INVALID_SCHEMA": _at(400, "The model's schema is not a JSON Schema that rows can be checked with.", _R),
    "INVALID_OPTION": _at(400, "An option is unknown, or its value is not allowed.", _R),
    "UNSUPPORTED_FILE_TYPE": _at(
        400, "The file is not CSV, NDJSON or Parquet, or its gzip or zstd data is broken.", _R, _F
    ),
    "INCOMPLETE_UPLOAD": _at(400, "The connection ended before the whole file had arrived.", _R),
    "UNAUTHORIZED": _at(401, "The token is missing or wrong.", _R),
    "FORBIDDEN_HOST": _at(403, "The `Host` header names a host that this worker does not answer for.", _R),
    "FORBIDDEN_ORIGIN": _at(403, "Another site's page tried to change something.", _R),
    "NOT_FOUND": _at(404, "There is nothing at this address.", _R),
    "MODEL_NOT_FOUND": _at(404, "There is no model of this name or version.", _R, _I),
    "JOB_NOT_FOUND": _at(404, "There is no job of this id.", _R),
    "METHOD_NOT_ALLOWED": _at(405, "This address does not know this method.", _R),
    "MODEL_EXISTS": _at(409, "The model exists with another schema.", _R),
    "MODEL_IN_USE": _at(409, "A job of this model has not ended.", _R),
    "INVALID_STATE": _at(409, "The job's state does not allow this.", _R),
    "DUPLICATE_FILE": _at(409, "The same bytes were submitted for this model before.", _R, _F),
    "FILE_GONE": _at(409, "The job's file is no longer where it was put.", _R, _F),
    "SHARED_TOPIC": _at(409, "A retry from the start would write rows twice into a shared topic.", _R),
    "VERSION_CONFLICT": _at(412, "The model has another version than `If-Match` names.", _R),
    "FILE_TOO_LARGE": _at(413, "The file is larger than `BATCH_MAX_UPLOAD_BYTES`.", _R, _I),
    "IDEMPOTENCY_MISMATCH": _at(422, "The same Idempotency-Key came with another request.", _R),
    "INTERNAL": _at(
        500, "A defect of the worker, or a file that it cannot read; its log says more.", _R, _F, _I
    ),
    "KAFKA_UNAVAILABLE": _at(503, "Kafka does not answer.", _R, _W, _I),
    "NOT_READY": _at(503, "The worker is starting or rebalancing.", _R),
    "NO_SPACE": _at(507, "The disk has less free space than `BATCH_MIN_FREE_BYTES`.", _R, _I),
    "HEADER_MISSING": _at(None, "The header has an empty name, does not end, or is too large.", _F),
    "HEADER_DUPLICATE": _at(None, "The header names a column twice.", _F),
    "COLUMN_MISSING": _at(None, "A required property, or the key, has no column.", _F),
    "COLUMN_UNKNOWN": _at(None, "The model allows no such column.", _F),
    "COLUMN_TYPE": _at(None, "A Parquet column's type cannot become the model's type.", _F),
    "ENCODING": _at(None, "Bytes that are not valid in the file's encoding.", _F, _X),
    "PARQUET_INVALID": _at(None, "The Parquet file is broken.", _F),
    "PARQUET_ROW_GROUP_TOO_LARGE": _at(
        None, "A column chunk of the Parquet file is over 256 MiB uncompressed.", _F
    ),
    "DECOMPRESSION_LIMIT": _at(None, "The file unpacks to more than is allowed.", _F),
    "FILE_CHANGED": _at(None, "The file was altered after it was taken.", _F),
    "TOO_MANY_REJECTS": _at(None, "More rows were rejected than `BATCH_MAX_REJECT_RATIO` allows.", _F),
    "TOPIC_REPLACED": _at(None, "The job's topic is not the one that its rows went to.", _F),
    "TOPIC_DENIED": _at(None, "The broker refuses the job's topic or its records.", _F),
    "PROGRESS_EXPIRED": _at(None, "The broker no longer has the job's committed position.", _F),
    "DELIVERY_FAILED": _at(None, "The rows could not be delivered after several attempts.", _F),
    "SLOT": _at(None, "All slots for running jobs are taken.", _W),
    "TOPIC_LIMIT": _at(None, "The broker refuses more topics.", _W),
    "RETRY_LATER": _at(None, "Delivery failed for now and is tried again.", _W),
    "STILL_CHANGING": _at(None, "The file's size or time still changes.", _I),
    "NO_MODEL": _at(None, "The file lies in a folder whose name is not a model's, or too deep.", _I),
    "LINK_REFUSED": _at(None, "Links, devices and pipes are not taken.", _I),
    "NAME_IGNORED": _at(None, "Names of unfinished or hidden files are left alone.", _I),
    "TYPE": _at(None, "The value is not of the column's type.", _X),
    "ENUM": _at(None, "The value is not one of those that the model allows.", _X),
    "RANGE": _at(None, "The number is out of the model's bounds.", _X),
    "LENGTH": _at(None, "The text is shorter or longer than the model allows.", _X),
    "PATTERN": _at(None, "The text does not match the model's pattern.", _X),
    "FORMAT": _at(None, "The text is not of the model's format.", _X),
    "REQUIRED": _at(None, "A required value is empty.", _X),
    "COLUMN_COUNT": _at(None, "The row has another number of cells than the header.", _X),
    "ROW_TOO_LARGE": _at(None, "The row, or its JSON, is over `BATCH_MAX_ROW_BYTES`.", _X),
    "UNCLOSED_QUOTE": _at(None, "A quote is still open at the end of the file.", _X),
    "SCHEMA": _at(None, "The row breaks another rule of the model's schema.", _X),
}

Code = str


def status_of(code: str) -> int:
    """Return the HTTP status of a code that answers requests."""
    status = CODES[code].status
    if status is None:
        raise KeyError(f"`{code}` never answers a request")
    return status
