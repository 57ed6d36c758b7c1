"""What requests may carry. Unknown names are refused: a misspelt filter must not list everything."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from worker.jobs.job import State

__all__ = [
    "MODEL_NAME",
    "JobList",
    "ModelCreate",
    "ModelList",
    "ModelShow",
    "RecordsQuery",
    "RejectsQuery",
    "StatusQuery",
]

MODEL_NAME = r"^[a-z0-9_-]{1,64}$"
PAGE_LIMIT = 500
LAST_OFFSET = 2**63 - 1


class Input(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _states(value: object) -> object:
    return [name for name in value.upper().split(",") if name] if isinstance(value, str) else value


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

    name: str = Field(pattern=MODEL_NAME)
    schema_: dict[str, Any] = Field(alias="schema", description="A JSON Schema, draft 2020-12.")


class ModelList(Input):
    """Query of `GET /models`."""

    limit: int = Field(default=50, ge=1, le=PAGE_LIMIT)
    cursor: str | None = None


class ModelShow(Input):
    """Query of `GET /models/{name}`."""

    version: int | None = Field(default=None, ge=1)


class JobList(Input):
    """Query of `GET /jobs`, newest first."""

    state: Annotated[frozenset[State], BeforeValidator(_states)] = frozenset()
    model: str | None = None
    q: str | None = Field(default=None, description="Part of the file name or start of the id.")
    limit: int = Field(default=50, ge=1, le=PAGE_LIMIT)
    cursor: str | None = None


class StatusQuery(Input):
    """Query of the status page."""

    state: State | None = None
    cursor: str | None = None


class RecordsQuery(Input):
    """Query of `GET /jobs/{id}/records`. `from` maps partitions to their next offsets."""

    from_: Annotated[dict[int, int], BeforeValidator(_offsets)] = Field(default={}, alias="from")
    limit: int | None = Field(default=None, ge=1)
    follow: bool = False
    format: Literal["values", "envelope"] = "values"


class RejectsQuery(Input):
    """Query of `GET /jobs/{id}/rejects`."""

    limit: int | None = Field(default=None, ge=1)
    follow: bool = False
    format: Literal["ndjson"] = "ndjson"
