"""Read the blocks of one journal file, past whatever is damaged, also while it grows."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from msgspec import Struct

from event_model.errors import StoreError
from event_model.event import Record
from store.block import (
    MAGIC,
    PREFIX_BYTES,
    SALT_BYTES,
    Block,
    intact,
    lengths,
    parse,
    payload_place,
    salt_of,
    unpack,
)

_FILE_MAGIC = b"TMJ1"
FILE_HEADER_BYTES = len(_FILE_MAGIC) + SALT_BYTES + 4  # it also keeps 0 from being a record's pointer
_GLANCE = 1024  # most headers are shorter, and come with the prefix in one read
_STRIDE = 1 << 20


def file_header(salt: bytes) -> bytes:
    """What a journal file begins with."""
    front = _FILE_MAGIC + salt
    return front + zlib.crc32(front).to_bytes(4, "little")


class Damage(Struct, frozen=True):
    """A stretch of a journal file that holds no block, with blocks after it."""

    offset: int
    end: int


class BlockFile:
    """One journal file, as long as it was when opened. Raises FileNotFoundError if it is gone."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.size = os.fstat(self._file).st_size
        header = self._read(0, FILE_HEADER_BYTES)
        if header[:3] == _FILE_MAGIC[:3] and header[3:4].isdigit() and header[3] > _FILE_MAGIC[3]:
            os.close(self._file)
            raise StoreError(f"{path} was written by a newer Tallyman; read it with that one")
        salt = header[len(_FILE_MAGIC) :][:SALT_BYTES]
        self.salt: bytes | None = (
            salt if header == file_header(salt) else None
        )  # None: damaged, the first block tells

    def __enter__(self) -> BlockFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._file)

    def walk(self, start: int = 0) -> Iterator[Block | Damage]:
        """Each block from the offset `start` on, payloads passed over, until one is not whole."""
        at = max(start, FILE_HEADER_BYTES)
        while at < self.size:
            block = self.block(at)
            if block is None:
                found = self._search(at + 1)
                block = self.block(at)  # the writer may have been taking back a failed write just then
                if block is None:
                    if found is None:
                        return
                    yield Damage(at, found.head.offset)
                    block = found
            yield block
            at = block.end

    def block(self, offset: int) -> Block | None:
        """The block that begins here, or None if there is no whole one with an intact header."""
        glance = self._read(offset, _GLANCE)
        sizes = lengths(glance, self.salt)
        if sizes is None or offset + PREFIX_BYTES + sum(sizes) > self.size:
            return None
        header = glance[PREFIX_BYTES : PREFIX_BYTES + sizes[0]]
        if len(header) < sizes[0]:
            header += self._read(offset + len(glance), sizes[0] - len(header))
        block = parse(glance[:PREFIX_BYTES], header, offset)
        if block is not None and self.salt is None:
            self.salt = salt_of(glance)
        return block

    def payload(self, block: Block) -> bytes | None:
        """The block's payload, or None if it is damaged."""
        payload = self._read(*payload_place(block))
        return payload if intact(block, payload) else None

    def records(self, block: Block) -> list[Record] | None:
        """The block's records, or None if they are damaged."""
        payload = self.payload(block)
        return None if payload is None else unpack(block.head, payload)

    def _search(self, start: int) -> Block | None:
        """The first intact block that begins at `start` or after."""
        mark = MAGIC + (self.salt or b"")
        while start < self.size:
            stretch = self._read(start, _STRIDE)
            place = stretch.find(mark)
            if place < 0:
                if len(stretch) < _STRIDE:
                    return None
                start += len(stretch) - len(mark) + 1
                continue
            block = self.block(start + place)
            if block is not None and self.payload(block) is not None:
                return block
            start += place + 1
        return None

    def _read(self, offset: int, length: int) -> bytes:
        data = os.pread(self._file, length, offset)
        while 0 < len(data) < length and (
            more := os.pread(self._file, length - len(data), offset + len(data))
        ):
            data += more
        return data
