"""Remember how far each content has been read, and find the one that a file goes on with."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from typing import Any

import msgspec

from collector.contents import LEAST, Content, Mark, fingerprint
from collector.finding import Found, Inode

log = logging.getLogger(__name__)


class Marks:
    """The marks of one source by key, and by the first bytes of their contents."""

    def __init__(self, positions: dict[str, Any], prefix: str) -> None:
        """`positions`: those of all sources; a key that begins with `prefix` is one of this source."""
        self._marks: dict[str, Mark] = {}
        self._alike: dict[int, dict[str, set[str]]] = {}  # size of the head -> print of it -> keys
        self.inodes: set[Inode] = set()
        for key, position in list(positions.items()):  # other sources' positions move meanwhile
            if key.startswith(prefix) and position is not None:
                try:
                    self.put(key, msgspec.convert(position, Mark))
                except msgspec.ValidationError as error:
                    log.warning("position not understood", extra={"key": key, "reason": str(error)})

    def __contains__(self, key: str) -> bool:
        return key in self._marks

    def get(self, key: str) -> Mark | None:
        return self._marks.get(key)

    def put(self, key: str, mark: Mark) -> None:
        old = self._marks.get(key)
        self._marks[key] = mark
        self.inodes.add((mark.device, mark.inode))
        if old is None or old.head != mark.head:
            self._unlist(key, old)
            self._alike.setdefault(mark.head_size, {}).setdefault(mark.head, set()).add(key)

    def drop(self, key: str) -> None:
        self._unlist(key, self._marks.pop(key, None))

    def older(self, moment: float) -> list[tuple[str, Mark]]:
        """Those that have not moved since."""
        return [(key, mark) for key, mark in self._marks.items() if mark.moved < moment]

    def like(self, found: Found, head: bytes) -> Iterator[tuple[str, Mark]]:
        """The marks that a file which begins with `head` may go on from, the likeliest first."""
        keys = {
            key
            for size, prints in self._alike.items()
            if 0 < size <= len(head)
            for key in prints.get(fingerprint(head[:size]), ())
        }
        name = os.path.basename(found.base)
        likely: list[tuple[bool, int, str]] = []
        for key in keys:
            mark = self._marks[key]
            here = (mark.device, mark.inode) == found.inode
            if here or (mark.head_size >= LEAST and os.path.basename(mark.base) == name):
                likely.append((here, mark.offset, key))
        for _, _, key in sorted(likely, reverse=True):
            yield key, self._marks[key]

    def _unlist(self, key: str, mark: Mark | None) -> None:
        if mark is not None:
            self._alike[mark.head_size][mark.head].discard(key)


def skipped(found: Found, content: Content, head: bytes) -> Mark | None:
    """The mark of a file whose present lines are not to be read; None where it has none yet."""
    last = content.last_line()
    offset, before = last if last is not None else (len(head), b"")
    if not offset:
        return None
    return Mark(
        found.named, found.base, *found.inode, offset, fingerprint(head[:offset]), fingerprint(before), "",
        time.time(), skipped=last is None,
    )  # fmt: skip
