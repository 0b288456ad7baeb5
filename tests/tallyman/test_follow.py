from pathlib import Path

import pytest

from event_model.event import Event
from store.journal import Entry, Journal
from tallyman import follow as module
from tallyman.follow import follow, follower
from tests.store.batches import DAY, NOON, batch, numbers


def plain(entry: Entry) -> Event:
    return Event(entry.record, entry.origin, {}, lambda event: "", "2026-11-23T12:00:00Z", "test")


def raws(events: list[Event]) -> list[bytes]:
    return [event.record.raw for event in events]


def test_only_what_comes_from_now_on_is_told(tmp_path: Path) -> None:
    with Journal(tmp_path, writable=True) as journal:
        journal.append(batch(numbers(0, 5)), {})
        coming = follow(follower(Journal(tmp_path), plain))
        assert next(coming) == []
        journal.append(batch(numbers(5, 7)), {})
        assert raws(next(coming)) == numbers(5, 7)
        assert next(coming) == []


def test_an_empty_journal_can_be_followed_from_its_beginning(tmp_path: Path) -> None:
    with Journal(tmp_path, writable=True) as journal:
        coming = follow(follower(Journal(tmp_path), plain))
        assert next(coming) == []
        journal.append(batch(numbers(0, 2)), {})
        assert raws(next(coming)) == numbers(0, 2)


def test_more_than_one_look_holds_is_told_over_days_without_a_gap(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST", 300)
    with Journal(tmp_path, writable=True) as journal:
        coming = follow(follower(Journal(tmp_path), plain))
        assert next(coming) == []
        for day in range(3):
            for start in range(0, 1000, 200):
                journal.append(
                    batch(numbers(day * 1000 + start, day * 1000 + start + 200), received=NOON + day * DAY),
                    {},
                )
        told: list[bytes] = []
        while fresh := next(coming):
            assert len(fresh) < 600
            told += raws(fresh)
        assert told == numbers(0, 3000) and len(journal.partitions()) == 3


def test_a_reader_goes_on_behind_any_event(tmp_path: Path) -> None:
    with Journal(tmp_path, writable=True) as journal:
        journal.append(batch(numbers(0, 10)), {})
        first = follower(journal, plain, ("", -1))
        places = [place for place, _ in first.look()]
        for number, place in enumerate(places):
            again = follower(journal, plain, place)
            assert raws([event for _, event in again.look()]) == numbers(number + 1, 10) and not again.gone


def test_a_reader_of_what_was_deleted_says_so_and_goes_on_with_the_rest(tmp_path: Path) -> None:
    with Journal(tmp_path, writable=True) as journal:
        for day in range(3):
            journal.append(batch(numbers(day, day + 1), received=NOON + day * DAY), {})
        late = follower(journal, plain, (journal.partitions()[0], -1))
        journal.drop(journal.partitions()[0])
        assert raws([event for _, event in late.look()]) == numbers(1, 2)
        later = follower(journal, plain, ("20251123-000", 70_000))
        assert later.gone and raws([event for _, event in later.look()]) == numbers(1, 2)
