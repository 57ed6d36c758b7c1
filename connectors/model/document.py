"""A schema as a document: checked once, then walked by its places. Nothing is ever fetched."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import unquote

import jsonschema_rs

from connectors.errors import SchemaError
from connectors.model.keywords import SCHEMA, SCHEMA_LIST, SCHEMA_MAP
from connectors.model.patterns import PatternError, matcher

__all__ = ["Node", "Path", "SchemaDocument", "json_pointer"]

Path = tuple[str | int, ...]

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_REFERENCES = ("$ref", "$dynamicRef")
_ANCHORS = ("$anchor", "$dynamicAnchor")
_MAX_DEPTH = 100
_META_HINTS = {
    "type": "use `array`, `boolean`, `integer`, `null`, `number`, `object`, `string`, or a list of these",
    "required": "name each property once, as a text",
}
_REF_HINT = "refer to a schema of this document, such as `#/$defs/name`"


class Node(NamedTuple):
    """A place in a document, and the schema there."""

    path: Path
    schema: dict[str, Any] | bool

    @property
    def pointer(self) -> str:
        return json_pointer(self.path)

    def child(self, *steps: str | int) -> Node:
        value: Any = self.schema
        for step in steps:
            value = value[step]
        return Node((*self.path, *steps), value)

    def children(self, keyword: str) -> list[Node]:
        """Return the schemas in the list or object under a keyword; none without it."""
        value = self.schema.get(keyword, ()) if isinstance(self.schema, dict) else ()
        steps = value if isinstance(value, dict) else range(len(value))
        return [self.child(keyword, step) for step in steps]

    def error(self, keyword: str, message: str, hint: str) -> SchemaError:
        return SchemaError(json_pointer((*self.path, keyword)), message, hint)


def json_pointer(path: Path) -> str:
    """Return a path as a JSON Pointer (RFC 6901)."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


class SchemaDocument:
    """A schema of draft 2020-12 whose references and patterns can be followed.

    Raises SchemaError with the place of the first thing that is wrong.
    """

    def __init__(self, schema: dict[str, Any]) -> None:
        _check_values(schema)
        self.root = Node((), schema)
        self._anchors: dict[str, Path] = {}
        self._nodes: dict[Path, Node] = {}
        waiting = self._enter(self.root)
        while waiting:
            node = waiting.pop()
            for target in self.references(node):
                # a schema under a keyword that draft 2020-12 does not know
                if target.path not in self._nodes:
                    waiting += self._enter(target)

    def references(self, node: Node) -> Iterator[Node]:
        """Yield the schemas that a schema refers to. Raises SchemaError where there is none.

        In a document that is one resource a `$dynamicRef` leads where a `$ref` would.
        """
        if isinstance(node.schema, dict):
            for keyword in _REFERENCES:
                if keyword in node.schema:
                    yield self._target(node, keyword)

    def _enter(self, top: Node) -> list[Node]:
        """Check a schema and all below it; return them."""
        nodes = list(_walk(top))
        for node in nodes:
            if isinstance(node.schema, dict):
                _check_identity(node, node.schema)
                _check_remote(node, node.schema)
        _check_meta(top)
        for node in nodes:
            self._nodes[node.path] = node
            if isinstance(node.schema, dict):
                _check_patterns(node, node.schema)
                for keyword in _ANCHORS:
                    if keyword in node.schema:
                        self._anchors[node.schema[keyword]] = node.path
        return nodes

    def _target(self, node: Node, keyword: str) -> Node:
        assert isinstance(node.schema, dict)
        ref = node.schema[keyword]
        fragment = unquote(ref[1:])
        path: list[str | int] = []
        steps: list[str | int]
        if fragment and not fragment.startswith("/"):
            if fragment not in self._anchors:
                raise node.error(keyword, f"there is no `$anchor` of the name `{fragment}`", _REF_HINT)
            steps = list(self._anchors[fragment])
        else:
            steps = [step.replace("~1", "/").replace("~0", "~") for step in fragment.split("/")[1:]]
        found: Any = self.root.schema
        for step in steps:
            key = int(step) if isinstance(found, list) and str(step).isdecimal() else step
            try:
                found = found[key]
            except (LookupError, TypeError):
                raise node.error(keyword, f"`{ref}` leads nowhere", _REF_HINT) from None
            path.append(key)
        if not isinstance(found, dict | bool):
            raise node.error(keyword, f"`{ref}` does not lead to a schema", _REF_HINT)
        return Node(tuple(path), found)


