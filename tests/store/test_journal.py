import errno
import hashlib
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from event_model.errors import StoreError
from event_model.event import Origin, Record
from event_model.parts import Batch
from store.block import NO_LINK, Block
from store.blockfile import BlockFile
from store.journal import Journal
from tests.store.batches import DAY, NOON, ORIGIN, batch, everything, lines, numbers, raws


@pytest.fixture
def journal(tmp_path: Path) -> Any:
    with Journal(tmp_path / "store", writable=True) as journal:
        yield journal


def blocks(root: Path, partition: str) -> list[Block]:
    with BlockFile(root / partition / "journal") as file:
        return [item for item in file.walk() if isinstance(item, Block)]


def test_records_come_back_as_they_were_kept(journal: Journal) -> None:
    records = [Record(b"\xff\x00 not text", 10), Record(b"", 10), Record(b"secret gone", 99, "ab" * 32)]
    kept = journal.append(Batch(ORIGIN, records, "a.log", {"offset": 111}, NOON), {1: "empty"})
    assert everything(journal) == kept
    assert [entry.record for entry in kept] == records
    assert [entry.reason for entry in kept] == ["", "empty", ""]
    assert {(entry.partition, entry.origin, entry.received) for entry in kept} == {
        ("20261123-000", ORIGIN, NOON)
    }


def test_pointers_order_the_records_and_find_them_again(journal: Journal) -> None:
    kept = journal.append(batch(numbers(0, 600)), {}) + journal.append(batch(numbers(600, 610)), {})
    pointers = [entry.pointer for entry in kept]
    assert pointers == sorted(set(pointers)) and pointers[0] > 0
    chosen = [pointers[605], pointers[3], pointers[300], pointers[3]]
    assert journal.read("20261123-000", chosen) == [kept[605], kept[3], kept[300], kept[3]]


def test_reading_goes_on_behind_a_pointer(journal: Journal) -> None:
    kept = journal.append(batch(numbers(0, 300)), {}) + journal.append(batch(numbers(300, 400)), {})
    for start in (0, 10, 255, 256, 299, 398):
        found = [one for block in journal.entries("20261123-000", kept[start].pointer) for one in block]
        assert found == kept[start + 1 :]
    assert list(journal.entries("20261123-000", kept[-1].pointer)) == []
    assert next(iter(journal.entries("20261123-000", -1)))[0] == kept[0]


def test_dead_records_follow_the_others_with_their_reasons(journal: Journal) -> None:
    dead = [(Record(b"far too lo", 50), "longer than 10 bytes")]
    kept = journal.append(batch([b"one", b"two"], dead=dead), {0: "not JSON"})
    assert [(entry.record.raw, entry.reason) for entry in kept] == [
        (b"one", "not JSON"),
        (b"two", ""),
        (b"far too lo", "longer than 10 bytes"),
    ]
    assert everything(journal) == kept


def test_reasons_stay_with_their_records_past_the_first_block(journal: Journal) -> None:
    journal.append(batch(numbers(0, 600)), {0: "a", 256: "b", 599: "c"})
    marked = [(entry.record.raw, entry.reason) for entry in everything(journal) if entry.reason]
    assert marked == [(b'{"number": 0}', "a"), (b'{"number": 256}', "b"), (b'{"number": 599}', "c")]


def test_a_batch_without_records_moves_the_position(journal: Journal) -> None:
    assert journal.append(batch([], [1, "x"]), {}) == []
    assert journal.positions == {"a.log": [1, "x"]}
    assert everything(journal) == []


def test_positions_are_those_of_the_last_batches_after_reopening(tmp_path: Path) -> None:
    with Journal(tmp_path, writable=True) as journal:
        journal.append(batch(numbers(0, 5), 5), {})
        journal.append(batch(numbers(0, 2), {"inode": 7, "offset": 2}, key="b.log"), {})
        journal.append(batch(numbers(5, 900), 900), {})
    expected = {"a.log": 900, "b.log": {"inode": 7, "offset": 2}}
    assert Journal(tmp_path).positions == expected
    with Journal(tmp_path, writable=True) as journal:
        assert journal.positions == expected
        journal.append(batch(numbers(900, 901), 901), {})
        assert raws(journal)[-1] == numbers(900, 901)[0]


