"""The command line: run the benchmark, write the report, say which bars hold."""

from __future__ import annotations

import argparse
import contextlib
import logging
import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.api import Case
from benchmarks.broker import Broker
from benchmarks.machine import machine
from benchmarks.plan import FULL, SHORT, Mode, cases
from benchmarks.report import chart, markdown, verdicts
from benchmarks.results import Run
from benchmarks.session import Session
from benchmarks.workloads import WorkloadFiles

_RESULTS = Path(__file__).resolve().parent / "results"


def main(argv: list[str]) -> int:
    """Return 0, or 1 when a contender failed or what arrived was wrong; a missed bar is a result."""
    arguments = _parse(argv)
    logging.basicConfig(level=logging.INFO, format="%(relativeCreated)8d ms  %(message)s")
    mode = SHORT if arguments.short else FULL
    folder = arguments.folder / "run"
    shutil.rmtree(folder, ignore_errors=True)
    run = _run(mode, arguments, folder)
    _report(run, mode, arguments.results)
    print("\n".join(verdicts(run, mode)))
    return 1 if run.failed else 0


def _run(mode: Mode, arguments: argparse.Namespace, folder: Path) -> Run:
    began = time.monotonic()
    broker = Broker(folder / "broker")
    run = Run(mode.name, datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"), {})
    made = _chosen(cases(mode, broker, WorkloadFiles(arguments.folder / "files"), folder), arguments.only)
    logging.getLogger("benchmarks").info("the files are there")
    with contextlib.ExitStack() as stack:
        broker.start()
        stack.callback(broker.stop)
        run.machine = machine(broker)
        session = Session(made, broker, run, mode.budget)
        stack.callback(session.close)
        session.run(arguments.rounds or mode.rounds, began, mode.settling)
    run.seconds = time.monotonic() - began
    return run


def _report(run: Run, mode: Mode, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{mode.name}.md").write_text(markdown(run, mode, f"{mode.name}.svg"))
    (folder / f"{mode.name}.svg").write_text(chart(run, mode))
    run.write_json(folder / f"{mode.name}.json")


def _chosen(made: list[Case], only: list[str] | None) -> list[Case]:
    if not only:
        return made
    keys = [case.key for case in made]
    unknown = sorted(set(only) - set(keys))
    if unknown:
        sys.exit(f"there is no case `{unknown[0]}`; the cases are {', '.join(keys)}")
    return [case for case in made if case.key in only]


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="benchmarks/run.sh", description="The worker and its peers, side by side."
    )
    parser.add_argument(
        "--short", action="store_true", help="small files, under 3 minutes: does all of it work"
    )
    parser.add_argument("--rounds", type=int, metavar="N", help="instead of the mode's number")
    parser.add_argument("--only", nargs="+", metavar="CASE", help="run these cases only")
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path(tempfile.gettempdir()) / "batch-benchmark",
        help="where files, broker and worker live; generated files are kept there (%(default)s)",
    )
    parser.add_argument("--results", type=Path, default=_RESULTS, help="where the report goes (%(default)s)")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
