"""The models in memory, and what equal schemas are."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from tests.unit.state.records import Record
from worker.jobs import exact_json
from worker.state.api import Model, StateError, UnavailableError
from worker.state.model_topic import ModelMap, encode_model, model_key
from worker.state.testing import MemoryModels

TEXT = '{"maximum":1.10,"x":[1e400,-0,123456789012345678901234567890,"1.10 é"]}'


def record(offset: int, name: str, version: int, text: str, nonce: str = "n") -> Record:
    model = Model(name, version, json.loads(text), "2026-01-01T00:00:00.000Z", text)
    return Record(offset, model_key(name, version), encode_model(model, nonce))


async def test_a_record_comes_back_with_its_numbers_as_they_were_written() -> None:
    models = ModelMap()
    written = record(0, "orders", 1, TEXT)
    assert json.loads(written.value or b"")["schema"]["maximum"] == 1.1
    await models.apply([written], {0: 1})
    found = models.get("orders")
    assert found is not None
    assert found.text == TEXT
    assert found.schema["maximum"] == Decimal("1.10")
    assert models.nonce(found) == "n"
    assert await models.positions() == {0: 1}


async def test_versions_and_lists() -> None:
    models = ModelMap()
    records = [
        record(n, name, v, "{}") for n, (name, v) in enumerate([("b", 1), ("b", 10), ("b", 2), ("a", 1)])
    ]
    await models.apply(records, {0: 4})
    assert [(m.name, m.version) for m in models.newest()] == [("a", 1), ("b", 10)]
    assert list(models.versions("b")) == [1, 2, 10]
    newest, second = models.get("b"), models.get("b", 2)
    assert newest is not None
    assert second is not None
    assert (newest.version, second.version) == (10, 2)
    assert models.get("b", 3) is None
    assert models.get("c") is None
    assert list(models.versions("c")) == []


async def test_a_tombstone_takes_a_version_away() -> None:
    models = ModelMap()
    await models.apply([record(0, "a", 1, "{}"), record(1, "a", 2, "{}")], {0: 2})
    await models.apply([Record(2, b"a@2", None)], {0: 3})
    assert list(models.versions("a")) == [1]
    await models.apply([Record(3, b"a@1", None), Record(4, b"z@1", None)], {0: 5})
    assert (models.get("a"), list(models.newest())) == (None, [])


@pytest.mark.parametrize("bad", [b"", b"no", b"[]", b"{}", b'{"schema":NaN,"created_at":"x","nonce":""}'])
async def test_what_is_no_model_is_skipped(bad: bytes, caplog: pytest.LogCaptureFixture) -> None:
    models = ModelMap()
    await models.apply([Record(0, b"a@1", bad), Record(1, b"a", bad), record(2, "a", 2, "{}")], {0: 3})
    assert list(models.versions("a")) == [2]
    assert len(caplog.records) == 2


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ('{"a":1,"b":2}', ' { "b": 2,\n "a": 1 } ', True),
        ('{"a":1.0}', '{"a":1}', False),
        ('{"a":1.10}', '{"a":1.1}', False),
        ('{"a":1e2}', '{"a":100}', False),
        ('{"a":"1"}', '{"a":1}', False),
        ('{"a":[1,2]}', '{"a":[2,1]}', False),
        ('{"a":"\\u00e9"}', '{"a":"é"}', True),
        ('{"a":null}', "{}", False),
        ('{"a":true}', '{"a":1}', False),
    ],
)
async def test_the_same_is_equal_json_with_numbers_as_text(one: str, other: str, same: bool) -> None:
    assert (exact_json.canonical(one) == exact_json.canonical(other)) is same
    models = MemoryModels()
    first, created = await models.create("m", json.loads(one), one)
    assert (first.version, created) == (1, True)
    if same:
        assert await models.create("m", json.loads(other), other) == (first, False)
        return
    with pytest.raises(StateError) as caught:
        await models.create("m", json.loads(other), other)
    assert caught.value.code == "MODEL_EXISTS"
    assert "`m`" in caught.value.message


async def test_the_twin_without_kafka() -> None:
    models = MemoryModels()
    models.available = False
    with pytest.raises(UnavailableError):
        await models.create("m", {})
    assert models.list() == []


@pytest.mark.parametrize("text", ["NaN", "Infinity", "[1,]", "", "{'a':1}", "1 2"])
def test_exact_json_refuses_what_is_no_json(text: str) -> None:
    with pytest.raises(ValueError):
        exact_json.loads(text)


def test_exact_json_writes_plain_numbers_too() -> None:
    assert exact_json.dumps({"a": 1.5, "b": [True, None, 10**30], "c": "1"}) == (
        '{"a":1.5,"b":[true,null,1000000000000000000000000000000],"c":"1"}'
    )
    assert exact_json.dumps(exact_json.loads(TEXT)) == TEXT
