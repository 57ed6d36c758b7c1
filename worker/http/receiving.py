"""The file of a form on its way into a part file, refused early if it is of no known kind."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from connectors.errors import JobError
from connectors.registry import DETECT_BYTES, detect_format
from worker.http.form import FORM_BYTES, FileField, Form
from worker.http.ports import Services, Upload
from worker.http.problems import Problem

__all__ = ["continue_later", "continue_now", "received"]


async def continue_later(request: web.Request) -> None:
    """As a route's `expect_handler`: send no `100 Continue` yet, what is refused at once need not be sent."""


async def continue_now(request: web.Request, services: Services) -> None:
    """Let a client that waits for it send its form, unless the file in it cannot fit. Raises Problem.

    The exact limit is the upload's.
    """
    limit = services.settings.max_upload_bytes
    if (request.content_length or 0) > limit + FORM_BYTES:
        raise Problem(
            "FILE_TOO_LARGE",
            f"the file is larger than `{limit}` bytes",
            "split it, or raise BATCH_MAX_UPLOAD_BYTES",
        )
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # it does not count as the beginning of the answer


@asynccontextmanager
async def received(services: Services, form: Form, file: FileField) -> AsyncIterator[Upload]:
    """The whole file as an upload; unless it is claimed, nothing of it is left behind.

    Raises Problem for an unsupported type and a form that is not whole, and what Upload raises.
    """
    pieces = file.pieces()
    head = bytearray()
    async for piece in pieces:
        head += piece
        if len(head) >= DETECT_BYTES:
            break
    _check_type(bytes(head[:DETECT_BYTES]))
    upload = services.intake.open_upload(file.name)
    try:
        await upload.write(bytes(head))
        async for piece in pieces:
            await upload.write(piece)
        await form.end()
        yield upload
    finally:
        await upload.discard()


def _check_type(head: bytes) -> None:
    try:
        detect_format(head)
    except JobError as error:
        raise Problem(error.code.value, error.message, error.hint) from None
