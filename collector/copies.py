"""Tell whether a file is a copy, perhaps not finished yet, of what is read from another."""

from __future__ import annotations

import os

from collector.contents import LEAST, Content, Mark
from collector.finding import Found
from collector.lines import PRINT
from collector.tailing import Tail


def is_copy(found: Found, content: Content, head: bytes, holder: Tail) -> bool:
    """Whether rotation made `found`, which begins with `head`, from the file that `holder` reads."""
    shared = min(len(head), len(holder.begins))
    if (
        not found.rotated
        or not shared
        or head[:shared] != holder.begins[:shared]
        or not same_log(found, holder.found)
    ):
        return False
    if content.packed or holder.content.packed:
        return True
    size = min(PRINT, found.status.st_size)
    start = found.status.st_size - size
    return content.peek(start, size) == holder.content.peek(start, size)


def is_short(found: Found, content: Content, mark: Mark) -> bool:
    """Whether `found` may become what the mark is of: a copy being made, which has not come to the mark's place."""
    if found.inode == (mark.device, mark.inode):
        return False  # cut off in place
    return not content.finished if content.packed else found.status.st_size < mark.offset


def is_tiny(head: bytes) -> bool:
    """Whether so little can be the same by chance."""
    return len(head) < LEAST


def same_log(one: Found, other: Found) -> bool:
    return os.path.basename(one.base) == os.path.basename(other.base)
