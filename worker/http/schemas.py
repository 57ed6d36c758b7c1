"""What requests may carry. Unknown names are refused: a misspelt filter must not list everything."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from worker.jobs.job import State

__all__ = [
    "MODEL_NAME",
    "DropzoneList",
    "JobCreate",
    "JobList",
    "JobRetry",
    "ModelCreate",
    "ModelList",
    "ModelShow",
    "ModelUpdate",
    "NoQuery",
    "RecordsQuery",
    "RejectsQuery",
]

MODEL_NAME = r"^[a-z0-9_-]{1,64}$"
PAGE_LIMIT = 500
LAST_OFFSET = 2**63 - 1
_LIMIT = Field(default=50, ge=1, le=PAGE_LIMIT, description="How many at most.")
_RECORDS = Field(default=None, ge=1, description="How many at most; all unless given.")
_FOLLOW = Field(default=False, description="Go on until the job has ended.")
_CURSOR = Field(default=None, description="The `next_cursor` of the page before.")


class Input(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _states(value: object) -> object:
    return [name for name in value.upper().split(",") if name] if isinstance(value, str) else value


def _searched(value: object) -> object:
    if isinstance(value, str) and "\0" in value:
        raise ValueError("no file name has a NUL in it")
    return value


def _offsets(value: object) -> object:
    """Read `0:120,1:7`: partition and next offset."""
    if not isinstance(value, str):
        return value
    offsets: dict[int, int] = {}
    for part in value.split(","):
        partition, colon, offset = part.partition(":")
        if not colon or not all(n.isascii() and n.isdigit() and len(n) < 20 for n in (partition, offset)):
            raise ValueError(f"`{part}` is not `partition:offset`")
        if int(partition) in offsets:
            raise ValueError(f"partition `{partition}` is named twice")
        if int(offset) > LAST_OFFSET:
            raise ValueError(f"`{offset}` is more than an offset can be")
        offsets[int(partition)] = int(offset)
    return offsets


class ModelCreate(Input):
    """Body of `POST /models`."""

    name: str = Field(pattern=MODEL_NAME, description="1 to 64 of a-z, 0-9, `_` and `-`.")
    schema_: dict[str, Any] = Field(alias="schema", description="A JSON Schema, draft 2020-12.")


class ModelUpdate(Input):
    """Body of `PUT /models/{name}`."""

    schema_: dict[str, Any] = Field(alias="schema", description="A JSON Schema, draft 2020-12.")


class ModelList(Input):
    """Query of `GET /models`."""

    limit: int = _LIMIT
    cursor: str | None = _CURSOR


class ModelShow(Input):
    """Query of `GET /models/{name}`."""

    version: int | None = Field(default=None, ge=1, description="This version instead of the newest.")


class NoQuery(Input):
    """For calls without parameters."""


class DropzoneList(Input):
    """Query of `GET /dropzone`, what came to wait last first."""

    limit: int = _LIMIT
    cursor: str | None = _CURSOR


class JobList(Input):
    """Query of `GET /jobs`, newest first."""

    state: Annotated[frozenset[State], BeforeValidator(_states)] = Field(
        default=frozenset(), description="Only these, separated by commas; in any case."
    )
    model: str | None = Field(default=None, description="Only jobs of this model.")
    q: Annotated[str | None, BeforeValidator(_searched)] = Field(
        default=None, description="Part of the file name or start of the id."
    )
    limit: int = _LIMIT
    cursor: str | None = _CURSOR


class JobCreate(Input):
    """Query of `POST /jobs`."""

    only_check: bool = Field(
        default=False,
        alias="validate",
        description="Check all rows of the file and answer 200 with a report; nothing goes to Kafka.",
    )


class JobRetry(Input):
    """Body of `POST /jobs/{id}/retry`; without one the job goes on at its committed position."""

    model_config = ConfigDict(strict=True)

    from_start: bool = Field(
        default=False, description="Deliver the whole file again; also of a COMPLETED job."
    )
    rejects: bool = Field(
        default=False, description="Deliver the rejected rows of a COMPLETED job, as far as they pass now."
    )
    model_version: int | None = Field(
        default=None,
        ge=1,
        description="This version of the model; else the newest, or the job's own of a model that is gone.",
    )
    allow_duplicates: bool = Field(
        default=False, description="With `from_start`: write the rows into a shared topic once more."
    )


class RecordsQuery(Input):
    """Query of `GET /jobs/{id}/records`. `from` maps partitions to their next offsets."""

    from_: Annotated[
        dict[int, int],
        BeforeValidator(_offsets),
        WithJsonSchema({"type": "string", "pattern": r"^\d+:\d+(,\d+:\d+)*$", "examples": ["0:120,1:7"]}),
    ] = Field(default={}, alias="from", description="The next offset of each partition: `p:o,p:o`.")
    limit: int | None = _RECORDS
    follow: bool = _FOLLOW
    format: Literal["values", "envelope"] = Field(default="values", description="What a line is.")


class RejectsQuery(Input):
    """Query of `GET /jobs/{id}/rejects`."""

    limit: int | None = _RECORDS
    follow: bool = _FOLLOW
    format: Literal["ndjson", "csv"] = Field(default="ndjson", description="What a line is.")
