"""The rules of a file's rows: column rules in file order, what is required, what the library judges."""

from __future__ import annotations

import json
from collections.abc import Sequence
from operator import add

from connectors.api import RowError
from connectors.errors import HeaderError, JobCode
from connectors.model.column import ColumnRule, Outcome
from connectors.model.grammar import quote
from connectors.model.messages import failure
from connectors.model.remainder import Judge

__all__ = ["MAX_ERRORS", "RowKey", "RowRules", "key_of"]

MAX_ERRORS = 100
"""How many errors of one row are reported."""


class RowRules:
    """A model bound to the columns of one file. Immutable and thread-safe.

    A converter reads each cell with its column's rule, in file order, and hands the outcomes to `check`.
    `required` are the names that a row must have, in the schema's order, and the places of their columns;
    `judge` has the rules that are left, None if there are none.
    """

    def __init__(self, rules: Sequence[ColumnRule], required: Sequence[str], judge: Judge | None) -> None:
        self.rules = tuple(rules)
        self.columns = tuple(rule.name for rule in rules)
        self._names = [quote(name) + ":" for name in self.columns]
        self.judge = judge
        places = {name: index for index, name in enumerate(self.columns)}
        self.required = [(name, places.get(name)) for name in required]

    def check(self, outcomes: Sequence[Outcome]) -> bytes | tuple[RowError, ...]:
        """Return the row's JSON in UTF-8, or its errors: at least one, at most MAX_ERRORS.

        `outcomes` has one item a column. Errors come in file order, then REQUIRED in the schema's order; only
        when there is none, the first SCHEMA error.
        """
        try:
            # the common case; neither what is left out nor an error can be added to a name
            row = "{" + ",".join(map(add, self._names, outcomes)) + "}"
        except TypeError:
            row = ""
        if not row or not outcomes:
            if errors := self._errors(outcomes):
                return errors
            pairs = zip(self._names, outcomes, strict=True)
            row = "{" + ",".join(name + text for name, text in pairs if isinstance(text, str)) + "}"
        if self.judge is not None and (broken := self.judge.check(row)):
            return (broken,)
        return row.encode()

    def _errors(self, outcomes: Sequence[Outcome]) -> tuple[RowError, ...]:
        errors = [outcome for outcome in outcomes if isinstance(outcome, RowError)]
        errors += [
            RowError(name, *failure("required"))
            for name, place in self.required
            if place is None or outcomes[place] is None
        ]
        return tuple(errors[:MAX_ERRORS])


class RowKey:
    """The Kafka key of a row: the written text of the option `key`'s column, a string without its quotes.

    A string's key is its value, with no escapes. Raises HeaderError COLUMN_MISSING when the file has columns,
    but not this one.
    """

    def __init__(self, rules: RowRules, key: str | None) -> None:
        self._place: int | None = None
        if key is None or not rules.columns:
            return
        if key not in rules.columns:
            raise HeaderError(
                JobCode.COLUMN_MISSING,
                f"the file has no column `{key}`, which the option `key` names",
                "name one of the file's columns in the option `key`, or leave it out",
            )
        self._place = rules.columns.index(key)

    def of(self, outcomes: Sequence[Outcome]) -> bytes | None:
        """Return the key of a row without errors; None for a null, a value left out, or no option `key`."""
        if self._place is None:
            return None
        return key_of(outcomes[self._place])


def key_of(outcome: Outcome) -> bytes | None:
    """Return the Kafka key that a column's outcome is: its text, a string's without quotes and escapes."""
    if not isinstance(outcome, str) or outcome == "null":
        return None
    if outcome.startswith('"'):
        outcome = str(json.loads(outcome))
    return outcome.encode()
