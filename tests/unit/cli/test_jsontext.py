from __future__ import annotations

import json

import pytest

from worker.cli.jsontext import elements, members, pretty


def test_members_are_cut_out_as_they_are_written() -> None:
    text = ' { "a" : 1.10 , "b\\n":[1, 2], "value":{"n":1e400,"s":"},\\"é"} } '
    assert members(text) == {"a": "1.10", "b\n": "[1, 2]", "value": '{"n":1e400,"s":"},\\"é"}'}


def test_an_empty_object_and_an_empty_array_have_nothing_in_them() -> None:
    assert members(" { } ") == {}
    assert elements("[ ]") == []


def test_integers_of_any_length_pass() -> None:
    digits = "9" * 5000
    assert members(f'{{"n":{digits}}}') == {"n": digits}
    assert elements(f"[{digits},0]") == [digits, "0"]


@pytest.mark.parametrize("text", ["", "<html>", "[1]", '{"a"}', '{"a":1 "b":2}', '{"a":1', "null"])
def test_what_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(json.JSONDecodeError):
        members(text)


@pytest.mark.parametrize("text", ["", "{}", "[1 2]", "[1", "7"])
def test_what_is_no_array_is_refused(text: str) -> None:
    with pytest.raises(json.JSONDecodeError):
        elements(text)


def test_pretty_indents_and_keeps_every_token() -> None:
    text = '{"a":[],"b":{},"c":[1.10,"x, y: {z}"],"d":{"e":null}}'
    expected = """{
  "a": [],
  "b": {},
  "c": [
    1.10,
    "x, y: {z}"
  ],
  "d": {
    "e": null
  }
}"""
    assert pretty(text) == expected


def test_pretty_is_what_the_standard_library_writes_where_numbers_are_plain() -> None:
    value = {"a": [{"b": [1, -2, [True, None, '\\"\u2028']]}, {}], "c": "[", "d": [[[]]]}
    assert pretty(json.dumps(value)) == json.dumps(value, indent=2)


def test_pretty_refuses_what_is_no_json() -> None:
    with pytest.raises(json.JSONDecodeError):
        pretty("<html></html>")
