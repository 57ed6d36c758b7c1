"""Dates and times of day in digits (RFC 3339)."""

from __future__ import annotations

from connectors.compiled.kernels.jit import kernel
from connectors.compiled.kernels.layout import Bytes
from connectors.compiled.kernels.texts import write_padded, write_two

__all__ = ["write_date", "write_time"]


@kernel
def write_date(src: Bytes, at: int, days: int) -> int:
    """Write `YYYY-MM-DD` of days since 1970-01-01, in years of 365.2425 days that start with March."""
    days += 719_468  # since 0000-03-01
    era = days // 146_097
    of_era = days - era * 146_097
    year = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153
    day = of_year - (153 * month + 2) // 5 + 1
    month = month + 3 if month < 10 else month - 9
    year += era * 400 + (month <= 2)
    century = year // 100
    write_two(src, at, century)
    write_two(src, at + 2, year - 100 * century)
    src[at + 4] = src[at + 7] = 45
    write_two(src, at + 5, month)
    write_two(src, at + 8, day)
    return at + 10


@kernel
def write_time(src: Bytes, at: int, seconds: int, rest: int, places: int) -> int:
    """Write `hh:mm:ss` and the shortest of 0, 3, 6 and 9 digits that is exact; `rest` has `places`."""
    minutes = seconds // 60
    hours = minutes // 60
    write_two(src, at, hours)
    write_two(src, at + 3, minutes - 60 * hours)
    write_two(src, at + 6, seconds - 60 * minutes)
    src[at + 2] = src[at + 5] = 58
    if rest == 0:
        return at + 8
    src[at + 8] = 46
    while rest % 1000 == 0:
        rest, places = rest // 1000, places - 3
    return write_padded(src, at + 9, rest, places)
