"""What a schema says of one value: its types, the values it allows, and where its other rules stand.

`$ref` and `allOf` are followed: a shape is a list of facets that all hold; `anyOf` and `oneOf` stay unions.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import combinations
from typing import Any

from connectors.model.document import Node, SchemaDocument
from connectors.model.exact import freeze
from connectors.model.jsontype import JsonType, admits, meet, overlap, type_of
from connectors.model.keywords import ASSERTIONS, COLUMN_RULES

__all__ = ["NO_SHAPE", "Shape", "Union", "flatten", "settled_unions", "shape_of"]

_MAX_UNIONS = 8
_MAX_BRANCHES = 1000
_UNIONS = ("anyOf", "oneOf")


@dataclass(frozen=True, slots=True)
class Union:
    """An `anyOf` or `oneOf`.

    It is `settled` here when its branches have types of their own and only column rules: a value's type
    then says which branch it has to meet. Any other one is left to the library as a whole.
    """

    node: Node
    keyword: str
    branches: tuple[Shape, ...]
    settled: bool

    def branches_of(self, type: JsonType) -> list[Shape]:
        return [b for b in self.branches if b.types is None or admits(b.types, type)]


@dataclass(frozen=True, slots=True)
class Shape:
    """All that holds for one value. `types` None: no facet names any."""

    facets: tuple[Node, ...]
    unions: tuple[Union, ...]
    types: frozenset[JsonType] | None

    @property
    def forbidden(self) -> bool:
        """Whether no value at all is allowed."""
        return self.types is not None and not self.types

    @property
    def nullable(self) -> bool:
        """Whether every facet and, of every union, a branch allows null."""
        return (
            (self.types is None or JsonType.NULL in self.types)
            and all(None in values for values in self._listed())
            and all(any(branch.nullable for branch in union.branches) for union in self.unions)
        )

    @property
    def members(self) -> list[Any]:
        """The values of all `enum` and `const`, in the schema's order, for messages."""
        own = [value for values in self._listed() for value in values]
        return own + [value for u in self.unions for branch in u.branches for value in branch.members]

    def allowed(self, type: JsonType) -> frozenset[Hashable] | None:
        """Return the frozen values that `enum` and `const` allow for a type; None: they say nothing."""
        limits = [frozenset(map(freeze, values)) for values in self._listed()]
        for union in self.unions:
            choices = [branch.allowed(type) for branch in union.branches_of(type)]
            listed = [choice for choice in choices if choice is not None]
            if choices and len(listed) == len(choices):
                limits.append(frozenset().union(*listed))
        return reduce(frozenset.intersection, limits) if limits else None

    def rules(self, type: JsonType) -> Iterator[dict[str, Any]]:
        """Yield the schemas whose column rules a value of a type has to meet."""
        for facet in self.facets:
            if isinstance(facet.schema, dict):
                yield facet.schema
        for union in self.unions:
            if union.settled:
                for branch in union.branches_of(type):
                    yield from branch.rules(type)

    def _listed(self) -> Iterator[list[Any]]:
        for facet in self.facets:
            if isinstance(facet.schema, dict):
                yield from _listed(facet.schema)


NO_SHAPE = Shape((), (), None)
"""The shape of a value to which a schema says nothing."""


def flatten(document: SchemaDocument, tops: Iterable[Node]) -> list[Node]:
    """Return schemas with those that they refer to and their `allOf`, each once, in the document's order."""
    found: dict[Any, Node] = {}
    waiting = list(tops)[::-1]
    while waiting:
        node = waiting.pop()
        if node.path in found:
            continue
        found[node.path] = node
        if isinstance(node.schema, dict):
            waiting += [*document.references(node), *node.children("allOf")][::-1]
    return list(found.values())


def shape_of(document: SchemaDocument, tops: Iterable[Node]) -> Shape:
    """Return the shape of a value that all of `tops` apply to. Raises SchemaError for a union without end."""
    return _Builder(document).build(tops, depth=0)


def settled_unions(document: SchemaDocument, node: Node) -> frozenset[str]:
    """Return which of `anyOf` and `oneOf` a schema has that are settled without the library."""
    unions = _Builder(document).unions(node, depth=0)
    return frozenset(union.keyword for union in unions if union.settled)


class _Builder:
    def __init__(self, document: SchemaDocument) -> None:
        self._document = document
        self._branches = 0

    def build(self, tops: Iterable[Node], depth: int) -> Shape:
        facets = flatten(self._document, tops)
        unions = [union for facet in facets for union in self.unions(facet, depth)]
        return Shape(tuple(facets), tuple(unions), _types(facets, unions))

    def unions(self, node: Node, depth: int) -> list[Union]:
        present = node.schema.keys() if isinstance(node.schema, dict) else ()
        return [self._union(node, keyword, depth) for keyword in _UNIONS if keyword in present]

    def _union(self, node: Node, keyword: str, depth: int) -> Union:
        assert isinstance(node.schema, dict)
        size = len(node.schema[keyword])
        self._branches += size
        if depth == _MAX_UNIONS or self._branches > _MAX_BRANCHES:
            raise node.error(
                keyword,
                f"the alternatives of one column are more than `{_MAX_BRANCHES}`, nested deeper than "
                f"`{_MAX_UNIONS}`, or lead back to themselves",
                "write the column's alternatives as one flat list",
            )
        branches = tuple(self.build([node.child(keyword, i)], depth + 1) for i in range(size))
        return Union(node, keyword, branches, _settles(branches))


def _types(facets: Sequence[Node], unions: Sequence[Union]) -> frozenset[JsonType] | None:
    known = [types for facet in facets if (types := _own_types(facet.schema)) is not None]
    for union in unions:
        typed = [branch.types for branch in union.branches if branch.types is not None]
        if len(typed) == len(union.branches):
            known.append(frozenset().union(*typed))
    if known:
        return reduce(meet, known)
    # a branch that names no type stands for a string, as a column without one does
    partly = [b.types for union in unions for b in union.branches if b.types is not None]
    return frozenset({JsonType.STRING}).union(*partly) if partly else None


def _own_types(schema: dict[str, Any] | bool) -> frozenset[JsonType] | None:
    if isinstance(schema, bool):
        return None if schema else frozenset()
    if "type" in schema:
        names = schema["type"]
        return frozenset(map(JsonType, names if isinstance(names, list) else [names]))
    listed = [frozenset(map(type_of, values)) for values in _listed(schema)]
    return reduce(meet, listed) if listed else None


def _listed(schema: dict[str, Any]) -> Iterator[list[Any]]:
    if "enum" in schema:
        yield schema["enum"]
    if "const" in schema:
        yield [schema["const"]]


def _settles(branches: Sequence[Shape]) -> bool:
    types = [branch.types for branch in branches if branch.types is not None]
    return (
        len(types) == len(branches) <= len(JsonType)
        and not any(overlap(first, second) for first, second in combinations(types, 2))
        and all(_only_column_rules(branch) for branch in branches)
    )


def _only_column_rules(branch: Shape) -> bool:
    known = COLUMN_RULES | {"allOf"}
    return not branch.unions and all(
        isinstance(facet.schema, dict) and not (ASSERTIONS & facet.schema.keys()) - known
        for facet in branch.facets
    )
