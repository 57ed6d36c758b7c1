"""Rejects as they stand in the dead letter topic: RejectedRow JSON, and headers named as Kafka Connect's are.

The header names are those of `DeadLetterQueueReporter` (KIP-298).
"""

from __future__ import annotations

import base64
import codecs
import json
from bisect import bisect_right
from dataclasses import dataclass
from typing import Any

from connectors.api import Reject, RowError
from connectors.headers import JOB_ID_HEADER

__all__ = ["ERRORS_JSON_BYTES", "RAW_JSON_BYTES", "RejectOrigin", "encode_reject", "shown_column"]

RAW_JSON_BYTES = 256 * 1024
"""Most bytes of `raw` as a JSON string, quotes included."""

ERRORS_JSON_BYTES = 256 * 1024
"""Most bytes of the errors as JSON, unless the first alone has more; with `raw`, half of a record's."""

_MAX_ERRORS = 100
_COLUMN_CHARACTERS = 200
_MESSAGE_HEADER_CHARACTERS = 1000
_STAGE = "VALUE_CONVERTER"
_TASK = "0"  # a job is one task


@dataclass(frozen=True, slots=True)
class RejectOrigin:
    """The job that the rejects of an encoder come from. `file` is the user's name of the file."""

    namespace: str
    job_id: str
    attempt: int
    file: str
    topic: str


def encode_reject(reject: Reject, origin: RejectOrigin) -> tuple[bytes, list[tuple[str, bytes]]]:
    """Return value and headers of the record of one rejected row."""
    raw, encoding, kept = _raw(reject)
    value = {
        "job_id": origin.job_id,
        "attempt": origin.attempt,
        "file": origin.file,
        "row": reject.row,
        "line": reject.line,
        "byte_offset": reject.byte_offset,
        "errors": _errors(reject),
        "raw": raw,
        "raw_encoding": encoding,
        "raw_bytes": reject.raw_bytes,
        "raw_truncated": kept < reject.raw_bytes,
    }
    return _json(value), _headers(reject, origin)


def shown_column(error: RowError) -> str | None:
    """Return the column of an error as it is shown: a long name is cut."""
    return error.column and error.column[:_COLUMN_CHARACTERS]


def _headers(reject: Reject, origin: RejectOrigin) -> list[tuple[str, bytes]]:
    message = reject.errors[0].message[:_MESSAGE_HEADER_CHARACTERS] if reject.errors else ""
    values = {
        "topic": origin.topic,
        "stage": _STAGE,
        "exception.message": message,
        "task.id": _TASK,
        "connector.name": f"{origin.namespace}-{origin.job_id}",
    }
    headers = [(f"__connect.errors.{name}", _utf8(value)) for name, value in values.items()]
    # on a shared topic readers leave out other jobs' rows without a look at the value
    return [*headers, (JOB_ID_HEADER, _utf8(origin.job_id))]


def _errors(reject: Reject) -> list[dict[str, Any]]:
    """The first errors, as many as are allowed and fit; never none."""
    errors: list[dict[str, Any]] = []
    size = 0
    for error in reject.errors[:_MAX_ERRORS]:
        item = {"column": shown_column(error), "code": error.code.value, "message": error.message}
        size += len(_json(item))
        if errors and size > ERRORS_JSON_BYTES:
            break
        errors.append(item)
    return errors


def _raw(reject: Reject) -> tuple[str, str, int]:
    """Return the raw row as text, how that is encoded, and how many bytes of the file it covers."""
    whole = len(reject.raw) == reject.raw_bytes
    try:
        # of a row that came as its head only, the last character may be cut
        text = codecs.getincrementaldecoder(reject.encoding)().decode(reject.raw, final=whole)
    except UnicodeDecodeError:
        kept = min(len(reject.raw), (RAW_JSON_BYTES - 2) // 4 * 3)
        return base64.b64encode(reject.raw[:kept]).decode("ascii"), "base64", kept
    text = _cut(text[:RAW_JSON_BYTES])
    return text, "utf-8", len(text.encode(reject.encoding))


def _cut(text: str) -> str:
    """Return the longest head whose JSON form is within the limit."""
    if len(_json(text)) <= RAW_JSON_BYTES:
        return text
    longest = bisect_right(range(len(text)), RAW_JSON_BYTES, key=lambda n: len(_json(text[:n]))) - 1
    return text[:longest]


def _json(value: Any) -> bytes:
    return _utf8(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def _utf8(text: str) -> bytes:
    # a file's name may hold bytes that are no UTF-8
    return text.encode("utf-8", "replace")
