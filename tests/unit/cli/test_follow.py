from __future__ import annotations

import json
import threading

import pytest

from tests.unit.cli.fake_worker import ID, Drop, FakeWorker, Reply, Stream, job, problem
from worker.cli.client import Client
from worker.cli.errors import ApiError, ConnectionLostError, UnreachableError
from worker.cli.follow import Patience, follow_records, follow_rejects, wait

JOB = f"GET /jobs/{ID}"
RECORDS = f"GET /jobs/{ID}/records"
REJECTS = f"GET /jobs/{ID}/rejects"


def envelope(partition: int, offset: int, value: str) -> bytes:
    head = f'{{"partition":{partition},"offset":{offset},"timestamp":1,"key":null,"value":'
    return f"{head}{value}}}\n".encode()


def three() -> list[bytes]:
    return [envelope(0, n, f'{{"n":{n}}}') for n in range(3)]


def tail(worker: FakeWorker, patience: Patience) -> tuple[list[bytes], str]:
    values: list[bytes] = []
    text = follow_records(Client(worker.url), ID, patience, values.extend)
    return values, json.loads(text)["state"]


def test_values_are_written_as_they_are_in_the_topic(worker: FakeWorker, patience: Patience) -> None:
    value = '{"n":1.10,"big":123456789012345678901234567890,"s":"\\u00e9 é"}'
    worker.on(JOB, job("RUNNING"), job(offsets={"0": [7, 8]}))
    worker.on(RECORDS, Stream([envelope(0, 7, value)]))
    assert tail(worker, patience) == ([value.encode()], "COMPLETED")
    assert worker.asked(RECORDS)[0].query == {"follow": "true", "format": "envelope"}


def test_a_line_may_come_in_pieces_and_pieces_may_hold_many(worker: FakeWorker, patience: Patience) -> None:
    a, b, c = three()
    worker.on(JOB, job("RUNNING"), job())
    worker.on(RECORDS, Stream([a[:10], a[10:] + b + c[:-1], b"\n"]))
    assert tail(worker, patience)[0] == [b'{"n":0}', b'{"n":1}', b'{"n":2}']


def test_after_a_broken_connection_it_goes_on_at_the_next_offsets(
    worker: FakeWorker, patience: Patience, told: list[str]
) -> None:
    worker.on(JOB, job("RUNNING"), job("RUNNING"), job(offsets={"0": [5, 8], "1": [0, 2], "2": [4, 4]}))
    worker.on(
        RECORDS,
        # the last line is cut off in its middle: it has to be read again
        Stream(
            [envelope(0, 5, '{"n":1}'), envelope(1, 0, '{"n":2}'), envelope(0, 6, '{"n":3}')[:30]], cut=True
        ),
        Stream([envelope(0, 6, '{"n":3}'), envelope(1, 1, '{"n":4}'), envelope(0, 7, '{"n":5}')]),
    )
    values, state = tail(worker, patience)
    assert values == [b'{"n":1}', b'{"n":2}', b'{"n":3}', b'{"n":4}', b'{"n":5}']
    assert state == "COMPLETED"
    assert worker.asked(RECORDS)[1].query["from"] == "0:6,1:1"
    assert len(told) == 1
    assert "trying again" in told[0]


def test_a_record_that_comes_again_is_not_written_again(worker: FakeWorker, patience: Patience) -> None:
    a, b, c = three()
    worker.on(JOB, job("RUNNING"), job("RUNNING"), job())
    worker.on(RECORDS, Stream([a, b], cut=True), Stream([a, b, c]))
    assert tail(worker, patience)[0] == [b'{"n":0}', b'{"n":1}', b'{"n":2}']


def test_a_stream_that_a_stopping_worker_ended_cleanly_is_not_taken_for_the_end(
    worker: FakeWorker, patience: Patience
) -> None:
    a, b, c = three()
    worker.on(JOB, job("RUNNING"), job())  # the job ends while the stream is already over
    worker.on(RECORDS, Stream([a]), Stream([b, c]))
    assert tail(worker, patience)[0] == [b'{"n":0}', b'{"n":1}', b'{"n":2}']


