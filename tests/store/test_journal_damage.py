"""Torn ends, decay and power failures: what was whole stays, nothing is invented, nothing else stops."""

import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from event_model.event import Record
from store.block import MAGIC, Block
from store.blockfile import FILE_HEADER_BYTES, BlockFile
from store.journal import Entry, Journal
from tests.store.batches import DAY, NOON, batch, everything, numbers, raws

NAME = "20261123-000"


def places(root: Path, name: str = NAME) -> list[tuple[int, int]]:
    """Begin and end of each block."""
    with BlockFile(root / name / "journal") as file:
        return [(item.head.offset, item.end) for item in file.walk() if isinstance(item, Block)]


def spoil(root: Path, offset: int, data: bytes = b"\x00" * 8, name: str = NAME) -> None:
    with (root / name / "journal").open("r+b") as file:
        file.seek(offset)
        file.write(data)


def make(root: Path, count: int = 5, *, synced: bool = True) -> list[Entry]:
    """A journal of batches of three records, each in a block, each durable before the next or none at all."""
    with Journal(root, writable=True) as journal:
        for number in range(count):
            journal.append(batch(numbers(3 * number, 3 * number + 3), number), {})
            if synced:
                journal.sync()
        return everything(journal)


def without(numbers_gone: range, total: int) -> list[bytes]:
    return [raw for number, raw in enumerate(numbers(0, total)) if number not in numbers_gone]


@pytest.mark.parametrize("cut", [1, 10, 60, 100])
def test_a_torn_batch_is_cut_off_and_read_again(
    tmp_path: Path, cut: int, caplog: pytest.LogCaptureFixture
) -> None:
    make(tmp_path)
    path = tmp_path / NAME / "journal"
    whole = places(tmp_path)[3][1]
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - cut)
    assert raws(Journal(tmp_path)) == numbers(0, 12)
    with Journal(tmp_path, writable=True) as journal:
        assert journal.positions == {"a.log": 3}
        assert journal.cut > 0 and path.stat().st_size == whole
        assert "torn end of the journal cut off" in caplog.text
        journal.append(batch(numbers(12, 15), 4), {})
        assert raws(journal) == numbers(0, 15)
    with Journal(tmp_path, writable=True) as journal:
        assert journal.cut == 0 and journal.positions == {"a.log": 4}


def test_a_batch_of_several_blocks_counts_only_when_all_are_there(tmp_path: Path) -> None:
    with Journal(tmp_path, writable=True) as journal:
        journal.append(batch(numbers(0, 3), 3), {})
        journal.append(batch(numbers(3, 900), 900), {})
    path = tmp_path / NAME / "journal"
    with path.open("r+b") as file:
        file.truncate(places(tmp_path)[3][1])  # three of its four blocks
    assert raws(Journal(tmp_path)) == numbers(0, 3)
    with Journal(tmp_path, writable=True) as journal:
        assert journal.positions == {"a.log": 3}
        assert path.stat().st_size == places(tmp_path)[0][1]
        journal.append(batch(numbers(3, 900), 900), {})
        assert raws(journal) == numbers(0, 900)


@pytest.mark.parametrize("part", ["prefix", "header", "payload"])
def test_decay_in_the_middle_costs_one_block_and_is_told_of_once(
    tmp_path: Path, part: str, caplog: pytest.LogCaptureFixture
) -> None:
    make(tmp_path)
    begin, end = places(tmp_path)[2]
    spoil(tmp_path, {"prefix": begin, "header": begin + 70, "payload": end - 8}[part])
    reader = Journal(tmp_path)
    assert raws(reader) == without(range(6, 9), 15) == raws(reader)
    assert reader.damaged == 1 and caplog.text.count("damaged place in the journal") == 1
    with Journal(tmp_path, writable=True) as journal:
        assert journal.cut == 0 and journal.positions == {"a.log": 4}
        journal.append(batch(numbers(15, 16), 5), {})
        assert raws(journal) == without(range(6, 9), 16)


def test_a_damaged_beginning_costs_one_block_and_the_positions_come_from_the_day_before(
    tmp_path: Path,
) -> None:
    with Journal(tmp_path, writable=True) as journal:
        journal.append(batch([b"old"], 7, key="quiet.log", received=NOON - DAY), {})
    make(tmp_path)
    spoil(tmp_path, 0, b"\x00" * (FILE_HEADER_BYTES + 30))
    assert raws(Journal(tmp_path)) == [b"old", *numbers(3, 15)]
    with Journal(tmp_path, writable=True) as journal:
        assert journal.positions == {"quiet.log": 7, "a.log": 4}
        journal.append(batch(numbers(15, 16), 5), {})
    assert raws(Journal(tmp_path)) == [b"old", *numbers(3, 16)]


def test_a_damaged_file_header_costs_nothing(tmp_path: Path) -> None:
    kept = make(tmp_path)
    spoil(tmp_path, 2, b"\x00" * 5)
    with Journal(tmp_path, writable=True) as journal:
        assert everything(journal) == kept
        journal.append(batch(numbers(15, 16), 5), {})
    assert raws(Journal(tmp_path)) == numbers(0, 16)


