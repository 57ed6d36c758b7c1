"""The converter of a file: its model bound to the columns that the file has, whatever its format is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from connectors.api import BlockEncoder, Converter, SourceReader
from connectors.checking import BlockChecker
from connectors.compiled import CompiledChecker, CompiledEncoder, EncoderJob, Plan
from connectors.compiled.job import BoundConverter
from connectors.compiled.strips import StripMaker
from connectors.csv.compiled import CsvStripMaker, csv_plan
from connectors.csv.reference import CsvReferenceConverter
from connectors.errors import HeaderError, JobCode
from connectors.headers import NO_HEADERS, OriginHeaders
from connectors.kafka.framing import Codec
from connectors.model import CellFormat, CompiledModel
from connectors.model.options import Options
from connectors.ndjson.compiled import CompiledNdjsonEncoder
from connectors.ndjson.reference import NdjsonReferenceConverter
from connectors.partition_columns import partition_columns
from connectors.records import RecordLimit
from connectors.registry import NDJSON, PARQUET
from connectors.rejects import RejectOrigin

__all__ = ["compiled_checker", "compiled_encoder", "reference_converter"]


def reference_converter(
    reader: SourceReader,
    format: str,
    model: CompiledModel,
    options: Options,
    *,
    file: str,
    max_row_bytes: int,
    headers: OriginHeaders = NO_HEADERS,
) -> Converter:
    """Bind a model to the file of an open reader.

    `format` is what the registry found, `file` the file's relative path, of whose folders the partition
    columns are. `headers` are those that each record will have. Raises HeaderError where columns and model do
    not fit.
    """
    limit = RecordLimit(max_row_bytes, headers)
    cells = CellFormat(frozenset(options.null_values), options.decimal == ",")
    has_columns = format.partition("+")[0] != NDJSON
    # a file without columns has no rows that could have more
    wanted = options.partition_columns and (bool(reader.columns) or not has_columns)
    folders = partition_columns(file, reader.columns) if wanted else {}
    if not has_columns:
        rules = model.column_rules(tuple(folders))
        members = {rule.name: cells.reader(rule)(folders[rule.name]) for rule in rules}
        return NdjsonReferenceConverter(model.members(), key=options.key, limit=limit, fixed=members)
    with _folders_hinted(wanted):
        bound = model.bind((*reader.columns, *folders))
        fixed = [cells.reader(rule)(folders[rule.name]) for rule in bound.rules[len(reader.columns) :]]
        if format != PARQUET:
            return CsvReferenceConverter(bound, key=options.key, limit=limit, cells=cells, fixed=fixed)
        from connectors.parquet.reader import ParquetReader  # pyarrow loads with the first Parquet file
        from connectors.parquet.reference import ParquetReferenceConverter

        assert isinstance(reader, ParquetReader)
        return ParquetReferenceConverter(bound, reader.schema, key=options.key, limit=limit, fixed=fixed)


def compiled_encoder(
    converter: Converter,
    reference: BlockEncoder,
    *,
    partitions: int,
    codec: Codec,
    reject_origin: RejectOrigin,
    headers: OriginHeaders = NO_HEADERS,
) -> BlockEncoder | None:
    """Return the compiled encoder of a `reference_converter`; None: its rows are for `reference` alone."""

    def job(plan: Plan, bound: BoundConverter) -> EncoderJob:
        return EncoderJob(
            plan, bound, partitions=partitions, codec=codec, reject_origin=reject_origin, headers=headers
        )

    if isinstance(converter, NdjsonReferenceConverter):
        return CompiledNdjsonEncoder(converter, reference, job, headers)
    if (found := _compiled(converter, headers)) is None:
        return None
    plan, bound, maker = found
    return CompiledEncoder(job(plan, bound), maker, reference)


def compiled_checker(converter: Converter, headers: OriginHeaders = NO_HEADERS) -> BlockChecker | None:
    """Return the compiled checker of a `reference_converter`; None: its rows are for the reference alone."""
    if isinstance(converter, NdjsonReferenceConverter):
        return None
    found = _compiled(converter, headers)
    return None if found is None else CompiledChecker(*found)


def _compiled(converter: Converter, headers: OriginHeaders) -> tuple[Plan, BoundConverter, StripMaker] | None:
    """Return the plan of a converter of columns, the converter itself, and what makes its strips."""
    if isinstance(converter, CsvReferenceConverter):
        plan = csv_plan(converter, headers)
        return None if plan is None else (plan, converter, CsvStripMaker(plan, converter))
    from connectors.parquet.compiled import ParquetStripMaker, parquet_plan
    from connectors.parquet.reference import ParquetReferenceConverter

    assert isinstance(converter, ParquetReferenceConverter)
    plan = parquet_plan(converter, headers)
    return None if plan is None else (plan, converter, ParquetStripMaker(plan, converter))


@contextmanager
def _folders_hinted(wanted: bool) -> Iterator[None]:
    """Where folders are columns, say with COLUMN_MISSING that the missing one may be a folder."""
    try:
        yield
    except HeaderError as error:
        if not wanted or error.code is not JobCode.COLUMN_MISSING:
            raise
        raise HeaderError(
            error.code,
            error.message,
            "put the file below a folder `name=value` for each partition column (an upload takes "
            f"`--name name=value/FILE`); for other columns, {error.hint}",
        ) from None
