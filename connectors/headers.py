"""The headers that lead a record back to its job, file and row: the option `record_headers` (contract §3)."""

from __future__ import annotations

from dataclasses import dataclass

from connectors.model.options import RecordHeaders

__all__ = ["JOB_ID_HEADER", "NO_HEADERS", "OriginHeaders", "RecordOrigin"]

JOB_ID_HEADER = "batch.job_id"
_FILE_HEADER = "batch.file"
_ROW_HEADER = "batch.row"


@dataclass(frozen=True, slots=True)
class RecordOrigin:
    """Where the records of a job come from; `file` is the user's name of the file, folders included."""

    job_id: str
    file: str


class OriginHeaders:
    """Makes the headers of a job's records. Immutable and thread-safe.

    `with_row`: the row's number is the last of them.
    """

    def __init__(self, which: RecordHeaders, origin: RecordOrigin) -> None:
        self._shared: list[tuple[str, bytes]] = []
        if which is not RecordHeaders.NONE:
            # a file's name may hold bytes that are no UTF-8
            file = origin.file.encode("utf-8", "replace")
            self._shared = [(JOB_ID_HEADER, origin.job_id.encode()), (_FILE_HEADER, file)]
        self.with_row = which is RecordHeaders.ROW
        names = [name for name, _ in self._shared] + [_ROW_HEADER] * self.with_row
        self._shared_bytes = sum(map(len, names)) + sum(len(value) for _, value in self._shared)

    def of(self, row: int) -> list[tuple[str, bytes]]:
        """Return the headers of the record of data row `row` (from 1)."""
        return [*self._shared, (_ROW_HEADER, b"%d" % row)] if self.with_row else self._shared

    def size(self, row: int) -> int:
        """Return how many bytes the names and values of these headers have."""
        return self._shared_bytes + len(str(row)) if self.with_row else self._shared_bytes


NO_HEADERS = OriginHeaders(RecordHeaders.NONE, RecordOrigin("", ""))
