"""A manifest's file on the connectors: converter, then encoder, with the headers that its options ask for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from config.settings import Settings
from connectors.api import EncodedBlock, Position
from connectors.errors import HeaderError, JobCode
from connectors.kernels import Kernels
from connectors.testing import decode_batch
from worker.jobs.job import Source
from worker.jobs.manifest import Manifest
from worker.running.sources import ConnectorSources

JOB_ID, FILE = "abcdefghij12", "year=2024/a.csv"


def manifest(path: Path, schema: dict[str, Any], options: dict[str, Any]) -> Manifest:
    size, mtime = path.stat().st_size, path.stat().st_mtime_ns
    return Manifest(
        job_id=JOB_ID,
        model="m",
        model_version=1,
        schema=schema,
        options=options,
        source=Source.UPLOAD,
        file=FILE,
        stored_name=path.name,
        size_bytes=size,
        mtime_ns=mtime,
        sha256="",
        block_bytes=4096,
        topic=options.get("topic", "batch_j"),
        dlq_topic="batch_j_dlq",
        created_at="2024-01-01T00:00:00Z",
    )


def encode(path: Path, schema: dict[str, Any], options: dict[str, Any], partitions: int) -> EncodedBlock:
    """Encode the file's first block the way a delivery does."""
    sources, claimed = ConnectorSources(Settings(), Kernels(Path("unused"))), manifest(path, schema, options)
    format = sources.format_of(path)
    reader = sources.open(path, format, claimed, Position())
    try:
        converter = sources.converter(reader, format, claimed.job(), claimed)
        block = reader.read_block()
        assert block is not None
        return sources.encoder(converter, claimed.job(), claimed, partitions).encode(block)
    finally:
        reader.close()


def test_records_of_a_shared_topic_lead_back_to_file_and_row(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id\n1\nx\n3\n")
    schema = {"properties": {"id": {"type": "integer"}, "year": {"type": "integer"}}}
    options = {"topic": "orders", "partition_columns": True}
    encoded = encode(path, schema, options, partitions=1)
    records = [record for batch in encoded.batches for record in decode_batch(batch)]
    assert [record.value for record in records] == [b'{"id":1,"year":2024}', b'{"id":3,"year":2024}']
    where = (("batch.job_id", JOB_ID.encode()), ("batch.file", FILE.encode()))
    assert [record.headers for record in records] == [
        (*where, ("batch.row", b"1")),
        (*where, ("batch.row", b"3")),
    ]
    [letter] = [record for batch in encoded.reject_batches for record in decode_batch(batch)]
    assert dict(letter.headers)["batch.job_id"] == JOB_ID.encode()
    value = json.loads(letter.value)
    assert (value["job_id"], value["file"], value["row"], value["raw"]) == (JOB_ID, FILE, 2, "x")


def test_rows_go_to_the_partitions_that_the_topic_turned_out_to_have(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id\n21\nabc\n")
    # murmur2 of Kafka's UtilsTest: b"21" goes to 0 of 4, b"abc" to 3
    encoded = encode(path, {}, {"key": "id", "partitions": 2}, partitions=4)
    assert [batch.partition for batch in encoded.batches] == [0, 3]
    [first, _] = [record for batch in encoded.batches for record in decode_batch(batch)]
    assert first.headers == ()


@pytest.mark.parametrize("headers", ["none", "row"])
def test_dead_letters_are_compiled_where_rows_are(tmp_path: Path, headers: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text('id,name\n1,ann\nx,bob\n3,"two\nlines"\n4,carol\n5,"odd"ly\n')
    options = {"record_headers": headers, "key": "name"}
    schema = {"properties": {"id": {"type": "integer"}, "name": {"type": "string"}}}
    strict = {**schema, "properties": {**schema["properties"], "name": {"maxLength": 0}}}
    rejects = encode(path, strict, options, partitions=1).reject_batches
    letters = [record.value for batch in rejects for record in decode_batch(batch)]
    claimed = manifest(path, schema, options)
    found = []
    for converter, ready in (("auto", True), ("auto", False), ("reference", True)):
        kernels = Kernels(Path("unused"))
        kernels.ready = ready
        sources = ConnectorSources(Settings(converter=converter), kernels)
        encoder = sources.letter_encoder(path, "csv", claimed.job(), claimed, 3)
        encoded = encoder.encode(letters, 7)
        encoder.close()
        assert (encoded.delivered, encoded.rejected) == (4, 1)
        batches = (*encoded.batches, *encoded.reject_batches)
        found.append((encoder.name, [(batch.partition, decode_batch(batch)) for batch in batches]))
    assert [name for name, _ in found] == ["compiled", "reference", "reference"]
    assert found[0][1] == found[1][1] == found[2][1]


def test_a_model_that_does_not_fit_fails_before_there_is_an_encoder(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id\n1\n")
    with pytest.raises(HeaderError) as raised:
        encode(path, {"required": ["name"]}, {}, partitions=1)
    assert raised.value.code is JobCode.COLUMN_MISSING
