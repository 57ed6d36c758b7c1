"""Workloads as files: written once into a folder, with a note of what must arrive of them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence, Set
from dataclasses import asdict
from pathlib import Path

from benchmarks.api import Form, Workload
from benchmarks.tally import Tally
from benchmarks.workloads.rows import PooledRows
from benchmarks.workloads.writers import (
    Tallies,
    row_count,
    write_csv,
    write_many,
    write_ndjson,
    write_parquet,
)

__all__ = ["WorkloadFiles"]

_VERSION = 3  # of what the generators write: raise it when they change, and files are written anew


class WorkloadFiles:
    """Makes workloads below `folder`, or finds them there from an earlier run.

    A size in MiB is that of the CSV file; the same rows in another format have another.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def csv(self, name: str, rows: PooledRows, mib: int, forms: Sequence[Form] = (Form.JSON,)) -> Workload:
        """Return a CSV file, with tallies of its lines and of the forms asked for."""

        def write(path: Path) -> Tallies:
            return write_csv(path, rows, row_count(rows, mib), forms)

        return self._workload(f"{name}-{mib}.csv", rows, write, set(forms))

    def ndjson(self, name: str, rows: PooledRows, mib: int) -> Workload:
        """Return the rows of a CSV file as NDJSON."""

        def write(path: Path) -> Tallies:
            return write_ndjson(path, rows, row_count(rows, mib))

        return self._workload(f"{name}-{mib}.ndjson", rows, write)

    def parquet(self, name: str, rows: PooledRows, mib: int, moments: Sequence[str] = ()) -> Workload:
        """Return the rows of a CSV file as Parquet; columns of `moments` are timestamps."""

        def write(path: Path) -> Tallies:
            return write_parquet(path, rows, row_count(rows, mib), moments)

        return self._workload(f"{name}-{mib}.parquet", rows, write)

    def many(self, name: str, rows: PooledRows, files: int, rows_each: int) -> Workload:
        """Return a folder of CSV files."""

        def write(folder: Path) -> Tallies:
            return write_many(folder, rows, files, rows_each)

        return self._workload(f"{name}-{files}x{rows_each}", rows, write, files=files)

    def payloads(self, name: str, rows: PooledRows, count: int) -> Path:
        """Return a file of `count` rows as JSON, one a line."""

        def write(path: Path) -> Tallies:
            return write_ndjson(path, rows, count)

        return self._workload(f"{name}-payloads-{count}.ndjson", rows, write).path

    def _workload(
        self,
        name: str,
        rows: PooledRows,
        write: Callable[[Path], Tallies],
        forms: Set[Form] = frozenset(),
        files: int = 1,
    ) -> Workload:
        path = self._folder / name
        tallies = self._known(path, forms)
        if tallies is None:
            tallies = self._written(path, write)
        count = next(tallies[form].records for form in (Form.JSON, Form.LINES) if form in tallies)
        paths = [path] if path.is_file() else list(path.iterdir())
        size = sum(file.stat().st_size for file in paths)
        return Workload(path.stem, path, count, size, rows.schema, tallies, files)

    def _note(self, path: Path) -> Path:
        return path.with_name(f".{path.name}.json")

    def _known(self, path: Path, forms: Set[Form]) -> Tallies | None:
        if not path.exists() or not self._note(path).exists():
            return None
        note = json.loads(self._note(path).read_text())
        if note["version"] != _VERSION or not forms <= set(note["tallies"]):
            return None
        return {Form(form): Tally(**tally) for form, tally in note["tallies"].items()}

    def _written(self, path: Path, write: Callable[[Path], Tallies]) -> Tallies:
        if path.is_dir():
            shutil.rmtree(path)
        self._note(path).unlink(missing_ok=True)
        tallies = write(path)
        # the note comes last: a file without it is written anew
        note = {"version": _VERSION, "tallies": {form: asdict(tally) for form, tally in tallies.items()}}
        self._note(path).write_text(json.dumps(note))
        return tallies
