"""Files that are only looked at: what would become of their rows, and which schema they meet."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from config.settings import Settings
from connectors.api import Position
from connectors.checking import CheckReport, check_source
from connectors.errors import JobError
from connectors.inference import infer_schema
from connectors.registry import detect_file
from worker.jobs.job import Source
from worker.jobs.manifest import Manifest
from worker.running.ports import SourceOpener

__all__ = ["FileChecker"]

_NO_JOB = "0" * 12  # as long as an id: it counts towards the size of a record with headers
T = TypeVar("T")


class FileChecker:
    """Looks at files as a job would, one file at a time, in a thread: running jobs keep their cores.

    A caller that is cancelled stops it at the next block; the file may go away when the call has returned.
    """

    def __init__(self, settings: Settings, sources: SourceOpener) -> None:
        self._settings = settings
        self._sources = sources
        self._turn = asyncio.Lock()

    async def check(
        self, path: Path, file: str, schema: dict[str, Any], options: dict[str, Any]
    ) -> dict[str, Any]:
        """Return how many rows of the file called `file` would be delivered, and why the others not.

        `format` and `columns` (null and none where it could not be opened), `rows`, `valid`, `rejected`,
        `errors` (by column and code: `column`, `code`, `count`, `examples`), `unlisted`, and `error`, why the
        file would fail, or null.
        """
        manifest = self._manifest(file, schema, options)
        return await self._in_thread(lambda should_stop: self._check(path, manifest, should_stop))

    async def infer(self, path: Path, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return a `schema` that the file passes, and its `format`; what `options` say is not looked for.

        Raises JobError for a file that cannot be read.
        """

        def infer(should_stop: Callable[[], bool]) -> dict[str, Any]:
            schema = infer_schema(
                path,
                options=options,
                max_row_bytes=self._settings.max_row_bytes,
                max_decompressed_bytes=self._settings.max_decompressed_bytes,
                should_stop=should_stop,
            )
            return {"schema": schema, "format": detect_file(path)}

        return await self._in_thread(infer)

    def _check(self, path: Path, manifest: Manifest, should_stop: Callable[[], bool]) -> dict[str, Any]:
        format, columns, report = None, [], CheckReport()
        try:
            format = self._sources.format_of(path)
            reader = self._sources.open(path, format, manifest, Position())
            try:
                columns = list(reader.columns)
                job = manifest.job()
                converter = self._sources.converter(reader, format, job, manifest)
                checker = self._sources.checker(converter, job, manifest)
                report = check_source(reader, checker, should_stop=should_stop)
            finally:
                reader.close()
        except JobError as error:
            report.error = error
        found = report.to_json()
        return {
            "format": format,
            "columns": columns,
            **{name: found[name] for name in ("rows", "valid", "rejected")},
            "errors": found["problems"],
            "unlisted": found["unlisted"],
            "error": found["error"],
        }

    async def _in_thread(self, work: Callable[[Callable[[], bool]], T]) -> T:
        async with self._turn:
            stop = threading.Event()
            thread = asyncio.ensure_future(asyncio.to_thread(work, stop.is_set))
            try:
                return await asyncio.shield(thread)
            except asyncio.CancelledError:
                stop.set()
                await asyncio.gather(thread, return_exceptions=True)  # it still reads the file
                raise

    def _manifest(self, file: str, schema: dict[str, Any], options: dict[str, Any]) -> Manifest:
        """What a submission of the file would be, as far as reading its rows asks for it."""
        return Manifest(
            job_id=_NO_JOB,
            model="",
            model_version=0,
            schema=schema,
            options=options,
            source=Source.UPLOAD,
            file=file,
            stored_name=file,
            size_bytes=0,
            mtime_ns=0,
            sha256="",
            block_bytes=self._settings.block_bytes,
            topic="",
            dlq_topic="",
            created_at="",
        )
