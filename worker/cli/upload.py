"""A file on its way to a worker: multipart/form-data (RFC 7578), streamed, never held in memory."""

from __future__ import annotations

import http.client
import io
import os
import secrets
import select
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from worker.cli.client import Client
from worker.cli.errors import CliError

__all__ = ["Form", "upload"]

_PIECE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Form:
    """What goes with a file: text fields in their order, and the file's name as the worker hears it."""

    fields: Sequence[tuple[str, str]] = ()
    name: str | None = None


def upload(
    client: Client,
    path: tuple[str, ...],
    form: Form,
    file: Path,
    sent: Callable[[int, int], None],
    *,
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    waits: bool = False,
) -> str:
    """Post the file to `path` and return the worker's answer, with `waits` however long it works on it.

    `sent` hears after each piece how many bytes of how many are under way. Raises CliError when the file
    cannot be read or becomes shorter meanwhile, and what Client raises.
    """
    boundary = secrets.token_hex(16)
    head, tail = _envelope(boundary, form.fields, form.name or file.name)
    with _open(file) as source:
        size = os.fstat(source.fileno()).st_size
        connection = client.open()
        try:
            connection.putrequest("POST", client.target(path, query or {}))
            for name, value in {**client.authorization, **(headers or {})}.items():
                connection.putheader(name, value)
            connection.putheader("Content-Type", f"multipart/form-data; boundary={boundary}")
            connection.putheader("Content-Length", str(len(head) + size + len(tail)))
            _send(connection, head, source, size, tail, file, sent)
            if waits:
                connection.sock.settimeout(None)
            return client.answer(connection)
        finally:
            connection.close()


def _open(path: Path) -> io.BufferedReader:
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # asked before the open, which waits for a pipe's writer
            raise CliError(f"`{path}` is not a regular file", "write the rows into a file first")
        return path.open("rb")
    except OSError as error:
        raise CliError(
            f"cannot read `{path}`: {(error.strerror or str(error)).lower()}", "name a file that you may read"
        ) from error


def _envelope(boundary: str, fields: Sequence[tuple[str, str]], name: str) -> tuple[bytes, bytes]:
    """Return what stands before and after the file's bytes. The file is the last field."""
    texts = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{_quoted(field)}"\r\n\r\n{value}\r\n'
        for field, value in fields
    )
    head = (
        f"{texts}--{boundary}\r\n"
        f'Content-Disposition: form-data; name="file"; {_filename(name)}\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    # surrogateescape: arguments that are not UTF-8 go out as the bytes they are, for the worker to refuse
    return head.encode("utf-8", "surrogateescape"), f"\r\n--{boundary}--\r\n".encode()


def _quoted(text: str) -> str:
    # as browsers write it: HTML standard, multipart/form-data encoding
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def _filename(name: str) -> str:
    readable = os.fsencode(name).decode("utf-8", "replace")
    if readable.isprintable() and not set(readable) & set('"\\%'):
        return f'filename="{readable}"'
    # RFC 8187: the one form that keeps a quote, a backslash or a newline as it is
    return f"filename*=UTF-8''{quote(readable, safe='')}"


def _send(
    connection: http.client.HTTPConnection,
    head: bytes,
    file: io.BufferedReader,
    size: int,
    tail: bytes,
    path: Path,
    sent: Callable[[int, int], None],
) -> None:
    """Write the request; stop early when the worker answers before it is whole, as it does to refuse it."""
    try:
        connection.endheaders(head)
        done = 0
        while done < size:
            if _answered(connection):
                return
            piece = file.read(min(_PIECE_BYTES, size - done))
            if not piece:
                raise CliError(f"`{path}` became shorter while it was read", "submit it when it is finished")
            connection.send(piece)
            done += len(piece)
            sent(done, size)
        connection.send(tail)
    except (ConnectionError, TimeoutError):
        return  # the answer says why, if there is one


def _answered(connection: http.client.HTTPConnection) -> bool:
    return bool(select.select([connection.sock], [], [], 0)[0])