def test_records_that_retention_took_are_not_waited_for(worker: FakeWorker, patience: Patience) -> None:
    worker.on(JOB, job())  # three rows delivered, one still there
    worker.on(RECORDS, Stream([envelope(0, 1, '{"n":1}')]))
    assert tail(worker, patience)[0] == [b'{"n":1}']


def test_a_worker_that_is_away_or_not_ready_for_a_while_is_asked_again(
    worker: FakeWorker, patience: Patience
) -> None:
    not_ready = problem(503, "NOT_READY", "the worker is starting", "wait")
    worker.on(JOB, job("RUNNING"), Drop(), not_ready, job("RUNNING"), job())
    worker.on(RECORDS, Drop(), not_ready, Stream(three()))
    assert tail(worker, patience)[0] == [b'{"n":0}', b'{"n":1}', b'{"n":2}']


def test_a_worker_whose_broker_is_away_is_waited_for_and_said_once(
    worker: FakeWorker, patience: Patience, told: list[str]
) -> None:
    away = problem(503, "KAFKA_UNAVAILABLE", "Kafka has not answered for 12 s", "start the broker")
    tries = 250  # just beyond the time that a worker itself may be away
    a, b, c = three()
    worker.on(JOB, *[job("RUNNING")] * (tries + 2), job())
    worker.on(RECORDS, Stream([a], cut=True), *[away] * tries, Stream([b, c]))
    assert tail(worker, patience)[0] == [b'{"n":0}', b'{"n":1}', b'{"n":2}']
    assert len(told) == 1


def test_each_outage_is_said(worker: FakeWorker, patience: Patience, told: list[str]) -> None:
    a, b, c = three()
    worker.on(JOB, *[job("RUNNING")] * 3, job())
    worker.on(RECORDS, Stream([a], cut=True), Stream([b], cut=True), Stream([c]))
    assert tail(worker, patience)[0] == [b'{"n":0}', b'{"n":1}', b'{"n":2}']
    assert len(told) == 2


def test_a_restarted_worker_on_the_same_port_is_found_again(told: list[str]) -> None:
    first, second = FakeWorker(), None
    a, b, c = three()
    first.on(JOB, job("RUNNING"))
    first.on(RECORDS, Stream([a], cut=True))
    values: list[bytes] = []

    def write(lines: list[bytes]) -> None:
        values.extend(lines)
        if second is None:
            first.stop()

    def restart(_: float) -> None:
        nonlocal second
        if second is None:
            second = FakeWorker(first.port)
            second.on(JOB, job())
            second.on(RECORDS, Stream([b, c]))

    try:
        follow_records(Client(first.url), ID, Patience(told.append, sleep=restart), write)
    finally:
        if second is not None:
            second.stop()
    assert values == [b'{"n":0}', b'{"n":1}', b'{"n":2}']


def test_a_job_that_is_silent_for_long_is_listened_to_again_without_a_word(
    worker: FakeWorker, patience: Patience, told: list[str]
) -> None:
    a, b, c = three()
    never = threading.Event()
    values: list[bytes] = []
    worker.on(JOB, job("RUNNING"), job("RUNNING"), job())
    worker.on(RECORDS, Stream([a, b], goes_on=never), Stream([b, c]))
    follow_records(Client(worker.url, timeout=0.2), ID, patience, values.extend)
    never.set()
    assert values == [b'{"n":0}', b'{"n":1}', b'{"n":2}']
    assert worker.asked(RECORDS)[1].query["from"] == "0:1"
    assert told == []


def test_an_address_where_nothing_ever_answered_is_an_error_at_once(
    told: list[str], patience: Patience
) -> None:
    worker = FakeWorker()
    worker.stop()
    with pytest.raises(UnreachableError) as raised:
        tail(worker, patience)
    assert raised.value.message == f"no worker answers at `{worker.url}`: connection refused"
    assert "scripts/up.sh" in raised.value.hint
    assert told == []


