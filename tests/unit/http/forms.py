"""multipart/form-data as bytes (RFC 7578), for tests that send a form as it goes over the wire."""

from __future__ import annotations

__all__ = ["END", "HEADERS", "field", "form"]

_BOUNDARY = "xyzzy"
HEADERS = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"}
END = f"--{_BOUNDARY}--\r\n".encode()


def field(name: str, value: str | bytes, filename: str | None = None) -> bytes:
    """One field; with `filename` it is a file."""
    named = "" if filename is None else f'; filename="{filename}"'
    head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'
    return head.encode() + (value.encode() if isinstance(value, str) else value) + b"\r\n"


def form(*fields: bytes) -> bytes:
    return b"".join(fields) + END
