"""Derive an index from the journal: go on where it ends, or make it anew."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from event_model.event import Event
from store.index import Index
from store.journal import Entry, Journal

FOLDER = "index"
_FRESH, _OLD = "index.new", "index.old"
_COMMIT_EVERY = 200_000  # entries

Normalize = Callable[[Entry], Event]
Progress = Callable[[int, int], None]  # done, of how many


def go_on(
    index: Index, journal: Journal, partition: str, normalize: Normalize, done: Progress | None = None
) -> int:
    """Add what the journal holds behind the index's last entry, uncommitted at the end; how many that were.

    `done` is told of bytes of the journal.
    """
    added = 0
    size = (journal.root / partition / "journal").stat().st_size if done else 0
    for entries in journal.entries(partition, index.last()):
        for entry in entries:
            index.add(entry.pointer, normalize(entry))
        added += len(entries)
        if done:
            done(entries[-1].pointer >> 16, size)
        if added % _COMMIT_EVERY < len(entries):
            index.commit()
    return added


def is_ahead(index: Index, journal: Journal, partition: str) -> bool:
    """Whether the index has entries that the journal lost, as when the power fails between their fsyncs."""
    last = index.last()
    return last >= 0 and not journal.read(partition, [last])


def build(
    journal: Journal, partition: str, normalize: Normalize, *, complete: bool, done: Progress | None = None
) -> None:
    """Make a partition's index anew, and only then put it in the place of the old one."""
    home = journal.root / partition
    for left in (_FRESH, _OLD):
        shutil.rmtree(home / left, ignore_errors=True)
    build_at(home / _FRESH, journal, partition, normalize, complete=complete, done=done)
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
    done: Progress | None = None,
) -> None:
    """Make a partition's index in any folder that is not there yet."""
    index = Index(folder, create=True)
    go_on(index, journal, partition, normalize, done)
    index.commit(complete=complete)
    index.close()
