"""Every call, as `/openapi.json` describes it; a test compares this table with the routes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import BaseModel

from worker.http.answers import (
    CheckAnswer,
    DropzoneAnswer,
    HealthAnswer,
    InferredModel,
    JobAnswer,
    JobListAnswer,
    ModelAnswer,
    ModelListAnswer,
    ReadyAnswer,
    RecordEnvelope,
)
from worker.http.guard import OPEN_PATHS
from worker.http.schemas import (
    DropzoneList,
    JobCreate,
    JobList,
    JobRetry,
    ModelCreate,
    ModelList,
    ModelShow,
    ModelUpdate,
    RecordsQuery,
    RejectsQuery,
)

__all__ = [
    "COMMON_CODES",
    "OPERATIONS",
    "TAGS",
    "TOKEN_CODES",
    "WRITING_CODES",
    "Answer",
    "FormKind",
    "Header",
    "Operation",
]

COMMON_CODES = ("FORBIDDEN_HOST", "INTERNAL")
"""What every call can answer."""

TOKEN_CODES = ("UNAUTHORIZED",)
"""What every call that needs the token can answer besides."""

WRITING_CODES = ("FORBIDDEN_ORIGIN",)
"""What every call that changes something can answer besides."""

TAGS = {
    "jobs": "Files on their way to a topic.",
    "models": "The JSON Schemas that rows are checked against.",
    "drop folder": "What lies in `incoming/`.",
    "worker": "How the worker is, and what it can do.",
}

_JSON, _NDJSON, _HTML = "application/json", "application/x-ndjson", "text/html"


@dataclass(frozen=True, slots=True)
class Header:
    """A header of a request or an answer."""

    name: str
    description: str
    example: str


_ETAG = Header("ETag", "The version, in quotes.", '"3"')
_LOCATION = Header("Location", "Where it is found from now on.", "/jobs/abc123def456")
_IF_MATCH = Header("If-Match", "Only if the model still has this version; `*` for any.", '"3"')
_KEY = Header(
    "Idempotency-Key",
    "1 to 255 printable ASCII characters: a request that is repeated with its key makes one job.",
    "4f0b9c5e-5d0c-4b7e-9a53-0c1f7ce0d1a2",
)
_REPLAYED = Header("Idempotency-Replayed", "Whether an earlier request with the key made the job.", "false")
_LAST_EVENT_ID = Header("Last-Event-ID", "The id of the last event that has arrived.", "120")


class FormKind(StrEnum):
    """What a call takes as multipart/form-data."""

    SUBMISSION = "submission"  # a model, options, and a file
    FILE = "file"  # options and a file


@dataclass(frozen=True, slots=True)
class Answer:
    """One way to succeed. Without a `model` the body is free text of its media type; 204 has none.

    `also` are media types that it has on request, as free text.
    """

    text: str
    model: type[BaseModel] | None = None
    media_type: str = _JSON
    also: tuple[str, ...] = ()
    headers: tuple[Header, ...] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """One call: what it takes, how it succeeds, and the error codes beside the common ones."""

    method: str
    path: str
    tag: str
    summary: str
    answers: Mapping[int, Answer]
    codes: tuple[str, ...] = ()
    description: str = ""
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    body_required: bool = True
    form: FormKind | None = None
    headers: tuple[Header, ...] = field(default=())

    @property
    def name(self) -> str:
        """The operation's id: unique, made of method and path."""
        parts = [part.strip("{}").replace(".", "_") for part in self.path.split("/") if part]
        return "_".join([self.method, *parts])

    @property
    def all_codes(self) -> tuple[str, ...]:
        writing = () if self.method == "get" else WRITING_CODES
        token = () if self.is_open else TOKEN_CODES
        return (*self.codes, *COMMON_CODES, *token, *writing)

    @property
    def is_open(self) -> bool:
        """Whether it answers without the token."""
        return self.path in OPEN_PATHS


