"""Tell what a file holds: nothing known, a content that was read elsewhere so far, or a copy of one being read."""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Iterable
from typing import NamedTuple

from collector.contents import HEAD, LEAST, Content, Mark
from collector.finding import Found, Inode, Version
from collector.lines import PRINT
from collector.marks import Marks
from collector.tailing import Tail

PATIENCE = 5.0  # seconds without a change after which an unfinished copy is taken for a file of its own


class Verdict(NamedTuple):
    """`mark`: it goes on with that content. `waits`: it is a copy, or may become one. Neither: it is new."""

    waits: bool = False
    key: str = ""
    mark: Mark | None = None
    before: bytes = b""  # the bytes before the mark, to which the file was skipped


class Recall:
    """Knows again what rotation copied, packed or moved."""

    def __init__(self, marks: Marks, clock: Callable[[], float]) -> None:
        self._marks, self._clock = marks, clock
        self._unfinished: dict[Inode, tuple[Version, float]] = {}  # since when they have been as they are

    def keep(self, files: Container[Inode]) -> None:
        """Forget all other files."""
        self._unfinished = {inode: since for inode, since in self._unfinished.items() if inode in files}

    def judge(
        self, found: Found, content: Content, head: bytes, tails: Iterable[Tail]
    ) -> tuple[Verdict, list[Tail]]:
        """What a file is that begins with `head`; and those of the tails whose files were written anew."""
        tails = list(tails)
        copied, rewritten = _copied(found, content, head, tails)
        if copied and (len(head) >= LEAST or self._is_patient(found)):  # so little may be the same by chance
            return Verdict(waits=True), rewritten
        holders = {tail.key: tail for tail in tails if tail not in rewritten}
        unfinished = content.packed and len(head) < HEAD and not content.whole
        for key, mark in self._marks.like(found, head):
            holder = holders.get(key)
            if holder and not (holder.lost and holder.at_end):
                continue  # read elsewhere, and this is no copy of it
            before = b"" if mark.skipped else content.skip(mark)
            if before is not None:
                return Verdict(False, key, mark, before), rewritten
            unfinished = unfinished or is_short(found, content, mark)
        return Verdict(waits=unfinished and self._is_patient(found)), rewritten

    def _is_patient(self, found: Found) -> bool:
        """Whether the file has changed lately, or is seen for the first time."""
        now = self._clock()
        version, since = self._unfinished.get(found.inode, (None, now))
        if version != found.version:
            since = now
        self._unfinished[found.inode] = found.version, since
        return now - since < PATIENCE


def _copied(found: Found, content: Content, head: bytes, tails: list[Tail]) -> tuple[bool, list[Tail]]:
    """Whether it is a copy of what is being read; a tail whose file has changed may be what was copied before."""
    copied, rewritten = False, []
    for tail in tails:
        if same_start(found, head, tail):
            if is_copy(found, content, tail):
                copied = True
            elif not tail.content.intact():
                rewritten.append(tail)
    return copied, rewritten


def same_start(found: Found, head: bytes, holder: Tail) -> bool:
    """Whether rotation may have made `found`, which begins with `head`, from the file that `holder` reads."""
    shared = min(len(head), len(holder.begins))
    if not found.aside or not shared or head[:shared] != holder.begins[:shared]:
        return False
    return os.path.basename(found.base) == os.path.basename(holder.found.base)


def is_copy(found: Found, content: Content, holder: Tail) -> bool:
    """Whether it did, given that they start alike: it holds nothing that the other does not."""
    if content.packed or holder.content.packed:
        return True
    size = min(PRINT, found.status.st_size)
    start = found.status.st_size - size
    return content.peek(start, size) == holder.content.peek(start, size)


def is_short(found: Found, content: Content, mark: Mark) -> bool:
    """Whether a copy is being made that has not come to the mark's place yet."""
    cut_off = found.inode == (mark.device, mark.inode) and not content.packed  # in place: that is no copy
    return content.short and not cut_off
