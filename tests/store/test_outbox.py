from collections.abc import Iterator
from pathlib import Path

import pytest

from store.database import Database
from store.outbox import LONGEST_PAUSE, Outbox, pause
from tests.store.matches import NOW, match, rule, unusual

PLACE = ("20261123-000", 1)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path)
    yield database
    database.close()


def fill(database: Database, count: int = 3) -> list[str]:
    book = database.book(sinks={"page": "low", "phone": "critical"})
    return book.record([match(minute, user=f"user{minute}") for minute in range(count)], NOW, PLACE)


def test_new_alerts_are_due_at_once_and_oldest_first(database: Database) -> None:
    ids = fill(database)
    due = database.outbox.due("page", NOW)
    assert [row.alert for row in due] == ids
    assert [row.document["kibana"]["alert"]["uuid"] for row in due] == ids
    assert [row.alert for row in database.outbox.due("page", NOW, limit=2)] == ids[:2]
    assert database.outbox.due("page", NOW - 1) == []


def test_a_sink_is_told_from_its_severity_on(database: Database) -> None:
    fill(database)
    (id,) = database.book(sinks={"phone": "critical"}).record(
        [match(rule=rule("worst", "critical"))], NOW, PLACE
    )
    assert [row.alert for row in database.outbox.due("phone", NOW)] == [id]


def test_what_was_delivered_is_not_due_again_and_what_joins_it_neither(database: Database) -> None:
    ids = fill(database)
    database.outbox.delivered("page", database.outbox.due("page", NOW)[:2])
    database.book(sinks={"page": "low"}).record([match(30, user="user0")], NOW, PLACE)
    assert [row.alert for row in database.outbox.due("page", NOW)] == ids[2:]
    assert database.outbox.waiting() == {"page": 1}


def test_sinks_are_told_again_when_an_alert_becomes_graver(database: Database) -> None:
    book = database.book(sinks={"page": "low", "phone": "high"})
    (id,) = book.record([unusual(0, 12, "list widgets")], NOW, PLACE)
    database.outbox.delivered("page", database.outbox.due("page", NOW))
    assert database.outbox.due("phone", NOW) == []
    book.record([unusual(2, 13, "get nodes")], NOW, PLACE)
    assert database.outbox.waiting() == {}, "as grave as before"
    book.record([unusual(6, 24, "list secrets", level="high")], NOW, PLACE)
    for sink in ("page", "phone"):
        (due,) = database.outbox.due(sink, NOW)
        assert (due.alert, due.severity, due.attempts) == (id, "high", 0)
        assert due.document["kibana"]["alert"]["reason"] == "alice: list secrets"


def test_an_alert_that_becomes_graver_while_a_sink_is_told_of_it_is_told_again(database: Database) -> None:
    book = database.book(sinks={"page": "low"})
    book.record([unusual(0, 12, "list widgets")], NOW, PLACE)
    told = database.outbox.due("page", NOW)
    book.record([unusual(6, 24, "list secrets", level="high")], NOW, PLACE)
    database.outbox.delivered("page", told)
    assert [due.severity for due in database.outbox.due("page", NOW)] == ["high"]


def test_what_failed_is_offered_again_later_and_later(database: Database) -> None:
    (id,) = fill(database, 1)
    now = NOW
    for attempt, expected in enumerate((1, 2, 4, 8, 16), 1):
        database.outbox.postpone("page", [id], now, "no route to host", 0.0)
        assert database.outbox.due("page", now + expected - 0.01) == []
        now += expected
        assert database.outbox.due("page", now)[0].attempts == attempt
    database.outbox.delivered("page", database.outbox.due("page", now))
    database.outbox.postpone("page", [id, "gone"], now, "late", 0.0)
    assert database.outbox.due("page", now + 10_000) == []


def test_pauses_are_bounded_and_chance_shortens_them_by_half_at_most() -> None:
    assert pause(1, 0.0) == 1.0 and pause(1, 1.0) == 0.5
    assert pause(10_000, 0.0) == LONGEST_PAUSE and pause(10_000, 1.0) == LONGEST_PAUSE / 2


def test_what_fails_too_often_is_given_up_counted_and_can_be_tried_again(database: Database) -> None:
    (id,) = fill(database, 1)
    outbox = Outbox(database.file, most_attempts=3)
    for attempt in range(3):
        assert outbox.failed() == {}
        outbox.postpone("page", [id], NOW + attempt, "refused", 0.5)
    assert outbox.failed() == {"page": 1} and outbox.waiting() == {}
    assert outbox.due("page", NOW + 10**9) == []
    assert outbox.retry("page", NOW) == 1
    assert [row.alert for row in outbox.due("page", NOW)] == [id]


def test_the_outbox_survives_a_restart(tmp_path: Path) -> None:
    database = Database(tmp_path)
    ids = fill(database)
    database.outbox.delivered("page", database.outbox.due("page", NOW)[:1])
    database.close()
    database = Database(tmp_path)
    assert [row.alert for row in database.outbox.due("page", NOW)] == ids[1:]
    database.close()


def test_sinks_that_are_gone_are_forgotten(database: Database) -> None:
    fill(database)
    assert database.outbox.forget(["phone"]) == 3 and database.outbox.waiting() == {}
    assert database.outbox.forget([]) == 0