def _walk(top: Node) -> Iterator[Node]:
    """Yield a schema and all below it; passes over what is not a schema where one should be."""
    waiting = [top]
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node.schema, dict):
            continue
        for keyword, value in node.schema.items():
            if keyword in SCHEMA:
                children = [node.child(keyword)]
            elif (keyword in SCHEMA_LIST and isinstance(value, list)) or (
                keyword in SCHEMA_MAP and isinstance(value, dict)
            ):
                children = node.children(keyword)
            else:
                continue
            waiting += [child for child in children if isinstance(child.schema, dict | bool)]


def _check_values(schema: Any) -> None:
    """Refuse what only Python's JSON reader takes, and what is nested too deep to be walked."""
    if not isinstance(schema, dict):
        raise SchemaError("", "the schema is not a JSON object", "send an object with `properties`")
    waiting: list[tuple[Path, Any]] = [((), schema)]
    while waiting:
        path, value = waiting.pop()
        text = ""
        if isinstance(value, dict):
            waiting += [((*path, name), item) for name, item in value.items()]
            text = "".join(value)
        elif isinstance(value, list):
            waiting += [((*path, index), item) for index, item in enumerate(value)]
        elif isinstance(value, str):
            text = value
        elif isinstance(value, float) and not math.isfinite(value):
            raise SchemaError(json_pointer(path), f"`{value}` is not a number of JSON", "use a finite number")
        if len(path) > _MAX_DEPTH:
            raise SchemaError(
                json_pointer(path),
                f"the schema is nested deeper than `{_MAX_DEPTH}` levels",
                "move inner parts to `$defs`",
            )
        if not _is_unicode(text):
            raise SchemaError(json_pointer(path), "a text has a lone surrogate", "write whole characters")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _check_identity(node: Node, schema: dict[str, Any]) -> None:
    """A document is one resource of one draft, so that `#` means the same everywhere in it."""
    draft = schema.get("$schema", _DRAFT)
    if not isinstance(draft, str) or draft.removesuffix("#") != _DRAFT:
        raise node.error(
            "$schema",
            f"`{_show(draft)}` is not draft 2020-12",
            f"leave `$schema` out, or set it to `{_DRAFT}`",
        )
    if node.path and "$id" in schema:
        raise node.error(
            "$id", "an `$id` below the root makes another document", "remove it, and refer by `#/$defs/name`"
        )


def _check_remote(node: Node, schema: dict[str, Any]) -> None:
    for keyword in _REFERENCES:
        ref = schema.get(keyword, "#")
        if isinstance(ref, str) and not ref.startswith("#"):
            raise node.error(
                keyword,
                f"`{_show(ref)}` leads out of this document; nothing is ever fetched",
                "copy the schema into `$defs` and refer to it by `#/$defs/name`",
            )


def _check_patterns(node: Node, schema: dict[str, Any]) -> None:
    places: list[tuple[Path, str]] = []
    if "pattern" in schema:
        places.append((("pattern",), schema["pattern"]))
    places += [(("patternProperties", pattern), pattern) for pattern in schema.get("patternProperties", {})]
    for steps, pattern in places:
        try:
            matcher(pattern)
        except PatternError as error:
            raise SchemaError(
                json_pointer((*node.path, *steps)), f"the pattern `{_show(pattern)}` {error}", error.hint
            ) from None


def _check_meta(top: Node) -> None:
    try:
        jsonschema_rs.meta.validate(top.schema)
    except jsonschema_rs.ValidationError as error:
        place = error.instance_path
        keyword = next((step for step in reversed(place) if isinstance(step, str)), "schema")
        value = json.dumps(error.instance, ensure_ascii=False, default=str)
        raise SchemaError(
            json_pointer((*top.path, *place)),
            f"`{_show(value)}` is not allowed for `{keyword}`",
            _META_HINTS.get(keyword, f"the JSON Schema specification says: {error.message[:200]}"),
        ) from None


def _show(value: object) -> str:
    return str(value)[:100]