_BAD = "INVALID_REQUEST"
_AWAY = "KAFKA_UNAVAILABLE"
_JOB = ("JOB_NOT_FOUND", _AWAY)
_ASKED = (_BAD, *_JOB, "NOT_READY", "INVALID_STATE")
_SCHEMA = (_BAD, "INVALID_SCHEMA", "INVALID_OPTION", _AWAY, "NOT_READY")
_RECORDED = {202: Answer("Recorded; the job's owner acts on it.", JobAnswer)}

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "get", "/jobs", "jobs", "List jobs",
        {200: Answer("A page, newest first.", JobListAnswer)}, (_BAD,), query=JobList,
        description="Any worker lists the jobs of all. Works while Kafka is away.",
    ),
    Operation(
        "post", "/jobs", "jobs", "Submit a file",
        {202: Answer("The file is a job.", JobAnswer, headers=(_LOCATION, _REPLAYED)),
         200: Answer("With `validate=true`: what would become of its rows.", CheckAnswer)},
        (_BAD, "INVALID_OPTION", "UNSUPPORTED_FILE_TYPE", "INCOMPLETE_UPLOAD", "MODEL_NOT_FOUND",
         "FILE_TOO_LARGE", "DUPLICATE_FILE", "IDEMPOTENCY_MISMATCH", _AWAY, "NOT_READY", "NO_SPACE"),
        query=JobCreate, form=FormKind.SUBMISSION, headers=(_KEY,),
        description="A form whose last field is the file; it is streamed and never held in memory. A check "
        "works while Kafka is away, and nothing of the file stays.",
    ),
    Operation(
        "get", "/jobs/{job_id}", "jobs", "Show a job", {200: Answer("The job.", JobAnswer)}, _JOB,
        description="A job answers as soon as its submission was answered.",
    ),
    Operation(
        "delete", "/jobs/{job_id}", "jobs", "Delete an ended job",
        {204: Answer("Its own topics, its progress and its row are gone.")}, _ASKED,
    ),
    Operation(
        "post", "/jobs/{job_id}/cancel", "jobs", "Cancel a job", _RECORDED, _ASKED,
        description="What it has committed stays.",
    ),
    Operation(
        "post", "/jobs/{job_id}/pause", "jobs", "Pause a job", _RECORDED, _ASKED,
        description="It stops after its last commit and keeps its place.",
    ),
    Operation(
        "post", "/jobs/{job_id}/resume", "jobs", "Resume a paused job", _RECORDED, _ASKED,
        description="It goes on at its last commit. Takes back a pause that is not done yet.",
    ),
    Operation(
        "post", "/jobs/{job_id}/retry", "jobs", "Retry an ended job", _RECORDED,
        (*_ASKED, "INVALID_OPTION", "MODEL_NOT_FOUND", "FILE_GONE", "SHARED_TOPIC"),
        body=JobRetry, body_required=False,
        description="Without a body a failed or cancelled job goes on at its last commit, with the newest "
        "version of its model. From the start it writes into a new topic of its own. Rejected rows that pass "
        "now are added to its topic. Options are those of the model version with the submission's over them; "
        "those of delivery (`topic`, `dlq_topic`, `partitions`, `key`, `record_headers`, `atomic`) change "
        "from the start only.",
    ),
    Operation(
        "get", "/jobs/{job_id}/records", "jobs", "Read the job's records",
        {200: Answer("One record a line: its value, or with `format=envelope` all of it.",
                     RecordEnvelope, _NDJSON)},
        (_BAD, *_JOB), query=RecordsQuery,
        description="Committed records only. Without `follow` it ends at the committed end of that moment, "
        "with it when the job has ended and all is read.",
    ),
    Operation(
        "get", "/jobs/{job_id}/rejects", "jobs", "Read the job's rejected rows",
        {200: Answer("One dead letter a line: reasons and the raw row.", media_type=_NDJSON,
                     also=("text/csv",))},
        (_BAD, *_JOB), query=RejectsQuery,
        description="The unresolved ones: not those that a retry of rejects has dealt with.",
    ),
    Operation(
        "get", "/jobs/{job_id}/events", "jobs", "Follow a job's state",
        {200: Answer("Events `job`: `id` is the revision, `data` the job; first as it stands. `end` comes "
                     "last: the job has ended, or was deleted.", media_type="text/event-stream")},
        (_BAD, *_JOB), headers=(_LAST_EVENT_ID,),
        description="Server-Sent Events. An answer that stops without `end`: connect again.",
    ),
    Operation(
        "get", "/models", "models", "List models",
        {200: Answer("A page, newest first.", ModelListAnswer)}, (_BAD,), query=ModelList,
    ),
    Operation(
        "post", "/models", "models", "Create a model",
        {201: Answer("Version 1.", ModelAnswer, headers=(_ETAG, _LOCATION)),
         200: Answer("It stands already, with the same schema.", ModelAnswer, headers=(_ETAG, _LOCATION))},
        (*_SCHEMA, "MODEL_EXISTS"), body=ModelCreate,
    ),
    Operation(
        "post", "/models/infer", "models", "Infer a schema from a file",
        {200: Answer("A schema that the file passes; no model is created.", InferredModel)},
        (_BAD, "INVALID_OPTION", "UNSUPPORTED_FILE_TYPE", "INCOMPLETE_UPLOAD", "FILE_TOO_LARGE", "NO_SPACE",
         "NOT_READY"),
        form=FormKind.FILE,
        description="All rows are read. What options say is not looked for. Nothing of the file stays.",
    ),
    Operation(
        "get", "/models/{name}", "models", "Show a model",
        {200: Answer("The newest version, or the one asked for.", ModelAnswer, headers=(_ETAG,))},
        (_BAD, "MODEL_NOT_FOUND", _AWAY), query=ModelShow,
    ),
    Operation(
        "put", "/models/{name}", "models", "Make the next version of a model",
        {200: Answer("The new version; the newest one if it has the same schema.", ModelAnswer,
                     headers=(_ETAG,))},
        (*_SCHEMA, "MODEL_NOT_FOUND", "VERSION_CONFLICT"), body=ModelUpdate, headers=(_IF_MATCH,),
        description="Versions stay: jobs go on with the one that they were submitted with.",
    ),
    Operation(
        "delete", "/models/{name}", "models", "Delete a model",
        {204: Answer("All its versions are gone.")},
        (_BAD, "MODEL_NOT_FOUND", "MODEL_IN_USE", "VERSION_CONFLICT", _AWAY, "NOT_READY"),
        headers=(_IF_MATCH,),
        description="Not while a job of it has not ended. Its version numbers are never used again.",
    ),
    Operation(
        "get", "/dropzone", "drop folder", "List what waits in `incoming/`, and why",
        {200: Answer("A page, what came to wait last first.", DropzoneAnswer)}, (_BAD,), query=DropzoneList,
    ),
    Operation("get", "/healthz", "worker", "Is it alive", {200: Answer("It answers.", HealthAnswer)}),
    Operation(
        "get", "/readyz", "worker", "Is it ready",
        {200: Answer("Broker, table and partitions are there.", ReadyAnswer)}, (_AWAY, "NOT_READY"),
        description="Why not stands in `detail`; the members of the 200 are in the error, too.",
    ),
    Operation(
        "get", "/metrics", "worker", "Metrics",
        {200: Answer("As Prometheus reads them; OpenMetrics where `Accept` asks for it.",
                     media_type="text/plain")},
    ),
    Operation(
        "get", "/openapi.json", "worker", "This description", {200: Answer("OpenAPI 3.1.")},
    ),
    Operation(
        "get", "/docs", "worker", "This description as a page",
        {200: Answer("HTML, nothing loaded from elsewhere.", media_type=_HTML)},
    ),
)  # fmt: skip
