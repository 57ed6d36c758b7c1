"""The rules of a schema that are not about single columns, and the library that judges them.

The remainder is the root with the column rules taken out. Whatever stays under it is a reference into the
whole schema, which the library has as a resource of its own: inside a value every keyword holds.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import jsonschema_rs

from connectors.api import RowError
from connectors.model.document import Node, Path, SchemaDocument, json_pointer
from connectors.model.formats import ANNOTATIONS, FORMATS
from connectors.model.grammar import parse_json
from connectors.model.keywords import ASSERTIONS, COLUMN_RULES, SCHEMA, SCHEMA_LIST, SCHEMA_MAP
from connectors.model.messages import cut, failure
from connectors.model.patterns import LINEAR
from connectors.model.shape import settled_unions

__all__ = ["Judge", "judge_of"]

_RESOURCE = "urn:model"
_ROW_RULES = frozenset({"type", "required", "properties", "patternProperties", "additionalProperties"})
_FORMATS = {**dict.fromkeys(ANNOTATIONS, lambda _: True), **FORMATS}


class Judge:
    """Judges whole rows by the rules that are left. Thread-safe."""

    def __init__(self, remainder: dict[str, Any], whole: dict[str, Any]) -> None:
        body = {name: value for name, value in whole.items() if name not in ("$id", "$schema")}
        self._validator = jsonschema_rs.Draft202012Validator(
            remainder,
            registry=jsonschema_rs.Registry([(_RESOURCE, body)], draft=jsonschema_rs.Draft202012),
            pattern_options=LINEAR,
            formats=_FORMATS,
            validate_formats=True,
            offline=True,
        )

    def check(self, row: str) -> RowError | None:
        """Return the first broken rule of a row's JSON, by instance path, then by keyword."""
        instance = parse_json(row)
        if self._validator.is_valid(instance):
            return None
        errors = self._validator.iter_errors(instance)
        place, keyword = min(((tuple(error.instance_path), _keyword(error)) for error in errors), key=_order)
        where = f"`{cut(json_pointer(place))}`" if place else "the row"
        column = str(place[0]) if place else None
        return RowError(column, *failure("schema", place=where, keyword=keyword))


def judge_of(document: SchemaDocument) -> Judge | None:
    """Return the judge of what the column rules leave of a schema; None when that is nothing."""
    assert isinstance(document.root.schema, dict)
    rest = _Remainder(document)
    return Judge(rest.schema, document.root.schema) if rest.asserts else None


class _Remainder:
    """`schema` is the remainder of a document, `asserts` whether anything in it can fail.

    Every schema that a row or a column has to meet is a definition of its own, which refers to those of its
    `allOf` and `$ref`: so `unevaluatedProperties` sees them, and no chain of references is too long.
    """

    def __init__(self, document: SchemaDocument) -> None:
        self._document = document
        self._numbers: dict[tuple[Path, bool], int] = {}
        self._waiting: list[tuple[Node, bool, dict[str, Any]]] = []
        self.asserts = False
        definitions: dict[str, Any] = {}
        self.schema = {"$defs": definitions, **self._define(document.root, row=True)}
        while self._waiting:
            node, row, place = self._waiting.pop()
            definitions[str(self._numbers[node.path, row])] = place
            place.update(self._of_row(node) if row else self._of_column(node))
            followed = [*self._document.references(node), *node.children("allOf")]
            if followed:
                place["allOf"] = [self._define(part, row=row) for part in followed]

    def _define(self, node: Node, *, row: bool) -> dict[str, Any]:
        """Return a reference to the definition that a schema of the row, or of a column, becomes."""
        key = (node.path, row)
        if key not in self._numbers:
            self._numbers[key] = len(self._numbers)
            self._waiting.append((node, row, {}))
        return {"$ref": f"#/$defs/{self._numbers[key]}"}

    def _of_row(self, node: Node) -> dict[str, Any]:
        rest = self._without(node, _ROW_RULES)
        assert isinstance(node.schema, dict)
        for keyword in ("properties", "patternProperties"):
            if keyword in node.schema:
                names = node.schema[keyword]
                rest[keyword] = {name: self._column(node.child(keyword, name)) for name in names}
        if "additionalProperties" in node.schema:
            rest["additionalProperties"] = self._column(node.child("additionalProperties"))
        return rest

    def _column(self, node: Node) -> dict[str, Any] | bool:
        return node.schema if isinstance(node.schema, bool) else self._define(node, row=False)

    def _of_column(self, node: Node) -> dict[str, Any]:
        return self._without(node, COLUMN_RULES | settled_unions(self._document, node))

    def _without(self, node: Node, taken: frozenset[str]) -> dict[str, Any]:
        """Return the rules of a schema but those `taken`; what is under them refers to the whole schema."""
        rest = {}
        if isinstance(node.schema, dict):
            for keyword in node.schema.keys() & (ASSERTIONS - taken - {"allOf"}):
                rest[keyword] = _whole(node, keyword)
                self.asserts = True
        return rest


def _whole(node: Node, keyword: str) -> Any:
    if keyword in SCHEMA:
        return _reference(node.child(keyword))
    if keyword in SCHEMA_LIST:
        return [_reference(child) for child in node.children(keyword)]
    if keyword in SCHEMA_MAP:
        return {str(child.path[-1]): _reference(child) for child in node.children(keyword)}
    return node.child(keyword).schema


def _reference(node: Node) -> dict[str, str] | bool:
    # a boolean stays in place, where it says more of what it refuses
    if isinstance(node.schema, bool):
        return node.schema
    return {"$ref": f"{_RESOURCE}#{quote(node.pointer)}"}


def _keyword(error: jsonschema_rs.ValidationError) -> str:
    """Return the keyword that failed; a schema `false` has none, so the one that holds it."""
    path = list(error.schema_path)
    if isinstance(error.kind, jsonschema_rs.ValidationErrorKind.FalseSchema):
        while len(path) > 1 and (isinstance(path[-1], int) or path[-2] in SCHEMA_MAP):
            path.pop()
    return str(path[-1])


def _order(error: tuple[tuple[str | int, ...], str]) -> Any:
    place, keyword = error
    return [(isinstance(step, str), step) for step in place], keyword
