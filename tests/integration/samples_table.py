"""The files of samples/: which schema and options each goes with, and which ones fail their job."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["ROOT", "SAMPLES", "Sample"]

ROOT = Path(__file__).resolve().parents[2]
READING = "samples/bad/reading.schema.json"


@dataclass(frozen=True)
class Sample:
    """A file of samples/, its schema and options, and the code that its job fails with, if it does."""

    file: str
    schema: str
    options: dict[str, Any] = field(default_factory=dict)
    error: str | None = None

    @property
    def path(self) -> Path:
        return ROOT / "samples" / self.file

    @property
    def schema_json(self) -> dict[str, Any]:
        schema: dict[str, Any] = json.loads((ROOT / self.schema).read_text())
        return schema


def _failing(error: str, *names: str) -> list[Sample]:
    return [Sample(f"bad/{name}", READING, error=error) for name in names]


SAMPLES: list[Sample] = [
    Sample("penguins.csv", "schemas/penguins.json"),
    Sample("penguins.csv", "schemas/penguins.json", {"key": "species"}),
    Sample("penguins.parquet", "schemas/penguins.json"),
    Sample("penguins.parquet", "schemas/penguins.json", {"key": "body_mass_g"}),
    Sample("api_data.csv", "schemas/default.json"),
    Sample("api_data.csv", "schemas/default.json", {"key": "latency_ms"}),
    Sample("odd/types.parquet", "schemas/default.json"),
    *(
        Sample(f"odd/{name}", READING)
        for name in (
            "empty.csv", "blank_lines_only.csv", "header_only.csv", "bom_crlf.csv", "quotes.csv",
            "numbers.csv", "csv_named.parquet", "parquet_named.csv",
        )
    ),
    *(
        Sample(f"bad/{name}", READING)
        for name in (
            "type.csv", "enum.csv", "range.csv", "length.csv", "pattern.csv", "format.csv", "required.csv",
            "schema.csv", "column_count.csv", "encoding.csv", "row_too_large.csv", "unclosed_quote.csv",
            "several_errors.csv", "not_finite.parquet",
        )
    ),
    *_failing("HEADER_MISSING", "header_missing.csv", "header_bare_cr.csv", "header_unclosed.csv"),
    *_failing("HEADER_DUPLICATE", "header_duplicate.csv", "header_duplicate.parquet"),
    *_failing("ENCODING", "header_encoding.csv"),
    *_failing("COLUMN_MISSING", "column_missing.csv", "column_missing.parquet"),
    *_failing("COLUMN_UNKNOWN", "column_unknown.csv", "column_unknown.parquet"),
    *_failing("COLUMN_TYPE", "column_type.parquet"),
    *_failing("PARQUET_INVALID", "truncated.parquet"),
    *_failing("UNSUPPORTED_FILE_TYPE", "picture.png", "archive.zip", "nul_byte.csv"),
]  # fmt: skip
