from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from collector.formats import FORMATS
from event_model.errors import NoRoom, StoreError
from event_model.event import Event, Origin, Record
from event_model.parts import Batch
from store import outbox as stored_outbox
from store.query import parse
from tallyman import indexing, intake, outbox, pipeline
from tests.end_to_end.waiting import until
from tests.tallyman.world import Deletions, Given, Told, batch, raw, world

FULL = NoRoom("/store: No space left on device. Make room on that disk")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses of a test's length."""
    monkeypatch.setattr(pipeline, "RETRY", 0.02)
    monkeypatch.setattr(indexing, "RETRY", 0.02)
    monkeypatch.setattr(intake, "FIRST_PAUSE", 0.02)
    monkeypatch.setattr(outbox, "LOOK", 0.05)
    monkeypatch.setattr(stored_outbox, "FIRST_PAUSE", 0.02)


class Refusing:
    """Something in whose place a call fails while the disk is full."""

    def __init__(self, real: Callable[..., Any], error: Exception = FULL) -> None:
        self.real, self.error, self.full, self.refused = real, error, False, 0

    def __call__(self, *args: Any, **named: Any) -> Any:
        if self.full:
            self.refused += 1
            raise self.error
        return self.real(*args, **named)


# records


def test_every_record_is_kept_inspected_and_searchable_in_the_order_read(tmp_path: Path) -> None:
    looker = Deletions()
    with world(
        tmp_path, {"audit": Given([batch([raw(0), raw(1)], 0), batch([raw(2)], 1)])}, inspectors=[looker]
    ) as made:
        made.run()
        assert made.ids() == looker.seen == ["id-0", "id-1", "id-2"]
        assert made.count() == 3
        assert made.journal.positions == {"audit": 1}


def test_a_dead_letter_keeps_its_reason_and_can_be_searched(tmp_path: Path) -> None:
    given = batch(
        [raw(0), b"not json", raw(1)],
        0,
        dead=[(b"xxxx", "a line of 20,000,000 bytes; max_line is 16,777,216")],
    )
    looker = Deletions()
    with world(tmp_path, {"audit": Given([given])}, inspectors=[looker]) as made:
        made.run()
        letters = [each for each in made.entries() if each.reason]
        assert [each.record.raw for each in letters] == [b"not json", b"xxxx"]
        assert letters[1].reason == "a line of 20,000,000 bytes; max_line is 16,777,216"
        assert looker.seen == ["id-0", "id-1"]
        found = made.store.search(parse("event.kind:pipeline_error"), limit=10).events
        assert {each.reason for each in found} == {each.reason for each in letters}
        assert (made.count(), made.count("event.kind:event")) == (4, 2)


def test_a_record_that_its_format_stumbles_over_becomes_a_dead_letter(tmp_path: Path) -> None:
    class Stumbling:
        real = FORMATS.make("kubernetes_audit")

        def normalize(self, record: Record, origin: Origin) -> Event:
            if b"id-1" in record.raw:
                raise ZeroDivisionError("division by zero")
            event: Event = self.real.normalize(record, origin)
            return event

        def redact(self, record: Record, event: Event) -> Record:
            return record

    source = Given([batch([raw(0), raw(1), raw(2)], 0)])
    with world(tmp_path, {"audit": source}, format_of=lambda source, name: Stumbling()) as made:
        made.run()
        assert [each.reason for each in made.entries()] == [
            "",
            "the format failed: ZeroDivisionError: division by zero",
            "",
        ]
        assert made.pipeline.counters.snapshot()["format_failures"] == 1


def test_what_is_read_is_counted_by_source(tmp_path: Path) -> None:
    other = Origin("docker", "docker_events")
    sources = {
        "audit": Given([batch([raw(0), b"{"], 0), batch([raw(1)], 1)]),
        "docker": Given([batch([b"?"], 0, origin=other)]),
    }
    with world(tmp_path, sources, inspectors=[Deletions()]) as made:
        made.run()
        numbers = made.pipeline.counters.snapshot()
        counted = {name: number for name, number in numbers.items() if "seconds" not in name}
    assert counted == {
        'ingest_events{source="audit"}': 2, 'ingest_records{source="audit"}': 3, 'ingest_unreadable{source="audit"}': 1,
        'ingest_events{source="docker"}': 0, 'ingest_records{source="docker"}': 1, 'ingest_unreadable{source="docker"}': 1,
    }  # fmt: skip


def test_a_batch_of_no_records_moves_the_position_only(tmp_path: Path) -> None:
    nothing = Batch(Origin("audit", ""), [], "audit", 7, 1_795_435_200.0)
    with world(tmp_path, {"audit": Given([nothing])}) as made:
        made.run()
        assert made.journal.positions == {"audit": 7}
        assert made.entries() == []


# inspectors and alerts


