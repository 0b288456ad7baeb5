from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from event_model.alert import alert_id
from store.alerts import AlertBook
from store.database import Database
from store.grouping import Grouping
from store.journal import Journal
from tests.store.batches import DAY, NOON, batch, numbers
from tests.store.matches import NINE, NOW, match, rule

PLACE = ("20261123-000", 1 << 20)
LATER = datetime.fromtimestamp(NOW + 60, UTC)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path)
    yield database
    database.close()


@pytest.fixture
def book(database: Database) -> AlertBook:
    return database.book(sinks={"page": "low", "phone": "critical"})


def record(book: AlertBook, *matches: Any, now: float = NOW) -> list[str]:
    return book.record(matches, now, PLACE)


def decide(book: AlertBook, action: str, *ids: str, **named: Any) -> int:
    return book.decide(ids, action, **{"user": "carol", "now": LATER, **named})


def test_later_matches_of_the_group_join_the_alert_in_one_batch_or_another(book: AlertBook) -> None:
    (id,) = record(book, match(0), match(5))
    assert record(book, match(10), match(20), now=NOW + 1200) == []
    shown = book.show(id)
    alert = shown["document"]["kibana"]["alert"]
    assert (shown["count"], shown["end"], shown["last_detected"]) == (
        4, "2026-11-23T09:20:00Z", "2026-11-23T09:20:30Z",
    )  # fmt: skip
    assert alert["suppression"]["docs_count"] == 3 and len(alert["ancestors"]) == 4
    assert len({each["id"] for each in alert["ancestors"]}) == 4


def test_an_alert_names_a_hundred_events_however_they_come(book: AlertBook) -> None:
    for begin in range(0, 150, 30):
        record(book, *(match(0, text=str(number)) for number in range(begin, begin + 30)))
    (alert,) = book.listed().alerts
    assert alert["count"] == 150
    assert len(book.show(alert["id"])["document"]["kibana"]["alert"]["ancestors"]) == 100


def test_a_replay_changes_nothing(book: AlertBook) -> None:
    matches = [match(0), match(5), match(70 + 60), match(3, user="bob")]
    first = record(book, *matches)
    before = [book.show(id) for id in first], book.latest_change()
    assert record(book, *matches) == [] and record(book, *matches[1:]) == []
    assert ([book.show(id) for id in first], book.latest_change()) == before


def test_a_replay_into_a_closed_alert_changes_nothing(book: AlertBook) -> None:
    (id,) = record(book, match(0), match(5))
    decide(book, "close", id, reason="duplicate")
    assert record(book, match(0), match(5)) == []
    assert len(book.listed().alerts) == 1


def test_grouping_goes_on_after_a_restart(tmp_path: Path) -> None:
    database = Database(tmp_path)
    (id,) = record(database.alerts, match(0))
    database.close()
    database = Database(tmp_path)
    assert record(database.alerts, match(59)) == [] and record(database.alerts, match(180)) != []
    assert database.alerts.show(id)["count"] == 2
    database.close()


def test_nothing_of_a_batch_that_fails_is_kept(book: AlertBook) -> None:
    record(book, match(0))
    with pytest.raises(KeyError):
        book.record([match(1), match(2, rule=rule("broken", level="no level"))], NOW, ("20261124-000", 5))
    assert book.listed().alerts[0]["count"] == 1 and book.inspected() == PLACE


def test_thousands_of_matches_are_one_transaction_and_one_alert(book: AlertBook) -> None:
    assert len(record(book, *(match(number / 60, text=str(number)) for number in range(3000)))) == 1
    assert book.listed().alerts[0]["count"] == 3000


def test_inspection_goes_on_behind_the_last_pointer(book: AlertBook, tmp_path: Path) -> None:
    with Journal(tmp_path / "journal", writable=True) as journal:
        first = journal.append(batch(numbers(0, 300)), {})
        second = journal.append(batch(numbers(300, 310), received=NOON + DAY), {})

        def left() -> list[Any]:
            return [entry for entries in book.uninspected(journal) for entry in entries]

        assert book.inspected() == ("", -1) and left() == first + second
        for come in (first[10], first[255], first[-1], second[3]):
            book.record([], NOW, (come.partition, come.pointer))
            assert left() == (first + second)[(first + second).index(come) + 1 :]
        journal.append(batch([b"x"], received=NOON + 2 * DAY), {})
        for name in journal.partitions()[:-1]:
            journal.drop(name)
        assert [entry.record.raw for entry in left()] == [b"x"]


def test_a_pointer_ahead_of_the_journal_comes_back_to_its_end(book: AlertBook, tmp_path: Path) -> None:
    with Journal(tmp_path / "journal", writable=True) as journal:
        assert list(book.uninspected(journal)) == []
        journal.append(batch(numbers(0, 3)), {})
        for ahead in (("20261123-000", 1 << 60), ("20261124-000", 5)):
            book.record([], NOW, ahead)
            assert list(book.uninspected(journal)) == []
            (entry,) = journal.append(batch([b"after the power failure"]), {})
            assert list(book.uninspected(journal)) == [[entry]]


def test_old_alerts_are_pruned_with_all_that_belongs_to_them(database: Database, book: AlertBook) -> None:
    record(book, *(match(0, text=str(number)) for number in range(5)))
    (kept,) = record(book, match(0, user="bob"), now=NOW + 10 * DAY)
    decide(book, "acknowledge", kept)
    assert database.prune(NINE.timestamp() + 5 * DAY) == 1
    assert [alert["id"] for alert in book.listed().alerts] == [kept]
    for table in ("ancestors", "history", "counted", "outbox"):
        rows = database.file.read(f"SELECT DISTINCT alert FROM {table}")
        assert len(rows) == (0 if table == "ancestors" else 1)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(st.tuples(st.integers(0, 400), st.sampled_from("ab")), max_size=6), max_size=6),
    st.data(),
)
def test_batches_and_replays_make_the_same_alerts_as_one_pass(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[tuple[int, str]]], data: st.DataObject
) -> None:
    database, grouping = Database(tmp_path_factory.mktemp("state")), Grouping()
    for begin, pairs in enumerate(batches):
        matches = [match(minute, user=user) for minute, user in pairs]
        grouping.add(matches, NOW)
        record(database.alerts, *matches)
        replayed = data.draw(st.integers(0, begin))
        record(
            database.alerts,
            *(match(minute, user=user) for pairs in batches[replayed : begin + 1] for minute, user in pairs),
        )
    stored = {
        alert["id"]: database.alerts.show(alert["id"])["document"]
        for alert in database.alerts.listed(limit=100).alerts
    }
    assert stored == {document["kibana"]["alert"]["uuid"]: document for document in grouping.documents()}
    database.close()


def test_a_decision_in_another_process_is_seen_while_recording(tmp_path: Path) -> None:
    running, asking = Database(tmp_path), Database(tmp_path)
    (id,) = record(running.alerts, match(0))
    decide(asking.alerts, "close", id, reason="other")
    assert record(running.alerts, match(1)) == [alert_id(match(1))]
    running.close()
    asking.close()
