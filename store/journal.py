"""Keep what was read: raw records in compressed, chained blocks, in a folder for each day.

<store>/20261123-000/journal     blocks of records, appended only
                     index/      what is derived from them
"""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from threading import Lock as Mutex
from types import TracebackType
from typing import Any

from event_model.errors import StoreError
from event_model.parts import Batch
from store.block import Block, Entry, Head, entries
from store.blockfile import BlockFile, Damage
from store.lock import Lock
from store.recovery import FILE, find_tail
from store.trouble import trouble
from store.writer import Writer

__all__ = ["Entry", "Journal"]
log = logging.getLogger(__name__)
_PARTITION = re.compile(r"\d{8}-\d{3}")
_DROPPED = ".dropped-"
_MOST_CACHED = 8  # blocks
_MOST_REMARKS = 1000


class Journal:
    """The journal in a folder: one process may write it, any number read it meanwhile.

    Raises StoreError if it can't be opened. `forget_days`: when the position of a key last seen that long ago
    is forgotten, so that a machine that makes new files every minute doesn't carry all their names for ever.
    """

    def __init__(
        self,
        root: Path,
        *,
        writable: bool = False,
        roll_bytes: int = 1 << 30,
        forget_days: float = 90,
        level: int = 1,
    ) -> None:
        self.root = root
        self._lock: Lock | None = None
        self._writer: Writer | None = None
        self._mutex = Mutex()
        self._cache: OrderedDict[tuple[str, int], list[Entry]] = OrderedDict()
        self._damage: set[tuple[str, int]] = set()
        if writable:
            self._open(roll_bytes, forget_days, level)
        elif not root.is_dir():
            raise StoreError(f"{root}: no store there. `tallyman run` makes one; store.path says where it is")

    def _open(self, roll_bytes: int, forget_days: float, level: int) -> None:
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = Lock(self.root)
        except OSError as error:
            raise trouble(error, self.root) from None
        try:
            for left in self.root.glob(_DROPPED + "*"):
                shutil.rmtree(left, ignore_errors=True)
            self._writer = Writer(self.root, self.partitions(), roll_bytes, forget_days, level)
        except BaseException:
            self._lock.close()
            raise

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Sync what was appended and let another process write."""
        try:
            if self._writer:
                self._writer.close()
        finally:
            if self._lock:
                self._lock.close()
            self._writer = self._lock = None

    @property
    def positions(self) -> dict[str, Any]:
        """Key -> position of the last batch kept."""
        if self._writer:
            return self._writer.positions
        return {
            key: position
            for key, (position, seen) in find_tail(self.root, self.partitions()).positions.items()
        }

    @property
    def current(self) -> str:
        """The partition being written, or the newest one; empty if there is none yet."""
        if self._writer:
            return self._writer.partition
        return (self.partitions() or [""])[-1]

    @property
    def end(self) -> tuple[str, int]:
        """Partition and pointer behind which there is no record; ("", -1) for an empty journal."""
        if self._writer:
            return self._writer.partition, (self._writer.size << 16) - 1
        newest = self.current  # a file's size may be in the midst of a batch that is being written
        return newest, ((find_tail(self.root, [newest]).size if newest else 0) << 16) - 1

    @property
    def cut(self) -> int:
        """Bytes of a torn batch that were cut off on opening."""
        return self._writer.cut if self._writer else 0

    @property
    def damaged(self) -> int:
        """How many damaged places have been met so far."""
        return len(self._damage)

    def append(self, batch: Batch, reasons: dict[int, str]) -> list[Entry]:
        """Keep a batch and its position: both or, with StoreError, neither. `sync` makes it durable.

        `reasons` (index in batch.records -> why) marks dead letters. The entries are those of batch.records,
        then those of batch.dead.
        """
        return self._writing().append(batch, reasons)

    def sync(self) -> None:
        """Make durable what was appended before; may run in a thread of its own, many appends at a time."""
        self._writing().sync()

    def entries(self, partition: str, start: int = 0) -> Iterator[list[Entry]]:
        """The records behind the pointer `start` (0 or less: all), block by block, while batches are whole.

        Also beside a writer: call again with the last pointer to go on. A dropped partition holds nothing.
        """
        try:
            with BlockFile(self._path(partition)) as file:
                for block in self._whole(file, partition, max(start + 1, 0) >> 16):
                    if (block.head.offset << 16) + block.head.count - 1 > start and block.head.count:
                        found = self._load(file, partition, block)
                        if found and found[0].pointer <= start:
                            found = [entry for entry in found if entry.pointer > start]
                        if found:
                            yield found
        except FileNotFoundError:
            return

    def heads(self, partition: str) -> Iterator[Head]:
        """What the blocks of whole batches say of themselves, their records left unread."""
        try:
            with BlockFile(self._path(partition)) as file:
                yield from (block.head for block in self._whole(file, partition, 0))
        except FileNotFoundError:
            return

    def read(self, partition: str, pointers: Iterable[int]) -> list[Entry]:
        """The records at these pointers, in this order, without those that are gone or damaged."""
        wanted = list(pointers)
        found: dict[int, Entry] = {}
        try:
            with BlockFile(self._path(partition)) as file:
                for offset, group in groupby(sorted(set(wanted)), lambda pointer: pointer >> 16):
                    block = self._cached(file, partition, offset)
                    found.update((one, block[one & 0xFFFF]) for one in group if one & 0xFFFF < len(block))
        except FileNotFoundError:
            return []
        return [found[pointer] for pointer in wanted if pointer in found]

    def behind(self, place: tuple[str, int], until: tuple[str, int] | None = None) -> tuple[int, float]:
        """How many records stand behind a place (partition, pointer), and when the first was received; (0, 0.0) for none.

        `until`: the place of the last one that counts.
        """
        number, first = 0, 0.0
        for partition in self.partitions():
            if partition < place[0] or (until and partition > until[0]):
                continue
            start = place[1] if partition == place[0] else -1
            end = until[1] if until and partition == until[0] else None
            try:
                with BlockFile(self._path(partition)) as file:
                    for block in self._whole(file, partition, max(start, 0) >> 16):
                        base = block.head.offset << 16
                        last = base + block.head.count - 1
                        more = max(0, (last if end is None else min(last, end)) - max(start, base - 1))
                        if more and not number:
                            first = block.head.received
                        number += more
            except FileNotFoundError:
                continue
        return number, first

    def bytes_behind(self, place: tuple[str, int]) -> int:
        """Bytes of journal files from the block of a place on: what lies behind it, and that block."""
        partition, pointer = place
        try:
            names = [name for name in self.partitions() if name >= partition]
        except StoreError:
            return 0
        return sum(_size(self._path(name)) for name in names) - (
            max(pointer, 0) >> 16 if partition in names else 0
        )

    def partitions(self) -> list[str]:
        """The partitions' names, oldest first."""
        try:
            return sorted(each.name for each in self.root.iterdir() if _PARTITION.fullmatch(each.name))
        except OSError as error:
            raise trouble(error, self.root) from None

    def drop(self, partition: str) -> None:
        """Delete a partition with its index. Raises StoreError for the one being written."""
        if partition == self._writing().partition:
            raise StoreError(f"{self.root / partition} is being written and can't be dropped")
        if not _PARTITION.fullmatch(partition):
            raise StoreError(f"{partition!r} is not a partition of {self.root}")
        gone = self.root / (_DROPPED + partition)
        try:
            (self.root / partition).rename(gone)  # at once for readers, however long the deleting takes
            shutil.rmtree(gone)
        except FileNotFoundError:
            return
        except OSError as error:
            raise trouble(error, self.root / partition) from None

    def size(self, partition: str | None = None) -> int:
        """Bytes on disk, of journal and index, of one partition or of all."""
        chosen = self.partitions() if partition is None else [partition]
        walked = (part for name in chosen for part in os.walk(self.root / name))
        return sum(_size(Path(folder, name)) for folder, _, names in walked for name in names)

    def _writing(self) -> Writer:
        if self._writer is None:
            raise StoreError(f"{self.root} was opened for reading only")
        return self._writer

    def _path(self, partition: str) -> Path:
        return self.root / partition / FILE

    def _whole(self, file: BlockFile, partition: str, start: int) -> Iterator[Block]:
        """The blocks of batches that are whole: a block counts once the rest of its batch is there."""
        waiting: list[Block] = []
        for item in file.walk(start):
            if isinstance(item, Damage):
                self._remark(partition, item.offset, item.end)
                continue
            waiting.append(item)
            if not item.head.more:
                yield from waiting
                waiting = []

    def _load(self, file: BlockFile, partition: str, block: Block) -> list[Entry]:
        records = file.records(block)
        if records is None:
            self._remark(partition, block.head.offset, block.end)
            return []
        return entries(partition, block.head, records)

    def _cached(self, file: BlockFile, partition: str, offset: int) -> list[Entry]:
        place = (partition, offset)
        with self._mutex:
            if place in self._cache:
                self._cache.move_to_end(place)
                return self._cache[place]
        block = file.block(offset)
        if block is None:
            return []
        found = self._load(file, partition, block)
        if len(found) < 2:  # nothing to gain, and the one record may be long
            return found
        with self._mutex:
            self._cache[place] = found
            while len(self._cache) > _MOST_CACHED:
                self._cache.popitem(last=False)
        return found

    def _remark(self, partition: str, offset: int, end: int) -> None:
        """Tell of a damaged place once."""
        if (partition, offset) in self._damage or len(self._damage) >= _MOST_REMARKS:
            return
        self._damage.add((partition, offset))
        log.error(
            "damaged place in the journal",
            extra={"partition": partition, "offset": offset, "bytes": end - offset},
        )


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except (FileNotFoundError, NotADirectoryError):  # merged or dropped meanwhile
        return 0
