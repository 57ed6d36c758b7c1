"""Following a job to its end, through restarts of its worker."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from worker.cli.client import Client
from worker.cli.errors import ApiError, CliError, ConnectionFailure, SilenceError
from worker.cli.jsontext import members
from worker.jobs.job import ENDED, Work

__all__ = ["Patience", "follow_records", "follow_rejects", "wait"]

T = TypeVar("T")


class _EnoughError(Exception):
    """No more of the answer is wanted."""


class Patience:
    """Repeats what a restarting worker could not answer.

    Only after it has answered once: an address where nothing ever answered is an error at once. `seconds`
    is how long the worker may be away in one go; one that answers, but not yet with what was asked for (its
    broker is away), is waited for as long as it does. `told` hears of each outage once.
    """

    def __init__(
        self,
        told: Callable[[str], None],
        seconds: float = 60,
        pause: float = 0.25,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._told = told
        self._seconds = seconds
        self._pause = pause
        self._clock = clock
        self._sleep = sleep
        self._answered: float | None = None
        self._away = False

    def answered(self) -> None:
        """The worker gave what it was asked for: an outage is over."""
        self._answered = self._clock()
        self._away = False

    def failed(self, error: CliError) -> None:
        """Wait before the next try. Raises `error` when another try makes no sense."""
        unready = isinstance(error, ApiError) and error.status == 503
        if self._answered is None or not (unready or isinstance(error, ConnectionFailure)):
            raise error
        if self._clock() - self._answered > self._seconds:
            raise error
        if not self._away:
            self._told(f"{error.message}; trying again")
            self._away = True
        self.rest()

    def rest(self) -> None:
        """Wait for what was not yet there."""
        self._sleep(self._pause)

    def ask(self, request: Callable[[], T]) -> T:
        """Return what `request` gives, as soon as it gives it. It proves the worker there, and no more."""
        while True:
            try:
                answer = request()
            except CliError as error:
                self.failed(error)
            else:
                self._answered = self._clock()
                return answer


def wait(client: Client, job_id: str, patience: Patience, seen: Callable[[dict[str, Any]], None]) -> str:
    """Return the Job as it ended; `seen` gets it as it stands at each look."""
    while True:
        text, job = _job(client, job_id, patience)
        patience.answered()
        if job["state"] in ENDED:
            return text
        seen(job)
        patience.rest()


def follow_records(
    client: Client, job_id: str, patience: Patience, write: Callable[[list[bytes]], None]
) -> str:
    """Write each committed record's value once, in order, verbatim; return the Job as it ended.

    After a broken connection it goes on at the offset after the last record written of each partition.
    """
    following: dict[int, int] = {}

    def pieces() -> Iterator[list[bytes]]:
        start = ",".join(f"{partition}:{offset}" for partition, offset in sorted(following.items()))
        query = {"follow": "true", "format": "envelope", "from": start or None}
        return client.lines("jobs", job_id, "records", **query)

    def take(lines: list[bytes]) -> None:
        values = []
        for line in lines:
            record = members(line.decode())
            partition, offset = int(record["partition"]), int(record["offset"])
            if offset >= following.get(partition, 0):
                values.append(record["value"].encode())
                following[partition] = offset + 1
        write(values)

    def whole(job: dict[str, Any]) -> bool:
        offsets = job["offsets"].items()
        return job["state"] in ENDED and all(
            following.get(int(p), first) >= end for p, (first, end) in offsets
        )

    return _follow(client, job_id, patience, pieces, take, whole)


def follow_rejects(
    client: Client, job_id: str, patience: Patience, limit: int | None, write: Callable[[list[bytes]], None]
) -> str:
    """Write each committed reject once, in order, up to `limit`; return the Job as it then stands.

    Rejects stand in the order of attempt and row, and an answer starts at the first that is unresolved: what
    was written is known by these two.
    """
    written = 0
    last = (0, 0)

    def pieces() -> Iterator[list[bytes]]:
        return client.lines("jobs", job_id, "rejects", follow="true")

    def take(lines: list[bytes]) -> None:
        nonlocal last, written
        fresh = []
        for line in lines:
            reject = json.loads(line)
            place = (reject["attempt"], reject["row"])
            if place > last and written != limit:
                fresh.append(line)
                last = place
                written += 1
        write(fresh)
        if written == limit:
            raise _EnoughError

    def whole(job: dict[str, Any]) -> bool:
        if written == limit:
            return True
        # a retry of rejects counts anew: what it has left may be fewer than were written before
        return job["state"] in ENDED and job["work"] == Work.FILE and written >= job["rows_rejected"]

    return _follow(client, job_id, patience, pieces, take, whole)


def _follow(
    client: Client,
    job_id: str,
    patience: Patience,
    pieces: Callable[[], Iterator[list[bytes]]],
    take: Callable[[list[bytes]], None],
    whole: Callable[[dict[str, Any]], bool],
) -> str:
    """Take every piece of a stream until it is `whole` for the Job as it stands; return that Job.

    A stream that ends cleanly proves it, too, but only if the job had ended before it began: a worker that
    stops ends its streams cleanly as well.
    """
    text, job = _job(client, job_id, patience)
    while True:
        ended, clean = job["state"] in ENDED, False
        try:
            for lines in pieces():
                patience.answered()
                take(lines)
            clean = True
            patience.answered()
        except _EnoughError:
            pass
        except SilenceError:
            pass  # a job may wait or read for long; whether its worker lives shows below
        except CliError as error:
            patience.failed(error)
        text, job = _job(client, job_id, patience)
        if whole(job) or (ended and clean and job["state"] in ENDED):
            return text
        if clean:
            patience.rest()


def _job(client: Client, job_id: str, patience: Patience) -> tuple[str, dict[str, Any]]:
    text = patience.ask(lambda: client.get("jobs", job_id))
    job: dict[str, Any] = json.loads(text)
    return text, job
