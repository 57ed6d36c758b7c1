"""The Kafka Connect connectors that read files, each at the settings its documentation gives for speed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from benchmarks.api import Form, Workload
from benchmarks.contenders.connect import ConnectContender

__all__ = ["FilePulse", "FileStreamSource", "SpoolDir"]

_CONNECT_TYPES = {"integer": "INT64", "number": "FLOAT64", "boolean": "BOOLEAN"}


class FileStreamSource(ConnectContender):
    """Kafka's own example connector: a line is a record, nothing is looked into."""

    name = "Connect FileStreamSource"
    plugin = "filestream"
    jar = "connect-file"
    form = Form.FILE_LINES
    converter: Mapping[str, str] = MappingProxyType(
        {"value.converter": "org.apache.kafka.connect.storage.StringConverter"}
    )

    def settings(self, folder: Path, file: Path, topic: str, workload: Workload) -> dict[str, str]:
        return {
            "connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector",
            "file": str(file),
            "topic": topic,
            "batch.size": "10000",
        }


class SpoolDir(ConnectContender):
    """CSV with a schema: every cell is given its type, as the worker does."""

    name = "Connect SpoolDir"
    plugin = "spooldir"
    jar = "kafka-connect-spooldir"

    def settings(self, folder: Path, file: Path, topic: str, workload: Workload) -> dict[str, str]:
        for name in ("done", "error"):
            (folder / name).mkdir()
        return {
            "connector.class": "com.github.jcustenborder.kafka.connect.spooldir.SpoolDirCsvSourceConnector",
            "topic": topic,
            "input.path": str(folder),
            "finished.path": str(folder / "done"),
            "error.path": str(folder / "error"),
            "input.file.pattern": r".*\.csv",
            "file.minimum.age.ms": "0",
            "halt.on.error": "true",
            "cleanup.policy": "DELETE",
            "csv.first.row.as.header": "true",
            "csv.case.sensitive.field.names": "true",
            "csv.rfc.4180.parser.enabled": "true",
            "batch.size": "10000",
            "file.buffer.size.bytes": "1048576",
            "empty.poll.wait.ms": "50",
            "key.schema": json.dumps({"name": "Key", "type": "STRUCT", "fieldSchemas": {}}),
            "value.schema": json.dumps(_struct(workload)),
        }


class FilePulse(ConnectContender):
    """CSV without types: every cell is a string, which is the least that this connector does with columns."""

    name = "Connect FilePulse"
    plugin = "filepulse"
    jar = "kafka-connect-filepulse-plugin"
    form = Form.STRINGS_OR_NULL

    def settings(self, folder: Path, file: Path, topic: str, workload: Workload) -> dict[str, str]:
        root = "io.streamthoughts.kafka.connect.filepulse"
        return {
            "connector.class": f"{root}.source.FilePulseSourceConnector",
            "topic": topic,
            "fs.listing.class": f"{root}.fs.LocalFSDirectoryListing",
            "fs.listing.directory.path": str(folder),
            "fs.listing.filters": f"{root}.fs.filter.RegexFileListFilter",
            "file.filter.regex.pattern": r".*\.csv$",
            "fs.listing.interval.ms": "1000",
            "fs.cleanup.policy.class": f"{root}.fs.clean.LogCleanupPolicy",
            "offset.policy.class": f"{root}.offset.DefaultSourceOffsetPolicy",
            "offset.attributes.string": "name",
            "tasks.reader.class": f"{root}.fs.reader.LocalRowFileInputReader",
            "tasks.file.status.storage.class": f"{root}.state.InMemoryFileObjectStateBackingStore",
            "skip.headers": "1",
            "min.read.records": "10000",
            "filters": "ParseCSVLine",
            "filters.ParseCSVLine.type": f"{root}.filter.CSVFilter",
            "filters.ParseCSVLine.extract.column.name": "headers",
            "filters.ParseCSVLine.separator": ",",
        }


def _struct(workload: Workload) -> dict[str, object]:
    """The model as SpoolDir's schema, in the order of the columns."""
    fields = {
        name: {"type": _CONNECT_TYPES.get(rules.get("type"), "STRING"), "isOptional": True}
        for name, rules in workload.schema["properties"].items()
    }
    return {"name": "Value", "type": "STRUCT", "isOptional": False, "fieldSchemas": fields}
