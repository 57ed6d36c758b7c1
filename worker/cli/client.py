"""The worker's HTTP interface as the command line uses it: standard library only, so that it starts fast."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from worker.cli.errors import (
    ApiError,
    CliError,
    ConnectionLostError,
    SilenceError,
    UnreachableError,
    UsageError,
)
from worker.cli.jsontext import elements, members

__all__ = ["Client"]

_PAGE = 500  # the largest page that a list gives
_READ_BYTES = 256 * 1024


class Client:
    """Asks one worker, a connection a request. JSON comes back as text, as the worker wrote it.

    `token` goes with every request. `timeout` (seconds) bounds the silence in a connection, not a whole
    answer. Every call raises
    UnreachableError when nothing answers at the address, ConnectionLostError when the answer does not come
    whole, and ApiError when it is an error.
    """

    def __init__(self, url: str, timeout: float = 60, *, token: str | None = None) -> None:
        parts = urlsplit(url)
        try:
            usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:
            usable = False
        if not usable:
            raise UsageError(
                f"BATCH_URL: `{url}` is not an address", "write it as http://host:port, or leave it unset"
            )
        if token is not None and not (token.isascii() and token.isprintable() and " " not in token):
            raise UsageError(
                "BATCH_API_TOKEN holds other characters than a token has",
                "set it to the worker's token: printable ASCII without spaces",
            )
        self.authorization = {} if token is None else {"Authorization": f"Bearer {token}"}
        self.url = url.rstrip("/")
        self._secure = parts.scheme == "https"
        self._host = parts.hostname or ""
        self._port = parts.port
        self._path = parts.path.rstrip("/")
        self._timeout = timeout

    def get(self, *path: str, **query: str | int | None) -> str:
        """Return the body of `GET /path…?query`."""
        with self._request("GET", path, query) as response:
            return self._body(response)

    def readiness(self) -> tuple[bool, str]:
        """Return whether the worker is ready, and what it says: a problem if it is not."""
        with self._request("GET", ("readyz",), {}) as response:
            ready = response.status != 503
            return ready, self._body(response) if ready else self._text(response)

    def post(self, *path: str, body: str | None = None) -> str:
        """Return the body of `POST /path…`."""
        with self._request("POST", path, {}, body) as response:
            return self._body(response)

    def put(self, *path: str, body: str, if_match: int | None = None) -> str:
        """Return the body of `PUT /path…`; `if_match` is the version that it must still have."""
        with self._request("PUT", path, {}, body, if_match) as response:
            return self._body(response)

    def delete(self, *path: str, if_match: int | None = None) -> None:
        """`DELETE /path…`; `if_match` as in `put`."""
        with self._request("DELETE", path, {}, None, if_match) as response:
            self._body(response)

    def items(self, *path: str, limit: int, **query: str | int | None) -> list[str]:
        """Return up to `limit` items of a list, following its cursors."""
        items: list[str] = []
        cursor = None
        while len(items) < limit:
            page = members(self.get(*path, limit=min(limit - len(items), _PAGE), cursor=cursor, **query))
            items += elements(page["items"])
            cursor = json.loads(page["next_cursor"])
            if cursor is None:
                break
        return items[:limit]

    def lines(self, *path: str, **query: str | int | None) -> Iterator[list[bytes]]:
        """Follow an NDJSON answer: yield the whole lines of each piece that arrives, without their ends."""
        with self._request("GET", path, query) as response:
            self._check(response)
            rest = b""
            while piece := self._read(response):
                *lines, rest = (rest + piece).split(b"\n")
                if lines:
                    yield lines
            if rest:
                raise self._lost("its last line is not whole")

    def open(self) -> http.client.HTTPConnection:
        """Return a connection that stands, for a request that is written piece by piece."""
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        connection = kind(self._host, self._port, timeout=self._timeout)
        try:
            connection.connect()
        except OSError as error:
            raise UnreachableError(
                f"no worker answers at `{self.url}`: {(error.strerror or str(error)).lower()}",
                "start one with `scripts/up.sh` (or `batch worker` where a broker runs already), "
                "or set BATCH_URL to the address of a running one",
            ) from error
        return connection

    def target(self, path: tuple[str, ...], query: Mapping[str, str | int | None]) -> str:
        """Return the request target of a path given by its segments; a query value of None is left out."""
        given = {name: value for name, value in query.items() if value is not None}
        segments = "".join("/" + quote(segment, safe="", errors="surrogateescape") for segment in path)
        return f"{self._path}{segments}" + (f"?{urlencode(given, errors='surrogateescape')}" if given else "")

    def answer(self, connection: http.client.HTTPConnection) -> str:
        """Return the body that answers a request written to `connection`."""
        try:
            response = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise self._lost(str(error) or type(error).__name__) from error
        return self._body(response)

    @contextmanager
    def _request(
        self,
        method: str,
        path: tuple[str, ...],
        query: Mapping[str, str | int | None],
        body: str | None = None,
        if_match: int | None = None,
    ) -> Iterator[http.client.HTTPResponse]:
        connection = self.open()
        try:
            headers = dict(self.authorization)
            if body is not None:
                headers["Content-Type"] = "application/json"
            if if_match is not None:
                headers["If-Match"] = f'"{if_match}"'
            try:
                connection.request(
                    method, self.target(path, query), None if body is None else body.encode(), headers
                )
                response = connection.getresponse()
            except (OSError, http.client.HTTPException) as error:
                raise self._lost(str(error) or type(error).__name__) from error
            yield response
        finally:
            connection.close()

    def _body(self, response: http.client.HTTPResponse) -> str:
        self._check(response)
        return self._text(response)

    def _check(self, response: http.client.HTTPResponse) -> None:
        if response.status >= 300:
            raise self._problem(response.status, self._text(response))

    def _text(self, response: http.client.HTTPResponse) -> str:
        try:
            return response.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as error:
            raise self._lost(str(error) or type(error).__name__) from error

    def _read(self, response: http.client.HTTPResponse) -> bytes:
        """Return what has arrived of a stream, b"" at its end."""
        try:
            piece = response.read1(_READ_BYTES)
        except TimeoutError as error:
            raise SilenceError(
                f"nothing came from `{self.url}` for {self._timeout:g} s", "repeat the command"
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise self._lost(str(error) or type(error).__name__) from error
        if not piece and response.length:
            raise self._lost(f"{response.length} bytes are missing")
        return piece

    def _lost(self, reason: str) -> ConnectionLostError:
        return ConnectionLostError(
            f"the connection to `{self.url}` ended before the answer did: {reason.lower()}",
            "look into the worker's log, then repeat the command",
        )

    def _problem(self, status: int, body: str) -> CliError:
        """Read an RFC 9457 problem; anything else did not come from a worker."""
        try:
            problem: Any = json.loads(body)
            hint = self._token_hint() if problem["code"] == "UNAUTHORIZED" else problem["hint"]
            return ApiError(status, problem["code"], problem["detail"], hint)
        except (ValueError, TypeError, KeyError):
            return CliError(
                f"`{self.url}` answered {status}, and not as a worker does",
                "check BATCH_URL; another program may listen there",
            )

    def _token_hint(self) -> str:
        if self.authorization:
            return f"BATCH_API_TOKEN is set, but not to the token of the worker at `{self.url}`"
        return "set BATCH_API_TOKEN to the value that the worker was started with"
