"""The members of a line: names, types and texts, and that the quick way takes no other ones."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connectors.model import JsonType
from connectors.model.grammar import JsonSyntaxError
from connectors.ndjson.members import Member, NotAnObjectError, _scan_members, parse_members

LINE = (
    ' {"s":"a\\"b" , "i":-12,"n":1.50,"e":1E5,"t":true,"f":false,"z":null,"o":{ "x":1 },"l":[1, 2],"s":""}\t'
)


def test_members_in_their_order_with_names_that_come_twice() -> None:
    assert parse_members(LINE) == [
        Member("s", JsonType.STRING, 'a"b'),
        Member("i", JsonType.INTEGER, "-12"),
        Member("n", JsonType.NUMBER, "1.50"),
        Member("e", JsonType.NUMBER, "1E5"),
        Member("t", JsonType.BOOLEAN, "true"),
        Member("f", JsonType.BOOLEAN, "false"),
        Member("z", JsonType.NULL, "null"),
        Member("o", JsonType.OBJECT, '{ "x":1 }'),
        Member("l", JsonType.ARRAY, "[1, 2]"),
        Member("s", JsonType.STRING, ""),
    ]


def outcome(line: str, *, quick: bool) -> list[Member] | int | None:
    """Return the members of a line, the place where it is wrong, or None if it is no object."""
    try:
        return parse_members(line) if quick else _scan_members(line)
    except JsonSyntaxError as error:
        return error.place
    except NotAnObjectError:
        return None


TEXT = st.text(max_size=10)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | TEXT


@settings(deadline=None)
@given(st.dictionaries(TEXT, SCALARS, max_size=5), st.booleans(), st.integers(0, 300), st.text(max_size=2))
@example({"a": float("nan")}, False, 0, "")
@example({"a": 1}, False, 7, "}")
def test_both_ways_give_the_same(members: dict[str, object], ascii: bool, place: int, inserted: str) -> None:
    line = json.dumps(members, ensure_ascii=ascii)
    for text in (line, line[:place] + inserted + line[place:]):
        assert outcome(text, quick=True) == outcome(text, quick=False)


@pytest.mark.parametrize("line", ["", '"{"', "1", "{}", '{"a":{}}', '{"a":Infinity}', '{"a":1,"a":2}', "{}}"])
def test_both_ways_agree_about_other_lines(line: str) -> None:
    assert outcome(line, quick=True) == outcome(line, quick=False)
