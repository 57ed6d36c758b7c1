"""The schema of an NDJSON file: the members that its lines have."""

from __future__ import annotations

from collections import Counter
from typing import Any

from connectors.inference.file import InferredFile
from connectors.inference.texts import ColumnSchema, TextProfile, column_schema
from connectors.model import JsonType
from connectors.model.grammar import JsonSyntaxError
from connectors.ndjson.members import Member, NotAnObjectError, parse_members
from connectors.ndjson.reader import NdjsonBlock
from connectors.text.lines import split_lines

__all__ = ["infer_ndjson"]

_MAX_MEMBERS = 1000


class _MemberProfile:
    """Sums up the values of one member."""

    def __init__(self) -> None:
        self.types: Counter[JsonType] = Counter()
        self.texts = TextProfile()

    def schema(self, rows: int) -> ColumnSchema:
        """Return the member's schema, and whether all `rows` have a value."""
        types = [type for type in JsonType if self.types[type] and type is not JsonType.NULL]
        if JsonType.NUMBER in types and JsonType.INTEGER in types:
            types.remove(JsonType.INTEGER)
        nulls = self.types[JsonType.NULL]
        return column_schema(types, nullable=nulls > 0, texts=self.texts), self.types.total() - nulls == rows


def infer_ndjson(file: InferredFile) -> dict[str, Any]:
    """Return the schema of the lines that can be read; of more than _MAX_MEMBERS names only of the first."""
    profiles: dict[str, _MemberProfile] = {}
    rows = 0
    with file.open(file.options) as reader:
        for block in file.blocks(reader):
            assert isinstance(block, NdjsonBlock)
            texts: dict[str, Counter[str]] = {}
            for members in _lines(block):
                rows += 1
                for name, type, text in members:
                    profile = profiles.get(name)
                    if profile is None:
                        if len(profiles) == _MAX_MEMBERS:
                            continue
                        profile = profiles[name] = _MemberProfile()
                    profile.types[type] += 1
                    if type is JsonType.STRING:
                        texts.setdefault(name, Counter())[text] += 1
            for name, counter in texts.items():
                profiles[name].texts.add(counter)
    return file.schema({name: profile.schema(rows) for name, profile in profiles.items()}, rows, {})


def _lines(block: NdjsonBlock) -> list[list[Member]]:
    """Return the members of the lines that are rows."""
    found = []
    for place in split_lines(block.data):
        try:
            members = parse_members(block.data[place.start : place.end].decode(block.encoding))
        except (UnicodeDecodeError, JsonSyntaxError, NotAnObjectError):
            continue
        if len({member.name for member in members}) == len(members):
            found.append(members)
    return found
