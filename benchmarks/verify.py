"""What arrived, read back by another client than any that is measured, compared with what was generated."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TypeAlias
from zlib import crc32

from benchmarks.api import Case, Delivery, Form, RunError
from benchmarks.reading import Place, places, values
from benchmarks.tally import Tally

__all__ = ["Verifier"]

_PROCESSES = 2

Fold: TypeAlias = Callable[[Iterator[list[bytes]]], tuple[Tally, int]]
"""Takes the values of some partitions; returns their tally, and the sum of the row numbers in them."""


class Verifier:
    """Holds committed records against a workload's tallies, in processes that wait meanwhile."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._pool = ProcessPoolExecutor(_PROCESSES, mp_context=get_context("spawn"))

    def close(self) -> None:
        self._pool.shutdown()

    def check(self, case: Case, delivery: Delivery) -> None:
        """Raise RunError unless exactly what was sent has arrived."""
        if case.form is Form.DRAWN:
            self._check_drawn(delivery)
        elif case.form is Form.REJECTS:
            self._check_rejects(case, delivery)
        else:
            found, _ = self._fold(delivery.topics, _tallied)
            _compare(case.workload.tallies[case.form], found)

    def _check_drawn(self, delivery: Delivery) -> None:
        if delivery.drawn is None:
            raise RunError("the delivery does not say what it drew")
        expected, file = delivery.drawn
        found, _ = self._fold(delivery.topics, partial(_drawn, file))
        if found.records != expected:
            raise RunError(f"{found.records:,} records arrived instead of {expected:,}")

    def _check_rejects(self, case: Case, delivery: Delivery) -> None:
        found, numbers = self._fold(delivery.topics, _rejects)
        _compare(case.workload.tallies[Form.LINES], found)
        rows = case.workload.rows
        if numbers != rows * (rows + 1) // 2:
            raise RunError("the row numbers of the rejects are not those of the file")

    def _fold(self, topics: Sequence[str], fold: Fold) -> tuple[Tally, int]:
        found = places(self._bootstrap, topics)
        parts = [found[number::_PROCESSES] for number in range(_PROCESSES)]
        made = list(self._pool.map(partial(_folded, self._bootstrap, fold), filter(None, parts)))
        return sum((tally for tally, _ in made), Tally()), sum(numbers for _, numbers in made)


def _folded(bootstrap: str, fold: Fold, where: Sequence[Place]) -> tuple[Tally, int]:
    return fold(values(bootstrap, where))


def _tallied(found: Iterator[list[bytes]]) -> tuple[Tally, int]:
    return sum(map(Tally.of, found), Tally()), 0


def _drawn(file: Path, found: Iterator[list[bytes]]) -> tuple[Tally, int]:
    """Which records were drawn is chance: each must be one of the payloads."""
    payloads, tally = {crc32(line) for line in file.read_bytes().splitlines()}, Tally()
    for records in found:
        if not payloads.issuperset(map(crc32, records)):
            raise RunError("a record is none of the payloads")
        tally += Tally.of(records)
    return tally, 0


def _rejects(found: Iterator[list[bytes]]) -> tuple[Tally, int]:
    """Every row is there once, by its number, with the line as it stood in the file and a reason."""
    tally, numbers = Tally(), 0
    for records in found:
        rejects = [json.loads(record) for record in records]
        tally += Tally.of([reject["raw"].encode() for reject in rejects])
        numbers += sum(reject["row"] for reject in rejects)
        if not all(reject["errors"] for reject in rejects):
            raise RunError("a reject has no reason")
    return tally, numbers


def _compare(expected: Tally, found: Tally) -> None:
    if found != expected:
        raise RunError(f"what arrived is not what was sent: {found} instead of {expected}")
