"""One run of the benchmark: warm up, then round after round each case in turn, each delivery verified."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Sequence

from benchmarks.api import Case, MissingError, RunError, Workload
from benchmarks.broker import Broker
from benchmarks.processes import cpu_seconds
from benchmarks.results import Line, Measurement, Run
from benchmarks.verify import Verifier

__all__ = ["Session"]

_log = logging.getLogger("benchmarks")


class Session:
    """Runs cases side by side on one broker, into `run`.

    A case that fails once is not measured again: its line says why. With a `budget` (seconds, from `began`) a
    round that would probably end later is not begun, but for the first.
    """

    def __init__(self, cases: Sequence[Case], broker: Broker, run: Run, budget: float | None) -> None:
        self._cases = cases
        self._broker = broker
        self._run = run
        self._budget = budget
        self._verifier = Verifier(broker.address)

    def run(self, rounds: int, began: float, settling: int = 0) -> None:
        """Run up to so many rounds; `began` is when the run did, on the monotonic clock.

        Before them, each case that settles the broker is delivered `settling` times: a new broker's JVM
        compiles beside whoever delivers first.
        """
        self._begin_lines()
        self._start()
        for _ in range(settling):
            for case in self._cases:
                if case.settles:
                    self._deliver_unmeasured(case, case.workload)
        longest = 0.0
        for number in range(1, rounds + 1):
            begin = time.monotonic()
            if number > 1 and self._budget is not None and begin + longest - began > self._budget:
                _log.info("no time for round %d", number)
                break
            for case in self._cases:
                self._measure(case, number)
            self._run.rounds = number
            longest = max(longest, time.monotonic() - begin)
            _log.info("round %d of %d took %.0f s", number, rounds, time.monotonic() - begin)

    def close(self) -> None:
        self._verifier.close()
        for case in self._cases:
            case.contender.close()

    def _begin_lines(self) -> None:
        for case in self._cases:
            line = Line(
                key=case.key,
                title=case.title,
                contender=case.contender.name,
                rules=case.contender.rules,
                version="",
                workload=case.workload.path.name,
                rows=case.workload.rows,
                size_bytes=case.workload.size_bytes,
                partitions=case.partitions,
            )
            self._run.lines[case.key] = line
            try:
                line.version = case.contender.version()
            except MissingError as error:
                line.reason = str(error)
                _log.warning("%s cannot run here: %s", case.contender.name, error)

    def _start(self) -> None:
        """Start every contender, and deliver every case's warm-up once."""
        for case in self._cases:
            line = self._run.lines[case.key]
            if line.reason is not None:
                continue
            try:
                case.contender.start()
            except RunError as error:
                self._give_up(line, error)
                continue
            if case.warmup is not None:
                self._deliver_unmeasured(case, case.warmup)

    def _deliver_unmeasured(self, case: Case, workload: Workload) -> None:
        line = self._run.lines[case.key]
        if line.reason is not None:
            return
        try:
            case.contender.clean(case.contender.deliver(workload, case.partitions))
        except RunError as error:
            self._give_up(line, error)

    def _measure(self, case: Case, number: int) -> None:
        line = self._run.lines[case.key]
        if line.reason is not None:
            return
        os.sync()  # what others have written is on the disk before this one is timed
        broker_cpu = cpu_seconds(self._broker.pid)
        try:
            delivery = case.contender.deliver(case.workload, case.partitions)
            broker_cpu = cpu_seconds(self._broker.pid) - broker_cpu
            self._verifier.check(case, delivery)
            case.contender.clean(delivery)
        except RunError as error:
            self._give_up(line, error)
            return
        line.remark = delivery.remark
        usage = delivery.usage
        line.measurements.append(
            Measurement(
                delivery.seconds, usage.cpu_seconds, usage.peak_rss, broker_cpu, dict(delivery.figures)
            )
        )
        rate = case.workload.rows / delivery.seconds
        _log.info("round %d: %s: %.2f s, %s rows/s", number, case.title, delivery.seconds, f"{rate:,.0f}")

    def _give_up(self, line: Line, error: RunError) -> None:
        line.reason = str(error)
        _log.error("%s failed: %s", line.title, error)
