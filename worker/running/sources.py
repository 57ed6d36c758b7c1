"""From a claimed file and its manifest to a reader and an encoder, whatever the file's format is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from config.settings import Settings
from connectors.api import BlockEncoder, Converter, EncodedBlock, Position, SourceReader
from connectors.checking import BlockChecker, ReferenceChecker
from connectors.converters import compiled_checker, compiled_encoder, reference_converter
from connectors.csv.compiled import csv_plan
from connectors.csv.reference import CsvReferenceConverter
from connectors.csv.rows import cut_rows
from connectors.csv.scattered import ScatteredRows
from connectors.encoding import ReferenceEncoder
from connectors.headers import OriginHeaders, RecordOrigin
from connectors.kafka.framing import Codec
from connectors.kernels import Kernels
from connectors.letters import LetterConverter, parse_letter
from connectors.model import compile_model
from connectors.model.options import Options, parse_options
from connectors.registry import PARQUET, detect_file, open_source
from connectors.rejects import RejectOrigin
from connectors.switching import SwitchingChecker, SwitchingCut, SwitchingEncoder
from worker.jobs.job import Job
from worker.jobs.manifest import Manifest

__all__ = ["ConnectorLetterEncoder", "ConnectorSources"]


class ConnectorSources:
    """The SourceOpener on the connectors: formats from the registry, their blocks encoded compiled once
    `kernels` are ready.
    """

    def __init__(self, settings: Settings, kernels: Kernels) -> None:
        self._kernels = kernels
        self._compile = settings.converter != "reference"
        self._cut = SwitchingCut(kernels) if self._compile else cut_rows
        self._wait = settings.converter == "compiled"
        self._namespace = settings.namespace
        self._max_row_bytes = settings.max_row_bytes
        self._max_decompressed_bytes = settings.max_decompressed_bytes
        self._codec = Codec[settings.compression.upper()]

    def format_of(self, path: Path) -> str:
        return detect_file(path)

    def open(self, path: Path, format: str, manifest: Manifest, position: Position) -> SourceReader:
        return open_source(
            path,
            options=parse_options(manifest.options),
            block_bytes=manifest.block_bytes,
            max_row_bytes=self._max_row_bytes,
            max_decompressed_bytes=self._max_decompressed_bytes,
            position=position,
            format=format,
            cut=self._cut,
        )

    def converter(self, reader: SourceReader, format: str, job: Job, manifest: Manifest) -> Converter:
        options = parse_options(manifest.options)
        return reference_converter(
            reader,
            format,
            compile_model(manifest.schema),
            options,
            file=manifest.file,
            max_row_bytes=self._max_row_bytes,
            headers=_headers(options, job),
        )

    def encoder(self, converter: Converter, job: Job, manifest: Manifest, partitions: int) -> BlockEncoder:
        reference = self._reference(converter, job, manifest, partitions)
        if not self._compile:
            return reference
        compiled = compiled_encoder(
            converter,
            reference,
            partitions=partitions,
            codec=self._codec,
            reject_origin=self._origin(job),
            headers=_headers(parse_options(manifest.options), job),
        )
        if compiled is None:
            return reference
        self._wait_for_kernels()
        return SwitchingEncoder(reference, compiled, self._kernels)

    def checker(self, converter: Converter, job: Job, manifest: Manifest) -> BlockChecker:
        reference = ReferenceChecker(converter)
        if not self._compile:
            return reference
        compiled = compiled_checker(converter, _headers(parse_options(manifest.options), job))
        if compiled is None:
            return reference
        self._wait_for_kernels()
        return SwitchingChecker(reference, compiled, self._kernels)

    def _wait_for_kernels(self) -> None:
        if self._wait:
            self._kernels.wait()

    def _reference(
        self, converter: Converter, job: Job, manifest: Manifest, partitions: int
    ) -> ReferenceEncoder:
        return ReferenceEncoder(
            converter,
            partitions=partitions,
            codec=self._codec,
            reject_origin=self._origin(job),
            headers=_headers(parse_options(manifest.options), job),
        )

    def _origin(self, job: Job) -> RejectOrigin:
        return RejectOrigin(
            namespace=self._namespace,
            job_id=job.job_id,
            attempt=job.attempt,
            file=job.file,
            topic=job.topic,
        )

    def letter_encoder(
        self, path: Path, format: str, job: Job, manifest: Manifest, partitions: int
    ) -> ConnectorLetterEncoder:
        reader = self.open(path, format, manifest, Position())
        try:
            converter = self.converter(reader, format, job, manifest)
            compiled = self._scattered(converter, job, manifest)
        except BaseException:
            reader.close()
            raise
        # blocks of a byte are single rows, but those of Parquet are read one after the other
        rows = manifest if format == PARQUET else replace(manifest, block_bytes=1)
        letters = LetterConverter(reader, converter, lambda at: self.open(path, format, rows, at), compiled)
        name = "reference" if compiled is None else "compiled"
        return ConnectorLetterEncoder(letters, self._reference(converter, job, manifest, partitions), name)

    def _scattered(self, converter: Converter, job: Job, manifest: Manifest) -> ScatteredRows | None:
        """Return the compiled converter of single rows, None where there is none or it is not ready."""
        if not self._compile or not isinstance(converter, CsvReferenceConverter):
            return None
        plan = csv_plan(converter, _headers(parse_options(manifest.options), job))
        if plan is None:
            return None
        self._wait_for_kernels()
        return ScatteredRows(plan, converter) if self._kernels.ready else None


class ConnectorLetterEncoder:
    """The LetterEncoder on the connectors: `encoder` frames what becomes of `letters`."""

    def __init__(self, letters: LetterConverter, encoder: ReferenceEncoder, name: str) -> None:
        self._letters = letters
        self._encoder = encoder
        self.name = name

    def encode(self, letters: Sequence[bytes], number: int) -> EncodedBlock:
        converted = self._letters.convert([parse_letter(value) for value in letters])
        return self._encoder.encode_rows(converted, Position(block=number), Position())

    def close(self) -> None:
        self._letters.close()


def _headers(options: Options, job: Job) -> OriginHeaders:
    return OriginHeaders(options.record_headers, RecordOrigin(job.job_id, job.file))
