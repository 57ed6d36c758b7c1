"""The file that a schema is inferred for, opened as often as it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connectors.api import Block, SourceReader
from connectors.errors import ConnectorError
from connectors.inference.texts import ColumnSchema
from connectors.model.options import OPTIONS_KEYWORD, Options, parse_options
from connectors.registry import open_source

__all__ = ["InferenceStoppedError", "InferredFile"]

_BLOCK_BYTES = 1024 * 1024


class InferenceStoppedError(ConnectorError):
    """The caller does not want the schema any more."""


@dataclass(frozen=True, slots=True)
class InferredFile:
    """A file, its format, and the options that are `given`: they are not looked for."""

    path: Path
    format: str
    given: Mapping[str, Any]
    max_row_bytes: int
    max_decompressed_bytes: int
    should_stop: Callable[[], bool]

    @property
    def options(self) -> Options:
        return parse_options(self.given)

    def open(self, options: Options) -> closing[SourceReader]:
        """Open the file at its start. Raises JobError where it cannot be read."""
        return closing(
            open_source(
                self.path,
                options=options,
                block_bytes=_BLOCK_BYTES,
                max_row_bytes=self.max_row_bytes,
                max_decompressed_bytes=self.max_decompressed_bytes,
                format=self.format,
            )
        )

    def blocks(self, reader: SourceReader) -> Iterator[Block]:
        """Yield the blocks up to the file's end. Raises JobError and InferenceStoppedError."""
        while (block := reader.read_block()) is not None:
            if self.should_stop():
                raise InferenceStoppedError(f"the inference of `{self.path.name}` was stopped")
            yield block

    def schema(
        self, columns: Mapping[str, ColumnSchema], rows: int, found: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return the schema of the file's `rows`; its options are those found and those given."""
        properties = {name: schema for name, (schema, _) in columns.items()}
        schema: dict[str, Any] = {"type": "object", "properties": properties}
        if required := [name for name, (_, always) in columns.items() if always and rows]:
            schema["required"] = required
        if options := {**found, **self.given}:
            schema[OPTIONS_KEYWORD] = options
        return schema
