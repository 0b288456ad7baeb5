"""Where the newest records of a journal begin."""

from __future__ import annotations

from pathlib import Path

from event_model.event import Origin, Record
from event_model.parts import Batch
from store.journal import Journal
from store.recent import START, Place, newest

DAY = 86_400.0
MONDAY = 1_795_435_200.0


def behind(journal: Journal, place: Place) -> list[bytes]:
    """The records behind a place."""
    return [
        entry.record.raw
        for partition in journal.partitions()
        if partition >= place[0]
        for entries in journal.entries(partition, place[1] if partition == place[0] else -1)
        for entry in entries
    ]


def test_so_many_records_and_none_that_is_older(tmp_path: Path) -> None:
    with Journal(tmp_path, writable=True) as journal:
        assert newest(journal, 10, 0.0) == START
        for day in range(3):
            for part in range(2):
                records = [Record(f"{day}.{part}.{number}".encode()) for number in range(2)]
                journal.append(Batch(Origin("a", "json"), records, "a", (day, part), MONDAY + day * DAY), {})
        all_of = behind(journal, START)
        assert len(all_of) == 12 and len(journal.partitions()) == 3
        assert behind(journal, newest(journal, 100, 0.0)) == all_of
        assert behind(journal, newest(journal, 6, 0.0)) == all_of[6:]
        assert (
            behind(journal, newest(journal, 7, 0.0)) == all_of[6:]
        )  # whole blocks, and no more than asked for
        assert behind(journal, newest(journal, 100, MONDAY + DAY)) == all_of[4:]
        assert behind(journal, newest(journal, 100, MONDAY + 9 * DAY)) == []