def test_an_inspector_that_raises_does_not_stop_the_rest(tmp_path: Path) -> None:
    class Broken:
        def inspect(self, events: list[Event]) -> list[Any]:
            raise RuntimeError("broken")

    looker = Deletions()
    with world(
        tmp_path,
        {"audit": Given([batch([raw(0, verb="delete")], 0), batch([raw(1)], 1)])},
        inspectors=[Broken(), looker],
    ) as made:
        made.run()
        assert looker.seen == made.ids() == ["id-0", "id-1"]
        assert [alert["user"] for alert in made.alerts()] == ["user-0"]
        assert made.pipeline.counters.snapshot()["inspector_failures"] == 2


def test_what_was_not_inspected_before_a_crash_is_inspected_at_the_next_start_and_no_alert_is_made_twice(
    tmp_path: Path,
) -> None:
    first, second = batch([raw(0, verb="delete")], 0), batch([raw(1, verb="delete"), b"{", raw(2)], 1)
    with world(tmp_path, {"audit": Given([first])}, inspectors=[Deletions()]) as made:
        made.run()
        made.journal.append(second, {1: "no JSON"})  # and then the process died
    looker = Deletions()
    with world(tmp_path, {"audit": Given([first, second])}, inspectors=[looker]) as made:
        made.run()
        assert looker.seen == ["id-1", "id-2"]
        assert made.ids() == ["id-0", "id-1", "id-2"]
        assert made.count() == 4
        assert sorted(alert["user"] for alert in made.alerts()) == ["user-0", "user-1"]


def test_inspecting_again_what_was_inspected_makes_no_second_alert(tmp_path: Path) -> None:
    given = batch([raw(0, verb="delete")], 0)
    sink = Told()
    with world(tmp_path, {"audit": Given([given])}, inspectors=[Deletions()], sinks={"told": sink}) as made:
        made.run()
    with world(tmp_path, {}, inspectors=[Deletions()], sinks={"told": sink}) as made:
        made.database.alerts.record([], 0.0, ("", -1))  # as if the pointer had been lost
        made.run()
        assert [(alert["user"], alert["count"]) for alert in made.alerts()] == [("user-0", 1)]
    assert sink.users == ["user-0"]


# sinks


def test_a_dead_sink_does_not_stop_another_and_is_told_once_it_lives(tmp_path: Path) -> None:
    dead, alive = Told(broken=True), Told()
    source = Given([batch([raw(0, verb="delete")], 0)], stays=True)
    with (
        world(
            tmp_path, {"audit": source}, inspectors=[Deletions()], sinks={"dead": dead, "alive": alive}
        ) as made,
        made.running(),
    ):
        until(lambda: alive.alerts, 60)
        until(lambda: made.database.outbox.waiting() == {"dead": 1}, 60)
        dead.broken = False
        until(lambda: dead.alerts, 60)
    assert dead.users == alive.users == ["user-0"]


def test_an_outbox_that_cannot_be_written_for_a_while_does_not_tell_a_sink_twice(tmp_path: Path) -> None:
    sink = Told()
    source = Given([batch([raw(0, verb="delete")], 0)], stays=True)
    with world(tmp_path, {"audit": source}, inspectors=[Deletions()], sinks={"told": sink}) as made:
        deliverer = made.pipeline.deliverers[0]
        noted = Refusing(deliverer.outbox.delivered)
        noted.full = True
        deliverer.outbox = _with(deliverer.outbox, delivered=noted)
        with made.running():
            until(lambda: noted.refused >= 2, 60)
            noted.full = False
            until(lambda: not made.database.outbox.waiting(), 60)
    assert sink.users == ["user-0"]


# back-pressure


def test_while_the_index_stands_still_the_source_waits_and_nothing_is_lost(tmp_path: Path) -> None:
    many = [batch([raw(number)], number) for number in range(intake.INBOX + indexing.BEHIND + 40)]
    source, gate = Given(many), threading.Event()
    with world(tmp_path, {"audit": source}) as made:
        add = made.store.add

        def slow(pairs: Any) -> None:
            gate.wait(60)
            add(pairs)

        made.store.add = slow  # type: ignore[method-assign]
        with made.running() as stop:
            until(lambda: source.given >= intake.INBOX + indexing.BEHIND, 60)
            assert not stop.wait(0.2)  # time in which it might read on
            assert source.given <= intake.INBOX + indexing.BEHIND + 3
            gate.set()
            until(lambda: source.given == len(many), 60)
        assert made.count() == len(made.ids()) == len(many)


# sources


@dataclass
class Failing:
    """A source that fails once behind its second batch."""

    batches: list[Batch]
    starts: list[int] = field(default_factory=list)

    def read(self, positions: dict[str, Any], stop: threading.Event) -> Iterator[Batch]:
        self.starts.append(positions.get("audit", -1))
        for each in self.batches:
            if each.position > self.starts[-1]:
                yield each
                if each.position == 1 and len(self.starts) == 1:
                    raise OSError("the disk under the logs went away")


