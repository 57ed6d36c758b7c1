"""Options: what is allowed, what a form's texts stand for, what a request overrides."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.errors import OptionError
from connectors.model.options import Options, merge_options, options_from_form, parse_options


def test_defaults() -> None:
    assert parse_options({}) == Options(delimiter=None, header=True, columns=None, partitions=1, key=None)


@pytest.mark.parametrize(
    ("raw", "options"),
    [
        ({"delimiter": ";"}, Options(delimiter=";")),
        ({"delimiter": "|"}, Options(delimiter="|")),
        ({"delimiter": "\t"}, Options(delimiter="\t")),
        ({"delimiter": "tab"}, Options(delimiter="\t")),
        ({"delimiter": "\\t"}, Options(delimiter="\t")),
        ({"header": False, "columns": ["a", "b c"]}, Options(header=False, columns=("a", "b c"))),
        ({"header": True}, Options()),
        ({"partitions": 64}, Options(partitions=64)),
        ({"key": "id"}, Options(key="id")),
        ({"delimiter": None, "header": None, "columns": None, "partitions": None, "key": None}, Options()),
    ],
)
def test_allowed(raw: dict[str, Any], options: Options) -> None:
    assert parse_options(raw) == options


@pytest.mark.parametrize(
    ("raw", "message", "hint"),
    [
        ({"delimiter": ":"}, "option `delimiter` is `:`, which is not allowed",
         "use one of `,`, `;`, `|` and `tab`"),
        ({"delimiter": ""}, "option `delimiter` is ``, which is not allowed",
         "use one of `,`, `;`, `|` and `tab`"),
        ({"delimiter": 5}, "option `delimiter` is `5`, which is not allowed",
         "use one of `,`, `;`, `|` and `tab`"),
        ({"header": "true"}, "option `header` is `true`, which is not allowed", "use `true` or `false`"),
        ({"header": 0}, "option `header` is `0`, which is not allowed", "use `true` or `false`"),
        ({"header": False}, "option `header` is false, but `columns` is missing",
         "list the names of the file's columns in `columns`"),
        ({"columns": ["a"]}, "option `columns` is for a file without a header line, but `header` is true",
         "set `header` to false, or remove `columns`"),
        ({"header": False, "columns": []}, "option `columns` is `[]`, which is not allowed",
         'use a list of different names, such as `["id", "name"]`'),
        ({"columns": ["a", "a"]}, 'option `columns` is `["a", "a"]`, which is not allowed',
         'use a list of different names, such as `["id", "name"]`'),
        ({"columns": ["a", ""]}, 'option `columns` is `["a", ""]`, which is not allowed',
         'use a list of different names, such as `["id", "name"]`'),
        ({"columns": "a,b"}, "option `columns` is `a,b`, which is not allowed",
         'use a list of different names, such as `["id", "name"]`'),
        ({"partitions": 0}, "option `partitions` is `0`, which is not allowed",
         "use a whole number from 1 to 64"),
        ({"partitions": 65}, "option `partitions` is `65`, which is not allowed",
         "use a whole number from 1 to 64"),
        ({"partitions": 2.0}, "option `partitions` is `2.0`, which is not allowed",
         "use a whole number from 1 to 64"),
        ({"partitions": True}, "option `partitions` is `true`, which is not allowed",
         "use a whole number from 1 to 64"),
        ({"key": ""}, "option `key` is ``, which is not allowed", "use the name of a column"),
        ({"key": 5}, "option `key` is `5`, which is not allowed", "use the name of a column"),
        ({"delimeter": ","}, "option `delimeter` does not exist", "did you mean `delimiter`?"),
        ({"partition": 2}, "option `partition` does not exist", "did you mean `partitions`?"),
        ({"encodng": "x"}, "option `encodng` does not exist", "did you mean `encoding`?"),
        ({"zzz": None}, "option `zzz` does not exist",
         "the options are `delimiter`, `header`, `columns`, `partitions`, `key`"),
    ],
)  # fmt: skip
def test_not_allowed(raw: dict[str, Any], message: str, hint: str) -> None:
    with pytest.raises(OptionError) as raised:
        parse_options(raw)
    assert (raised.value.message, raised.value.hint) == (message, hint)


@pytest.mark.parametrize(
    "name", ["encoding", "null_values", "decimal", "topic", "dlq_topic", "record_headers", "atomic"]
)
def test_options_of_later(name: str) -> None:
    with pytest.raises(OptionError) as raised:
        parse_options({name: "x"})
    assert (raised.value.message, raised.value.hint) == (
        f"option `{name}` comes later",
        "leave it out for now",
    )
    with pytest.raises(OptionError, match="comes later"):
        options_from_form({name: "x"})


def test_texts_of_a_form() -> None:
    fields = {"delimiter": "tab", "header": "false", "columns": '["a", "b"]', "partitions": "4", "key": "a"}
    values = {"delimiter": "tab", "header": False, "columns": ["a", "b"], "partitions": 4, "key": "a"}
    assert options_from_form(fields) == values
    assert options_from_form({"delimiter": "", "key": "", "columns": ""}) == {
        "delimiter": None, "key": None, "columns": None,
    }  # fmt: skip
    assert options_from_form({"delimiter": "\\t", "key": "5"}) == {"delimiter": "\\t", "key": "5"}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"header": "yes"}, "option `header` is `yes`, which is not allowed"),
        ({"columns": "a,b"}, "option `columns` is `a,b`, which is not allowed"),
        ({"columns": "[" * 100_000}, f"option `columns` is `{'[' * 100}`, which is not allowed"),
        ({"partitions": "four"}, "option `partitions` is `four`, which is not allowed"),
        ({"colums": "[]"}, "option `colums` does not exist"),
    ],
)
def test_texts_that_are_no_values(fields: dict[str, str], message: str) -> None:
    with pytest.raises(OptionError) as raised:
        options_from_form(fields)
    assert raised.value.message == message


def test_a_request_goes_over_the_model() -> None:
    schema = {"x-batch": {"delimiter": "tab", "partitions": 4, "key": "id"}, "type": "object"}
    assert merge_options(schema, {}) == {"delimiter": "\t", "partitions": 4, "key": "id"}
    assert merge_options(schema, {"partitions": 2, "key": None}) == {"delimiter": "\t", "partitions": 2}
    assert merge_options({}, {"header": False, "columns": ["a"]}) == {"header": False, "columns": ["a"]}
    headless = {"x-batch": {"header": False, "columns": ["a"]}}
    assert merge_options(headless, {"header": True, "columns": None}) == {"header": True}


def test_merged_options_are_checked_together() -> None:
    with pytest.raises(OptionError, match="`columns` is for a file without a header line"):
        merge_options({"x-batch": {"header": False, "columns": ["a"]}}, {"header": True})
    with pytest.raises(OptionError, match="`x-batch` is `\\[\\]`, which is not an object"):
        merge_options({"x-batch": []}, {})
    with pytest.raises(OptionError, match="option `atomic` comes later"):
        merge_options({"x-batch": {"atomic": True}}, {})
