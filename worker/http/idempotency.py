"""The header `Idempotency-Key`, which makes a submission safe to repeat."""

from __future__ import annotations

import re

from aiohttp import web

from worker.http.problems import Problem

__all__ = ["idempotency_key", "replayed"]

_HEADER = "Idempotency-Key"
_KEY = re.compile(r"[\x20-\x7e]{1,255}")


def idempotency_key(request: web.Request) -> str | None:
    """Return the request's key, None if it has none. Raises Problem `INVALID_REQUEST`."""
    keys = request.headers.getall(_HEADER, [])
    if not keys:
        return None
    if len(keys) > 1 or not _KEY.fullmatch(keys[0]):
        raise Problem(
            "INVALID_REQUEST",
            f"header `{_HEADER}` is not one key of 1 to 255 printable ASCII characters",
            "send a fresh random key with each submission, a UUID say, and the same one to repeat it",
        )
    return keys[0]


def replayed(created: bool) -> dict[str, str]:
    """Return the header that says whether the job was made by an earlier request with the same key."""
    return {"Idempotency-Replayed": "false" if created else "true"}
