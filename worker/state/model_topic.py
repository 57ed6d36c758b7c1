"""The models as they stand in `batch.models`: one record a version, the whole topic in memory."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence

from worker.jobs import exact_json
from worker.state.api import Model
from worker.state.follower import TopicRecordLike

__all__ = ["ModelMap", "encode_model", "model_key"]

_log = logging.getLogger(__name__)


def model_key(name: str, version: int) -> bytes:
    return f"{name}@{version}".encode()


def encode_model(model: Model, nonce: str) -> bytes:
    """Return the record's value: Model JSON, the schema's numbers as they were written, and the nonce."""
    head = {"name": model.name, "version": model.version, "created_at": model.created_at, "nonce": nonce}
    return f'{json.dumps(head, separators=(",", ":"))[:-1]},"schema":{model.text}}}'.encode()


class ModelMap:
    """All models by name and version. Takes records as a `FollowerStore`; what is no model is skipped."""

    def __init__(self) -> None:
        self._models: dict[str, dict[int, Model]] = {}
        self._nonces: dict[tuple[str, int], str] = {}
        self._positions: dict[int, int] = {}

    def get(self, name: str, version: int | None = None) -> Model | None:
        versions = self._models.get(name, {})
        wanted = max(versions, default=0) if version is None else version
        return versions.get(wanted)

    def newest(self) -> Sequence[Model]:
        return [versions[max(versions)] for _, versions in sorted(self._models.items())]

    def versions(self, name: str) -> Sequence[int]:
        return sorted(self._models.get(name, {}))

    def nonce(self, model: Model) -> str | None:
        """Who wrote this version: the nonce of the write."""
        return self._nonces.get((model.name, model.version))

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
        self._positions.clear()

    def _take(self, record: TopicRecordLike) -> None:
        name, _, version_text = (record.key or b"").decode().partition("@")
        version = int(version_text)
        if record.value is None:
            self._models.get(name, {}).pop(version, None)
            if not self._models.get(name):
                self._models.pop(name, None)
            return
        raw = exact_json.loads(record.value)
        text = exact_json.dumps(raw["schema"])
        model = Model(name, version, exact_json.loads_decimal(text), raw["created_at"], text)
        self._models.setdefault(name, {})[version] = model
        self._nonces[name, version] = raw["nonce"]