def test_a_new_day_is_a_new_partition_and_an_older_one_never_comes_back(journal: Journal) -> None:
    for received in (NOON, NOON + DAY, NOON):
        journal.append(batch([b"x"], received=received), {})
    assert journal.partitions() == ["20261123-000", "20261124-000"]
    assert journal.current == "20261124-000"
    assert len(everything(journal)) == 3


def test_a_full_file_is_followed_by_the_next_of_the_day(tmp_path: Path) -> None:
    with Journal(tmp_path, writable=True, roll_bytes=300) as journal:
        for number in range(8):
            journal.append(batch(numbers(number, number + 1), number, key=f"{number}.log"), {})
        assert len(journal.partitions()) > 2
        assert raws(journal) == numbers(0, 8)
    with Journal(tmp_path, writable=True, roll_bytes=300) as journal:
        assert journal.positions == {f"{number}.log": number for number in range(8)}
    journal = Journal(tmp_path)
    for name in journal.partitions()[:-1]:  # the newest partition alone knows every position
        (tmp_path / name / "journal").unlink()
    assert journal.positions == {f"{number}.log": number for number in range(8)}


def test_a_day_never_has_more_than_a_thousand_partitions(tmp_path: Path) -> None:
    (tmp_path / "20261123-999").mkdir(parents=True)
    with Journal(tmp_path, writable=True, roll_bytes=1) as journal:
        journal.append(batch([b"x"]), {})
        journal.append(batch([b"y"]), {})
        assert journal.partitions() == ["20261123-999"]
        assert raws(journal) == [b"x", b"y"]


def test_a_position_not_seen_for_long_is_forgotten_with_the_next_partition(tmp_path: Path) -> None:
    with Journal(tmp_path, writable=True, forget_days=2) as journal:
        journal.append(batch([b"x"], 1, key="old.log"), {})
        journal.append(batch([b"x"], 1, key="new.log", received=NOON + 2 * DAY), {})
        assert set(journal.positions) == {"old.log", "new.log"}
        journal.append(batch([b"x"], 2, key="new.log", received=NOON + 3 * DAY), {})
        assert set(journal.positions) == {"new.log"}
    assert Journal(tmp_path).positions == {"new.log": 2}


def test_each_block_is_linked_to_the_one_before_it_across_partitions(tmp_path: Path) -> None:
    with Journal(tmp_path, writable=True, roll_bytes=500) as journal:
        for _ in range(3):
            journal.append(batch(numbers(0, 300)), {})
    with Journal(tmp_path, writable=True) as journal:
        journal.append(batch(numbers(0, 1)), {})
        link = NO_LINK
        for name in journal.partitions():
            with BlockFile(tmp_path / name / "journal") as file:
                for block in file.walk():
                    assert isinstance(block, Block) and block.head.previous == link
                    payload = file.payload(block)
                    assert payload is not None
                    assert hashlib.sha256(block.covered + payload).digest() == block.link
                    link = block.link
    assert len(journal.partitions()) == 3


def test_blocks_say_how_much_was_durable_when_they_were_made(journal: Journal) -> None:
    for number in range(4):
        journal.append(batch(numbers(number, number + 1)), {})
        if number == 1:
            journal.sync()
    made = blocks(journal.root, journal.current)
    assert [block.head.synced for block in made] == [0, 0, made[1].end, made[1].end]


def test_a_record_of_twenty_megabytes_is_kept(journal: Journal) -> None:
    long = os.urandom(1000) * 20_000
    journal.append(batch([b"before", long, b"after"]), {})
    assert raws(journal) == [b"before", long, b"after"]
    assert len(blocks(journal.root, journal.current)) == 3


def test_a_full_disk_is_told_of_and_the_journal_goes_on_when_there_is_room(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.append(batch(numbers(0, 10), 10), {})
    write = os.pwrite
    calls = []

    def full(file: int, data: memoryview, at: int) -> int:
        calls.append(at)
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, data[:50], at)

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(StoreError, match=r"No space left on device\. Make room .* store\.max_size"):
        journal.append(batch(numbers(10, 500), 500), {})
    monkeypatch.undo()
    assert journal.positions == {"a.log": 10}
    assert raws(journal) == numbers(0, 10)
    assert (
        blocks(journal.root, journal.current)[-1].end
        == (journal.root / journal.current / "journal").stat().st_size
    )
    journal.append(batch(numbers(10, 20), 20), {})
    assert raws(journal) == numbers(0, 20)


