"""Patterns of ECMA 262 on an engine whose time is linear in the text: no pattern can stall a job."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jsonschema_rs

__all__ = ["LINEAR", "PatternError", "matcher"]

LINEAR = jsonschema_rs.RegexOptions()
"""Makes jsonschema-rs translate ECMA 262 for Rust's `regex` instead of a backtracking engine."""


class PatternError(ValueError):
    """The pattern cannot be used. The message goes on after it; `hint` says what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


@lru_cache(maxsize=1024)
def matcher(pattern: str) -> Callable[[str], bool]:
    """Return the function that says whether a pattern matches anywhere in a text. Raises PatternError."""
    schema = {"pattern": pattern}
    if validator := _compile(schema, LINEAR):
        return validator.is_valid
    if _compile(schema, jsonschema_rs.FancyRegexOptions()):
        raise PatternError(
            "needs look-around or back-references, whose time has no bound",
            "write it without `(?=`, `(?!`, `(?<=`, `(?<!` and `\\1`",
        )
    raise PatternError(
        "is not a regular expression of ECMA 262, or is too large",
        "correct it, or use `maxLength` for repetitions",
    )


def _compile(
    schema: dict[str, Any], options: jsonschema_rs.RegexOptions | jsonschema_rs.FancyRegexOptions
) -> jsonschema_rs.Validator | None:
    try:
        return jsonschema_rs.Draft202012Validator(schema, pattern_options=options)
    except jsonschema_rs.ValidationError:
        return None
