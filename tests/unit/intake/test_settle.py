from __future__ import annotations

from worker.intake.received import Identity
from worker.intake.settle import Settling

NEW = Identity(size=3, mtime_ns=5, inode=7)


class Clock:
    now = 50.0

    def __call__(self) -> float:
        return self.now


def test_a_file_settles_from_when_it_was_first_seen() -> None:
    clock = Clock()
    settling = Settling(2.0, clock)
    assert settling.remaining("a", NEW) == 2.0
    clock.now += 1.5
    assert settling.remaining("a", NEW) == 0.5
    clock.now += 0.5
    assert settling.remaining("a", NEW) == 0.0


def test_each_burst_of_writing_begins_anew() -> None:
    clock = Clock()
    settling = Settling(2.0, clock)
    for burst in range(4):
        assert settling.remaining("a", Identity(size=3 + burst, mtime_ns=5, inode=7)) == 2.0
        clock.now += 1.9
    assert settling.remaining("a", Identity(size=6, mtime_ns=6, inode=7)) == 2.0  # mtime alone
    clock.now += 1.9
    assert settling.remaining("a", Identity(size=6, mtime_ns=6, inode=8)) == 2.0  # another file
    clock.now += 2.0
    assert settling.remaining("a", Identity(size=6, mtime_ns=6, inode=8)) == 0.0


def test_an_empty_file_takes_ten_times_as_long() -> None:
    clock = Clock()
    settling = Settling(2.0, clock)
    empty = Identity(size=0, mtime_ns=5, inode=7)
    assert settling.remaining("a", empty) == 20.0
    clock.now += 19.0
    assert settling.remaining("a", empty) == 1.0
    assert settling.remaining("a", NEW) == 2.0


def test_files_are_forgotten_and_restarted_one_by_one() -> None:
    clock = Clock()
    settling = Settling(2.0, clock)
    for name in "abc":
        settling.remaining(name, NEW)
    clock.now += 2.0
    settling.keep_only({"b", "c"})
    settling.restart("c")
    assert [settling.remaining(name, NEW) for name in "abc"] == [2.0, 0.0, 2.0]


def test_without_settle_time_a_file_is_settled_at_once() -> None:
    assert Settling(0.0, Clock()).remaining("a", NEW) == 0.0
