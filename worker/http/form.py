"""The multipart form of `POST /jobs` (RFC 7578): text fields, then one file, streamed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import BodyPartReader, MultipartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from worker.http.problems import Problem

__all__ = ["FORM_BYTES", "FileField", "Form"]

FORM_BYTES = 2 * 1024 * 1024  # more than all text fields and the envelope may take
_FIELD_BYTES = 64 * 1024
_FIELDS = 32
_PIECE_BYTES = 256 * 1024
_SILENT_SECONDS = 60.0
_ORDER_HINT = "send `model` and the options first and `file` as the last field"
# what aiohttp raises for a form that is wrong, and for a body that ends too soon
_MALFORMED = (ValueError, RuntimeError, HttpProcessingError)
_LOST = (ConnectionError, web.RequestPayloadError)
# how browsers write a name into the header (HTML standard, multipart/form-data encoding)
_ESCAPED = (("%22", '"'), ("%0D", "\r"), ("%0A", "\n"))


class Form:
    """Reads one form in the order in which it arrives. Errors are Problem."""

    def __init__(self, request: web.Request) -> None:
        if request.content_type != "multipart/form-data":
            raise Problem(
                "INVALID_REQUEST",
                f"the body is `{request.content_type}`, not `multipart/form-data`",
                "send a form with the fields `model` and `file`",
            )
        try:
            self._reader = MultipartReader(request.headers, request.content)
        except ValueError:
            raise Problem(
                "INVALID_REQUEST", "the form has no boundary", "let the HTTP client write the header"
            ) from None

    async def fields(self) -> tuple[dict[str, str], FileField]:
        """Return the text fields and the file that follows them, which is not read yet."""
        fields: dict[str, str] = {}
        while (part := await self._next()) is not None:
            name = part.name or ""
            if name == "file":
                if part.filename is None:  # a text, as `curl -F file=x` sends it
                    raise Problem(
                        "INVALID_REQUEST",
                        "field `file` is a text, not a file",
                        "send the file itself: `file=@path`",
                    )
                return fields, FileField(part)
            if name in fields or len(fields) == _FIELDS:
                raise Problem(
                    "INVALID_REQUEST", f"field `{name[:100]}` is one too many", "send each option once"
                )
            fields[name] = await _text(part, name)
        raise Problem("INVALID_REQUEST", "field `file` is missing", _ORDER_HINT)

    async def end(self) -> None:
        """Read the form's end. Raises Problem when another field follows the file."""
        try:
            async with _arriving():
                part = await self._reader.next()
        except _MALFORMED:
            raise _incomplete() from None
        if part is not None:
            name = part.name if isinstance(part, BodyPartReader) else None
            raise Problem("INVALID_REQUEST", f"field `{name or ''}` comes after `file`", _ORDER_HINT)

    async def _next(self) -> BodyPartReader | None:
        try:
            async with _arriving():
                part = await self._reader.next()
        except _MALFORMED as error:
            raise Problem("INVALID_REQUEST", f"the form cannot be read: {error}", _ORDER_HINT) from None
        if isinstance(part, MultipartReader):
            raise Problem("INVALID_REQUEST", "the form contains another form", _ORDER_HINT)
        return part


class FileField:
    """The file of the form: its name as the user's program gave it, and its bytes."""

    def __init__(self, part: BodyPartReader) -> None:
        self._part = part
        name = part.filename or ""
        if "filename*=" not in part.headers.get("Content-Disposition", ""):  # RFC 8187 has no such escapes
            for escaped, character in _ESCAPED:
                name = name.replace(escaped, character)
        self.name = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the file in pieces of at most 256 KiB. Raises Problem `INCOMPLETE_UPLOAD`."""
        while not self._part.at_eof():
            try:
                async with _arriving():
                    piece = await self._part.read_chunk(_PIECE_BYTES)
            except _MALFORMED:
                raise _incomplete() from None
            if piece:
                yield bytes(piece)


async def _text(part: BodyPartReader, name: str) -> str:
    value = bytearray()
    try:
        while not part.at_eof():
            async with _arriving():
                value += await part.read_chunk(_FIELD_BYTES)
            if len(value) > _FIELD_BYTES:
                raise Problem(
                    "INVALID_REQUEST", f"field `{name[:100]}` is over {_FIELD_BYTES} bytes", _ORDER_HINT
                )
        return value.decode("utf-8")
    except UnicodeDecodeError:
        raise Problem("INVALID_REQUEST", f"field `{name[:100]}` is not UTF-8", "send UTF-8") from None
    except _MALFORMED:
        raise _incomplete() from None


@asynccontextmanager
async def _arriving() -> AsyncIterator[None]:
    """Bound one read. Raises Problem when the connection ends or brings nothing for too long.

    A client that is gone without a word would otherwise keep its connection and its part file for good.
    """
    try:
        async with asyncio.timeout(_SILENT_SECONDS):
            yield
    except TimeoutError:
        raise Problem(
            "INCOMPLETE_UPLOAD", f"nothing arrived for `{_SILENT_SECONDS:g}` s", "send the file again"
        ) from None
    except _LOST:
        raise _incomplete() from None


def _incomplete() -> Problem:
    return Problem(
        "INCOMPLETE_UPLOAD", "the connection ended before the whole file had arrived", "send the file again"
    )
