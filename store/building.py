"""Derive an index from the journal: go on where it ends, or make it anew."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from event_model.event import Event
from store.index import Index
from store.journal import Entry, Journal
from store.recovery import FILE

FOLDER = "index"
_FRESH, _OLD = "index.new", "index.old"

Normalize = Callable[[Entry], Event]
Progress = Callable[[int, int], None]  # done, of how many
Done = Callable[[int], None]  # bytes of the partition's journal


def journal_bytes(journal: Journal, partition: str) -> int:
    try:
        return (journal.root / partition / FILE).stat().st_size
    except FileNotFoundError:  # dropped meanwhile
        return 0


def go_on(
    index: Index, journal: Journal, partition: str, normalize: Normalize, done: Done | None = None
) -> int:
    """Add what the journal holds behind the index's last entry; how many entries that were."""
    added = 0
    for entries in journal.entries(partition, index.last()):
        for entry in entries:
            index.add(entry.pointer, normalize(entry))
        added += len(entries)
        if done:
            done(entries[-1].pointer >> 16)
    return added


def is_ahead(index: Index, journal: Journal, partition: str) -> bool:
    """Whether the index has entries that the journal lost, as when the power fails between their fsyncs."""
    last = index.last()
    return last >= 0 and not journal.read(partition, [last])


def create(home: Path) -> Index:
    """An empty index for a partition, there from one moment to the next: others look for it meanwhile."""
    shutil.rmtree(home / _FRESH, ignore_errors=True)
    Index(home / _FRESH, create=True).close()
    os.rename(home / _FRESH, home / FOLDER)
    return Index(home / FOLDER)


def build(
    journal: Journal, partition: str, normalize: Normalize, *, complete: bool, done: Done | None = None
) -> None:
    """Make a partition's index anew, and only then put it in the place of the old one."""
    home = journal.root / partition
    for left in (_FRESH, _OLD):
        shutil.rmtree(home / left, ignore_errors=True)
    try:
        build_at(home / _FRESH, journal, partition, normalize, complete=complete, done=done)
    except BaseException:  # a full disk needs the room
        shutil.rmtree(home / _FRESH, ignore_errors=True)
        raise
    if (home / FOLDER).exists():
        os.rename(home / FOLDER, home / _OLD)
    os.rename(home / _FRESH, home / FOLDER)
    shutil.rmtree(home / _OLD, ignore_errors=True)


def build_at(
    folder: Path,
    journal: Journal,
    partition: str,
    normalize: Normalize,
    *,
    complete: bool = False,
    done: Done | None = None,
) -> None:
    """Make a partition's index in any folder that is not there yet."""
    index = Index(folder, create=True)
    try:
        go_on(index, journal, partition, normalize, done)
        index.commit(complete=complete)
    finally:
        index.close()
