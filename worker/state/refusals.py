"""What the model store refuses, in the same words on Kafka and in memory."""

from __future__ import annotations

from worker.jobs import exact_json
from worker.state.api import Model, StateError

__all__ = ["model_exists", "model_not_found", "newest_etag", "same_schema", "version_conflict"]


def same_schema(one: str, other: str) -> bool:
    """Whether two schemas are equal JSON, numbers compared as text."""
    return exact_json.canonical(one) == exact_json.canonical(other)


def model_exists(known: Model) -> StateError:
    return StateError(
        "MODEL_EXISTS",
        f"model `{known.name}` exists with another schema (its newest version is `{known.version}`)",
        "choose another name, or update the model to make a new version of it",
    )


def model_not_found(name: str) -> StateError:
    return StateError(
        "MODEL_NOT_FOUND",
        f"model `{name}` does not exist",
        f"create it with `batch model create {name} schema.json`; `batch model list` shows those there are",
    )


def newest_etag(version: int) -> str:
    """How a guarded change names the newest version, over HTTP and on the command line."""
    return (
        f'the newest is version {version}: send its ETag `"{version}"` in `If-Match`, '
        f"on the command line `--if-version {version}`"
    )


def version_conflict(name: str, expected: int, newest: int) -> StateError:
    return StateError(
        "VERSION_CONFLICT",
        f"the newest version of model `{name}` is `{newest}`, not `{expected}` as the request expects",
        f"look at what changed with `batch model show {name}`; {newest_etag(newest)}",
    )
