"""Who follows the read model, and what they have not read yet."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncIterator, Iterable

from worker.state.api import Change

__all__ = ["ChangeFeed"]


class ChangeFeed:
    """Hands every change to every follower. On the event loop's thread only.

    A follower that falls behind gets the newest change of each job: what waits for it is bounded by the
    number of jobs. One that is no longer referenced costs nothing.
    """

    def __init__(self) -> None:
        self._followers: weakref.WeakSet[_Follower] = weakref.WeakSet()

    def follow(self) -> AsyncIterator[Change]:
        """Return an endless iterator over the changes published from now on."""
        follower = _Follower()
        self._followers.add(follower)
        return follower

    def publish(self, changes: Iterable[Change]) -> None:
        followers = list(self._followers)
        for change in changes:
            for follower in followers:
                follower.put(change)


class _Follower(AsyncIterator[Change]):
    def __init__(self) -> None:
        self._waiting: dict[str, Change] = {}
        self._news = asyncio.Event()

    def put(self, change: Change) -> None:
        self._waiting[change.job_id] = change
        self._news.set()

    async def __anext__(self) -> Change:
        while not self._waiting:
            self._news.clear()
            await self._news.wait()
        return self._waiting.pop(next(iter(self._waiting)))
