"""Dates and times as text, from the integers that Parquet stores: exact, without a calendar library's limits.

Source: RFC 3339, section 5.6. A year has four digits there: 0001 to 9999 are written.
"""

from __future__ import annotations

from datetime import date

__all__ = ["PER_SECOND", "date_text", "time_text", "timestamp_text"]

PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}

_EPOCH = date(1970, 1, 1).toordinal()
_DAY = 86_400


def date_text(days: int) -> str | None:
    """Return `YYYY-MM-DD` of a number of days since 1970-01-01; None outside the years 1 to 9999."""
    ordinal = _EPOCH + days
    if not 1 <= ordinal <= date.max.toordinal():
        return None
    return date.fromordinal(ordinal).isoformat()


def time_text(count: int, unit: str) -> str | None:
    """Return `hh:mm:ss` with fraction of units since midnight; None outside a day."""
    seconds, rest = divmod(count, PER_SECOND[unit])
    if not 0 <= seconds < _DAY:
        return None
    return _clock(seconds) + _fraction(rest, unit)


def timestamp_text(count: int, unit: str) -> str | None:
    """Return RFC 3339 in UTC of units since 1970-01-01T00:00:00Z; None outside the years 1 to 9999."""
    seconds, rest = divmod(count, PER_SECOND[unit])
    days, second = divmod(seconds, _DAY)
    day = date_text(days)
    return None if day is None else f"{day}T{_clock(second)}{_fraction(rest, unit)}Z"


def _clock(second: int) -> str:
    return f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"


def _fraction(rest: int, unit: str) -> str:
    """The shortest of 0, 3, 6 and 9 digits that is exact."""
    if not rest:
        return ""
    digits = f"{rest * (PER_SECOND['ns'] // PER_SECOND[unit]):09}"
    while digits.endswith("000"):
        digits = digits[:-3]
    return f".{digits}"
