"""What must hold while a job is delivered: file, progress and topics are the ones that it began with."""

from __future__ import annotations

from pathlib import Path

from connectors.api import Progress, Sink
from connectors.errors import JobCode, JobError
from worker.jobs.job import Job
from worker.jobs.manifest import Manifest

__all__ = ["JobChecks"]


class JobChecks:
    """The checks of one job. Each raises JobError where it does not hold."""

    def __init__(self, job: Job, manifest: Manifest, path: Path) -> None:
        self._job = job
        self._manifest = manifest
        self._path = path

    def progress(self, found: Progress | None) -> None:
        """The table lags behind the progress, never the other way round."""
        if found is None and self._job.started_at is None:
            return
        if found is None or found.rows_read < self._job.rows_read:
            at = "nothing" if found is None else f"row {found.rows_read}"
            raise JobError(
                JobCode.PROGRESS_EXPIRED,
                f"`{self._job.rows_read}` rows were committed, but the broker has {at} of the job's progress",
                "the broker keeps committed offsets for a limited time (offsets.retention.minutes); "
                f"`batch job retry {self._job.job_id} --from-start` delivers the file again",
            )

    def file(self) -> None:
        """Size and mtime are the file's identity. Blocking."""
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            raise self.gone() from None
        manifest = self._manifest
        if (stat.st_size, stat.st_mtime_ns) == (manifest.size_bytes, manifest.mtime_ns):
            return
        if stat.st_size != manifest.size_bytes:
            what = f"`{stat.st_size}` bytes now, `{manifest.size_bytes}` then"
        else:
            what = f"still `{stat.st_size}` bytes, but written to since"
        raise JobError(
            JobCode.FILE_CHANGED,
            f"the file `{manifest.file}` was altered after it was taken: {what}",
            "a job delivers its file as it was taken, also at a retry; submit the altered file as a new job",
        )

    async def topic(self, progress: Progress, sink: Sink) -> None:
        """A topic deleted and made again commits happily, with rows missing: its end offsets tell."""
        ends = await sink.end_offsets() if progress.offsets else {}
        for partition, (_, end) in progress.offsets.items():
            if ends.get(partition, 0) < end:
                raise self.replaced(self._job.topic, partition, ends.get(partition, 0), end)

    async def dead_letters(self, progress: Progress, sink: Sink) -> None:
        """The same of the dead letter topic."""
        if progress.dead_letters is None:
            return
        found, expected = await sink.dead_letter_end(), progress.dead_letters[1]
        if found < expected:
            raise self.replaced(self._manifest.dlq_topic, 0, found, expected)

    def advanced(
        self, offsets: dict[int, tuple[int, int]], spans: dict[int, tuple[int, int]]
    ) -> dict[int, tuple[int, int]]:
        """Return the job's offsets with those of one more transaction, which must lie behind them."""
        result = dict(offsets)
        for partition, (first, end) in spans.items():
            earliest, before = result.get(partition, (first, first))
            if first < before:
                raise self.replaced(self._job.topic, partition, first, before)
            result[partition] = (earliest, end)
        return result

    def gone(self) -> JobError:
        return JobError(
            JobCode.FILE_GONE,
            f"the file `{self._manifest.file}` is no longer in the job's folder",
            "submit the file again",
        )

    def replaced(self, topic: str, partition: int, found: int, expected: int) -> JobError:
        return JobError(
            JobCode.TOPIC_REPLACED,
            f"topic `{topic}` goes on at offset `{found}` in partition {partition}, "
            f"but the job's rows reach to `{expected}`",
            "the topic was deleted or made again while the job ran; submit the file again",
        )
