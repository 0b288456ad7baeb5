"""A reader of a cluster is told of each event once, whenever it comes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from event_model.event import Event
from store.elastic import following
from store.elastic.following import Follower
from tests.store.clustered import Clustered
from tests.store.events import make

TICKS = itertools.count(0, 10)  # a clock by which a reader never has to wait


@pytest.fixture
def cluster(elasticsearch: Any) -> Iterator[Clustered]:
    made = Clustered(elasticsearch.url)
    yield made
    made.close()


def made(begin: int, end: int) -> list[Event]:
    return [make(number) for number in range(begin, end)]


def at(second: float) -> str:
    """When a document was made."""
    return f"2026-11-26T10:00:{second:06.3f}Z"


def told(reader: Follower) -> set[int]:
    """All that is told until nothing more comes. Raises AssertionError for what is told twice."""
    reader.clock = TICKS.__next__
    found: list[int] = []
    while events := reader.look():
        found += [int(event.id) for _, event in events]
    assert len(found) == len(set(found))
    return set(found)


def test_only_what_comes_from_now_on_is_told(cluster: Clustered) -> None:
    cluster.keep(made(0, 5), at(1))
    reader = cluster.store.follow()
    assert told(reader) == set()
    cluster.keep(made(5, 8), at(2))
    cluster.keep(made(8, 9), at(2))
    assert told(reader) == {5, 6, 7, 8}
    assert told(reader) == set()


def test_an_empty_cluster_can_be_followed_from_its_beginning(cluster: Clustered) -> None:
    reader = cluster.store.follow()
    assert told(reader) == set() and reader.place == ("", -1)
    cluster.keep(made(0, 3), at(1))
    assert told(reader) == {0, 1, 2}


def test_what_comes_late_is_told_as_well_and_once(cluster: Clustered) -> None:
    cluster.keep(made(0, 3), at(10))
    reader = cluster.store.follow()
    cluster.keep(made(3, 5), at(20))
    assert told(reader) == {3, 4}
    place = reader.place
    cluster.keep(made(5, 8), at(15))  # by another writer, made before and taken after
    cluster.keep(made(8, 9), at(9.5))
    assert told(reader) == {5, 6, 7, 8}
    assert reader.place == place and told(reader) == set()
    cluster.keep(made(9, 11), at(21))
    assert told(reader) == {9, 10}


def test_more_than_one_look_holds_is_told_without_a_gap(
    cluster: Clustered, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "MOST", 7)
    reader = cluster.store.follow()
    cluster.keep(made(0, 40), at(1))
    cluster.keep(made(40, 50), at(2))
    assert told(reader) == set(range(50))
    cluster.keep(made(50, 70), at(1.5))
    assert told(reader) == set(range(50, 70))


def test_what_is_remembered_is_bounded_and_still_told_once(
    cluster: Clustered, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "MOST_SEEN", 20)
    cluster.keep(made(0, 30), at(1))
    reader = cluster.store.follow()
    for second in range(3, 12):
        cluster.keep(made(second * 10, second * 10 + 10), at(second))
        assert told(reader) == set(range(second * 10, second * 10 + 10))
    assert len(reader._seen) <= 20
    cluster.keep(made(200, 203), at(11))
    assert told(reader) == {200, 201, 202}


def test_after_a_break_nothing_is_lost_and_only_the_last_seconds_come_again(cluster: Clustered) -> None:
    cluster.keep(made(0, 5), at(10))
    cluster.keep(made(5, 8), at(27))
    reader = cluster.store.follow()
    place = reader.place
    cluster.keep(made(8, 10), at(26))  # late, while nobody listened
    cluster.keep(made(10, 12), at(28))
    assert told(cluster.store.follow(place)) == {5, 6, 7, 8, 9, 10, 11}
    assert told(cluster.store.follow(("20261126-000", 77))) == set(range(12))  # a place in a journal


def test_a_reader_asks_no_more_often_than_anything_can_come(cluster: Clustered) -> None:
    reader = cluster.store.follow()
    now = [float(next(TICKS))]
    reader.clock = lambda: now[0]
    assert reader.look() == []
    cluster.keep(made(0, 1), at(1))
    assert reader.look() == []
    now[0] += following.LOOK_EVERY
    assert len(reader.look()) == 1
