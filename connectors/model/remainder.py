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
from connectors.model.shape import flatten, shape_of

__all__ = ["Judge", "judge_of"]

_RESOURCE = "urn:model"
_COLUMNS = ("properties", "patternProperties")
_MODEL_ROOT_RULES = frozenset({"type", "required"})
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
    schema = rest.of_root()
    return Judge(schema, document.root.schema) if rest.asserts else None


class _Remainder:
    """Builds the remainder; `asserts` says afterwards whether anything in it can fail."""

    def __init__(self, document: SchemaDocument) -> None:
        self._document = document
        self.asserts = False

    def of_root(self) -> dict[str, Any]:
        parts = []
        for facet in flatten(self._document, [self._document.root]):
            if isinstance(facet.schema, dict):
                parts.append(self._of_facet(facet, _MODEL_ROOT_RULES, columns=True))
        return {"allOf": parts}

    def _of_column(self, node: Node) -> dict[str, Any] | bool:
        if isinstance(node.schema, bool):
            return node.schema
        shape = shape_of(self._document, [node])
        settled = {(union.node.path, union.keyword) for union in shape.unions if union.settled}
        parts = []
        for facet in shape.facets:
            taken = COLUMN_RULES | {keyword for path, keyword in settled if path == facet.path}
            if part := self._of_facet(facet, taken, columns=False):
                parts.append(part)
        return {"allOf": parts} if parts else True

    def _of_facet(self, facet: Node, taken: frozenset[str], *, columns: bool) -> dict[str, Any]:
        """Return a facet without its annotations, the rules that are `taken`, and its `allOf` and `$ref`."""
        assert isinstance(facet.schema, dict)
        rest: dict[str, Any] = {}
        for keyword, value in facet.schema.items():
            if keyword not in ASSERTIONS - taken - {"allOf"}:
                continue
            if columns and keyword in _COLUMNS:
                rest[keyword] = {name: self._of_column(facet.child(keyword, name)) for name in value}
            elif columns and keyword == "additionalProperties":
                rest[keyword] = self._of_column(facet.child(keyword))
            else:
                rest[keyword] = self._value(facet, keyword, value)
                self.asserts = True
        return rest

    def _value(self, facet: Node, keyword: str, value: Any) -> Any:
        path = (*facet.path, keyword)
        if keyword in SCHEMA:
            return _reference(path)
        if keyword in SCHEMA_LIST:
            return [_reference((*path, index)) for index in range(len(value))]
        if keyword in SCHEMA_MAP:
            return {name: _reference((*path, name)) for name in value}
        return value


def _reference(path: Path) -> dict[str, str]:
    return {"$ref": f"{_RESOURCE}#{quote(json_pointer(path))}"}


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
