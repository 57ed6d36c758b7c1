"""A file on disk: the schema that is inferred for it, and what its rows come to under a schema."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from connectors.api import Record, Reject
from connectors.converters import reference_converter
from connectors.inference import infer_schema
from connectors.model import compile_model
from connectors.model.options import merge_options, parse_options
from connectors.registry import detect_file, open_source

MAX_ROW_BYTES = 900_000
MAX_BYTES = 1 << 30


def infer(path: Path, **options: Any) -> dict[str, Any]:
    return infer_schema(path, options=options, max_row_bytes=MAX_ROW_BYTES, max_decompressed_bytes=MAX_BYTES)


def convert(path: Path, schema: dict[str, Any]) -> tuple[list[Record], list[Reject]]:
    """Deliver the file as a job with no options of its own would."""
    options = parse_options(merge_options(schema, {}))
    format = detect_file(path)
    reader = open_source(
        path,
        options=options,
        block_bytes=65_536,
        max_row_bytes=MAX_ROW_BYTES,
        max_decompressed_bytes=MAX_BYTES,
        format=format,
    )
    try:
        converter = reference_converter(
            reader, format, compile_model(schema), options, file=path.name, max_row_bytes=MAX_ROW_BYTES
        )
        records: list[Record] = []
        rejects: list[Reject] = []
        while (block := reader.read_block()) is not None:
            converted = converter.convert(block)
            records += converted.records
            rejects += converted.rejects
        return records, rejects
    finally:
        reader.close()


def values(path: Path, schema: dict[str, Any]) -> list[str]:
    """Return the records of a file that has no reject."""
    records, rejects = convert(path, schema)
    assert rejects == []
    return [record.value.decode() for record in records]
