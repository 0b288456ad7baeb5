"""The embedded store: partitions, crashes, lost and damaged indexes, several processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from event_model.errors import StoreError
from event_model.event import Event
from store import summary
from store.embedded import Embedded
from store.journal import Journal
from store.query import parse
from store.query.ast import All
from store.turn import Turn
from tests.end_to_end.waiting import until
from tests.store.events import Keeper, append, fill, found, make, normalize, numbers, some

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def keeper(root: Path) -> Iterator[Keeper]:
    made = Keeper(root)
    yield made
    made.close()


def test_what_was_not_committed_is_caught_up_with(root: Path) -> None:
    journal = Journal(root, writable=True)
    store = Embedded(root, normalize, writable=True)
    store.add(zip(append(journal, some(0, 10)), some(0, 10), strict=True))
    store.commit()
    store.add(zip(append(journal, some(10, 20)), some(10, 20), strict=True))
    append(journal, some(20, 30))
    store.close()
    with Embedded(root, normalize, writable=True) as again:
        assert again.catch_up() == 20
        assert again.catch_up() == 0
        assert found(again) == list(range(30))
    journal.close()


def test_collecting_goes_on_after_catching_up(root: Path) -> None:
    fill(root, 1)
    keeper = Keeper(root)
    append(keeper.journal, some(10, 15))
    assert keeper.writer.catch_up() == 5
    keeper.keep(some(15, 20))
    assert found(keeper.store) == list(range(20))
    keeper.close()


def test_partitions_answer_as_one(root: Path) -> None:
    fill(root, 4)
    with Embedded(root, normalize) as store:
        assert len(Journal(root).partitions()) == 4
        assert found(store) == list(range(40))
        assert store.top(All(), "event.dataset") == [("test", 40)]
        assert sum(count for _, count in store.histogram(All())) == 40
        assert numbers(store.search(All(), limit=3).events) == [39, 38, 37]


def test_a_partition_that_was_rolled_is_known_to_be_complete(root: Path) -> None:
    fill(root, 3)
    known = [summary.load(root / name / "index") for name in Journal(root).partitions()]
    assert [one.complete for one in known if one] == [True, True, False]


def test_a_partition_beyond_the_times_asked_for_is_not_even_asked(root: Path) -> None:
    fill(root, 3)
    with Embedded(root, normalize) as store:
        store.search(All())
        gone = root / Journal(root).partitions()[0] / "index"
        for path in gone.glob("*.fast"):
            path.unlink()
        later = store.search(All(), since="2026-11-23T12:30:00Z")
        assert later.total == 0


def test_a_dropped_partition_is_gone_from_every_answer(root: Path) -> None:
    fill(root, 3)
    keeper = Keeper(root)
    assert found(keeper.store) == found(keeper.writer) == list(range(30))
    after = keeper.store.search(All(), limit=5).after
    keeper.journal.drop(keeper.journal.partitions()[0])
    for store in (keeper.store, keeper.writer):
        assert found(store) == list(range(10, 30))
        assert store.count(All()) == 20
        assert numbers(store.search(All(), limit=50, after=after).events) == list(range(24, 9, -1))
    keeper.close()


def test_a_reader_adds_what_a_killed_collector_left_in_the_journal(root: Path) -> None:
    journal = Journal(root, writable=True)
    append(journal, some(0, 10))
    journal.close()
    with Embedded(root, normalize) as store:
        assert found(store) == list(range(10))
    with Embedded(root, normalize, writable=True) as writer:
        assert writer.catch_up() == 0


def test_a_reader_leaves_the_indexes_alone_while_another_collects(root: Path) -> None:
    keeper = Keeper(root)
    keeper.keep(some(0, 10))
    append(keeper.journal, some(10, 20))  # not given to the index yet
    assert found(keeper.store) == list(range(10))
    keeper.close()


def test_a_new_partition_is_searched_as_soon_as_it_has_an_index(root: Path) -> None:
    keeper = Keeper(root)
    entries = append(keeper.journal, some(0, 10))
    assert found(keeper.store) == []
    keeper.writer.add(zip(entries, some(0, 10), strict=True))
    keeper.writer.commit()
    assert found(keeper.store) == list(range(10))
    keeper.close()


def test_an_index_ahead_of_its_journal_is_built_anew(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    keeper = Keeper(root)
    keeper.keep(some(0, 10))
    size = (root / keeper.journal.current / "journal").stat().st_size
    keeper.keep(some(10, 20))
    name = keeper.journal.current
    keeper.close()
    os.truncate(root / name / "journal", size)  # as when the power fails before the fsync
    again = Keeper(root)
    again.writer.catch_up()
    assert "index is built anew" in caplog.messages
    again.keep(some(50, 55))
    assert found(again.store) == [*range(10), *range(50, 55)]
    again.close()


def test_reindexing_tells_its_progress_and_keeps_answering(root: Path) -> None:
    fill(root, 3)
    told: list[tuple[int, int]] = []
    reader = Embedded(root, normalize)

    def progress(done: int, of: int) -> None:
        told.append((done, of))
        assert found(reader) == list(range(30))

    with Embedded(root, normalize, writable=True) as store:
        store.reindex(progress)
        assert found(store) == list(range(30))
    assert found(reader) == list(range(30))
    reader.close()
    assert told and all(0 <= done <= of for done, of in told)
    assert not list(root.glob("*/index.*"))


def test_reindexing_uses_what_a_better_format_makes_of_the_records(root: Path) -> None:
    fill(root, 2)

    def better(entry: object) -> Event:
        event = normalize(entry)  # type: ignore[arg-type]
        return make(int(event.id), event.timestamp, user_name="alice")

    with Embedded(root, better, writable=True) as store:
        assert store.count(parse("user:alice")) == 0
        store.reindex()
        assert store.count(parse("user:alice")) == 20


def test_only_one_process_collects(root: Path) -> None:
    keeper = Keeper(root)
    with pytest.raises(StoreError, match=rf"being written by process {os.getpid()}"):
        Embedded(root, normalize, writable=True)
    keeper.close()
    Embedded(root, normalize, writable=True).close()


def test_a_collector_waits_for_a_reader_that_mends(root: Path) -> None:
    fill(root, 1)
    turn = Turn.to_mend(root)
    assert turn is not None and Turn.is_taken(root) and Turn.to_mend(root) is None
    import threading

    threading.Timer(0.2, turn.end).start()
    Embedded(root, normalize, writable=True).close()
    assert not Turn.is_taken(root)


def test_where_there_is_no_store_the_error_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no store there"):
        Embedded(tmp_path / "none", normalize)


def test_a_disk_that_refuses_is_an_error_for_people(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    events = some(0, 3)
    keeper.writer.add(zip(append(keeper.journal, events), events, strict=True))

    def refuse(*args: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("store.index.Index.commit", refuse)
    for attempt in (keeper.writer.commit, keeper.writer.catch_up, keeper.writer.reindex):
        with pytest.raises(StoreError, match=r"can't be written: .*No space left on device"):
            attempt()
    assert not list(keeper.journal.root.glob("*/index.new"))


def test_a_search_that_must_test_every_event_stops_and_can_go_on(root: Path) -> None:
    keeper = Keeper(root)
    keeper.keep(some(0, 1000))
    with Embedded(root, normalize, most_tested=300) as store:
        seen: list[tuple[int, int]] = []
        query = parse("event.id:(5 or 990)")
        first = store.search(query, progress=lambda done, of: seen.append((done, of)))
        assert numbers(first.events) == [990]
        assert (first.total, first.exact) == (1, False) and first.after is not None
        assert seen[-1][1] == 1000 and 300 <= seen[-1][0] < 1000
        later, after = [], first.after
        while after is not None:
            page = store.search(query, after=after)
            later += numbers(page.events)
            after = page.after
        assert later == [5]
        assert store.count(query, progress=lambda done, of: seen.append((done, of))) == 2
        assert seen[-1] == (1000, 1000)
    keeper.close()


COLLECT = """
import sys
from pathlib import Path
sys.path.insert(0, {repository!r})
from tests.store.events import Keeper, some

