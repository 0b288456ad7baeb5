from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from event_model.alert import alert_id
from event_model.errors import QueryError
from store.alerts import AlertBook, Changed, Unknown
from store.database import Database
from store.grouping import Grouping
from store.journal import Journal
from store.triage import REASONS
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


def test_a_match_becomes_an_alert_that_says_all_of_it(book: AlertBook) -> None:
    (id,) = record(book, match())
    (alert,) = book.listed().alerts
    assert alert == {
        "id": id, "rule_id": "secret_read", "rule_uuid": match().rule.uuid, "rule_name": "Secret read",
        "severity": "high", "risk_score": 73, "reason": "alice read a secret", "user": "alice",
        "start": "2026-11-23T09:00:00Z", "end": "2026-11-23T09:00:00Z", "count": 1,
        "last_detected": "2026-11-23T09:00:30Z", "status": "open", "closed_as": None,
        "decided_by": None, "decided": None, "version": 1,
    }  # fmt: skip
    shown = book.show(id)
    assert shown["history"] == [] and shown["document"]["kibana"]["alert"]["uuid"] == id
    assert shown["document"]["user"]["name"] == "alice"


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


def test_after_closing_a_new_match_opens_a_new_alert_and_after_acknowledging_it_does_not(
    book: AlertBook,
) -> None:
    (id,) = record(book, match(0))
    decide(book, "acknowledge", id)
    assert record(book, match(1)) == []
    decide(book, "close", id, reason="benign_positive")
    (other,) = record(book, match(2), match(3))
    assert other == alert_id(match(2)) and book.show(id)["count"] == 2 and book.show(other)["count"] == 2


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


def test_lists_are_newest_first_and_come_in_pages(book: AlertBook) -> None:
    record(book, *(match(minute, user=f"user{minute}") for minute in (3, 1, 4, 0, 2)))
    record(book, match(4, user="also at four"))
    seen, after = [], None
    while True:
        page = book.listed(limit=2, after=after)
        seen += [alert["user"] for alert in page.alerts]
        after = page.after
        if after is None:
            break
    assert seen == ["also at four", "user4", "user3", "user2", "user1", "user0"]
    assert book.listed(limit=0).alerts == []
    with pytest.raises(QueryError, match="earlier page"):
        book.listed(after="elsewhere")


def test_lists_are_filtered(book: AlertBook) -> None:
    record(
        book,
        match(0),
        match(1, user="bob", rule=rule("quiet_rule", "low")),
        match(120, rule=rule("loud", "critical")),
    )
    (id,) = [alert["id"] for alert in book.listed(rule="secret_read").alerts]
    decide(book, "acknowledge", id)

    def rules(**named: Any) -> list[str]:
        return [alert["rule_id"] for alert in book.listed(**named).alerts]

    assert rules() == ["loud", "quiet_rule", "secret_read"]
    assert rules(severity="high") == ["loud", "secret_read"]
    assert rules(status="acknowledged") == ["secret_read"] and rules(status="closed") == []
    assert rules(rule="uuid-of-loud") == ["loud"]
    assert rules(user="bob") == ["quiet_rule"]
    assert rules(since="2026-11-23T09:01:00Z") == ["loud", "quiet_rule"]
    assert rules(until="2026-11-23T09:01:00Z") == ["secret_read"]
    with pytest.raises(ValueError, match=r"'hgh' is no severity; .* Did you mean 'high'"):
        book.listed(severity="hgh")
    assert book.open_by_severity() == {"low": 1, "medium": 0, "high": 0, "critical": 1}


def test_the_beginning_of_an_id_is_enough(book: AlertBook) -> None:
    ids = record(book, *(match(0, user=f"user{number}") for number in range(40)))
    assert book.show(ids[0][:12])["id"] == ids[0]
    for wrong, text in (("", "no alert"), ("zz", "no alert"), (ids[0] + "0", "no alert")):
        with pytest.raises(Unknown, match=text):
            book.show(wrong)
    digits = [id[0] for id in ids]
    shared = next(digit for digit in digits if digits.count(digit) > 1)
    with pytest.raises(Unknown, match=r"more than one alert's id: [0-9a-f]{8}, "):
        book.show(shared)


