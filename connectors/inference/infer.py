"""A schema for any file, by its format."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from connectors.inference.csv import infer_csv
from connectors.inference.file import InferenceStoppedError, InferredFile
from connectors.inference.ndjson import infer_ndjson
from connectors.model.options import merge_options
from connectors.registry import NDJSON, PARQUET, detect_file

__all__ = ["InferenceStoppedError", "infer_schema"]


def infer_schema(
    path: Path,
    *,
    options: Mapping[str, Any] | None = None,
    max_row_bytes: int,
    max_decompressed_bytes: int,
    should_stop: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Return a JSON Schema that every row of a file meets, but those that no model can take.

    Types, nulls, which columns always have a value, the asserted format that all texts of a column have, an
    enum where a few texts come again and again; in `x-batch` how a CSV file is written. `options` are JSON
    values as a request gives them: what they say is not looked for. Reads all of the file, blocking.

    Raises OptionError, JobError for a file that cannot be read, and InferenceStoppedError once `should_stop`
    says so, which is asked before each block.
    """
    file = InferredFile(
        path=path,
        format=detect_file(path),
        given=merge_options({}, options or {}),
        max_row_bytes=max_row_bytes,
        max_decompressed_bytes=max_decompressed_bytes,
        should_stop=should_stop,
    )
    kind = file.format.partition("+")[0]
    if kind == NDJSON:
        return infer_ndjson(file)
    if kind != PARQUET:
        return infer_csv(file)
    from connectors.inference.parquet import infer_parquet  # pyarrow loads with the first Parquet file

    return infer_parquet(file)
