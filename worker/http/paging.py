"""Pages of lists that are in memory: newest first, with the last key shown as an opaque cursor."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable
from typing import TypeVar

from worker.http.problems import Problem

__all__ = ["page_of"]

T = TypeVar("T")
Key = tuple[str, str]


def page_of(
    items: Iterable[T], key: Callable[[T], Key], limit: int, cursor: str | None
) -> tuple[list[T], str | None]:
    """Return up to `limit` items behind `cursor` and the cursor of the next page, None on the last.

    `key` is a time (RFC 3339) and what tells items of one time apart; no two items have the same. Raises
    Problem for a cursor that is not of such a list.
    """
    newest_first = sorted(items, key=key, reverse=True)
    if cursor is not None:
        before = _key(cursor)
        newest_first = [item for item in newest_first if key(item) < before]
    page = newest_first[:limit]
    return page, _cursor(key(page[-1])) if len(newest_first) > len(page) else None


def _cursor(key: Key) -> str:
    return base64.urlsafe_b64encode("|".join(key).encode()).decode()


def _key(cursor: str) -> Key:
    try:
        time, bar, rest = base64.urlsafe_b64decode(cursor.encode()).decode().partition("|")
    except (binascii.Error, ValueError):
        time = bar = rest = ""
    if not bar:
        raise Problem(
            "INVALID_REQUEST", f"`{cursor[:100]}` is not a cursor of this list", "take it from `next_cursor`"
        )
    return time, rest
