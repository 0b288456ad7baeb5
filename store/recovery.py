"""Find where a journal ends after any crash, and up to where each source has been kept."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Any

from msgspec import Struct

from store.block import NO_LINK, Block
from store.blockfile import BlockFile, Damage

FILE = "journal"  # its name in the partition's folder


class Tail(Struct):
    """The end of the newest partition: what is behind `size` was never acknowledged to anyone."""

    positions: dict[str, tuple[Any, float]] = {}  # key -> position, when it was received
    size: int = 0  # where the whole batches end
    link: bytes = NO_LINK  # of the last block
    salt: bytes | None = None
    excess: int = 0  # bytes behind `size`
    whole: bool = False  # the first block was there, so the positions are of all keys

    def take(self, block: Block) -> None:
        head = block.head
        if head.positions is not None:
            self.positions = {key: (position, seen) for key, (position, seen) in head.positions.items()}
            self.whole = True
        if not head.more:
            self.positions[head.key] = (head.position, head.received)
            self.size, self.link = block.end, block.link


def find_tail(root: Path, partitions: list[str]) -> Tail:
    """The end of the last of these partitions; what it can't tell comes from those before it."""
    if not partitions:
        return Tail()
    *older, newest = partitions
    try:
        with BlockFile(root / newest / FILE) as file:
            tail = _scan(file)
    except FileNotFoundError:  # the crash came between folder and file
        tail = Tail()
    if not tail.whole:
        before = find_tail(root, older)
        tail.positions = before.positions | tail.positions
        tail.link = tail.link if tail.size else before.link
    return tail


def _scan(file: BlockFile) -> Tail:
    """Headers alone where the disk had confirmed the blocks, payloads too behind that.

    A block says how much was durable when it was made. Damage before that is decay: the blocks behind it
    stay. Damage after it is what a power failure left: it and all behind it go, to be read again.
    """
    tail = Tail(positions={})
    unsure: deque[Block | Damage] = deque()
    for item in file.walk():
        unsure.append(item)
        if isinstance(item, Block):
            while unsure and _end(unsure[0]) <= item.head.synced:
                if isinstance(sure := unsure.popleft(), Block):
                    tail.take(sure)
    for item in unsure:
        if isinstance(item, Damage) or file.payload(item) is None:
            break
        tail.take(item)
    tail.salt, tail.excess = file.salt, file.size - tail.size
    return tail


def _end(item: Block | Damage) -> int:
    return item.end
