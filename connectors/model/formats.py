"""The formats that are asserted. All others annotate, as draft 2020-12 has it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from types import MappingProxyType

__all__ = ["ANNOTATIONS", "FORMATS"]

_FULL_DATE = r"([0-9]{4})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_FULL_TIME = (
    r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]+)?(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)
_DATE = re.compile(_FULL_DATE)
_TIME = re.compile(_FULL_TIME)
_DATE_TIME = re.compile(f"{_FULL_DATE}[Tt]{_FULL_TIME}")
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_EMAIL = re.compile(rf"[a-zA-Z0-9.!#$%&'*+/=?^_`{{|}}~-]+@{_LABEL}(?:\.{_LABEL})*")
_UUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")
_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def _is_date(text: str) -> bool:
    """RFC 3339 `full-date`, the years 0000 to 9999."""
    match = _DATE.fullmatch(text)
    return match is not None and _is_day(*match.groups())


def _is_time(text: str) -> bool:
    """RFC 3339 `full-time`, but no leap second: which days have one is not in the text."""
    return _TIME.fullmatch(text) is not None


def _is_date_time(text: str) -> bool:
    """RFC 3339 `date-time`, with `T` or `t` between its parts."""
    match = _DATE_TIME.fullmatch(text)
    return match is not None and _is_day(*match.groups())


def _is_day(year: str, month: str, day: str) -> bool:
    if day <= "28":
        return True
    leap_day = month == "02" and int(year) % 4 == 0 and (int(year) % 100 != 0 or int(year) % 400 == 0)
    return int(day) <= _DAYS[int(month) - 1] + leap_day


def _is_email(text: str) -> bool:
    """The rule of `<input type=email>` (HTML Living Standard, "valid email address")."""
    return _EMAIL.fullmatch(text) is not None


def _is_uuid(text: str) -> bool:
    """RFC 4122, §3; letters of any case."""
    return _UUID.fullmatch(text) is not None


def _is_ipv4(text: str) -> bool:
    """RFC 2673, §3.2: four decimal numbers without leading zeros."""
    try:
        IPv4Address(text)
    except AddressValueError:
        return False
    return True


def _is_ipv6(text: str) -> bool:
    """RFC 4291, §2.2, without a zone."""
    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return "%" not in text


FORMATS: Mapping[str, Callable[[str], bool]] = MappingProxyType(
    {
        "date": _is_date,
        "date-time": _is_date_time,
        "time": _is_time,
        "email": _is_email,
        "uuid": _is_uuid,
        "ipv4": _is_ipv4,
        "ipv6": _is_ipv6,
    }
)
"""The asserted formats and what they accept."""

ANNOTATIONS = (
    "duration", "hostname", "idn-email", "idn-hostname", "iri", "iri-reference", "json-pointer", "regex",
    "relative-json-pointer", "uri", "uri-reference", "uri-template",
)  # fmt: skip
"""The formats of draft 2020-12 that are not asserted."""
