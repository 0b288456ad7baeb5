"""Read the content of one file from a place on, and know it again wherever rotation has put it."""

from __future__ import annotations

import errno
import hashlib
import os
import zlib
from typing import Any, Protocol

import msgspec
from msgspec import Struct

from collector.finding import Found
from collector.inflating import MAGIC, Inflater
from collector.lines import PRINT
from event_model.ready import ready

FIRST = 64  # first bytes that are looked at again with each piece
HEAD = 1024  # first bytes by which a content is known
LEAST = 32  # bytes that must agree before a file elsewhere is taken for the same content
PACKED_STEP = 1 << 16
LAST_STEP = 1 << 16  # bytes looked at for the last line end, and how far back
LAST_MOST = 1 << 26


class Mark(Struct, omit_defaults=True):
    """How far a content has been read, and by what to know it again: a position, as plain data in the journal."""

    path: str  # as the user named it
    base: str  # the path that the log is written to
    device: int
    inode: int
    offset: int  # of the first byte that has not become a record
    head: str  # print of the first bytes, at most HEAD of them and at most `offset`
    last: str  # print of the bytes before `offset`, at most PRINT of them
    format: str
    moved: float  # when that was, in seconds since the epoch
    joined: Any = None  # lines that wait for more of their record
    skipped: bool = False  # not to be read: it was there before the start

    def plain(self) -> dict[str, Any]:
        plain: dict[str, Any] = msgspec.to_builtins(self, builtin_types=(bytes,))
        return plain

    @property
    def head_size(self) -> int:
        return min(HEAD, self.offset)

    @property
    def last_size(self) -> int:
        return min(PRINT, self.offset)


ready(Mark)


def fingerprint(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=12).hexdigest()


class Content(Protocol):
    """The bytes of an open file, unpacked."""

    packed: bool
    short: bool  # whether the last `skip` ended before the mark, because the rest is not there (yet)

    def read(self, limit: int) -> bytes:
        """The next bytes; none at the end. Raises ValueError if what was read before is no longer there."""
        ...

    def head(self) -> bytes:
        """The first HEAD bytes, of a file that has not been read yet."""
        ...

    def skip(self, mark: Mark) -> bytes | None:
        """Go to the mark's offset: the bytes before it; None if the content ends before it or differs there."""
        ...

    def rewind(self) -> None:
        """Go back to the start."""
        ...

    def intact(self) -> bool:
        """Whether what was read last is still there."""
        ...

    def peek(self, start: int, size: int) -> bytes:
        """Bytes of the file as it is."""
        ...

    def last_line(self) -> tuple[int, bytes] | None:
        """Where the last line that is complete ends, and the bytes before; None where that takes reading it all."""
        ...

    @property
    def status(self) -> os.stat_result: ...

    @property
    def consumed(self) -> int:
        """How many bytes of the file, as it is on disk, were read."""
        ...

    @property
    def whole(self) -> bool:
        """Whether nothing can follow what is there: it is packed, and ends where it should."""
        ...

    @property
    def finished(self) -> bool:
        """Whether it is whole, and all of it was read."""
        ...

    def close(self) -> None: ...