def test_a_worker_that_stays_away_is_given_up_after_a_minute(
    worker: FakeWorker, patience: Patience, told: list[str]
) -> None:
    worker.on(JOB, job("RUNNING"), Drop())
    worker.on(RECORDS, Drop())
    with pytest.raises(ConnectionLostError):
        tail(worker, patience)
    assert len(told) == 1
    # 60 s in steps of 0.25 s: the records once, then the job
    assert len(worker.asked(JOB)) == pytest.approx(241, abs=2)


def test_a_job_that_is_deleted_meanwhile_is_an_error(worker: FakeWorker, patience: Patience) -> None:
    worker.on(JOB, job("RUNNING"), problem(404, "JOB_NOT_FOUND", "there is no job", "list them"))
    worker.on(RECORDS, Stream(three()))
    with pytest.raises(ApiError) as raised:
        tail(worker, patience)
    assert raised.value.code == "JOB_NOT_FOUND"


def test_wait_looks_until_the_job_has_ended(worker: FakeWorker, patience: Patience) -> None:
    seen: list[str] = []
    worker.on(JOB, job("QUEUED"), job("RUNNING"), Drop(), job("PAUSED"), job("FAILED"))
    text = wait(Client(worker.url), ID, patience, lambda j: seen.append(j["state"]))
    assert json.loads(text)["state"] == "FAILED"
    assert seen == ["QUEUED", "RUNNING", "PAUSED"]


def reject(attempt: int, row: int) -> bytes:
    return b'{"attempt":%d,"row":%d}\n' % (attempt, row)


def lines(*places: tuple[int, int]) -> list[bytes]:
    return [reject(*place).rstrip() for place in places]


def rejects(worker: FakeWorker, patience: Patience, limit: int | None) -> list[bytes]:
    written: list[bytes] = []
    follow_rejects(Client(worker.url), ID, patience, limit, written.extend)
    return written


def test_rejects_are_followed_through_a_broken_connection(worker: FakeWorker, patience: Patience) -> None:
    ended = job(rows_delivered=0, rows_rejected=3)
    worker.on(JOB, job("RUNNING"), job("RUNNING"), ended)
    worker.on(
        REJECTS,
        Stream([reject(1, 1) + reject(1, 2)], cut=True),
        Stream([reject(1, 1), reject(1, 2) + reject(1, 3)]),
    )
    assert rejects(worker, patience, None) == lines((1, 1), (1, 2), (1, 3))


def test_rejects_of_a_retry_of_rejects_are_followed_to_their_end(
    worker: FakeWorker, patience: Patience
) -> None:
    running = job("RUNNING", work="rejects", rows_rejected=3)
    ended = job(work="rejects", rows_rejected=2)
    worker.on(JOB, running, ended)
    worker.on(
        REJECTS,
        Stream([reject(1, 4) + reject(1, 7) + reject(1, 9)], cut=True),
        # row 4 is delivered; 7 and 9 have failed again
        Stream([reject(1, 9), reject(2, 7), reject(2, 9)]),
    )
    assert rejects(worker, patience, None) == lines((1, 4), (1, 7), (1, 9), (2, 7), (2, 9))


def test_following_rejects_ends_at_the_limit_while_the_job_goes_on(
    worker: FakeWorker, patience: Patience
) -> None:
    worker.on(JOB, job("RUNNING"))
    never = threading.Event()
    worker.on(REJECTS, Stream([reject(1, 1) + reject(1, 2) + reject(1, 3), b""], goes_on=never))
    assert rejects(worker, patience, 2) == lines((1, 1), (1, 2))
    never.set()


def test_an_error_of_the_stream_itself_is_not_tried_again(worker: FakeWorker, patience: Patience) -> None:
    worker.on(JOB, job("RUNNING"))
    worker.on(RECORDS, Reply('{"code":"INVALID_REQUEST","detail":"no","hint":"so"}', 400))
    with pytest.raises(ApiError):
        tail(worker, patience)
    assert len(worker.asked(RECORDS)) == 1
