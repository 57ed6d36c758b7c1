"""`/metrics` looks at the worker when it is asked."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests.unit.http.twins import AWAY, READY, STARTING, Waiting, job
from worker.jobs.job import State
from worker.metrics.exposition import Exposition, Surroundings
from worker.metrics.instruments import Instruments
from worker.state.api import Health, Lag, UnavailableError
from worker.state.testing import MemoryJobs

NOW = 1_767_229_200.0  # 2026-01-01T01:00:00Z


class World:
    """Surroundings that a test turns."""

    def __init__(self, folder: Path) -> None:
        self.jobs = MemoryJobs()
        self.health: Health = READY
        self.lag = Lag(3, 4)
        self.files: list[Waiting] = []
        self.running = 2
        surroundings = Surroundings(
            jobs=self.jobs,
            health=lambda: self.health,
            lag=lambda: self.lag,
            waiting=lambda: self.files,
            running=lambda: self.running,
            disks={"dropzone": folder, "data": folder},
        )
        self.exposition = Exposition(Instruments(), surroundings, clock=lambda: NOW)

    async def samples(self) -> dict[tuple[str, ...], float]:
        body, _ = await self.exposition.render("")
        return {
            (sample.name, *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(body.decode())
            for sample in family.samples
        }


async def test_jobs_by_state_and_how_far_behind(tmp_path: Path) -> None:
    world = World(tmp_path)
    for number, state in enumerate((State.RUNNING, State.FAILED, State.FAILED)):
        world.jobs.put(job(f"{number:012d}", state=state))
    found = await world.samples()
    states = {key[1]: value for key, value in found.items() if key[0] == "batch_jobs"}
    assert states == {
        "QUEUED": 0, "RUNNING": 1, "PAUSED": 0, "COMPLETED": 0, "FAILED": 2, "CANCELLED": 0,
    }  # fmt: skip
    assert found["batch_jobs_running",] == 2
    assert (found["batch_table_lag_events",], found["batch_read_model_lag_records",]) == (3, 4)
    world.lag = Lag(math.nan, math.nan)
    assert math.isnan((await world.samples())["batch_table_lag_events",])


async def test_ready_and_broker(tmp_path: Path) -> None:
    world = World(tmp_path)
    names = ("batch_broker_up", "batch_ready", "batch_partitions_owned")
    for health, expected in ((READY, [1, 1, 3]), (STARTING, [1, 0, 0]), (AWAY, [0, 0, 0])):
        world.health = health
        found = await world.samples()
        assert [found[name,] for name in names] == expected


async def test_files_that_wait_by_reason_and_the_oldest_of_each(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.files = [
        Waiting("m/a", "MODEL_NOT_FOUND", "", "", since="2026-01-01T00:59:00.000Z"),
        Waiting("m/b", "MODEL_NOT_FOUND", "", "", since="2026-01-01T00:00:00.000Z"),
        Waiting(".c", "NAME_IGNORED", "", "", since="2025-12-31T01:00:00.000Z"),
    ]
    found = await world.samples()
    assert found["batch_incoming_files", "MODEL_NOT_FOUND"] == 2
    assert found["batch_incoming_oldest_age_seconds", "MODEL_NOT_FOUND"] == 3600
    assert found["batch_incoming_oldest_age_seconds", "NAME_IGNORED"] == 86_400
    assert found["batch_incoming_files", "NO_SPACE"] == 0
    world.files = []
    found = await world.samples()
    assert found["batch_incoming_files", "MODEL_NOT_FOUND"] == 0
    assert found["batch_incoming_oldest_age_seconds", "MODEL_NOT_FOUND"] == 0


async def test_free_disk(tmp_path: Path) -> None:
    found = await World(tmp_path).samples()
    assert found["batch_disk_free_bytes", "dropzone"] > 0
    assert found["batch_disk_free_bytes", "data"] > 0


async def test_while_the_worker_stops_the_last_counts_stand(tmp_path: Path, monkeypatch: Any) -> None:
    world = World(tmp_path)
    world.jobs.put(job(state=State.FAILED))
    assert (await world.samples())["batch_jobs", "FAILED"] == 1

    async def closed() -> dict[State, int]:
        raise UnavailableError("NOT_READY", "the worker stops", "ask again")

    monkeypatch.setattr(world.jobs, "counts", closed)
    assert (await world.samples())["batch_jobs", "FAILED"] == 1


async def test_the_form_that_is_asked_for(tmp_path: Path) -> None:
    exposition = World(tmp_path).exposition
    body, media_type = await exposition.render("application/openmetrics-text; version=1.0.0")
    assert media_type.startswith("application/openmetrics-text; version=1.0.0")
    assert body.endswith(b"# EOF\n")
    body, media_type = await exposition.render("*/*")
    assert media_type == "text/plain; version=0.0.4; charset=utf-8"
    assert b"_created" not in body
