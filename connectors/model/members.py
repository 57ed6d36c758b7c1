"""The rules of rows that name their own members, as the lines of NDJSON do."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from connectors.api import RowError
from connectors.errors import RowCode
from connectors.model.column import ColumnRule, Outcome
from connectors.model.grammar import quote
from connectors.model.jsontype import JsonType
from connectors.model.messages import failure
from connectors.model.remainder import Judge
from connectors.model.row import MAX_ERRORS
from connectors.model.shape import Shape

__all__ = ["MemberRules"]

_MAX_CACHED = 2000
_MAX_CACHED_NAME = 200

_Reader = Callable[[str], Outcome]


class MemberRules:
    """A model for rows whose members are not known before they come. Thread-safe.

    A member has the types that its column would have; one to which the model gives no type keeps its own,
    null included. `names` are the model's own: those of its properties, and what it requires. Their rules are
    kept, those of other names as long as they are few and short: a file may make up a new name a row.
    """

    def __init__(
        self,
        shape_of: Callable[[str], Shape],
        names: Collection[str],
        required: Sequence[str],
        judge: Judge | None,
    ) -> None:
        self._shape_of = shape_of
        self.names = frozenset([*names, *required])
        self.required = tuple(required)
        self.judge = judge
        self._readers: dict[str, Mapping[JsonType, _Reader]] = {}

    def rule(self, name: str) -> ColumnRule | None:
        """Return the rule of a member; None: the model does not allow it."""
        shape = self._shape_of(name)
        return None if shape.forbidden else ColumnRule.of_shape(name, shape)

    def read(self, name: str, type: JsonType, text: str) -> Outcome:
        """Return what becomes of a member.

        `text` is a string's own text, or the JSON text of any other value; that of an integer has neither
        fraction nor exponent.
        """
        readers = self._readers.get(name)
        if readers is None:
            readers = _readers(name, self._shape_of(name))
            if name in self.names or self._may_cache(name):
                self._readers[name] = readers
        return readers[type](text)

    def check(self, outcomes: Mapping[str, Outcome]) -> bytes | tuple[RowError, ...]:
        """Return the JSON in UTF-8 of a row's members, in their order, or its errors.

        Errors are ordered as `RowRules.check` has them; a member that the model does not allow is SCHEMA.
        """
        found = [outcome for outcome in outcomes.values() if isinstance(outcome, RowError)]
        errors = [error for error in found if error.code is not RowCode.SCHEMA]
        errors += [
            RowError(name, *failure("required")) for name in self.required if outcomes.get(name) is None
        ]
        if errors or found:
            return tuple(errors[:MAX_ERRORS]) or (found[0],)
        pairs = outcomes.items()
        row = "{" + ",".join(f"{quote(name)}:{text}" for name, text in pairs if text is not None) + "}"
        if self.judge is not None and (broken := self.judge.check(row)):
            return (broken,)
        return row.encode()

    def _may_cache(self, name: str) -> bool:
        return len(self._readers) < _MAX_CACHED + len(self.names) and len(name) <= _MAX_CACHED_NAME


def _readers(name: str, shape: Shape) -> Mapping[JsonType, _Reader]:
    """Return a function for each type that a value can come with."""
    if shape.forbidden:
        unknown = RowError(name, *failure("member_unknown"))
        return dict.fromkeys(JsonType, lambda _: unknown)
    rule = ColumnRule.of_shape(name, shape)
    return {type: _reader(rule, type) for type in JsonType}


def _reader(rule: ColumnRule, type: JsonType) -> _Reader:
    if type is JsonType.NULL:
        null = rule.empty if rule.typed else "null"
        return lambda _: null
    if not rule.typed:
        return rule.own(type).value_reader()
    narrow = rule.narrow({type, JsonType.NUMBER} if type is JsonType.INTEGER else {type})
    if narrow.candidates:
        return narrow.value_reader()
    show = quote if type is JsonType.STRING else str
    return lambda text: rule.wrong_type(show(text))
