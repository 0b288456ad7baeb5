"""Delivery ends with every document taken or refused for good, and says meanwhile what it waits for."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import pytest

from event_model.errors import StoreError
from event_model.event import Origin, Record
from store.block import Entry
from store.elastic.bulk import Fate, TooLarge, Verdict
from store.elastic.client import Away
from store.elastic.delivery import Delivery, Elsewhere, Stopped, Trouble
from store.elastic.document import Document
from tests.end_to_end.waiting import until

ENTRY = Entry("", 0, Record(b""), Origin("a", "json"), 0.0, "")
TAKEN, KNOWN = Verdict(Fate.TAKEN), Verdict(Fate.KNOWN)
Answer = Callable[[Sequence[Document]], list[Verdict]]


def documents(*ids: str) -> list[Document]:
    return [Document(id, "logs", b"{}", ENTRY) for id in ids]


def take(given: Sequence[Document]) -> list[Verdict]:
    return [TAKEN] * len(given)


def fails(error: Exception) -> Answer:
    def answer(given: Sequence[Document]) -> list[Verdict]:
        raise error

    return answer


def says(**verdicts: Verdict) -> Answer:
    return lambda given: [verdicts.get(each.id, TAKEN) for each in given]


@dataclass
class Script:
    """A cluster that answers as it is told, then takes everything."""

    answers: list[Answer]
    there: set[str] = field(default_factory=set)
    old: set[str] = field(default_factory=set)  # from before a roll-over
    sent: list[str] = field(default_factory=list)  # ids of each request
    name: str = "this one"
    looks: int = 0
    refreshes: int = 0

    def send(self, documents: Sequence[Document]) -> list[Verdict]:
        self.sent.append("".join(each.id for each in documents))
        return (self.answers.pop(0) if self.answers else take)(documents)

    def known(self, documents: Iterable[Document]) -> set[str]:
        self.looks += 1
        return {each.id for each in documents} & self.there

    def older(self, documents: Sequence[Document]) -> list[Document]:
        return [each for each in documents if each.id in self.old]

    def refresh(self, streams: Iterable[str]) -> None:
        self.refreshes += 1

    def cluster(self) -> str:
        return self.name


@dataclass
class Given:
    script: Script
    numbers: Counter[str] = field(default_factory=Counter)
    stop: threading.Event = field(default_factory=threading.Event)

    def delivery(self, **options: object) -> Delivery:
        def count(name: str, amount: float) -> None:
            self.numbers[name] += int(amount)

        return Delivery(self.script, self.stop, count, cluster="this one", first_pause=0.001, **options)  # type: ignore[arg-type]


def test_what_is_taken_is_sent_once() -> None:
    given = Given(Script([says(b=KNOWN)]))
    assert given.delivery().deliver(documents("a", "b", "c")) == []
    assert given.script.sent == ["abc"] and given.script.looks == 0
    assert given.numbers == {"feed_taken": 2, "feed_known": 1}


def test_only_what_is_busy_or_blocked_is_sent_again() -> None:
    busy, blocked = Verdict(Fate.BUSY, "queue full"), Verdict(Fate.BLOCKED, "no writing")
    given = Given(Script([says(b=busy, d=blocked), says(d=blocked)]))
    assert given.delivery().deliver(documents("a", "b", "c", "d")) == []
    assert given.script.sent == ["abcd", "bd", "d"] and given.script.looks == 0


def test_what_is_refused_is_told_with_the_reason_and_holds_nothing_up() -> None:
    given = Given(Script([says(b=Verdict(Fate.REFUSED, "no number"))]))
    [refused] = given.delivery().deliver(documents("a", "b", "c"))
    assert (refused.document.id, refused.reason, refused.too_large) == ("b", "no number", False)
    assert given.script.sent == ["abc"]


def test_after_an_answer_that_never_came_it_looks_before_it_writes_again() -> None:
    given = Given(Script([fails(Away("no answer"))], there={"a", "c"}))
    assert given.delivery().deliver(documents("a", "b", "c")) == []
    assert given.script.sent == ["abc", "b"]
    assert (given.script.looks, given.script.refreshes) == (1, 1)
    assert given.numbers["feed_known"] == 2


def test_what_an_earlier_run_may_have_written_is_looked_for_and_made_visible_once() -> None:
    given = Given(Script([], there={"a", "b", "x"}))
    delivery = given.delivery()
    assert delivery.deliver(documents("a", "b"), doubtful=True) == []
    assert delivery.deliver(documents("x", "y"), doubtful=True) == []
    assert given.script.sent == ["y"] and (given.script.looks, given.script.refreshes) == (2, 1)


def test_what_is_too_large_is_halved_until_one_document_is_too_large_by_itself() -> None:
    def most_two(sent: Sequence[Document]) -> list[Verdict]:
        if len(sent) > 2 or any(each.id == "e" for each in sent):
            raise TooLarge("no more than that")
        return take(sent)

    given = Given(Script([most_two] * 20))
    [refused] = given.delivery().deliver(documents(*"abcdefg"))
    assert (refused.document.id, refused.too_large) == ("e", True)
    assert given.numbers["feed_taken"] == 6


def test_it_prepares_once_and_waits_until_that_works() -> None:
    tries = [StoreError("not set up"), StoreError("not set up"), None]

    def prepare() -> None:
        if error := tries.pop(0):
            raise error

    given = Given(Script([]))
    delivery = given.delivery(prepare=prepare)
    delivery.deliver(documents("a"))
    delivery.deliver(documents("b"))
    assert tries == [] and given.script.sent == ["a", "b"]


def test_a_trouble_is_told_since_it_began_and_until_it_is_over() -> None:
    seen = list[Trouble]()
    given = Given(Script([fails(Away("gone")), fails(Away("still gone"))]))
    delivery = given.delivery()

    def look(sent: Sequence[Document]) -> list[Verdict]:
        seen.append(delivery.trouble)
        return take(sent)

    given.script.answers.append(look)
    delivery.deliver(documents("a"))
    [(reason, since)] = seen
    assert reason == "still gone" and since > 0
    assert delivery.trouble == Trouble()


def test_a_trouble_lasts_until_its_own_batch_is_through_whatever_else_is() -> None:
    blocked = threading.Event()

    @dataclass
    class OneBlocked(Script):
        def send(self, documents: Sequence[Document]) -> list[Verdict]:
            stands = not blocked.is_set() and documents[0].id == "x"
            return [Verdict(Fate.BLOCKED, "no writing") if stands else TAKEN for _ in documents]

    delivery = Given(OneBlocked([])).delivery()
    other = threading.Thread(target=delivery.deliver, args=(documents("x"),))
    other.start()
    until(lambda: delivery.trouble.since, 60)
    began = delivery.trouble
    assert began.reason == "no writing"
    delivery.deliver(documents("y"))
    assert delivery.trouble == began
    blocked.set()
    other.join(60)
    assert delivery.trouble == Trouble()


def test_nothing_is_written_to_another_cluster_than_was_meant() -> None:
    given = Given(Script([], name="another"))
    delivery = given.delivery()
    for _ in range(2):
        with pytest.raises(Elsewhere) as told:
            delivery.deliver(documents("a"))
        assert told.value.cluster == "another"
    assert given.script.sent == [] and delivery.trouble == Trouble()
    delivery.use("another")
    assert delivery.deliver(documents("a")) == [] and given.script.sent == ["a"]


def test_who_answers_after_a_failure_is_looked_at_again() -> None:
    given = Given(Script([]))

    def fall(sent: Sequence[Document]) -> list[Verdict]:
        given.script.name = "another"
        raise Away("gone")

    given.script.answers.append(fall)
    with pytest.raises(Elsewhere):
        given.delivery().deliver(documents("a"))
    assert given.script.sent == ["a"]


def test_who_answers_is_looked_at_again_now_and_then() -> None:
    given = Given(Script([]))
    delivery = given.delivery(good_for=0.0)
    assert delivery.deliver(documents("a")) == []
    given.script.name = "another"  # without a failure
    with pytest.raises(Elsewhere):
        delivery.deliver(documents("b"))
    assert given.script.sent == ["a"]


def test_whoever_looks_while_a_trouble_begins_or_ends_sees_all_of_it_or_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = list[Trouble]()
    delivery = Given(Script([fails(Away("gone"))])).delivery()
    monkeypatch.setattr("store.elastic.delivery.log.warning", lambda *_, **__: seen.append(delivery.trouble))
    delivery.deliver(documents("a"))
    assert len(seen) == 2  # as it begins, and as it ends
    assert all(bool(reason) == bool(since) for reason, since in seen)


def test_another_cluster_is_asked_who_it_is_before_anything_is_written_to_it() -> None:
    given = Given(Script([]))
    delivery = given.delivery()
    delivery.deliver(documents("a"))
    delivery.use("another")
    with pytest.raises(Elsewhere):  # it is still the first that answers
        delivery.deliver(documents("b"))
    assert given.script.sent == ["a"]


def test_told_to_stop_it_stops_between_two_attempts() -> None:
    given = Given(Script([fails(Away("gone"))] * 5))
    given.stop.set()
    with pytest.raises(Stopped):
        given.delivery().deliver(documents("a"))
    assert given.script.sent == ["a"]


def test_what_is_older_than_a_rollover_is_looked_for_and_nothing_else() -> None:
    given = Given(Script([], there={"a", "c"}, old={"a", "b"}))
    assert given.delivery().deliver(documents("a", "b", "d")) == []
    assert given.script.sent == ["bd"]
    assert given.script.looks == 1
    assert given.numbers["feed_known"] == 1
    given.delivery().deliver(documents("e"))
    assert given.script.looks == 1
