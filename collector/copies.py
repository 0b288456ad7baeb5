"""Tell whether a file is a copy, perhaps not finished yet, of what is read from another."""

from __future__ import annotations

import os

from collector.contents import LEAST, Content, Mark
from collector.finding import Found
from collector.lines import PRINT
from collector.tailing import Tail


def same_start(found: Found, head: bytes, holder: Tail) -> bool:
    """Whether rotation may have made `found`, which begins with `head`, from the file that `holder` reads."""
    shared = min(len(head), len(holder.begins))
    if not shared or head[:shared] != holder.begins[:shared]:
        return False
    return found.aside and os.path.basename(found.base) == os.path.basename(holder.found.base)


def is_copy(found: Found, content: Content, holder: Tail) -> bool:
    """Whether it did, given that they start alike."""
    if content.packed or holder.content.packed:
        return True
    size = min(PRINT, found.status.st_size)
    start = found.status.st_size - size
    return content.peek(start, size) == holder.content.peek(start, size)


def is_short(found: Found, content: Content, mark: Mark) -> bool:
    """Whether `found` may become what the mark is of: a copy being made, which has not come to the mark's place."""
    if content.packed:
        return not content.finished
    cut_off = found.inode == (mark.device, mark.inode)
    return found.status.st_size < mark.offset and not cut_off


def is_tiny(head: bytes) -> bool:
    """Whether so little can be the same by chance."""
    return len(head) < LEAST

