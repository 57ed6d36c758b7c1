"""The models in memory, and what equal schemas are."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from tests.unit.state.records import Record
from worker.jobs import exact_json
from worker.state.api import Model, StateError, UnavailableError
from worker.state.model_topic import ModelMap, deletion_records, encode_model, model_key
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
    assert models.written_by("orders", "n") == found
    assert models.written_by("orders", "another") is None
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


async def test_a_deleted_model_leaves_the_number_of_its_last_version() -> None:
    models = ModelMap()
    await models.apply([record(0, "a", 1, "{}"), record(1, "a", 2, "{}"), record(2, "ab", 1, "{}")], {0: 3})
    deletion = deletion_records("a", [1, 2], "2026-01-02T00:00:00.000Z", "d")
    assert deletion == [
        (b"a", b'{"name":"a","last_version":2,"deleted_at":"2026-01-02T00:00:00.000Z","nonce":"d"}'),
        (b"a@1", None),
        (b"a@2", None),
    ]
    await models.apply([Record(3 + n, key, value) for n, (key, value) in enumerate(deletion[:2])], {0: 5})
    newest = models.get("a")
    assert newest is not None
    assert newest.version == 2  # whoever reads half of it sees the newest version still
    await models.apply([Record(5, *deletion[2])], {0: 6})
    assert (models.get("a"), [m.name for m in models.newest()]) == (None, ["ab"])
    assert (models.next_version("a"), models.next_version("ab"), models.next_version("c")) == (3, 2, 1)
    assert (models.deleted_by("a", "d"), models.deleted_by("a", "e"), models.deleted_by("ab", "")) == (
        True,
        False,
        False,
    )
    await models.apply([record(6, "a", 3, "{}")], {0: 7})
    assert (list(models.versions("a")), models.next_version("a")) == ([3], 4)
    await models.reset()
    assert models.next_version("a") == 1


@pytest.mark.parametrize("bad", [b"", b"no", b"[]", b"{}", b'{"schema":NaN,"created_at":"x","nonce":""}'])
async def test_what_is_no_model_is_skipped(bad: bytes, caplog: pytest.LogCaptureFixture) -> None:
    models = ModelMap()
    await models.apply([Record(0, b"a@1", bad), Record(1, b"a@", bad), record(2, "a", 2, "{}")], {0: 3})
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


async def test_an_update_makes_the_next_version_of_another_schema() -> None:
    models = MemoryModels()
    first, _ = await models.create("m", {"a": 1}, '{"a":1}')
    assert await models.update("m", {"a": 1}, ' {"a": 1}', expected=1) == (first, False)
    second, created = await models.update("m", {"a": 1.0}, '{"a":1.0}', expected=1)
    assert (second.version, second.text, created) == (2, '{"a":1.0}', True)
    assert (models.get("m"), models.get("m", 1)) == (second, first)
    assert list(models.versions("m")) == [1, 2]


async def test_versions_are_not_used_again_after_a_deletion() -> None:
    models = MemoryModels()
    await models.create("m", {})
    await models.update("m", {"a": 1})
    await models.delete("m", expected=2)
    assert (models.get("m"), models.list(), list(models.versions("m"))) == (None, [], [])
    again, created = await models.create("m", {})
    assert (again.version, created) == (3, True)
    assert models.get("m", 1) is None


async def test_what_updates_and_deletions_refuse() -> None:
    models = MemoryModels()
    for call in (models.update("m", {}), models.delete("m")):
        with pytest.raises(StateError) as caught:
            await call
        assert (caught.value.code, caught.value.message) == (
            "MODEL_NOT_FOUND",
            "model `m` does not exist",
        )
        assert "`batch model create m schema.json`" in caught.value.hint
    await models.create("m", {})
    # the same schema too: whoever names a version wants to know that it is not the newest
    for call in (models.update("m", {}, expected=2), models.delete("m", expected=0)):
        with pytest.raises(StateError) as caught:
            await call
        assert caught.value.code == "VERSION_CONFLICT"
        assert caught.value.message.startswith("the newest version of model `m` is `1`, not `")
    assert list(models.versions("m")) == [1]


async def test_the_twin_without_kafka() -> None:
    models = MemoryModels()
    await models.create("n", {})
    models.available = False
    for call in (models.create("m", {}), models.update("n", {"a": 1}), models.delete("n")):
        with pytest.raises(UnavailableError):
            await call
    assert [model.version for model in models.list()] == [1]


@pytest.mark.parametrize("text", ["NaN", "Infinity", "[1,]", "", "{'a':1}", "1 2"])
def test_exact_json_refuses_what_is_no_json(text: str) -> None:
    with pytest.raises(ValueError):
        exact_json.loads(text)


def test_exact_json_writes_plain_numbers_too() -> None:
    assert exact_json.dumps({"a": 1.5, "b": [True, None, 10**30], "c": "1"}) == (
        '{"a":1.5,"b":[true,null,1000000000000000000000000000000],"c":"1"}'
    )
    assert exact_json.dumps(exact_json.loads(TEXT)) == TEXT
