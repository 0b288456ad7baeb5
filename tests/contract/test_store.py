"""What every store must do, whatever keeps the events."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from event_model.errors import QueryError
from event_model.event import Event, identity
from store.query import Query, parse
from store.query.ast import All, Equal, Not, Phrase
from store.query.names import resolve
from store.query.predicate import predicate, read_values
from tests.contract.queries import (
    KEYWORDS,
    NATIVE,
    QUERIES,
    START,
    TEXTS,
    at,
    equal,
    leaf,
    like,
    matches,
    phrase,
    some_event,
)
from tests.store.clustered import Clustered
from tests.store.events import NOON, Keeper, make, numbers


class Keeping(Protocol):
    """A store of one kind with the means to fill it; `keep` returns when the events are searchable."""

    store: Any

    def keep(self, events: list[Event]) -> Any: ...

    def close(self) -> None: ...


KINDS = ("embedded", "elasticsearch")  # a store that is added here must pass


def maker(request: pytest.FixtureRequest) -> Callable[[Path], Keeping]:
    """How to make an empty store of the kind that the test is run with."""
    if request.param == "embedded":
        return Keeper
    url = request.getfixturevalue("elasticsearch").url
    return lambda folder: Clustered(url)


@pytest.fixture(params=KINDS)
def keeping(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Keeping]:
    made = maker(request)(tmp_path / "store")
    yield made
    made.close()


def pages(store: Any, query: Query, limit: int, **options: Any) -> Iterator[list[Event]]:
    after = None
    while True:
        found = store.search(query, limit=limit, after=after, **options)
        yield found.events
        after = found.after
        if after is None:
            return


def everything(store: Any, query: Query, limit: int = 7, **options: Any) -> list[int]:
    return [number for page in pages(store, query, limit, **options) for number in numbers(page)]


def test_an_empty_store_answers_with_nothing(keeping: Keeping) -> None:
    found = keeping.store.search(All())
    assert (found.events, found.total, found.exact, found.after) == ([], 0, True, None)
    assert keeping.store.count(All()) == 0
    assert keeping.store.top(All(), "user") == []
    assert keeping.store.histogram(All()) == []
    assert keeping.store.get("0" * 40) is None


def test_the_newest_come_first_unless_asked_otherwise(keeping: Keeping) -> None:
    order = random.Random(1).sample(range(50), 50)
    keeping.keep([make(number, at(number)) for number in order])
    assert numbers(keeping.store.search(All(), limit=3).events) == [49, 48, 47]
    assert numbers(keeping.store.search(All(), limit=3, oldest_first=True).events) == [0, 1, 2]
    assert everything(keeping.store, All()) == list(range(49, -1, -1))
    assert everything(keeping.store, All(), oldest_first=True) == list(range(50))


def test_events_come_back_as_they_were(keeping: Keeping) -> None:
    event = make(
        1, message="alice opened a shell", user_name="alice", user_groups=["dev"], images=["nginx:1"]
    )
    keeping.keep([event])
    found = keeping.store.search(parse("alice")).events[0]
    assert identity(found) == identity(event)
    assert (found.message, found.user_groups, found.images) == (event.message, ["dev"], ("nginx:1",))


def test_a_page_says_how_many_there_are_in_all(keeping: Keeping) -> None:
    keeping.keep([make(number, at(number), user_name="ab"[number % 2]) for number in range(41)])
    found = keeping.store.search(parse("user:a"), limit=5)
    assert (len(found.events), found.total, found.exact) == (5, 21, True)
    last = keeping.store.search(parse("user:a"), limit=21)
    assert (len(last.events), last.after) == (21, None)


@pytest.mark.parametrize("oldest_first", [False, True])
@pytest.mark.parametrize("text", ["", "event.id:*"])  # a field that an index may not hold
def test_events_of_one_moment_are_neither_lost_nor_repeated_between_pages(
    keeping: Keeping, oldest_first: bool, text: str
) -> None:
    for start in range(0, 60, 20):
        keeping.keep([make(number, at(number // 25)) for number in range(start, start + 20)])
    for limit in (1, 7, 25, 59, 60, 100):
        found = everything(keeping.store, parse(text), limit, oldest_first=oldest_first)
        assert sorted(found) == list(range(60))
        assert [number // 25 for number in found] == sorted(
            (n // 25 for n in range(60)), reverse=not oldest_first
        )


def test_paging_stays_whole_while_events_come_in(keeping: Keeping) -> None:
    keeping.keep([make(number, at(number // 3)) for number in range(60)])
    found: list[int] = []
    for turn, page in enumerate(pages(keeping.store, All(), 7)):
        found += numbers(page)
        keeping.keep([make(1000 + turn, at(100 + turn)), make(2000 + turn, at(20 - turn % 3))])
    old = [number for number in found if number < 1000]
    assert sorted(old) == list(range(60))
    assert len(found) == len(set(found))
    assert not [number for number in found if 1000 <= number < 2000]  # they are before the first page


def test_since_counts_and_until_does_not(keeping: Keeping) -> None:
    keeping.keep([make(number, at(number)) for number in range(10)])
    bounds: dict[str, Any] = {"since": at(3), "until": at(6)}
    assert everything(keeping.store, All(), **bounds) == [5, 4, 3]
    assert everything(keeping.store, parse("event.id:*"), **bounds) == [5, 4, 3]
    assert keeping.store.count(All(), **bounds) == 3
    assert keeping.store.search(All(), since=at(3)).total == 7
    assert keeping.store.search(All(), until=at(3)).total == 3
    assert keeping.store.search(All(), since=at(20)).events == []
    assert keeping.store.search(All(), since=at(6), until=at(3)).events == []
    assert sum(count for _, count in keeping.store.histogram(All(), **bounds)) == 3
    assert keeping.store.top(All(), "event.dataset", **bounds) == [("test", 3)]


def test_top_values_are_counted_once_an_event_and_ranked(keeping: Keeping) -> None:
    images = [["nginx:1", "redis:7"], ["nginx:1", "nginx:2"], ["redis:7"], ["nginx:1"], []]
    users = ["b", "b", "a", "a", "c"]
    keeping.keep(
        [
            make(number, images=image, user_name=users[number], status_code=200)
            for number, image in enumerate(images)
        ]
    )
    store = keeping.store
    assert store.top(All(), "image") == [("nginx", 3), ("redis", 2)]
    assert store.top(All(), "user") == [("a", 2), ("b", 2), ("c", 1)]
    assert store.top(All(), "user", size=1) == [("a", 2)]
    assert store.top(parse("image:redis"), "user.name") == [("a", 1), ("b", 1)]
    assert store.top(All(), "code") == [(200, 5)]
    assert store.top(All(), "container.image.tag") == [("1", 3), ("7", 2), ("2", 1)]
    assert store.top(parse("event.id:(0 or 1)"), "image") == [("nginx", 2), ("redis", 1)]
    assert store.top(All(), "@timestamp") == [(NOON[:19] + "Z", 5)]
    with pytest.raises(QueryError, match="Did you mean 'user'"):
        store.top(All(), "usr")


def test_top_values_of_many_parts_are_exact(keeping: Keeping) -> None:
    number = 0
    for part in range(5):
        names = [f"only-{part}-{each}" for each in range(40)] + ["everywhere"] * 3
        keeping.keep([make(number + place, user_name=name) for place, name in enumerate(names)])
        number += len(names)
    assert keeping.store.top(All(), "user", size=2) == [("everywhere", 15), ("only-0-0", 1)]


def test_a_histogram_has_all_events_and_even_steps(keeping: Keeping) -> None:
    keeping.keep([make(number, at(number * number)) for number in range(60)])
    for most in (1, 5, 60, 1000):
        steps = keeping.store.histogram(All(), buckets=most)
        assert 1 <= len(steps) <= most
        assert sum(count for _, count in steps) == 60
        starts = [datetime.fromisoformat(start) for start, _ in steps]
        assert len({later - sooner for sooner, later in pairwise(starts)}) <= 1
        assert starts[0] <= START and steps[0][1] > 0 and steps[-1][1] > 0
    whole = keeping.store.histogram(All(), since=at(0), until=at(7200), buckets=10)
    assert [start for start, _ in whole] == [at(each * 900)[:19] + "Z" for each in range(8)]
    assert sum(count for _, count in whole) == 60
    deep = keeping.store.histogram(parse("event.id:*"), since=at(0), until=at(7200), buckets=10)
    assert deep == whole


def test_an_event_is_found_by_its_id(keeping: Keeping) -> None:
    events = [make(number) for number in range(20)]
    keeping.keep(events)
    for event in events:
        found = keeping.store.get(identity(event))
        assert found is not None and found.id == event.id
    for unknown in ("0" * 40, "", "x", "0" * 39, "z" * 40, identity(events[0]).upper()):
        assert keeping.store.get(unknown) is None
    assert everything(keeping.store, parse(f"id:{identity(events[3])}")) == [3]


def test_text_of_all_the_world_is_found(keeping: Keeping) -> None:
    names = [
        "Ünïcödé",
        "山田太郎",
        "😀",
        "a\nb",
        'q"uote',
        "back\\slash",
        "e\u0301",
        "*",
        "x" * 9000,
        " ",
        "a\x00b",
    ]
    keeping.keep([make(number, user_name=name, message=f"{name} did") for number, name in enumerate(names)])
    for number, name in enumerate(names):
        assert everything(keeping.store, Equal(resolve("user"), name)) == [number]
    assert everything(keeping.store, parse("message:ÜNÏCÖDÉ")) == [0]
    assert everything(keeping.store, parse("user:山*")) == [1]
    assert everything(keeping.store, parse(r"user:\*")) == [7]
    assert keeping.store.count(parse("message:did")) == len(names) - 1  # one is too long to get there


def test_what_could_not_be_read_is_found_as_such(keeping: Keeping) -> None:
    dead = make(1, kind="pipeline_error", dataset="tallyman.dead_letters", reason="no JSON", repeats=True)
    keeping.keep([make(0), dead])
    assert everything(keeping.store, parse("event.kind:pipeline_error")) == [1]
    assert everything(keeping.store, parse("not kind:pipeline_error")) == [0]
    assert keeping.store.search(parse("kind:pipeline_error")).events[0].reason == "no JSON"


def test_times_far_off_are_no_trouble(keeping: Keeping) -> None:
    times = ["0001-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z", NOON, "9999-12-31T23:59:59.999999Z"]
    keeping.keep([make(number, time) for number, time in enumerate(times)])
    assert everything(keeping.store, All()) == [3, 2, 1, 0]
    assert everything(keeping.store, All(), until="1970-01-01T00:00:00Z") == [1, 0]
    assert sum(count for _, count in keeping.store.histogram(All())) == 4
    early = keeping.store.histogram(All(), until="2000-01-01T00:00:00Z", buckets=100)
    assert (early[0][1], early[-1][1], sum(count for _, count in early)) == (1, 0, 2)
    assert everything(keeping.store, parse("@timestamp >= 9999-12-31")) == [3]


def test_what_the_index_does_not_hold_is_found_in_the_events(keeping: Keeping) -> None:
    pods = [
        {"spec": {"hostPID": number % 4 == 0, "containers": [{"name": f"c{number}"}]}} for number in range(40)
    ]
    keeping.keep(
        [
            make(number, at(number), user_name="ab"[number % 2], native={"requestObject": pod},
                 native_name="kubernetes.audit", dataset="kubernetes.audit_logs")
            for number, pod in enumerate(pods)
        ]
    )  # fmt: skip
    store = keeping.store
    assert everything(store, parse("requestObject.spec.hostPID:true")) == list(range(36, -1, -4))
    assert everything(store, parse("user:b and requestObject.spec.hostPID:true")) == []
    assert everything(store, parse("requestObject.spec.containers:{ name:c7 }")) == [7]
    assert store.count(parse("requestObject.spec.hostPID:true")) == 10
    assert store.top(parse("requestObject.spec.hostPID:true"), "user") == [("a", 10)]
    assert store.top(parse("user:b"), "requestObject.spec.hostPID") == [("false", 20)]
    whole = store.search(parse("requestObject.spec.hostPID:true"), limit=10)
    assert (whole.total, whole.exact, whole.after) == (10, True, None)
    first = store.search(parse("requestObject.spec.hostPID:true"), limit=4)
    assert len(first.events) == 4 and first.total <= 10 and first.after is not None


@dataclass(repr=False)
class Filled:
    """A store and its events; it has no long repr, for a failing test prints it."""

    store: Any
    events: list[Event]


@pytest.fixture(scope="module", params=KINDS)
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    chance = random.Random(7)
    events = [some_event(number, chance) for number in range(250)]
    made = maker(request)(tmp_path_factory.mktemp("filled") / "store")
    for start in range(0, 250, 60):
        made.keep(events[start : start + 60])
    yield Filled(made.store, events)
    made.close()


@settings(max_examples=100, deadline=None)
@given(query=QUERIES)
def test_a_store_finds_what_the_predicate_means(filled: Any, query: Query) -> None:
    store, events = filled.store, filled.events
    meets = predicate(query)
    expected = {int(event.id) for event in events if meets(event)}
    found = everything(store, query, 100)
    assert (set(found), len(found)) == (expected, len(expected))
    assert store.count(query) == len(expected)
    assert sum(count for _, count in store.histogram(query, buckets=9)) == len(expected)


@settings(max_examples=50, deadline=None)
@given(query=QUERIES, field=st.sampled_from([*KEYWORDS, *NATIVE, "ip", "code", "process.interactive"]))
def test_a_store_counts_the_values_that_the_events_have(filled: Any, query: Query, field: str) -> None:
    store, events = filled.store, filled.events
    meets, name = predicate(query), resolve(field)
    read = read_values(name)
    expected = Counter(value for event in events if meets(event) for value in set(read(event)))
    assert dict(store.top(query, field, size=10_000)) == expected


@pytest.fixture(params=KINDS)
def making(request: pytest.FixtureRequest) -> Callable[[Path], Keeping]:
    return maker(request)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_store_finds_what_the_predicate_means_of_any_events(
    making: Callable[[Path], Keeping], tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    names = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
    told = data.draw(st.lists(st.tuples(names, names, st.sampled_from(TEXTS) | names), max_size=12))
    events = [
        make(number, at(number), text, user_name=user, namespace=space)
        for number, (user, space, text) in enumerate(told)
    ]
    values = [each for triple in told for each in triple if each] or ["a"]
    drawn = leaf(["user", "ns"], equal(values), like, matches) | leaf(["message"], phrase, like, matches)
    query = data.draw(
        drawn | drawn.map(Not) | st.sampled_from(values).map(lambda t: Phrase(resolve("message"), t))
    )
    made = making(tmp_path_factory.mktemp("any") / "store")
    try:
        made.keep(events)
        meets = predicate(query)
        assert everything(made.store, query, 5, oldest_first=True) == [
            int(event.id) for event in events if meets(event)
        ]
    finally:
        made.close()
