"""Checking and inferring on real files, in their thread."""

from __future__ import annotations

import asyncio
import gzip
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from config.settings import Settings
from connectors.api import Block, Converted
from connectors.checking import CheckReport
from connectors.csv.reference import CsvReferenceConverter
from connectors.errors import JobError
from connectors.kernels import Kernels
from worker.running import checker as module
from worker.running.checker import FileChecker
from worker.running.sources import ConnectorSources

SCHEMA: dict[str, Any] = {
    "properties": {"id": {"type": "integer"}, "amount": {"type": "number", "maximum": 10}},
    "required": ["id"],
}
ROWS = b"id,amount\n1,1.5\nx,2\n3,99\ny,3\n"


@pytest.fixture
def checker(tmp_path: Path) -> FileChecker:
    settings = Settings(dropzone=tmp_path / "zone", data_dir=tmp_path / "data")
    return FileChecker(settings, ConnectorSources(settings, Kernels(Path("unused"))))


def _file(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "1234.part"
    path.write_bytes(data)
    return path


async def test_rows_and_what_is_wrong_with_them(checker: FileChecker, tmp_path: Path) -> None:
    report = await checker.check(_file(tmp_path, ROWS), "a.csv", SCHEMA, {})
    assert {name: value for name, value in report.items() if name != "errors"} == {
        "format": "csv",
        "columns": ["id", "amount"],
        "rows": 4,
        "valid": 1,
        "rejected": 3,
        "unlisted": 0,
        "error": None,
    }
    found = [
        (e["column"], e["code"], e["count"], [x["row"] for x in e["examples"]]) for e in report["errors"]
    ]
    assert found == [("id", "TYPE", 2, [2, 4]), ("amount", "RANGE", 1, [3])]


@pytest.mark.parametrize(
    ("converter", "ready", "compiled"),
    [("auto", True, True), ("auto", False, False), ("compiled", True, True), ("reference", True, False)],
)
async def test_valid_rows_of_csv_are_compiled_as_those_of_jobs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, converter: str, ready: bool, compiled: bool
) -> None:
    settings = Settings(dropzone=tmp_path / "zone", data_dir=tmp_path / "data", converter=converter)
    kernels = Kernels(Path("unused"))
    kernels.ready = ready
    kernels.stop()  # nothing to wait for
    checker = FileChecker(settings, ConnectorSources(settings, kernels))
    asked: list[Block] = []
    convert = CsvReferenceConverter.convert

    def counted(self: CsvReferenceConverter, block: Block) -> Converted:
        asked.append(block)
        return convert(self, block)

    monkeypatch.setattr(CsvReferenceConverter, "convert", counted)
    report = await checker.check(_file(tmp_path, b"id,amount\n1,1.5\n2,\n"), "a.csv", SCHEMA, {})
    assert (report["rows"], report["valid"], bool(asked)) == (2, 2, not compiled)


async def test_options_and_the_files_own_name_count(checker: FileChecker, tmp_path: Path) -> None:
    schema = {"properties": {"year": {"type": "integer"}}, "required": ["year"], "additionalProperties": True}
    options = {"delimiter": ";", "partition_columns": True}
    path = _file(tmp_path, gzip.compress(b"a;b\n1;2\n"))
    report = await checker.check(path, "year=2024/may.csv.gz", schema, options)
    assert (report["format"], report["columns"], report["valid"]) == ("csv+gzip", ["a", "b"], 1)
    report = await checker.check(path, "may.csv.gz", schema, options)
    assert (report["error"]["code"], report["rows"]) == ("COLUMN_MISSING", 0)


async def test_a_header_that_does_not_fit_is_the_answer(checker: FileChecker, tmp_path: Path) -> None:
    report = await checker.check(_file(tmp_path, b"id,id\n1,2\n"), "a.csv", SCHEMA, {})
    assert (report["format"], report["columns"], report["errors"]) == ("csv", [], [])
    assert report["error"]["code"] == "HEADER_DUPLICATE"
    assert report["error"]["hint"]


async def test_a_schema_that_the_file_passes(checker: FileChecker, tmp_path: Path) -> None:
    path = _file(tmp_path, b"id;price\n1;1,5\n2;\n")
    found = await checker.infer(path, {})
    assert found["format"] == "csv"
    assert found["schema"]["properties"]["id"]["type"] == "integer"
    assert found["schema"]["x-batch"]["delimiter"] == ";"
    options = found["schema"]["x-batch"]
    report = await checker.check(path, "a.csv", found["schema"], options)
    assert (report["rows"], report["rejected"], report["error"]) == (2, 0, None)


async def test_no_schema_of_a_file_that_cannot_be_read(checker: FileChecker, tmp_path: Path) -> None:
    with pytest.raises(JobError):
        await checker.infer(_file(tmp_path, b"a,,b\n1,2,3\n"), {})


async def test_a_caller_that_gives_up_stops_the_thread_and_lets_the_next_in(
    checker: FileChecker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, most, stopped = 0, 0, 0
    begun = threading.Event()
    check = module.check_source

    def slow(reader: Any, checker: Any, *, should_stop: Callable[[], bool]) -> CheckReport:
        nonlocal running, most, stopped
        running += 1
        most = max(most, running)
        if not begun.is_set():
            begun.set()
            while not should_stop():
                pass
            stopped += 1
        running -= 1
        return check(reader, checker, should_stop=should_stop)

    monkeypatch.setattr(module, "check_source", slow)
    path = _file(tmp_path, ROWS)
    async with asyncio.timeout(20):
        first = asyncio.create_task(checker.check(path, "a.csv", SCHEMA, {}))
        await asyncio.to_thread(begun.wait)
        second = asyncio.create_task(checker.check(path, "a.csv", SCHEMA, {}))
        await asyncio.sleep(0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert stopped == 1  # the call returns after its thread, which reads the file
        assert (await second)["rows"] == 4
    assert most == 1