@pytest.mark.parametrize("part", ["prefix", "payload"])
def test_what_a_power_failure_left_goes_with_all_behind_it(tmp_path: Path, part: str) -> None:
    """Pages reach a disk in any order: a block never confirmed may be missing before one that is there."""
    with Journal(tmp_path, writable=True) as journal:
        for number in range(6):
            journal.append(batch(numbers(3 * number, 3 * number + 3), number), {})
            if number == 1:
                journal.sync()
    begin, end = places(tmp_path)[3]
    spoil(tmp_path, {"prefix": begin, "payload": end - 8}[part])
    with Journal(tmp_path, writable=True) as journal:
        assert journal.positions == {"a.log": 2}
        assert raws(journal) == numbers(0, 9)
        assert journal.cut > 0 and journal.damaged == 0


def test_an_empty_partition_left_by_a_crash_is_filled(tmp_path: Path) -> None:
    make(tmp_path)
    link = places(tmp_path)
    (tmp_path / "20261124-000").mkdir()
    for left in (None, b"", b"TMJ1 and a"):
        if left is not None:
            (tmp_path / "20261124-000" / "journal").write_bytes(left)
        with Journal(tmp_path, writable=True) as journal:
            assert journal.positions == {"a.log": 4} and journal.current == "20261124-000"
    with Journal(tmp_path, writable=True) as journal:
        journal.append(batch(numbers(15, 16), 5), {})
        assert raws(journal) == numbers(0, 16)
    assert places(tmp_path) == link and Journal(tmp_path).positions == {"a.log": 5}


def test_a_record_that_holds_a_block_is_not_taken_for_one(tmp_path: Path) -> None:
    make(tmp_path / "other", 3)
    noise = Random(1).randbytes(5000)  # can't be compressed, and so stands in the file as it is
    forged = noise + (tmp_path / "other" / NAME / "journal").read_bytes() + noise[::-1]
    with Journal(tmp_path / "own", writable=True) as journal:
        for number in range(3):
            journal.append(batch([forged], number), {})
            journal.sync()
    begin, end = places(tmp_path / "own")[1]
    spoil(tmp_path / "own", begin, bytes(60))
    assert MAGIC in (tmp_path / "own" / NAME / "journal").read_bytes()[begin + 60 : end]
    assert raws(Journal(tmp_path / "own")) == [forged, forged]


def test_positions_are_found_past_damage_in_older_partitions(tmp_path: Path) -> None:
    with Journal(tmp_path, writable=True) as journal:
        journal.append(batch([b"x"], 1, key="b.log", received=NOON - DAY), {})
    make(tmp_path)
    for name in ("20261122-000", NAME):
        spoil(tmp_path, FILE_HEADER_BYTES, bytes(8), name)
    with Journal(tmp_path, writable=True) as journal:
        assert journal.positions == {"a.log": 4}  # b.log is read again: its only block is lost


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Entry], list[int]]:
    root = tmp_path_factory.mktemp("original")
    with Journal(root, writable=True) as journal:
        for number in range(4):
            dead = [(Record(b"long", 5), "too long")] if number == 2 else []
            journal.append(batch([*numbers(0, 3), bytes(range(256))], number, dead=dead), {1: "odd"})
            if number % 2:
                journal.sync()
        journal.append(batch(numbers(0, 300), 4), {})
        ends, size = [], 0
        with BlockFile(root / NAME / "journal") as file:
            for item in file.walk():
                assert isinstance(item, Block)
                size += item.head.count
                if not item.head.more:
                    ends += [(item.end, size)]
        return root, everything(journal), ends


Mangle = Callable[[bytearray], bytearray]


def mangled(root: Path, folder: Path, change: Mangle) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    (folder / NAME).mkdir(parents=True)
    data = bytearray((root / NAME / "journal").read_bytes())
    (folder / NAME / "journal").write_bytes(change(data))
    return folder


def check(folder: Path, kept: list[Entry]) -> None:
    """Reads without raising, holds nothing that was not kept, and can be written again."""
    genuine = {entry.pointer: entry for entry in kept}
    found = everything(Journal(folder))
    assert all(genuine[entry.pointer] == entry for entry in found)
    reader = Journal(folder)
    assert all(genuine[entry.pointer] == entry for entry in reader.read(NAME, genuine))
    with Journal(folder, writable=True) as journal:
        survived = everything(journal)
        assert survived == found[: len(survived)]
        new = journal.append(batch([b"new"], "new"), {})
        assert everything(journal) == [*survived, *new]
        assert journal.positions == {"a.log": "new"}


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_wherever_the_end_is_torn_whole_batches_remain(
    original: tuple[Path, list[Entry], list[tuple[int, int]]],
    tmp_path_factory: pytest.TempPathFactory,
    data: st.DataObject,
) -> None:
    root, kept, ends = original
    size = data.draw(st.integers(0, ends[-1][0]))
    folder = mangled(root, root.parent / "torn", lambda data: data[:size])
    expected = max([count for end, count in ends if end <= size], default=0)
    assert everything(Journal(folder)) == kept[:expected]
    check(folder, kept)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_whatever_bytes_go_wrong_nothing_raises_and_nothing_is_invented(
    original: tuple[Path, list[Entry], list[tuple[int, int]]], data: st.DataObject
) -> None:
    root, kept, ends = original
    begin = data.draw(st.integers(0, ends[-1][0] - 1))
    wrong = data.draw(st.binary(min_size=1, max_size=data.draw(st.sampled_from([1, 4, 200, 3000]))))

    def change(whole: bytearray) -> bytearray:
        whole[begin : begin + len(wrong)] = wrong
        return whole

    if begin > 3 or not (b"2" <= wrong[3 - begin : 4 - begin] <= b"9"):  # not "made by a newer version"
        check(mangled(root, root.parent / "wrong", change), kept)
