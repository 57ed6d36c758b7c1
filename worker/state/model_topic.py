"""The models as they stand in `batch.models`: one record a version, the whole topic in memory.

A deleted model leaves one record behind, under its name alone: the number of its last version. It is what
keeps a model of the same name, made later, from using a version twice.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence

from worker.jobs import exact_json
from worker.state.api import Model
from worker.state.follower import TopicRecordLike

__all__ = ["ModelMap", "deletion_records", "encode_model", "model_key", "model_record"]

_log = logging.getLogger(__name__)


def model_key(name: str, version: int) -> bytes:
    return f"{name}@{version}".encode()


def encode_model(model: Model, nonce: str) -> bytes:
    """Return the record's value: Model JSON, the schema's numbers as they were written, and the nonce."""
    head = {"name": model.name, "version": model.version, "created_at": model.created_at, "nonce": nonce}
    return f'{json.dumps(head, separators=(",", ":"))[:-1]},"schema":{model.text}}}'.encode()


def model_record(model: Model, nonce: str) -> tuple[bytes, bytes]:
    """Return key and value of one version's record."""
    return model_key(model.name, model.version), encode_model(model, nonce)


def deletion_records(
    name: str, versions: Sequence[int], deleted_at: str, nonce: str
) -> list[tuple[bytes, bytes | None]]:
    """Return what deletes a model: the number of its last version, then tombstones, the newest last.

    A reader that stops half-way through still sees the newest version, or none.
    """
    last = {"name": name, "last_version": max(versions), "deleted_at": deleted_at, "nonce": nonce}
    tombstones: list[tuple[bytes, bytes | None]] = [(model_key(name, v), None) for v in sorted(versions)]
    return [(name.encode(), json.dumps(last, separators=(",", ":")).encode()), *tombstones]


class ModelMap:
    """All models by name and version. Takes records as a `FollowerStore`; what is no model is skipped."""

    def __init__(self) -> None:
        self._models: dict[str, dict[int, Model]] = {}
        self._nonces: dict[tuple[str, int], str] = {}
        self._deleted: dict[str, tuple[int, str]] = {}  # name → last version, nonce of the deletion
        self._positions: dict[int, int] = {}

    def get(self, name: str, version: int | None = None) -> Model | None:
        versions = self._models.get(name, {})
        wanted = max(versions, default=0) if version is None else version
        return versions.get(wanted)

    def newest(self) -> Sequence[Model]:
        return [versions[max(versions)] for _, versions in sorted(self._models.items())]

    def versions(self, name: str) -> Sequence[int]:
        return sorted(self._models.get(name, {}))

    def next_version(self, name: str) -> int:
        """The version after all that ever were, also those of deleted models of this name."""
        last, _ = self._deleted.get(name, (0, ""))
        return max(last, *self._models.get(name, {}), 0) + 1

    def written_by(self, name: str, nonce: str) -> Model | None:
        """The version that the write of this nonce made, while it stands."""
        return next(
            (m for v, m in self._models.get(name, {}).items() if self._nonces[name, v] == nonce), None
        )

    def deleted_by(self, name: str, nonce: str) -> bool:
        """Whether the deletion of this nonce is the last one of this name."""
        return name in self._deleted and self._deleted[name][1] == nonce

    # the follower's store

    async def positions(self) -> dict[int, int]:
        return dict(self._positions)

    async def apply(self, records: Sequence[TopicRecordLike], positions: dict[int, int]) -> None:
        for record in records:
            try:
                self._take(record)
            except (ValueError, TypeError, KeyError, RecursionError) as error:
                _log.warning("skipped a record that is no model (offset `%d`): %r", record.offset, error)
        self._positions.update(positions)

    async def reset(self) -> None:
        self._models.clear()
        self._nonces.clear()
        self._deleted.clear()
        self._positions.clear()

    def _take(self, record: TopicRecordLike) -> None:
        name, at, version_text = (record.key or b"").decode().partition("@")
        if not at:
            self._take_deletion(name, record.value)
            return
        version = int(version_text)
        if record.value is None:
            self._models.get(name, {}).pop(version, None)
            self._nonces.pop((name, version), None)
            if not self._models.get(name):
                self._models.pop(name, None)
            return
        raw = exact_json.loads(record.value)
        text = exact_json.dumps(raw["schema"])
        model = Model(name, version, exact_json.loads_decimal(text), raw["created_at"], text)
        self._models.setdefault(name, {})[version] = model
        self._nonces[name, version] = raw["nonce"]

    def _take_deletion(self, name: str, value: bytes | None) -> None:
        if value is None:
            self._deleted.pop(name, None)
        else:
            raw = json.loads(value)
            self._deleted[name] = int(raw["last_version"]), raw["nonce"]
