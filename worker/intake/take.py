"""Takes settled files: hashes them, several at once, and hands them to the claim."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from connectors.errors import OptionError
from worker.intake.claim import Submission
from worker.intake.names import printable
from worker.intake.reasons import Reason, options_refused, unreadable
from worker.intake.received import Identity, ReceivedFile, SourceChangedError, hash_file
from worker.intake.scan import Found
from worker.intake.submit import Submitter
from worker.jobs.job import Source
from worker.jobs.sizes import SMALL_BYTES
from worker.state.api import Model, StateError, UnavailableError

__all__ = ["Taker"]

_log = logging.getLogger(__name__)

_SMALL_AT_ONCE = 4
_LARGE_AT_ONCE = 1  # small files have slots of their own: none waits while a big one is hashed
_RETRY_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class _Failure:
    identity: Identity
    reason: Reason
    retry_at: float


class Taker:
    """Turns files that were found and have settled into jobs; each is hashed once as long as it is the same.

    `options_of` gives a model's options, `clock` monotonic seconds. `changed` is called with the name of a
    file that did not stay as it was. On the event loop's thread.
    """

    def __init__(
        self,
        *,
        submitter: Submitter,
        options_of: Callable[[Model], dict[str, Any]],
        changed: Callable[[str], None],
        clock: Callable[[], float],
    ) -> None:
        self._submitter = submitter
        self._options_of = options_of
        self._changed = changed
        self._clock = clock
        self._small = asyncio.Semaphore(_SMALL_AT_ONCE)
        self._large = asyncio.Semaphore(_LARGE_AT_ONCE)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._hashed: dict[str, ReceivedFile] = {}
        self._failures: dict[str, _Failure] = {}
        self._stopping = threading.Event()

    def is_taking(self, name: str) -> bool:
        """Whether the file is being taken right now."""
        return name in self._tasks

    def failure(self, name: str, identity: Identity) -> Reason | None:
        """Why the last try failed, as long as another one makes no sense yet."""
        failure = self._failures.get(name)
        if failure is None or failure.identity != identity or self._clock() >= failure.retry_at:
            return None
        return failure.reason

    def take(self, found: Found, identity: Identity, model: Model) -> None:
        """Begin to take a file; it ends as a job or with a `failure`."""
        task = asyncio.create_task(self._take(found, identity, model))
        self._tasks[found.name] = task
        task.add_done_callback(lambda _: self._tasks.pop(found.name))

    def keep_only(self, names: Collection[str]) -> None:
        """Forget what is known of all files but these."""
        for known in (self._hashed, self._failures):
            for name in known.keys() - names:
                del known[name]

    async def idle(self) -> None:
        """Return when nothing is being taken."""
        while self._tasks:
            await asyncio.wait(list(self._tasks.values()))
            await asyncio.sleep(0)  # their callbacks run

    async def stop(self) -> None:
        """Give up what is under way; the files stay or are jobs."""
        self._stopping.set()
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _take(self, found: Found, identity: Identity, model: Model) -> None:
        try:
            await self._hash_and_claim(found, identity, model)
        except UnavailableError:
            pass  # the hash stays; the next scan says why the file waits
        except SourceChangedError as error:
            _log.debug("%s; it settles again", error)
            self._hashed.pop(found.name, None)
            self._changed(found.name)
        except StateError as error:
            self._fail(found, identity, Reason(error.code, error.message, error.hint))
        except OptionError as error:
            self._fail(found, identity, options_refused(model.name, error, error.hint))
        except OSError as error:
            self._fail(found, identity, unreadable(found.name, error))
        except Exception as error:  # noqa: BLE001 (one file must not stop the others)
            _log.exception("`%s` could not be taken", printable(found.name))
            self._fail(found, identity, options_refused(model.name, error))

    async def _hash_and_claim(self, found: Found, identity: Identity, model: Model) -> None:
        submission = Submission(found.file, model, self._options_of(model), Source.DROPZONE)
        async with self._large if identity.size >= SMALL_BYTES else self._small:
            received = self._hashed.get(found.name)
            if received is None or received.identity != identity:
                received = await asyncio.to_thread(hash_file, found.path, identity, self._stopping.is_set)
                self._hashed[found.name] = received
            await self._submitter.submit(received, submission)
        self._hashed.pop(found.name, None)
        self._failures.pop(found.name, None)

    def _fail(self, found: Found, identity: Identity, reason: Reason) -> None:
        self._failures[found.name] = _Failure(identity, reason, self._clock() + _RETRY_SECONDS)