def test_a_disk_full_at_the_very_first_record_is_no_obstacle_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: int, data: memoryview, at: int) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with Journal(tmp_path, writable=True) as journal:
        monkeypatch.setattr(os, "pwrite", full)
        with pytest.raises(StoreError):
            journal.append(batch([b"x"], 1), {})
        monkeypatch.undo()
        assert journal.positions == {} and everything(journal) == []
        journal.append(batch([b"x"], 1), {})
        assert raws(journal) == [b"x"]


def test_what_the_disk_refuses_to_make_durable_stops_the_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(file: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with Journal(tmp_path, writable=True) as journal:
        journal.append(batch([b"x"], 1), {})
        monkeypatch.setattr(os, "fsync", broken)
        with pytest.raises(StoreError, match="Input/output error"):
            journal.sync()
        monkeypatch.undo()
        with pytest.raises(StoreError, match="start Tallyman again"):
            journal.append(batch([b"y"], 2), {})
        with pytest.raises(StoreError, match="start Tallyman again"):
            journal.sync()
    with Journal(tmp_path, writable=True) as journal:
        assert journal.positions == {"a.log": 1}


def test_one_process_writes_at_a_time(tmp_path: Path) -> None:
    with Journal(tmp_path, writable=True):
        with pytest.raises(StoreError, match=rf"being written by process {os.getpid()} on .*store\.path"):
            Journal(tmp_path, writable=True)
        Journal(tmp_path)
    with Journal(tmp_path, writable=True) as journal:
        assert journal.partitions() == []


def test_a_place_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="choose another"):
        Journal(tmp_path / "file", writable=True)
    with pytest.raises(StoreError, match="choose another"):
        Journal(tmp_path / "file" / "below", writable=True)
    with pytest.raises(StoreError, match="no store there"):
        Journal(tmp_path / "missing")


def test_a_folder_without_permission_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: object, *more: object, **named: object) -> int:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(StoreError, match=r"Read-only file system\. Make it writable"):
        Journal(tmp_path, writable=True)


