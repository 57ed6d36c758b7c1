"""The reference converter of NDJSON: the members of each line through the rules of their columns."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.api import Block, Converted, Record, RowError
from connectors.model import MemberRules, Outcome, key_of
from connectors.model.grammar import JsonSyntaxError
from connectors.model.messages import type_names
from connectors.ndjson.members import Member, NotAnObjectError, parse_members
from connectors.ndjson.reader import NdjsonBlock
from connectors.records import RecordLimit, row_error
from connectors.text.lines import split_lines
from connectors.text.rows import convert_rows

__all__ = ["NdjsonReferenceConverter"]


class NdjsonReferenceConverter:
    """Turns the blocks of one NDJSON file into records and rejects. A Converter; pure and thread-safe.

    A line is one object, whose members become the record's in the same order. A value has the type that JSON
    gives it, and is checked as a typed source's: no text is read as a number. `key` names the member whose
    values are the keys; a line without it has none. `fixed` are members that every row has behind its own.
    """

    def __init__(
        self,
        rules: MemberRules,
        *,
        key: str | None,
        limit: RecordLimit,
        fixed: Mapping[str, Outcome] | None = None,
    ) -> None:
        self.rules = rules
        self.key = key
        self.limit = limit
        self.fixed = dict(fixed or {})

    def convert(self, block: Block) -> Converted:
        assert isinstance(block, NdjsonBlock)
        return convert_rows(block, split_lines(block.data), self.limit, self._convert_row)

    def _convert_row(self, number: int, _: bytes, line: str) -> Record | tuple[RowError, ...]:
        try:
            members = parse_members(line)
        except JsonSyntaxError as error:
            return row_error("json", place=error.place + 1, value=line[error.place :])
        except NotAnObjectError:
            return row_error("type", value=line, expected=type_names(["object"]))
        outcomes = self._outcomes(members)
        if isinstance(outcomes, tuple):
            return outcomes
        value = self.rules.check(outcomes)
        if isinstance(value, tuple):
            return value
        key = None if self.key is None else key_of(outcomes.get(self.key))
        return self.limit.record(number, key, value)

    def _outcomes(self, members: list[Member]) -> dict[str, Outcome] | tuple[RowError, ...]:
        """Return what becomes of a line's members, and the error of a name that comes twice."""
        outcomes: dict[str, Outcome] = {}
        for name, type, text in members:
            if name in outcomes or name in self.fixed:
                return row_error("member_twice", value=name)
            outcomes[name] = self.rules.read(name, type, text)
        return outcomes | self.fixed
