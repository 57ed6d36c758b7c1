"""The text encodings that a file may have: those in which ASCII is ASCII, byte by byte, and UTF-16."""

from __future__ import annotations

import codecs
import re
from functools import cache

__all__ = ["UTF_8", "UTF_16", "text_encoding"]

UTF_8 = "utf-8"
UTF_16 = "utf-16"

_ASCII = bytes(range(128))
_ALL = bytes(range(256))
# they decode each byte to a character, but some sequences to others
_STATEFUL = re.compile(r"iso-?2022|.*escape|charmap")


@cache
def text_encoding(name: str) -> str | None:
    """Return Python's name of an encoding that files may have; None for any other and for unknown names.

    `utf-8` (with or without BOM), `utf-16` (by its BOM), and every single-byte codec that reads ASCII as
    ASCII.
    """
    try:
        info = codecs.lookup(name)
    except (LookupError, ValueError):  # ValueError: a NUL in the name
        return None
    if info.name in (UTF_8, "utf-8-sig"):
        return UTF_8
    if info.name == UTF_16:
        return UTF_16
    return info.name if _is_single_byte(info.name) else None


def _is_single_byte(name: str) -> bool:
    if _STATEFUL.match(name):
        return False
    try:
        return _ASCII.decode(name) == _ASCII.decode("ascii") and len(_ALL.decode(name, "replace")) == len(
            _ALL
        )
    except (LookupError, UnicodeError):  # LookupError: no encoding of text
        return False
