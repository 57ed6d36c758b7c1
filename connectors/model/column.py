"""The rule of one column: a cell or value becomes JSON text, is left out, or is a RowError."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace

from connectors.api import RowError
from connectors.model.candidate import Candidate
from connectors.model.grammar import BLANK
from connectors.model.jsontype import JsonType
from connectors.model.messages import failure, type_names, value_names
from connectors.model.shape import NO_SHAPE, Shape

__all__ = ["ColumnRule", "Outcome"]

Outcome = str | RowError | None
"""What became of one cell: its JSON text, None when the key is left out, or why the row is rejected."""


@dataclass(frozen=True, slots=True)
class ColumnRule:
    """What the model says of one column (contract §5). Immutable; its readers may run on several threads.

    `candidates` are its types but null, in the order in which they are tried. `typed` is False for a column
    to which the model gives no type: in a CSV file it is a string, a Parquet column keeps its own type.
    `allowed` names the members of `enum` and `const` for messages. `shape` is where all this comes from.
    """

    name: str
    candidates: tuple[Candidate, ...]
    nullable: bool = False
    typed: bool = True
    allowed: str = ""
    shape: Shape = field(default=NO_SHAPE, repr=False)
    decimal_comma: bool = False

    @classmethod
    def of_shape(cls, name: str, shape: Shape) -> ColumnRule:
        types = frozenset({JsonType.STRING}) if shape.types is None else shape.types
        return cls(
            name,
            tuple(Candidate.of_shape(t, shape) for t in JsonType if t in types and t is not JsonType.NULL),
            nullable=JsonType.NULL in types and shape.nullable,
            typed=shape.types is not None,
            allowed=value_names(shape.members),
            shape=shape,
        )

    @property
    def types(self) -> tuple[JsonType, ...]:
        """The types of the candidates: those of the column but null, in the order in which they are tried."""
        return tuple(candidate.type for candidate in self.candidates)

    @property
    def empty(self) -> str | None:
        """What an empty cell is written as, and a typed source's null; None: the key is left out."""
        if self.nullable:
            return "null"
        written = self.narrow({JsonType.STRING}).value_reader()("")
        return written if isinstance(written, str) else None

    def cell_reader(self) -> Callable[[str], Outcome]:
        """Return the function that reads a CSV cell: its text without quotes, whether it had some or not."""
        empty, read = self.empty, self.value_reader()
        if JsonType.STRING in self.types:
            if read("") == empty:
                return read
            return lambda text: read(text) if text else empty

        def read_cell(text: str) -> Outcome:
            outcome = read(text) if text else empty
            # no value is blank, so only what failed can be an empty cell
            return empty if isinstance(outcome, RowError) and not text.strip(BLANK) else outcome

        return read_cell

    def value_reader(self) -> Callable[[str], str | RowError]:
        """Return the function that reads the text of a value that is there: a typed source's `""` stays."""
        if len(self.candidates) == 1:
            return self._reader_of_one(self.candidates[0])
        candidates = self.candidates

        def read(text: str) -> str | RowError:
            known = False
            for candidate in candidates:
                value = candidate.parse(text)
                if value is None:
                    continue
                known = True
                if candidate.allows is not None and not candidate.allows(value):
                    continue
                failed = candidate.first_failure(value)
                return RowError(self.name, *failed) if failed else candidate.write(value)
            return self._not_allowed(text) if known else self.wrong_type(text)

        return read

    def _reader_of_one(self, candidate: Candidate) -> Callable[[str], str | RowError]:
        """Return what `value_reader` gives for one type, with less to do a cell."""
        parse, allows, checks, write = candidate.parse, candidate.allows, candidate.checks, candidate.write
        if candidate.type is JsonType.STRING and allows is None and not checks:
            return write

        def read(text: str) -> str | RowError:
            value = parse(text)
            if value is None:
                return self.wrong_type(text)
            if allows is not None and not allows(value):
                return self._not_allowed(text)
            for check in checks:
                if failed := check(value):
                    return RowError(self.name, *failed)
            return write(value)

        return read

    def own(self, type: JsonType) -> ColumnRule:
        """Return the rule of a column that the model gives no type, in a source that gives it this one."""
        return replace(self, candidates=(Candidate.of_shape(type, self.shape),))

    def with_decimal_comma(self) -> ColumnRule:
        """Return the rule for a source that writes numbers with a comma."""
        return replace(
            self, candidates=tuple(c.with_decimal_comma() for c in self.candidates), decimal_comma=True
        )

    def narrow(self, types: Collection[JsonType]) -> ColumnRule:
        """Return the rule for a source whose values are of `types` only; without candidates if none fits."""
        return replace(self, candidates=tuple(c for c in self.candidates if c.type in types))

    def wrong_type(self, text: str) -> RowError:
        """Return the error of a value that is of none of the types; `text` shows it."""
        types = [*self.types, JsonType.NULL] if self.nullable else self.types
        return RowError(
            self.name, *failure("type", value=text, expected=type_names(types, self.decimal_comma))
        )

    def _not_allowed(self, text: str) -> RowError:
        return RowError(self.name, *failure("enum", value=text, allowed=self.allowed))
