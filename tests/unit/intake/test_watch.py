"""Which files are taken, and why all others wait."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from connectors.errors import OptionError
from tests.unit.intake.conftest import ABC_SHA256, EMPTY_SHA256, Watched, World, files_below
from worker.intake import take
from worker.jobs.job import Source
from worker.state.api import Model


async def test_settled_files_become_jobs_of_their_folders_model(world: World, watched: Watched) -> None:
    world.drop("top.csv")
    world.drop("orders/a.csv")
    await watched.after(0)
    assert watched.codes == {"top.csv": "STILL_CHANGING", "orders/a.csv": "STILL_CHANGING"}
    assert await watched.jobs() == []
    await watched.after(2)
    jobs = sorted(await watched.jobs(), key=lambda job: job.file)
    assert [
        (job.file, job.model, job.model_version, job.options, job.source, job.sha256) for job in jobs
    ] == [
        ("a.csv", "orders", 1, {"delimiter": "|"}, Source.DROPZONE, ABC_SHA256),
        ("top.csv", "default_model", 1, {"delimiter": "|"}, Source.DROPZONE, ABC_SHA256),
    ]
    assert watched.codes == {}
    assert files_below(world.zone.incoming) == []


async def test_a_file_written_in_bursts_is_taken_whole(world: World, watched: Watched) -> None:
    path = world.drop("a.csv", b"")
    for letter in (b"a", b"b", b"c"):
        await watched.after(1.9)
        with path.open("ab") as file:
            file.write(letter)
    await watched.after(1.9)
    await watched.after(1.9)
    assert watched.codes == {"a.csv": "STILL_CHANGING"}
    await watched.after(0.1)
    assert [(job.file, job.sha256) for job in await watched.jobs()] == [("a.csv", ABC_SHA256)]


async def test_an_empty_file_is_taken_after_ten_times_as_long(world: World, watched: Watched) -> None:
    world.drop("a.csv", b"")
    await watched.after(0)
    await watched.after(19.5)
    assert watched.entry("a.csv") == (
        "STILL_CHANGING",
        "`a.csv` must stand still for `0.5` more seconds",
        "nothing to do; BATCH_SETTLE_SECONDS sets how long size and time must not change",
    )
    await watched.after(0.5)
    assert [job.sha256 for job in await watched.jobs()] == [EMPTY_SHA256]


async def test_two_files_of_one_name_one_after_the_other(world: World, watched: Watched) -> None:
    for _ in range(2):
        world.drop("a.csv")
        await watched.after(0)
        await watched.after(2)
    assert [job.file for job in await watched.jobs()] == ["a.csv", "a.csv"]


async def test_without_a_model_a_file_waits_until_it_is_created(world: World, watched: Watched) -> None:
    world.drop("prices/a.csv")
    await watched.after(0)
    await watched.after(2)
    assert watched.entry("prices/a.csv") == (
        "MODEL_NOT_FOUND",
        "model `prices` does not exist",
        "create it with `batch model create prices schema.json`; the file is taken then",
    )
    await world.models.create("prices", {"x-batch": {}})
    await watched.after(0)
    assert [job.model for job in await watched.jobs()] == ["prices"]


async def test_without_kafka_files_wait_and_are_taken_when_it_comes(
    world: World, watched: Watched, hashed: list[str]
) -> None:
    world.kafka_goes()
    world.drop("a.csv")
    await watched.after(0)
    await watched.after(2)
    assert watched.entry("a.csv") == (
        "KAFKA_UNAVAILABLE",
        "Kafka at `127.0.0.1:9092` does not answer",
        "start it with scripts/up.sh",
    )
    assert hashed == []
    world.kafka_comes()
    await watched.after(0)
    assert [job.file for job in await watched.jobs()] == ["a.csv"]


async def test_a_file_is_hashed_once_although_kafka_goes_meanwhile(
    world: World, watched: Watched, hashed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = take.hash_file

    def hash_while_kafka_goes(*args: Any) -> Any:
        world.kafka_goes()
        return counted(*args)

    monkeypatch.setattr(take, "hash_file", hash_while_kafka_goes)
    world.drop("a.csv")
    await watched.after(0)
    await watched.after(2)
    await watched.after(2)
    assert watched.codes == {"a.csv": "KAFKA_UNAVAILABLE"}
    world.kafka_comes()
    await watched.after(2)
    assert [job.sha256 for job in await watched.jobs()] == [ABC_SHA256]
    assert hashed == ["a.csv"]


async def test_a_file_altered_while_it_is_hashed_settles_again(
    world: World, watched: Watched, hashed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = world.drop("a.csv", b"ab")
    counted = take.hash_file

    def hash_while_written(*args: Any) -> Any:
        if not hashed:
            path.write_bytes(b"abc")
        return counted(*args)

    monkeypatch.setattr(take, "hash_file", hash_while_written)
    await watched.after(0)
    await watched.after(2)
    await watched.after(0)
    assert watched.codes == {"a.csv": "STILL_CHANGING"}
    await watched.after(2)
    assert [job.sha256 for job in await watched.jobs()] == [ABC_SHA256]
    assert hashed == ["a.csv", "a.csv"]


async def test_a_file_altered_between_hash_and_claim_settles_again(
    world: World, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = world.drop("a.csv", b"ab")
    real = take.hash_file

    def hash_then_written(*args: Any) -> Any:
        received = real(*args)
        if received.size == 2:
            path.write_bytes(b"abc")
        return received

    monkeypatch.setattr(take, "hash_file", hash_then_written)
    await watched.after(0)
    await watched.after(2)
    assert await watched.jobs() == []
    await watched.after(0)
    await watched.after(2)
    assert [(job.size_bytes, job.sha256) for job in await watched.jobs()] == [(3, ABC_SHA256)]
    assert len(world.folders.processing()) == 1


async def test_files_that_are_too_large_or_find_no_space_wait(world: World, watched: Watched) -> None:
    world.drop("exact.csv", b"x" * 100)
    world.drop("over.csv", b"x" * 101)
    world.free_bytes = 999
    await watched.after(0)
    await watched.after(2)
    assert watched.entry("over.csv") == (
        "FILE_TOO_LARGE",
        "the file has `101` bytes; at most `100` are taken",
        "split it, or raise BATCH_MAX_UPLOAD_BYTES",
    )
    assert watched.entry("exact.csv")[:2] == (
        "NO_SPACE",
        "the drop zone's disk has `999` bytes free; nothing is taken below `1000`",
    )
    world.free_bytes = 1000
    await watched.after(0)
    assert [job.file for job in await watched.jobs()] == ["exact.csv"]
    assert watched.codes == {"over.csv": "FILE_TOO_LARGE"}


async def test_what_is_refused_stays_where_it_is(world: World, watched: Watched, tmp_path: Path) -> None:
    (tmp_path / "outside.csv").write_bytes(b"abc")
    (world.zone.incoming / "soft.csv").symlink_to(tmp_path / "outside.csv")
    (world.zone.incoming / "hard.csv").hardlink_to(tmp_path / "outside.csv")
    os.mkfifo(world.zone.incoming / "pipe.csv")
    world.drop("a.csv.part")
    world.drop("Not a model/a.csv")
    world.drop("orders/.2026/a.csv")
    before = files_below(world.zone.incoming)
    await watched.after(0)
    await watched.after(100)
    assert watched.codes == {
        "soft.csv": "LINK_REFUSED",
        "hard.csv": "LINK_REFUSED",
        "pipe.csv": "LINK_REFUSED",
        "a.csv.part": "NAME_IGNORED",
        "Not a model/a.csv": "NO_MODEL",
        "orders/.2026": "NAME_IGNORED",
    }
    assert files_below(world.zone.incoming) == before
    assert await watched.jobs() == []


async def test_hostile_names_become_jobs(world: World, watched: Watched) -> None:
    names = [
        "two\nlines.csv",
        "\"quoted\" 'x'.csv",
        "sp ace.csv",
        "x" * 251 + ".csv",
        "error.json",
        "b\udcfcro",
    ]
    for name in names:
        world.drop(name)
    await watched.after(0)
    await watched.after(2)
    assert {job.file for job in await watched.jobs()} == {*names[:5], "b\ufffdro"}
    for job_id in world.folders.processing():
        manifest = world.folders.read_manifest(job_id)
        assert manifest is not None
        assert world.folders.job_file(manifest).read_bytes() == b"abc"


async def test_since_is_when_the_code_was_first_given(world: World, watched: Watched) -> None:
    world.drop("prices/a.csv")
    for seconds in (0, 1, 1, 5):
        await watched.after(seconds)
    (entry,) = watched.watcher.waiting()
    assert (entry.code, entry.since, entry.size_bytes) == ("MODEL_NOT_FOUND", "1002", 3)


async def test_options_that_cannot_be_used_stop_only_their_file(
    world: World, watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    def options_of(model: Model) -> dict[str, Any]:
        if model.name == "orders":
            raise ValueError("no such option")
        return {}

    watched.options_of = options_of
    world.drop("orders/a.csv")
    world.drop("b.csv")
    await watched.after(0)
    await watched.after(2)
    await watched.after(1)
    assert [job.file for job in await watched.jobs()] == ["b.csv"]
    assert watched.entry("orders/a.csv") == (
        "INTERNAL",
        "the options of model `orders` cannot be used: no such option",
        "make a new version of the model",
    )
    logged = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert logged == ["`orders/a.csv` could not be taken"]
    watched.options_of = lambda model: {}
    await watched.after(29)
    assert sorted(job.file for job in await watched.jobs()) == ["a.csv", "b.csv"]


async def test_an_option_that_is_refused_is_said_without_a_traceback(
    world: World, watched: Watched, hashed: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    def options_of(model: Model) -> dict[str, Any]:
        raise OptionError("option `topic` is `shop_x`", "use another name")

    watched.options_of = options_of
    world.drop("orders/a.csv")
    await watched.after(0)
    await watched.after(2)
    await watched.after(1)
    assert watched.entry("orders/a.csv") == (
        "INTERNAL",
        "the options of model `orders` cannot be used: option `topic` is `shop_x`",
        "make a new version of the model: use another name",
    )
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert hashed == []


async def test_a_file_that_cannot_be_read_waits_and_is_tried_again(
    world: World, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*args: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    world.drop("a.csv")
    with monkeypatch.context() as patched:
        patched.setattr(take, "hash_file", denied)
        await watched.after(0)
        await watched.after(2)
        await watched.after(1)
    assert watched.entry("a.csv") == (
        "INTERNAL",
        "`a.csv` cannot be taken: Permission denied",
        "give the worker's user permission to read it and to move it out of its folder",
    )
    await watched.after(30)
    assert [job.file for job in await watched.jobs()] == ["a.csv"]


async def test_what_waits_is_logged_once(
    world: World, watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("a", "b", "c"):
        world.drop(f"prices/{name}.csv")
    for _ in range(4):
        await watched.after(2)
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        "MODEL_NOT_FOUND: model `prices` does not exist (and 2 more); "
        "create it with `batch model create prices schema.json`; the file is taken then"
    ]
