"""A schema compiled once, and bound to the columns of each file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import jsonschema_rs

from connectors.errors import HeaderError, JobCode, SchemaError
from connectors.model.column import ColumnRule
from connectors.model.document import Node, SchemaDocument
from connectors.model.jsontype import JsonType
from connectors.model.members import MemberRules
from connectors.model.patterns import matcher
from connectors.model.remainder import judge_of
from connectors.model.row import RowRules
from connectors.model.shape import Shape, flatten, shape_of

__all__ = ["CompiledModel", "compile_model"]

_SHOWN_NAMES = 10


def compile_model(schema: dict[str, Any]) -> CompiledModel:
    """Compile the JSON Schema of a model. Raises SchemaError with the place that is wrong."""
    return CompiledModel(SchemaDocument(schema))


class CompiledModel:
    """A model's schema, checked. Immutable and thread-safe."""

    def __init__(self, document: SchemaDocument) -> None:
        self._document = document
        self._facets = list(_root_facets(document))
        self._required = tuple(
            dict.fromkeys(name for _, facet in self._facets for name in facet.get("required", ()))
        )
        for node, facet in self._facets:
            for name in facet.get("properties", {}):
                self._check_types(name, node.child("properties", name))
        try:
            self._judge = judge_of(document)
        except (jsonschema_rs.ReferencingError, jsonschema_rs.ValidationError) as error:
            raise SchemaError(
                "", f"the schema cannot be compiled: {error}", "simplify its references"
            ) from None

    def bind(self, columns: Sequence[str]) -> RowRules:
        """Return the rules of the rows of a file with these columns, in file order.

        Raises HeaderError COLUMN_MISSING for a required property without a column, COLUMN_UNKNOWN for a
        column that the schema forbids. A file without columns has no rows that could lack one.
        """
        if columns:
            self._check_missing(columns)
        return RowRules(self.column_rules(columns), self._required, self._judge)

    def members(self) -> MemberRules:
        """Return the rules of rows that name their own members."""
        names = frozenset(name for _, facet in self._facets for name in facet.get("properties", ()))
        return MemberRules(self._shape, names, self._required, self._judge)

    def column_rules(self, columns: Sequence[str]) -> list[ColumnRule]:
        """Return the rule of each column. Raises HeaderError COLUMN_UNKNOWN."""
        shapes = {name: self._shape(name) for name in columns}
        unknown = [name for name, shape in shapes.items() if shape.forbidden]
        if unknown:
            raise HeaderError(
                JobCode.COLUMN_UNKNOWN,
                f"the model does not allow {_names('column', unknown)}",
                "remove what is not wanted from the file, or add it to the model's `properties`",
            )
        return [ColumnRule.of_shape(name, shape) for name, shape in shapes.items()]

    def _check_missing(self, columns: Sequence[str]) -> None:
        present = frozenset(columns)
        missing = [name for name in self._required if name not in present]
        if missing:
            raise HeaderError(
                JobCode.COLUMN_MISSING,
                f"the file has no {_names('column', missing)}, which the model requires; "
                f"it has {_names('column', columns)}",
                "name the file's columns as the model does, or remove them from the model's `required`",
            )

    def _shape(self, column: str) -> Shape:
        return shape_of(self._document, self._schemas_of(column))

    def _schemas_of(self, column: str) -> Iterator[Node]:
        """Yield what `properties`, `patternProperties`, else `additionalProperties` say of a column."""
        for node, facet in self._facets:
            own = [node.child("properties", column)] if column in facet.get("properties", {}) else []
            for pattern in facet.get("patternProperties", {}):
                if matcher(pattern)(column):
                    own.append(node.child("patternProperties", pattern))
            if not own and "additionalProperties" in facet:
                own.append(node.child("additionalProperties"))
            yield from own

    def _check_types(self, name: str, node: Node) -> None:
        shape = self._shape(name)
        on_purpose = any(facet.schema is False for facet in shape.facets)
        if shape.forbidden and not on_purpose:
            raise SchemaError(
                node.pointer,
                f"no value can be of all the types that column `{name}` must have",
                "compare `type`, `enum` and `const` here and in what `$ref` and `allOf` lead to",
            )


def _root_facets(document: SchemaDocument) -> Iterator[tuple[Node, dict[str, Any]]]:
    """Yield the root and what its `$ref` and `allOf` lead to; all of them must allow objects."""
    for node in flatten(document, [document.root]):
        if isinstance(node.schema, bool):
            if not node.schema:
                raise SchemaError(node.pointer, "`false` here allows no row at all", "remove it")
            continue
        names = node.schema.get("type", JsonType.OBJECT)
        if JsonType.OBJECT not in (names if isinstance(names, list) else [names]):
            raise node.error(
                "type", "a row is a JSON object, which this does not allow", "use `object`, or leave it out"
            )
        yield node, node.schema


def _names(what: str, names: Sequence[str]) -> str:
    shown = ", ".join(f"`{name[:100]}`" for name in names[:_SHOWN_NAMES])
    more = f" and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else ""
    return f"{what}{'s' if len(names) > 1 else ''} {shown}{more}"