def test_decisions_are_kept_with_who_when_and_why(book: AlertBook) -> None:
    (id,) = record(book, match())
    assert decide(book, "acknowledge", id[:8], note="on it") == 1
    assert decide(book, "close", id, reason="true_positive", user="dave") == 1
    shown = book.show(id)
    assert (shown["status"], shown["closed_as"], shown["decided_by"], shown["version"]) == (
        "closed", "true_positive", "dave", 3,
    )  # fmt: skip
    at = "2026-11-23T09:01:30Z"
    assert shown["history"] == [
        {
            "time": at,
            "user": "carol",
            "action": "acknowledge",
            "reason": None,
            "note": "on it",
            "scope": "entity",
        },
        {
            "time": at,
            "user": "dave",
            "action": "close",
            "reason": "true_positive",
            "note": "",
            "scope": "entity",
        },
    ]
    alert = shown["document"]["kibana"]["alert"]
    assert (alert["workflow_status"], alert["workflow_user"], alert["workflow_reason"]) == (
        "closed",
        "dave",
        "true_positive",
    )
    assert alert["workflow_status_updated_at"] == at
    assert decide(book, "reopen", id) == 1
    assert (
        book.show(id)["status"] == "open"
        and "workflow_reason" not in book.show(id)["document"]["kibana"]["alert"]
    )


def test_a_decision_that_stands_changes_nothing_unless_there_is_a_note(book: AlertBook) -> None:
    (id,) = record(book, match())
    decide(book, "acknowledge", id)
    assert decide(book, "acknowledge", id) == 0
    assert decide(book, "acknowledge", id, note="still looking") == 1
    assert [row["note"] for row in book.show(id)["history"]] == ["", "still looking"]


def test_closing_asks_for_a_reason_there_is(book: AlertBook) -> None:
    (id,) = record(book, match())
    with pytest.raises(ValueError, match="closing asks for a reason: duplicate, false_positive"):
        decide(book, "close", id)
    with pytest.raises(ValueError, match="Did you mean 'false_positive'"):
        decide(book, "close", id, reason="false_postive")
    with pytest.raises(ValueError, match="Did you mean 'close'"):
        decide(book, "closes", id)
    for reason in REASONS:
        assert decide(book, "close", id, reason=reason) == 1 and decide(book, "reopen", id) == 1


def test_a_decision_on_what_someone_else_changed_says_who_did(book: AlertBook) -> None:
    (id,) = record(book, match())
    assert decide(book, "close", id, reason="other", version=1) == 1
    with pytest.raises(
        Changed, match=rf"alert {id[:8]} was made closed by carol at 2026-11-23T09:01:30Z; look again"
    ):
        decide(book, "acknowledge", id, user="dave", version=1)
    with pytest.raises(Changed, match=r"was made closed by carol .* reopen it first"):
        decide(book, "acknowledge", id, user="dave")
    record(book, match(user="bob"))
    with pytest.raises(Changed, match="is open; look again"):
        decide(book, "close", alert_id(match(user="bob")), reason="other", version=7)


def test_a_match_joining_an_alert_is_no_change_to_decide_against(book: AlertBook) -> None:
    (id,) = record(book, match())
    record(book, match(1))
    assert decide(book, "acknowledge", id, version=1) == 1


def test_many_are_decided_all_or_none(book: AlertBook) -> None:
    ids = record(book, *(match(user=f"user{number}") for number in range(5)))
    with pytest.raises(Unknown):
        decide(book, "acknowledge", *ids, "ffff")
    assert book.open_by_severity()["high"] == 5
    assert decide(book, "acknowledge", *ids) == 5


def test_changes_are_told_once_and_in_order(book: AlertBook) -> None:
    record(book, match(0, user="before"))
    seen = book.latest_change()
    assert book.changed_since(seen) == ([], seen)
    first, second = record(book, match(0, user="a"), match(0, user="b"))
    changed, seen = book.changed_since(seen)
    assert [alert["id"] for alert in changed] == [first, second]
    record(book, match(1, user="a"))
    decide(book, "acknowledge", second)
    changed, seen = book.changed_since(seen)
    assert [(alert["id"], alert["count"], alert["status"]) for alert in changed] == [
        (first, 2, "open"),
        (second, 1, "acknowledged"),
    ]
    assert book.changed_since(seen) == ([], seen)


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
