"""What a run measures: the two modes, and the cases made of contenders and workloads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmarks.api import Case, Contender, Form, Workload
from benchmarks.broker import Broker
from benchmarks.contenders import (
    DroppedFiles,
    FilePulse,
    FileStreamSource,
    Floor,
    Kcat,
    PerfTest,
    PythonScript,
    SpoolDir,
    StreamPipeline,
    UploadedFile,
    Worker,
)
from benchmarks.workloads import WorkloadFiles, bad_orders, orders, texts, wide

__all__ = ["FULL", "PEERS", "SHORT", "Mode", "cases", "worker_series"]

PEERS = Path(__file__).resolve().parent / ".peers"
_PAYLOADS = 50_000
_WARMUP_MIB = 1
_ROWS_EACH = 100


@dataclass(frozen=True, slots=True)
class Mode:
    """How much a run does.

    All contenders deliver the standard file of `compare` MiB; files of other shapes have `shapes` MiB, and
    are compared with the standard file of that size, which is one of the `series`, like `compare`.
    """

    name: str
    rounds: int
    compare: int
    shapes: int
    series: tuple[int, ...]
    files: int
    warmup: int
    settling: int = 0
    budget: float | None = None


FULL = Mode(
    "full", rounds=5, compare=256, shapes=64, series=(16, 64, 256, 1024), files=1000, warmup=16, settling=6
)
SHORT = Mode(
    "short", rounds=5, compare=4, shapes=1, series=(1, 2, 4), files=20, warmup=_WARMUP_MIB, budget=160.0
)


def worker_series(mode: Mode) -> list[str]:
    """Return the keys of the worker's lines with the standard file, by size."""
    return [f"csv-{mib}" for mib in mode.series]


def cases(mode: Mode, broker: Broker, files: WorkloadFiles, folder: Path) -> list[Case]:
    """Return the cases of a run, in the order in which a round runs and the report shows them."""
    worker = Worker(broker, folder / "worker")
    return [
        *_worker_cases(mode, files, worker),
        *_small_file_cases(mode, files, worker, broker, folder),
        *_peer_cases(mode, files, broker, folder),
    ]


def _worker_cases(mode: Mode, files: WorkloadFiles, worker: Worker) -> list[Case]:
    rows, uploaded = orders(), UploadedFile(worker)

    def case(
        key: str,
        title: str,
        workload: Workload,
        warmup: Workload,
        form: Form = Form.JSON,
        partitions: int = 4,
    ) -> Case:
        settles = key == f"csv-{mode.compare}"
        return Case(key, f"worker, {title}", uploaded, workload, form, partitions, warmup, settles)

    warm = files.csv("standard", rows, _WARMUP_MIB)
    made = [
        case(f"csv-{mib}", f"CSV {mib} MiB", files.csv("standard", rows, mib, _forms(mode, mib)), warm)
        for mib in mode.series
    ]
    standard = files.csv("standard", rows, mode.compare, _forms(mode, mode.compare))
    made.append(case("csv-1-partition", "CSV, 1 partition", standard, warm, partitions=1))
    parquet, warm_parquet = (
        files.parquet("standard", rows, mib, ("created_at",)) for mib in (mode.compare, _WARMUP_MIB)
    )
    made.append(case("parquet", "Parquet", parquet, warm_parquet))
    ndjson, warm_ndjson = (files.ndjson("standard", rows, mib) for mib in (mode.compare, _WARMUP_MIB))
    made.append(case("ndjson", "NDJSON", ndjson, warm_ndjson))
    for key, title, other in (("wide", "100 columns", wide()), ("texts", "texts with quotes", texts())):
        workload = files.csv(key, other, mode.shapes)
        made.append(case(key, f"CSV, {title}", workload, files.csv(key, other, _WARMUP_MIB)))
    refused, warm = (files.csv("rejects", bad_orders(), mib, ()) for mib in (mode.shapes, _WARMUP_MIB))
    made.append(case("rejects", "CSV, every row a reject", refused, warm, form=Form.REJECTS))
    return made


def _small_file_cases(
    mode: Mode, files: WorkloadFiles, worker: Worker, broker: Broker, folder: Path
) -> list[Case]:
    rows = orders()
    workload = files.many("standard", rows, mode.files, _ROWS_EACH)
    warmup = files.many("standard", rows, 10, _ROWS_EACH)
    dropped, floor = DroppedFiles(worker), Floor(broker, folder / "floor", worker)
    title = f"{mode.files:,} small files"
    return [
        Case("small-files", f"worker, {title}", dropped, workload, partitions=1, warmup=warmup),
        Case("floor", f"floor of {title}", floor, workload, Form.LINES, partitions=1),
    ]


def _peer_cases(mode: Mode, files: WorkloadFiles, broker: Broker, folder: Path) -> list[Case]:
    rows = orders()
    standard = files.csv("standard", rows, mode.compare, _forms(mode, mode.compare))
    warmup = files.csv("standard", rows, mode.warmup, _forms(mode, mode.compare))
    payloads = files.payloads("standard", rows, _PAYLOADS)
    plugins = PEERS / "plugins"
    peers: list[tuple[str, Contender, Form]] = [
        ("kcat", Kcat(broker, folder / "kcat"), Form.FILE_LINES),
        ("perf-test", PerfTest(broker, folder / "perf", payloads, transactional=False), Form.DRAWN),
        ("perf-test-tx", PerfTest(broker, folder / "perf-tx", payloads, transactional=True), Form.DRAWN),
        ("file-stream", FileStreamSource(broker, folder / "file-stream", plugins), Form.FILE_LINES),
        ("spool-dir", SpoolDir(broker, folder / "spool-dir", plugins), Form.JSON),
        ("file-pulse", FilePulse(broker, folder / "file-pulse", plugins), Form.STRINGS_OR_NULL),
        ("pipeline", StreamPipeline(broker, folder / "pipeline", PEERS / "bin"), Form.STRINGS),
        ("script", PythonScript(broker, folder / "script", PEERS / "python"), Form.JSON),
    ]
    # only what stays up between deliveries gains from a warm-up
    return [
        Case(
            key,
            contender.name,
            contender,
            standard,
            form,
            warmup=warmup if key in ("file-stream", "spool-dir", "file-pulse") else None,
            settles=key in ("kcat", "perf-test-tx"),
        )
        for key, contender, form in peers
    ]


def _forms(mode: Mode, mib: int) -> tuple[Form, ...]:
    """The peers' forms are needed of the file that they deliver only."""
    peers = (Form.STRINGS_OR_NULL, Form.STRINGS) if mib == mode.compare else ()
    return (Form.JSON, *peers)
