"""The bearer token, and the session that a browser gets for it. Every comparison takes constant time."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable

__all__ = ["SESSION_SECONDS", "Token"]

SESSION_SECONDS = 7 * 24 * 3600
"""How long a browser stays signed in."""

_PURPOSE = b"batch-session-v1:"


class Token:
    """The one token of a worker (RFC 6750). `clock` gives Unix time (seconds).

    A session is `<end>.<HMAC-SHA256 of end under the token>`: it says nothing of the token, needs no store,
    holds at every worker with the same token, and ends with it.
    """

    def __init__(self, token: str, clock: Callable[[], float] = time.time) -> None:
        self._token = token.encode()
        self._clock = clock

    def is_bearer(self, authorization: str | None) -> bool:
        """Whether the value of an `Authorization` header carries the token."""
        scheme, _, credentials = (authorization or "").partition(" ")
        return scheme.lower() == "bearer" and self.matches(credentials.strip())

    def matches(self, text: str) -> bool:
        """Whether `text` is the token."""
        return hmac.compare_digest(text.encode("utf-8", "surrogateescape"), self._token)

    def new_session(self) -> str:
        """Return the value of a cookie that `is_session` accepts for SESSION_SECONDS."""
        end = str(int(self._clock()) + SESSION_SECONDS)
        return f"{end}.{self._signature(end)}"

    def is_session(self, value: str | None) -> bool:
        """Whether a cookie's value is a session of this token that has not ended."""
        end, _, signature = (value or "").partition(".")
        genuine = hmac.compare_digest(
            signature.encode("utf-8", "surrogateescape"), self._signature(end).encode()
        )
        return genuine and self._clock() < int(end)  # only what was signed here is read as a number

    def _signature(self, end: str) -> str:
        data = _PURPOSE + end.encode("utf-8", "surrogateescape")
        return hmac.new(self._token, data, hashlib.sha256).hexdigest()
