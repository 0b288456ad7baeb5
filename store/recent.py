"""Find where the newest part of a journal begins, for who can't read all of it."""

from __future__ import annotations

from store.journal import Journal

Place = tuple[str, int]  # partition, pointer
START: Place = ("", -1)  # before the first record


def newest(journal: Journal, most: int, since: float) -> Place:
    """The place behind which stand at most `most` records, the newest, none received before `since` (seconds since
    the epoch): whole blocks, and their records unread."""
    left = most
    for partition in reversed(journal.partitions()):
        for head in reversed(list(journal.heads(partition))):
            left -= head.count
            if left < 0 or head.received < since:
                return partition, (head.offset << 16) + head.count - 1
    return START