def test_a_source_that_fails_begins_again_behind_what_was_kept_and_the_others_read_on(tmp_path: Path) -> None:
    failing = Failing([batch([raw(number)], number) for number in range(4)])
    other = Given([batch([raw(9)], 0, origin=Origin("other", "kubernetes_audit"))])
    with world(tmp_path, {"audit": failing, "other": other}) as made:
        made.run()
        assert sorted(made.ids()) == ["id-0", "id-1", "id-2", "id-3", "id-9"]
        assert failing.starts == [-1, 1]
        assert made.pipeline.counters.snapshot()['source_failures{source="audit"}'] == 1


def test_a_source_that_fails_ends_a_run_that_is_to_read_once(tmp_path: Path) -> None:
    with world(
        tmp_path, {"audit": Failing([batch([raw(number)], number) for number in range(4)])}, once=True
    ) as made:
        with pytest.raises(OSError, match="went away"):
            made.run()
        assert made.ids() == ["id-0", "id-1"]


def test_what_was_read_when_the_stop_came_is_kept(tmp_path: Path) -> None:
    source = Given([batch([raw(number)], number) for number in range(20)], stays=True)
    with world(tmp_path, {"audit": source}) as made:
        with made.running():
            until(lambda: source.given == 20, 60)
        assert made.count() == len(made.ids()) == 20


# a full disk


@pytest.mark.parametrize("part", ["journal", "alerts", "index"])
def test_on_a_full_disk_everything_waits_and_goes_on_when_there_is_room(tmp_path: Path, part: str) -> None:
    source = Given([batch([raw(number, verb="delete")], number) for number in range(30)], stays=True)
    looker, sink = Deletions(), Told()
    with world(tmp_path, {"audit": source}, inspectors=[looker], sinks={"told": sink}) as made:
        write = _refuse(made, part)
        with made.running():
            until(lambda: write.refused >= 3, 60)
            write.full = False
            until(lambda: len(sink.alerts) == 30, 60)
        assert made.ids() == looker.seen == [f"id-{number}" for number in range(30)]
        assert made.count() == 30
        assert sorted(sink.users) == sorted(f"user-{number}" for number in range(30))


def _refuse(made: Any, part: str) -> Refusing:
    if part == "journal":
        write = made.journal.append = Refusing(made.journal.append)
    elif part == "alerts":
        write = Refusing(made.pipeline.book.record)
        made.pipeline.book = _with(made.pipeline.book, record=write)
    else:
        write = made.store.add = Refusing(made.store.add)
    write.full = True
    return write


def test_a_stop_while_the_disk_is_full_ends_the_run_with_the_reason_and_loses_nothing(tmp_path: Path) -> None:
    given = [batch([raw(number)], number) for number in range(5)]
    with world(tmp_path, {"audit": Given(given, stays=True)}) as made:
        write = _refuse(made, "journal")
        with pytest.raises(NoRoom, match="No space left"), made.running():
            until(lambda: write.refused, 60)
    with world(tmp_path, {"audit": Given(given)}) as made:
        made.run()
        assert made.ids() == [f"id-{number}" for number in range(5)]


def test_a_journal_that_refuses_for_another_reason_ends_the_run(tmp_path: Path) -> None:
    with world(tmp_path, {"audit": Given([batch([raw(0)], 0)], stays=True)}) as made:
        made.journal.append = Refusing(made.journal.append, StoreError("/store: Input/output error"))  # type: ignore[method-assign]
        made.journal.append.full = True  # type: ignore[attr-defined]
        with pytest.raises(StoreError, match="Input/output"):
            made.run()


def test_an_index_that_refuses_once_catches_up_from_the_journal(tmp_path: Path) -> None:
    with world(tmp_path, {"audit": Given([batch([raw(number)], number) for number in range(5)])}) as made:
        commit, refused = made.store.commit, list[int]()

        def once() -> None:
            if not refused:
                refused.append(1)
                raise StoreError("the index can't be written: a worker was killed")
            commit()

        made.store.commit = once  # type: ignore[method-assign]
        made.run()
        assert made.count() == 5


def test_an_index_that_cannot_be_mended_ends_the_run_and_the_journal_has_all(tmp_path: Path) -> None:
    with world(tmp_path, {"audit": Given([batch([raw(0)], 0)], stays=True)}) as made:
        broken = StoreError("the index can't be written: broken")
        made.store.add = made.store.recover = Refusing(made.store.add, broken)  # type: ignore[method-assign]
        made.store.add.full = True  # type: ignore[attr-defined]
        with pytest.raises(StoreError, match="broken"):
            made.run()
        assert made.ids() == ["id-0"]


def test_housekeeping_that_fails_does_not_stop_the_reading(tmp_path: Path) -> None:
    source = Given([batch([raw(0)], 0)], stays=True)
    with world(tmp_path, {"audit": source}) as made:
        write = Refusing(lambda: None, StoreError("the state file is full"))
        write.full, made.pipeline.on_second = True, write
        with made.running():
            until(lambda: write.refused, 60)
        assert made.ids() == ["id-0"]


def _with(real: Any, **changed: Any) -> Any:
    """The same object with other methods."""

    class Changed:
        def __getattr__(self, name: str) -> Any:
            return changed.get(name) or getattr(real, name)

    return Changed()