keeper = Keeper(Path(sys.argv[1]), roll_bytes=20_000)
keeper.writer.catch_up()
begin = int(sys.argv[2])
print("ready", flush=True)
for start in range(begin, begin + 100_000, 50):
    keeper.keep(some(start, start + 50))
    print(start + 50, flush=True)
"""


def test_killed_at_any_moment_nothing_is_lost_or_there_twice(root: Path) -> None:
    kept = 0
    for turn in range(3):
        command = [
            sys.executable,
            "-c",
            COLLECT.format(repository=str(REPOSITORY)),
            str(root),
            str(turn * 200_000),
        ]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for line in process.stdout:
            if line != "ready\n" and int(line) >= turn * 200_000 + 150 + 50 * turn:
                break
        process.send_signal(signal.SIGKILL)
        process.stdout.close()
        process.wait()
        journal = Journal(root)
        kept = sum(len(block) for name in journal.partitions() for block in journal.entries(name))
    with Embedded(root, normalize) as store:
        events = found(store)
        assert len(events) == len(set(events)) == kept >= 3 * 150


def test_an_event_of_another_process_is_searchable_once_it_has_committed_it(root: Path) -> None:
    command = [sys.executable, "-c", COLLECT.format(repository=str(REPOSITORY)), str(root), "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "ready\n"
        store = Embedded(root, normalize)
        for _ in range(10):
            count = int(process.stdout.readline())
            until(lambda count=count: store.count(All()) >= count, 60)
        store.close()
    finally:
        process.kill()
        process.stdout.close()
        process.wait()


def test_many_threads_may_search_at_once(root: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    keeper = Keeper(root)
    keeper.keep(some(0, 200))
    with ThreadPoolExecutor(8) as threads:
        asked = [
            threads.submit(keeper.store.count, parse(f"message:{str(n) * 40} or event.id:7"))
            for n in range(40)
        ]
        for number in range(200, 260, 20):
            keeper.keep(some(number, number + 20))
        assert {each.result() for each in asked} <= {1, 2}
    keeper.close()