def test_a_reader_can_not_write(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for act in (lambda: journal.append(batch([]), {}), journal.sync, lambda: journal.drop("20261123-000")):
        with pytest.raises(StoreError, match="for reading only"):
            act()


def test_a_reader_sees_what_the_writer_adds_and_drops(journal: Journal) -> None:
    reader = Journal(journal.root)
    assert reader.partitions() == [] and reader.positions == {}
    kept = journal.append(batch(numbers(0, 3)), {})
    assert everything(reader) == kept
    more = journal.append(batch(numbers(3, 400)), {})
    assert [e for b in reader.entries("20261123-000", kept[-1].pointer) for e in b] == more
    journal.append(batch([b"x"], received=NOON + DAY), {})
    assert reader.partitions() == ["20261123-000", "20261124-000"]
    going = reader.entries("20261123-000")
    assert next(going)
    journal.drop("20261123-000")
    assert reader.partitions() == ["20261124-000"]
    assert len(list(going)) == 2  # what is open stays readable
    assert list(reader.entries("20261123-000")) == [] and reader.read("20261123-000", [kept[0].pointer]) == []
    assert raws(reader) == [b"x"]


def test_no_record_is_behind_the_end(journal: Journal) -> None:
    assert journal.end == ("", -1) == Journal(journal.root).end
    last = journal.append(batch(numbers(0, 300)), {})[-1]
    assert ("20261123-000", last.pointer) < journal.end == Journal(journal.root).end
    following = journal.append(batch([b"x"]), {})[0]
    assert following.pointer > last.pointer


def test_records_behind_a_place_are_counted_to_the_end_or_to_another_place(journal: Journal) -> None:
    first = journal.append(batch(numbers(0, 10)), {})
    second = journal.append(batch(numbers(10, 30)), {})
    third = journal.append(replace(batch(numbers(30, 35)), received=batch([]).received + 86_400), {})
    place = {index: (each.partition, each.pointer) for index, each in enumerate([*first, *second, *third])}
    assert journal.behind(("", -1))[0] == 35 and journal.behind(place[34]) == (0, 0.0)
    assert [journal.behind(place[at])[0] for at in (3, 9, 10, 29)] == [31, 25, 24, 5]
    assert [journal.behind(("", -1), place[at])[0] for at in (0, 9, 10, 29, 30)] == [1, 10, 11, 30, 31]
    assert journal.behind(place[3], place[12])[0] == 9
    assert journal.behind(place[12], place[3])[0] == 0


def test_pointers_to_nothing_are_left_out(journal: Journal) -> None:
    kept = journal.append(batch(numbers(0, 3)), {})
    wrong = [kept[0].pointer + 99, kept[1].pointer + (7 << 16), 1 << 50, 0]
    assert journal.read("20261123-000", [*wrong, kept[2].pointer]) == [kept[2]]
    later = journal.append(batch(numbers(3, 5)), {})
    assert journal.read("20261123-000", [later[1].pointer]) == [later[1]]


def test_the_partition_being_written_is_not_dropped(journal: Journal) -> None:
    journal.append(batch([b"x"]), {})
    with pytest.raises(StoreError, match="being written"):
        journal.drop("20261123-000")
    with pytest.raises(StoreError, match="not a partition"):
        journal.drop("../elsewhere")
    journal.drop("20200101-000")  # gone already


def test_a_partition_half_deleted_by_a_crash_is_deleted_on_opening(tmp_path: Path) -> None:
    (tmp_path / ".dropped-20261101-000" / "index").mkdir(parents=True)
    with Journal(tmp_path, writable=True) as journal:
        assert journal.partitions() == [] and list(tmp_path.glob(".dropped*")) == []


def test_size_is_of_journal_and_index(journal: Journal) -> None:
    journal.append(batch([b"x"]), {})
    before = journal.size()
    (journal.root / journal.current / "index").mkdir()
    (journal.root / journal.current / "index" / "part").write_bytes(bytes(5000))
    assert journal.size() >= before + 5000
    assert journal.size(journal.current) == journal.size()


def test_a_journal_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "20261123-000" / "journal"
    path.parent.mkdir()
    path.write_bytes(b"TMJ2 something else")
    with pytest.raises(StoreError, match="newer Tallyman"):
        Journal(tmp_path, writable=True)
    assert path.read_bytes() == b"TMJ2 something else"


def test_an_origin_of_an_older_version_is_read(journal: Journal) -> None:
    journal.append(Batch(Origin("stdin", "json"), lines([b"x"]), "-", None, NOON), {})
    assert everything(journal)[0].origin == Origin("stdin", "json")


def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    with Journal(tmp_path / "store", writable=True) as journal:
        journal.append(batch([b"x"]), {})
        for path in (
            journal.root,
            journal.root / journal.current,
            journal.root / journal.current / "journal",
        ):
            assert path.stat().st_mode & 0o077 == 0


def test_appending_and_syncing_from_several_threads_keeps_everything(tmp_path: Path) -> None:
    stop = threading.Event()
    with Journal(tmp_path, writable=True, roll_bytes=20_000) as journal:

        def append(name: str) -> None:
            for number in range(60):
                journal.append(batch(numbers(number, number + 5), number, key=name), {})

        def sync() -> None:
            while not stop.is_set():
                journal.sync()

        syncing = threading.Thread(target=sync)
        threads = [threading.Thread(target=append, args=(f"{number}.log",)) for number in range(4)]
        for thread in [syncing, *threads]:
            thread.start()
        for thread in threads:
            thread.join()
        stop.set()
        syncing.join()
        assert journal.positions == {f"{number}.log": 59 for number in range(4)}
    reopened = Journal(tmp_path)
    assert len(everything(reopened)) == 4 * 60 * 5
    assert reopened.positions == journal.positions and reopened.damaged == 0


def test_a_reader_that_begins_at_the_end_gets_what_comes_next_and_sees_no_damage(tmp_path: Path) -> None:
    with Journal(tmp_path, writable=True) as writer:
        writer.append(batch([b"one", b"two"]), {})
        reader = Journal(tmp_path)
        partition, pointer = reader.end
        writer.append(batch([b"three"]), {})
        fresh = [entry.record.raw for entries in reader.entries(partition, pointer) for entry in entries]
    assert (fresh, reader.damaged) == ([b"three"], 0)
