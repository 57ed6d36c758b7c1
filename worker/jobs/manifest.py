"""The manifest `.job.json` beside a claimed file: it *is* the submission.

Whoever owns the job can publish its SUBMITTED event and deliver it from the manifest alone; a resume never
sees another version of the model.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from worker.jobs import exact_json
from worker.jobs.job import Idempotency, Job, Source

__all__ = ["MANIFEST_NAME", "Manifest"]

MANIFEST_NAME = ".job.json"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What was submitted. `file` is the user's name, `stored_name` the file's name in the job's folder.

    `schema` has its numbers as int and Decimal. `options` are those of the model with the request's over
    them; `overrides` are the request's alone. Sizes are bytes; `mtime_ns` is the file's. `attempt` is the one
    whose model and options these are: a retry may bring others.
    """

    job_id: str
    model: str
    model_version: int
    schema: dict[str, Any]
    options: dict[str, Any]
    source: Source
    file: str
    stored_name: str
    size_bytes: int
    mtime_ns: int
    sha256: str
    block_bytes: int
    topic: str
    dlq_topic: str
    created_at: str
    overrides: dict[str, Any] = field(default_factory=dict)
    attempt: int = 1
    duplicate_of: str | None = None
    idempotency: Idempotency | None = None

    def job(self) -> Job:
        """Return the job's first row."""
        return Job(
            job_id=self.job_id,
            model=self.model,
            model_version=self.model_version,
            options=self.options,
            source=self.source,
            file=self.file,
            size_bytes=self.size_bytes,
            sha256=self.sha256,
            topic=self.topic,
            created_at=self.created_at,
            duplicate_of=self.duplicate_of,
            idempotency=self.idempotency,
        )

    def to_bytes(self) -> bytes:
        return exact_json.dumps(asdict(self)).encode()

    @classmethod
    def from_bytes(cls, raw: bytes) -> Manifest:
        """Raises ValueError when `raw` is not a manifest."""
        try:
            values = exact_json.loads_decimal(raw)
            values["source"] = Source(values["source"])
            if values.get("idempotency"):
                values["idempotency"] = Idempotency(**values["idempotency"])
            return cls(**values)
        except (TypeError, KeyError) as error:
            raise ValueError(f"not a job manifest: {error}") from error
