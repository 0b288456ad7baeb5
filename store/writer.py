"""Append batches to the newest partition of a journal: whole or not at all, and durable when synced."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock as Mutex
from typing import Any

import zstandard
from msgspec.structs import astuple

from event_model.errors import StoreError
from event_model.event import Record
from event_model.parts import Batch
from store.block import SALT_BYTES, Entry, Head, entries, in_lines, pack, portions
from store.blockfile import FILE_HEADER_BYTES, file_header
from store.recovery import FILE, find_tail
from store.trouble import trouble

log = logging.getLogger(__name__)
DAY = 86_400
_LAST = 999  # partitions of one day; the last one takes the rest


class Writer:
    """The one writer of a journal. `append` and `sync` may be called from different threads."""

    def __init__(
        self, root: Path, partitions: list[str], roll_bytes: int, forget_days: float, level: int
    ) -> None:
        self._root, self._roll_bytes, self._forget_days = root, roll_bytes, forget_days
        self._mutex = Mutex()
        self._compress = zstandard.ZstdCompressor(level=level)
        self._broken = ""
        self._today = (-1.0, "")  # days since the epoch, and how that day is written
        tail = find_tail(root, partitions)
        self._positions, self._link = tail.positions, tail.link
        self._size = self._synced = tail.size
        self._salt = tail.salt or os.urandom(SALT_BYTES)
        self.cut = tail.excess  # bytes of a torn batch that were cut off
        self.partition = partitions[-1] if partitions else ""
        self._new = True  # folder entries not yet known to be durable
        self._file = self._reopen() if partitions else -1

    def _reopen(self) -> int:
        path = self._path(self.partition)
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            if self.cut:
                log.warning("torn end of the journal cut off", extra={"path": str(path), "bytes": self.cut})
                os.ftruncate(file, self._size)
            os.fsync(file)
        except OSError as error:
            raise trouble(error, path) from None
        return file

    @property
    def positions(self) -> dict[str, Any]:
        with self._mutex:
            return {key: position for key, (position, seen) in self._positions.items()}

    @property
    def size(self) -> int:
        """Where the next block of the partition begins."""
        return self._size

    def append(self, batch: Batch, reasons: dict[int, str]) -> list[Entry]:
        """Write the batch's blocks with one write, or raise StoreError and leave the journal as it was."""
        records = (
            [*batch.records, *(record for record, reason in batch.dead)] if batch.dead else batch.records
        )
        if batch.dead:
            own = {len(batch.records) + index: reason for index, (record, reason) in enumerate(batch.dead)}
            reasons = {**reasons, **own}
        with self._mutex:
            self._check()
            self._choose(batch.received)
            pieces = [] if self._size else [file_header(self._salt)]
            offset, link, kept, done = self._size or FILE_HEADER_BYTES, self._link, [], 0
            for portion in portions(records):
                more = done + len(portion) < len(records)
                head = self._head(batch, portion, offset, link, more, reasons, done)
                piece, link = pack(head, portion, self._salt, self._compress)
                kept += entries(self.partition, head, portion)
                pieces.append(piece)
                offset += len(piece)
                done += len(portion)
            self._write(b"".join(pieces))
            self._size, self._link = offset, link
            self._positions[batch.key] = (batch.position, batch.received)
        return kept

    def _head(
        self,
        batch: Batch,
        portion: Sequence[Record],
        offset: int,
        link: bytes,
        more: bool,
        reasons: dict[int, str],
        done: int,
    ) -> Head:
        return Head(
            offset=offset,
            synced=self._synced,
            previous=link,
            received=batch.received,
            origin=astuple(batch.origin),
            key=batch.key,
            position=None if more else batch.position,
            more=more,
            count=len(portion),
            first=portion[0].offset if portion else 0,
            lines=in_lines(portion),
            dead=_within(reasons, done, len(portion)),
            digests=_digests(portion),
            positions=None if self._size or done else self._positions,
        )

    def sync(self) -> None:
        """Make durable what was appended before this call; others may append meanwhile."""
        with self._mutex:
            self._check()
            if self._file < 0 or (self._size == self._synced and not self._new):
                return
            file, partition, size, new = os.dup(self._file), self.partition, self._size, self._new
        try:
            self._flush(file, partition, new)
        finally:
            os.close(file)
        with self._mutex:
            if partition == self.partition:
                self._synced, self._new = max(self._synced, size), False

    def close(self) -> None:
        """Sync, if it can be, and let go of the file."""
        try:
            if not self._broken:
                self.sync()
        finally:
            if self._file >= 0:
                os.close(self._file)
                self._file = -1

    def _flush(self, file: int, partition: str, new: bool) -> None:
        try:
            os.fsync(file)
            if new:
                _sync_folder(self._root / partition)
                _sync_folder(self._root)
        except OSError as error:
            # what the disk refused once, it may call durable the next time without having written it
            self._broken = f"{trouble(error, self._path(partition))}. Then start Tallyman again"
            raise StoreError(self._broken) from None

    def _check(self) -> None:
        if self._broken:
            raise StoreError(self._broken)

    def _choose(self, received: float) -> None:
        """Go on to a new partition with a new day (UTC) or a full file; never back to an older day."""
        if received // DAY != self._today[0]:
            self._today = received // DAY, datetime.fromtimestamp(received, UTC).strftime("%Y%m%d")
        day = self._today[1]
        current, _, number = self.partition.partition("-")
        if day > current:
            self._roll(f"{day}-000", received)
        elif self._size >= self._roll_bytes and int(number) < _LAST:
            self._roll(f"{current}-{int(number) + 1:03}", received)

    def _roll(self, partition: str, received: float) -> None:
        if self._file >= 0:
            self._flush(self._file, self.partition, self._new)
        path = self._path(partition)
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise trouble(error, path) from None
        if self._file >= 0:
            os.close(self._file)
        self._file, self.partition, self._new = file, partition, True
        self._size = self._synced = 0
        self._salt = os.urandom(SALT_BYTES)
        oldest = received - self._forget_days * DAY
        self._positions = {key: kept for key, kept in self._positions.items() if kept[1] >= oldest}

    def _write(self, data: bytes) -> None:
        view, at = memoryview(data), self._size
        try:
            while view:
                written = os.pwrite(self._file, view, at)
                view, at = view[written:], at + written
        except OSError as error:
            self._take_back()
            raise trouble(error, self._path(self.partition)) from None

    def _take_back(self) -> None:
        try:
            os.ftruncate(self._file, self._size)
        except OSError as error:
            self._broken = f"{trouble(error, self._path(self.partition))}. Then start Tallyman again"

    def _path(self, partition: str) -> Path:
        return self._root / partition / FILE


def _within(reasons: dict[int, str], done: int, count: int) -> dict[int, str]:
    return {index - done: reason for index, reason in reasons.items() if done <= index < done + count}


def _digests(records: Sequence[Record]) -> dict[int, bytes]:
    found = [record.digest for record in records]
    return (
        {index: bytes.fromhex(digest) for index, digest in enumerate(found) if digest} if any(found) else {}
    )


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
