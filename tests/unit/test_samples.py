"""The samples through reader and converter, compared with what plain Python makes of the files; no broker."""

from __future__ import annotations

import json
import re
from contextlib import closing
from typing import Any

import pytest

from connectors.api import Converter, Record, Reject, SourceReader
from connectors.converters import reference_converter
from connectors.errors import JobError, RowCode
from connectors.model import compile_model
from connectors.model.options import parse_options
from connectors.registry import detect_file, open_source
from connectors.rejects import RejectOrigin, encode_reject
from tests.integration.samples_expected import expected
from tests.integration.samples_table import ROOT, SAMPLES, Sample

MAX_ROW_BYTES = 900_000
COMPLETING = [sample for sample in SAMPLES if sample.error is None]
FAILING = [sample for sample in SAMPLES if sample.error is not None]


def name_of(sample: Sample) -> str:
    return "-".join([sample.file, *sample.options])


def open_sample(sample: Sample, block_bytes: int) -> SourceReader:
    options = parse_options(sample.options)
    return open_source(
        sample.path,
        options=options,
        block_bytes=block_bytes,
        max_row_bytes=MAX_ROW_BYTES,
        max_decompressed_bytes=1,
    )


def bind(sample: Sample, reader: SourceReader) -> Converter:
    return reference_converter(
        reader,
        detect_file(sample.path),
        compile_model(sample.schema_json),
        parse_options(sample.options),
        file=sample.path.name,
        max_row_bytes=MAX_ROW_BYTES,
    )


def convert(sample: Sample, block_bytes: int) -> tuple[list[Record], list[Reject]]:
    records: list[Record] = []
    rejects: list[Reject] = []
    with closing(open_sample(sample, block_bytes)) as reader:
        converter = bind(sample, reader)
        while (block := reader.read_block()) is not None:
            converted = converter.convert(block)
            records += converted.records
            rejects += converted.rejects
    return records, rejects


def rejected_row(sample: Sample, reject: Reject) -> dict[str, Any]:
    """The reject as the dead letter topic has it, but for what differs from job to job, and the messages."""
    origin = RejectOrigin("batch", "job", 1, sample.path.name, "topic")
    row: dict[str, Any] = json.loads(encode_reject(reject, origin)[0])
    assert all(error.pop("message") for error in row["errors"])
    del row["job_id"], row["attempt"]
    return row


@pytest.mark.parametrize("block_bytes", [4096, 4 * 1024 * 1024])
@pytest.mark.parametrize("sample", COMPLETING, ids=name_of)
def test_records_and_rejects(sample: Sample, block_bytes: int) -> None:
    records, rejects = convert(sample, block_bytes)
    wanted = expected(sample)
    assert [(record.key, record.value) for record in records] == wanted.records
    assert [rejected_row(sample, reject) for reject in rejects] == wanted.rejects


@pytest.mark.parametrize("sample", FAILING, ids=name_of)
def test_job_errors(sample: Sample) -> None:
    with pytest.raises(JobError) as caught:
        convert(sample, 4096)
    assert caught.value.code == sample.error
    assert caught.value.hint


def test_there_is_a_sample_of_each_row_code() -> None:
    rejects = [reject for sample in COMPLETING for reject in expected(sample).rejects]
    assert {error["code"] for reject in rejects for error in reject["errors"]} == set(RowCode)


def test_every_sample_is_in_the_table_and_described() -> None:
    folder = ROOT / "samples"
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    files -= {"README.md", "bad/reading.schema.json"}
    assert files == {sample.file for sample in SAMPLES}
    described = set(re.findall(r"`([a-z_]+\.(?:csv|parquet|png|zip))`", (folder / "README.md").read_text()))
    assert described == {sample.path.name for sample in SAMPLES}


def test_the_figures_of_the_description() -> None:
    text = (ROOT / "samples/README.md").read_text()
    rows = re.findall(r"^\| `([a-z_.]+)` .* \| (\d+) \| (\d+)(?:,.*)? \|$", text, re.MULTILINE)
    counts = {name: (int(records), int(rejects)) for name, records, rejects in rows}
    wanted = {
        sample.path.name: (len(expected(sample).records), len(expected(sample).rejects))
        for sample in COMPLETING
        if "/" in sample.file
    }
    assert counts == wanted
