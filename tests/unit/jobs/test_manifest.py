"""The manifest reads back as it was written, with the schema's numbers exact."""

from __future__ import annotations

from decimal import Decimal

import pytest

from worker.jobs.job import Source, State
from worker.jobs.manifest import Manifest

BOUND = Decimal("0.12345678901234567890123")


def manifest() -> Manifest:
    return Manifest(
        job_id="abcdefghij01",
        model="orders",
        model_version=3,
        schema={"properties": {"a": {"minimum": BOUND, "maximum": 10**30, "multipleOf": Decimal("0.10")}}},
        options={"delimiter": ";"},
        source=Source.UPLOAD,
        file='odd "name"\n✓.csv',
        stored_name='odd "name"\n✓.csv',
        size_bytes=5,
        mtime_ns=1764032400123456789,
        sha256="0" * 64,
        block_bytes=4194304,
        topic="batch_abcdefghij01",
        dlq_topic="batch_abcdefghij01_dlq",
        created_at="2026-11-25T10:00:00.000Z",
    )


def test_it_reads_back_as_it_was_written() -> None:
    assert Manifest.from_bytes(manifest().to_bytes()) == manifest()


def test_the_numbers_of_the_schema_keep_their_digits() -> None:
    written = manifest().to_bytes()
    assert b'"minimum":0.12345678901234567890123' in written
    assert b'"multipleOf":0.10' in written


def test_it_is_the_submission() -> None:
    job = manifest().job()
    assert (job.job_id, job.model, job.model_version, job.state) == (
        "abcdefghij01",
        "orders",
        3,
        State.QUEUED,
    )
    assert (job.options, job.topic, job.attempt) == ({"delimiter": ";"}, "batch_abcdefghij01", 1)


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"{}", b'{"job_id": "a"}', b"\xff"])
def test_what_is_no_manifest_is_told_apart(raw: bytes) -> None:
    with pytest.raises(ValueError):
        Manifest.from_bytes(raw)
