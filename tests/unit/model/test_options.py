"""Options: what is allowed, what a form's texts stand for, what a request overrides."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from connectors.errors import OptionError
from connectors.model.options import Options, RecordHeaders, merge_options, options_from_form, parse_options


def test_defaults() -> None:
    assert parse_options({}) == Options(
        delimiter=None,
        encoding="utf-8",
        header=True,
        columns=None,
        null_values=(),
        decimal=".",
        partitions=1,
        key=None,
        topic=None,
        dlq_topic=None,
        record_headers=RecordHeaders.NONE,
        atomic=False,
        partition_columns=False,
    )


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
        ({"encoding": "UTF-8"}, Options()),
        ({"encoding": "utf_8_sig"}, Options()),
        ({"encoding": "utf16"}, Options(encoding="utf-16")),
        ({"encoding": "windows-1252"}, Options(encoding="cp1252")),
        ({"encoding": "latin-1"}, Options(encoding="iso8859-1")),
        ({"null_values": ["NA", " - ", "NA", ""]}, Options(null_values=("NA", "-", ""))),
        ({"null_values": []}, Options()),
        ({"decimal": ","}, Options(decimal=",")),
        ({"decimal": "."}, Options()),
        ({"dlq_topic": "bad.rows_1-x"}, Options(dlq_topic="bad.rows_1-x")),
        ({"topic": "a" * 249}, Options(topic="a" * 249, record_headers=RecordHeaders.ROW)),
        ({"topic": "t", "record_headers": "file"}, Options(topic="t", record_headers=RecordHeaders.FILE)),
        ({"topic": "t", "dlq_topic": "d"},
         Options(topic="t", dlq_topic="d", record_headers=RecordHeaders.ROW)),
        ({"record_headers": "none"}, Options()),
        ({"record_headers": "row"}, Options(record_headers=RecordHeaders.ROW)),
        ({"dlq_topic": "d", "record_headers": "none"}, Options(dlq_topic="d")),
        ({"atomic": True, "partition_columns": True}, Options(atomic=True, partition_columns=True)),
        ({"atomic": False, "partition_columns": False}, Options()),
        ({"delimiter": None, "header": None, "columns": None, "partitions": None, "key": None}, Options()),
        ({"encoding": None, "null_values": None, "decimal": None, "topic": None, "dlq_topic": None,
          "record_headers": None, "atomic": None, "partition_columns": None}, Options()),
    ],
)  # fmt: skip
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
         "the options are `delimiter`, `encoding`, `header`, `columns`, `null_values`, `decimal`, "
         "`partitions`, `key`, `topic`, `dlq_topic`, `record_headers`, `atomic`, `partition_columns`"),
    ],
)  # fmt: skip
def test_not_allowed(raw: dict[str, Any], message: str, hint: str) -> None:
    with pytest.raises(OptionError) as raised:
        parse_options(raw)
    assert (raised.value.message, raised.value.hint) == (message, hint)


TOPIC_HINT = "use a topic name: at most 249 letters, digits, `.`, `_` and `-`, no `__` at its start"
ENCODING_HINT = "use `utf-8`, `utf-16` or a single-byte encoding such as `cp1252`"


@pytest.mark.parametrize(
    ("name", "values", "hint"),
    [
        ("encoding", ["", "nope", "utf-32", "utf-7", "cp037", "shift_jis", "big5", "rot13", "base64", "a\0b",
                      5], ENCODING_HINT),
        ("null_values", ["NA", [None], [1], {"NA": 1}, True],
         'use a list of texts that stand for null, such as `["NA", "-"]`'),
        ("decimal", ["", ";", "..", 1, [","]], "use `.` or `,`"),
        ("topic", ["", ".", "..", "a b", "a/b", "ä", "a" * 250, "__consumer_offsets", "t\n", 1, ["t"]],
         TOPIC_HINT),
        ("dlq_topic", ["", ".", "..", "a b", "a" * 250, "__x", 1], TOPIC_HINT),
        ("record_headers", ["", "all", "ROW", True, ["row"]], "use `none`, `file` or `row`"),
        ("atomic", ["true", 1, 0, []], "use `true` or `false`"),
        ("partition_columns", ["true", 1, ["year"]], "use `true` or `false`"),
    ],
)  # fmt: skip
def test_values_that_are_not_allowed(name: str, values: list[Any], hint: str) -> None:
    for value in values:
        with pytest.raises(OptionError) as raised:
            parse_options({name: value})
        assert raised.value.message.startswith(f"option `{name}` is `")
        assert raised.value.message.endswith("`, which is not allowed")
        assert raised.value.hint == hint


def test_a_shared_topic_has_headers() -> None:
    with pytest.raises(OptionError) as raised:
        parse_options({"topic": "orders", "record_headers": "none"})
    assert (raised.value.message, raised.value.hint) == (
        "option `record_headers` is `none`, but `orders` is a shared topic",
        "use `row` or `file`: without headers nothing tells whose rows are whose",
    )


def test_dead_letters_have_a_topic_of_their_own() -> None:
    with pytest.raises(OptionError) as raised:
        parse_options({"topic": "orders", "dlq_topic": "orders"})
    assert (raised.value.message, raised.value.hint) == (
        "options `topic` and `dlq_topic` are both `orders`",
        "give the dead letters a topic of their own",
    )


def test_texts_of_a_form() -> None:
    fields = {"delimiter": "tab", "header": "false", "columns": '["a", "b"]', "partitions": "4", "key": "a"}
    values = {"delimiter": "tab", "header": False, "columns": ["a", "b"], "partitions": 4, "key": "a"}
    assert options_from_form(fields) == values
    assert options_from_form({"delimiter": "", "key": "", "columns": ""}) == {
        "delimiter": None, "key": None, "columns": None,
    }  # fmt: skip
    assert options_from_form({"delimiter": "\\t", "key": "5"}) == {"delimiter": "\\t", "key": "5"}
    fields = {
        "encoding": "cp1252", "null_values": '["NA", ""]', "decimal": ",", "topic": "orders",
        "dlq_topic": "123", "record_headers": "file", "atomic": "true", "partition_columns": "false",
    }  # fmt: skip
    values = {
        "encoding": "cp1252", "null_values": ["NA", ""], "decimal": ",", "topic": "orders",
        "dlq_topic": "123", "record_headers": "file", "atomic": True, "partition_columns": False,
    }  # fmt: skip
    assert options_from_form(fields) == values


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"header": "yes"}, "option `header` is `yes`, which is not allowed"),
        ({"columns": "a,b"}, "option `columns` is `a,b`, which is not allowed"),
        ({"columns": "[" * 100_000}, f"option `columns` is `{'[' * 100}`, which is not allowed"),
        ({"partitions": "four"}, "option `partitions` is `four`, which is not allowed"),
        ({"colums": "[]"}, "option `colums` does not exist"),
        ({"null_values": "NA"}, "option `null_values` is `NA`, which is not allowed"),
        ({"atomic": "yes"}, "option `atomic` is `yes`, which is not allowed"),
        ({"partition_columns": "on"}, "option `partition_columns` is `on`, which is not allowed"),
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
    export = {
        "x-batch": {"encoding": "Windows-1252", "null_values": [" NA "], "decimal": ",", "atomic": True}
    }
    assert merge_options(export, {"atomic": False, "decimal": None}) == {
        "encoding": "cp1252", "null_values": ["NA"], "atomic": False,
    }  # fmt: skip
    headless = {"x-batch": {"header": False, "columns": ["a"]}}
    assert merge_options(headless, {"header": True, "columns": None}) == {"header": True}


def test_merged_options_are_checked_together() -> None:
    with pytest.raises(OptionError, match="`columns` is for a file without a header line"):
        merge_options({"x-batch": {"header": False, "columns": ["a"]}}, {"header": True})
    with pytest.raises(OptionError, match="`x-batch` is `\\[\\]`, which is not an object"):
        merge_options({"x-batch": []}, {})
    with pytest.raises(OptionError, match="`record_headers` is `none`, but `orders` is a shared topic"):
        merge_options({"x-batch": {"record_headers": "none"}}, {"topic": "orders"})


def test_the_document_lists_every_option() -> None:
    text = (Path(__file__).parents[3] / "docs/models.md").read_text()
    table = text.split("## Options")[1].split("## ")[0]
    names = set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE))
    assert names == set(Options.__dataclass_fields__)
