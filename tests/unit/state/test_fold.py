"""The fold of events into the table, with a table that remembers what its changelog would get."""

from __future__ import annotations

import json
import logging

import pytest

from tests.unit.state.jobs import job
from worker.jobs.events import Counts, Deleted, Marker, Progressed, Submitted, Touched
from worker.jobs.job import Job, State
from worker.state.fold import Fold, decode_row, encode_event, encode_row, says_ended

KEY = b"aaaaaaaaaaaa"


class Table(dict[bytes, bytes]):
    """A table in memory; `changelog` has every record that it would write."""

    def __init__(self) -> None:
        super().__init__()
        self.changelog: list[tuple[bytes, bytes | None]] = []

    def __setitem__(self, key: bytes, value: bytes) -> None:
        super().__setitem__(key, value)
        self.changelog.append((key, value))

    def __delitem__(self, key: bytes) -> None:
        self.pop(key, None)
        self.changelog.append((key, None))


class Folded:
    def __init__(self) -> None:
        self.table = Table()
        self.rows: list[tuple[int, str, Job | None, Job | None]] = []
        self.markers: list[tuple[int, str]] = []
        self.fold = Fold(
            self.table,
            on_row=lambda *row: self.rows.append(row),
            on_marker=lambda *marker: self.markers.append(marker),
        )


@pytest.fixture
def folded() -> Folded:
    return Folded()


def progressed(rows: int) -> bytes:
    position = {"byte": rows, "row": rows, "line": rows, "block": 0, "row_group": 0}
    return encode_event(Progressed(1, Counts(position, rows, 0, rows, {}, None)))


def test_events_become_rows_with_their_offset_as_revision(folded: Folded) -> None:
    folded.fold.fold(KEY, encode_event(Submitted(job())), 3, 10)
    folded.fold.fold(KEY, progressed(5), 3, 12)
    row = decode_row(folded.table[KEY])
    assert row is not None
    assert (row.revision, row.rows_read) == (12, 5)
    assert [(p, i, new and new.revision, old and old.revision) for p, i, new, old in folded.rows] == [
        (3, "aaaaaaaaaaaa", 10, None),
        (3, "aaaaaaaaaaaa", 12, 10),
    ]
    assert [key for key, _ in folded.table.changelog] == [KEY, KEY]
    assert json.loads(folded.table.changelog[-1][1] or b"")["rows_read"] == 5


def test_a_replay_changes_nothing_but_writes_the_last_row_again(folded: Folded) -> None:
    """The process died between the table's file and the changelog: the events come again."""
    events = [(encode_event(Submitted(job())), 10), (progressed(5), 11), (progressed(6), 12)]
    for value, offset in events:
        folded.fold.fold(KEY, value, 0, offset)
    before = folded.table[KEY]
    folded.table.changelog.clear()
    folded.rows.clear()
    for value, offset in events:
        folded.fold.fold(KEY, value, 0, offset)
    assert folded.table.changelog == [(KEY, before)]
    assert folded.rows == []


def test_a_deletion_writes_its_tombstone_at_every_replay(folded: Folded) -> None:
    ended = Submitted(job(state=State.COMPLETED))
    events = [(encode_event(ended), 10), (encode_event(Deleted()), 11)]
    for _ in range(2):
        for value, offset in events:
            folded.fold.fold(KEY, value, 0, offset)
        assert KEY not in folded.table
        assert folded.table.changelog[-1] == (KEY, None)
    folded.table.changelog.clear()
    folded.fold.fold(KEY, encode_event(Deleted()), 0, 11)
    assert folded.table.changelog == [(KEY, None)]


def test_events_of_an_unknown_id_are_dropped(folded: Folded) -> None:
    folded.fold.fold(KEY, progressed(5), 0, 1)
    assert (folded.table.changelog, folded.rows) == ([], [])


def test_a_touch_writes_the_row_again_or_a_tombstone(folded: Folded) -> None:
    folded.fold.fold(KEY, encode_event(Touched()), 0, 1)
    assert folded.table.changelog == [(KEY, None)]
    folded.fold.fold(KEY, encode_event(Submitted(job())), 0, 2)
    folded.fold.fold(KEY, encode_event(Touched()), 0, 3)
    row = decode_row(folded.table[KEY])
    assert row == job(revision=3)


def test_markers_are_told_and_touch_no_row(folded: Folded) -> None:
    folded.fold.fold(b"", encode_event(Marker("n1")), 5, 7)
    assert folded.markers == [(5, "n1")]
    assert folded.table.changelog == []


@pytest.mark.parametrize(
    "value", [b"", None, b"no json", b"[]", b'"x"', b'{"type":"LATER"}', b'{"type":"ENDED"}']
)
def test_what_is_no_event_is_skipped_with_one_warning(
    folded: Folded, value: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        folded.fold.fold(KEY, value, 2, 1)
        folded.fold.fold(KEY, value, 2, 2)
    assert len(caplog.records) == 1
    assert "partition `2`, offset `1`" in caplog.text
    folded.fold.fold(KEY, encode_event(Submitted(job())), 2, 3)
    assert KEY in folded.table


def test_a_row_that_is_no_job_counts_as_missing(folded: Folded) -> None:
    folded.table[KEY] = b"[]"
    folded.fold.fold(KEY, encode_event(Submitted(job())), 0, 4)
    assert decode_row(folded.table[KEY]) == job(revision=4)


@pytest.mark.parametrize("state", list(State))
def test_a_glance_tells_ended_rows(state: State) -> None:
    ended = state in (State.COMPLETED, State.FAILED, State.CANCELLED)
    assert says_ended(encode_row(job(state=state))) is ended
    lying = job(state=state, file='"state":"COMPLETED"', options={"key": '"state":"FAILED"'})
    assert says_ended(encode_row(lying)) is ended
