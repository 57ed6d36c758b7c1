"""From a claimed file and its manifest to a reader and an encoder, whatever the file's format is."""

from __future__ import annotations

from pathlib import Path

from config.settings import Settings
from connectors.api import BlockEncoder, Converter, Position, SourceReader
from connectors.csv.reference import CsvReferenceConverter
from connectors.encoding import ReferenceEncoder
from connectors.kafka.framing import Codec
from connectors.model import RowRules, compile_model
from connectors.model.options import parse_options
from connectors.registry import CSV, detect_file, open_source
from connectors.rejects import RejectOrigin
from worker.jobs.job import Job
from worker.jobs.manifest import Manifest

__all__ = ["ConnectorSources"]


class ConnectorSources:
    """The SourceOpener on the connectors: formats from the registry, rows through the reference converter."""

    def __init__(self, settings: Settings) -> None:
        self._namespace = settings.namespace
        self._max_row_bytes = settings.max_row_bytes
        self._codec = Codec[settings.compression.upper()]

    def format_of(self, path: Path) -> str:
        return detect_file(path)

    def open(self, path: Path, format: str, manifest: Manifest, position: Position) -> SourceReader:
        return open_source(
            path,
            options=parse_options(manifest.options),
            block_bytes=manifest.block_bytes,
            max_row_bytes=self._max_row_bytes,
            position=position,
            format=format,
        )

    def encoder(self, reader: SourceReader, format: str, job: Job, manifest: Manifest) -> BlockEncoder:
        origin = RejectOrigin(
            namespace=self._namespace,
            job_id=job.job_id,
            attempt=job.attempt,
            file=job.file,
            topic=job.topic,
        )
        return ReferenceEncoder(
            self._converter(reader, format, manifest),
            partitions=parse_options(manifest.options).partitions,
            codec=self._codec,
            reject_origin=origin,
        )

    def _converter(self, reader: SourceReader, format: str, manifest: Manifest) -> Converter:
        rules = compile_model(manifest.schema).bind(reader.columns)
        key = parse_options(manifest.options).key
        if format == CSV:
            return CsvReferenceConverter(rules, key=key, max_row_bytes=self._max_row_bytes)
        return _parquet_converter(reader, rules, key, self._max_row_bytes)


def _parquet_converter(
    reader: SourceReader, rules: RowRules, key: str | None, max_row_bytes: int
) -> Converter:
    from connectors.parquet.reader import ParquetReader  # pyarrow loads with the first Parquet file
    from connectors.parquet.reference import ParquetReferenceConverter

    assert isinstance(reader, ParquetReader)
    return ParquetReferenceConverter(rules, reader.schema, key=key, max_row_bytes=max_row_bytes)