class Plain:
    """A file as it is. What was read of it is looked at again with each piece: it may have been written anew."""

    packed = whole = finished = short = False

    def __init__(self, file: int) -> None:
        self._file = file
        self._at = 0
        self._first = self._before = b""  # the first bytes, and those before the place read to

    @property
    def status(self) -> os.stat_result:
        return os.fstat(self._file)

    @property
    def consumed(self) -> int:
        return self._at

    def head(self) -> bytes:
        head = self.peek(0, HEAD)
        self._first = head[:FIRST]
        return head

    def skip(self, mark: Mark) -> bytes | None:
        before = self.peek(mark.offset - mark.last_size, mark.last_size)
        self.short = self.status.st_size < mark.offset
        if len(before) != mark.last_size or fingerprint(before) != mark.last:
            return None
        self._at, self._before = mark.offset, before
        return before

    def rewind(self) -> None:
        self._at, self._before = 0, b""

    def intact(self) -> bool:
        before = self._before
        return self._starts_the_same() and self.peek(self._at - len(before), len(before)) == before

    def peek(self, start: int, size: int) -> bytes:
        return os.pread(self._file, size, start)

    def last_line(self) -> tuple[int, bytes] | None:
        end = size = self.status.st_size
        while end:
            start = max(0, end - LAST_STEP)
            found = self.peek(start, end - start).rfind(b"\n")
            if found >= 0:
                end = start + found + 1
                break
            end = start if size - start < LAST_MOST else 0
        return end, self.peek(end - min(PRINT, end), min(PRINT, end))

    def read(self, limit: int) -> bytes:
        if os.fstat(self._file).st_size == self._at:
            return b""
        # with what was read last, so that a truncated file that has grown again shows itself
        size = len(self._before)
        data = os.pread(self._file, size + limit, self._at - size)
        if not data.startswith(self._before) or not self._starts_the_same():
            raise ValueError("the file was written anew")
        self._at += len(data) - size
        self._before = data[-PRINT:]
        if len(self._first) < FIRST:
            self._first = self.peek(0, min(self._at, FIRST))
        return data[size:]

    def close(self) -> None:
        os.close(self._file)

    def _starts_the_same(self) -> bool:
        return os.pread(self._file, len(self._first), 0) == self._first


class Packed:
    """A file packed by gzip, as what was packed."""

    packed = True
    short = False

    def __init__(self, file: int) -> None:
        self._file = file
        self.rewind()

    def rewind(self) -> None:
        os.lseek(self._file, 0, os.SEEK_SET)
        self._inflater = Inflater()
        self._ahead = b""  # unpacked, but not read yet
        self._at_end = False

    def intact(self) -> bool:
        return True

    def peek(self, start: int, size: int) -> bytes:
        return os.pread(self._file, size, start)

    @property
    def status(self) -> os.stat_result:
        return os.fstat(self._file)

    @property
    def consumed(self) -> int:
        return os.lseek(self._file, 0, os.SEEK_CUR)

    @property
    def whole(self) -> bool:
        return self._at_end and self._inflater.whole

    @property
    def finished(self) -> bool:
        return self.whole and not self._ahead

    def head(self) -> bytes:
        while len(self._ahead) < HEAD and (data := self._next(HEAD)):
            self._ahead += data
        return self._ahead[:HEAD]

    def skip(self, mark: Mark) -> bytes | None:
        self.rewind()
        left, before = mark.offset, b""
        while left and (data := self.read(min(left, PACKED_STEP))):
            left -= len(data)
            before = (before + data)[-PRINT:]
        self.short = left > 0 and not self.whole
        return before if not left and fingerprint(before) == mark.last else None

    def last_line(self) -> tuple[int, bytes] | None:
        return None

    def read(self, limit: int) -> bytes:
        if not self._ahead:
            return self._next(limit)
        data, self._ahead = self._ahead[:limit], self._ahead[limit:]
        return data

    def _next(self, limit: int) -> bytes:
        try:
            while not (data := self._inflater.read(limit)):
                packed = os.read(self._file, PACKED_STEP)
                self._at_end = not packed
                if not packed:
                    return b""
                self._inflater.feed(packed)
            return data
        except zlib.error as error:
            raise OSError(errno.EIO, f"broken gzip: {error}") from None

    def close(self) -> None:
        os.close(self._file)


def open_content(found: Found) -> Content:
    """The content of a file that was found. Raises OSError, also when another file stands there by now."""
    file = os.open(found.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        status = os.fstat(file)
        if (status.st_dev, status.st_ino) != found.inode:
            raise FileNotFoundError(f"{found.path} was moved")
        begins = os.pread(file, len(MAGIC), 0)
        return Packed(file) if begins and MAGIC.startswith(begins) else Plain(file)
    except OSError:
        os.close(file)
        raise
