"""Keep what a detector has learnt: one file each, whole or not at all.

    magic | header and body (MessagePack) | SHA-256 of all before it

The header says whose memory it is and up to which record of the journal it reaches, so that a reader can go
on behind that record.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec
from msgspec import Struct

from event_model.ready import ready
from store.trouble import trouble

MAGIC = b"TALLYDET"
VERSION = 1  # of this file; what stands in the body has its own
FOLDER = "detectors"
_DIGEST_BYTES = 32
Place = tuple[str, int]  # in the journal: partition, pointer


class Snapshot(Struct, frozen=True, array_like=True):
    """A detector's memory. New fields go to the end, with a default."""

    version: int
    detector: str
    place: Place  # the last record that is part of it
    taken: float  # seconds since the epoch
    body: bytes


ready(Snapshot)


class Kept(NamedTuple):
    """That a snapshot can be read: of which detector, on which machine, and which writing of it."""

    detector: str
    owner: str  # names the collecting process; "" beside a journal of one's own
    written: float  # seconds since the epoch


class Memories(Protocol):
    """Where snapshots are read. `Snapshots` beside a journal, `MemoryIndex` in a cluster."""

    def kept(self) -> list[Kept]:
        """What can be read, newest first."""
        ...

    def read(self, kept: Kept) -> Snapshot | None:
        """One of them; None where it is gone by now. Raises Stale, StoreError."""
        ...


class Stale(ValueError):
    """A snapshot that can't be used: says why. What it held is learnt again from the journal."""


def encode(snapshot: Snapshot) -> bytes:
    """The bytes of a snapshot's file."""
    front = MAGIC + msgspec.msgpack.encode(snapshot)
    return front + hashlib.sha256(front).digest()


def decode(data: bytes, detector: str) -> Snapshot:
    """The snapshot in a file's bytes. Raises Stale for another version, another detector's, or a damaged one."""
    if not data.startswith(MAGIC):
        raise Stale("it is not a snapshot")
    front, digest = data[:-_DIGEST_BYTES], data[-_DIGEST_BYTES:]
    if hashlib.sha256(front).digest() != digest:
        raise Stale("it was cut short or changed")
    try:
        version = msgspec.msgpack.decode(front[len(MAGIC) :])[0]
        if version != VERSION:
            raise Stale(f"it is of version {version}, ours is {VERSION}")
        found = msgspec.msgpack.decode(front[len(MAGIC) :], type=Snapshot)
    except (msgspec.MsgspecError, LookupError, TypeError) as error:
        raise Stale(f"it can't be understood: {error}") from None
    if found.detector != detector:
        raise Stale(f"it is of the detector {found.detector!r}")
    return found


def write(path: Path, snapshot: Snapshot) -> int:
    """Put a snapshot in the place of what stands there, durably; how many bytes. Raises StoreError."""
    data = encode(snapshot)
    fresh = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(fresh, "wb", opener=_private) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(path)
        _sync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):  # what could not be written may not be there to be deleted
            fresh.unlink()
        raise trouble(error, path) from None
    return len(data)


def read(path: Path, detector: str) -> Snapshot | None:
    """The snapshot in a file; None where there is none. Raises Stale, and StoreError for what can't be read."""
    try:
        return decode(path.read_bytes(), detector)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise trouble(error, path) from None


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@dataclass(frozen=True, slots=True)
class Snapshots:
    """The snapshots beside a journal, `<store>/detectors/NAME.snapshot`."""

    root: Path

    def path(self, detector: str) -> Path:
        return self.root / FOLDER / f"{detector}.snapshot"

    def kept(self) -> list[Kept]:
        """What can be read, newest first."""
        found = list[Kept]()
        for path in (self.root / FOLDER).glob("*.snapshot"):
            with suppress(FileNotFoundError):
                found.append(Kept(path.stem, "", path.stat().st_mtime))
        return sorted(found, key=lambda each: each.written, reverse=True)

    def read(self, kept: Kept) -> Snapshot | None:
        """One of them, as it is now; None where it is gone. Raises Stale, StoreError."""
        return self.load(kept.detector)

    def save(self, detector: str, place: Place, taken: float, body: bytes) -> int:
        """Keep a detector's memory up to a place; how many bytes. Raises StoreError."""
        return write(self.path(detector), Snapshot(VERSION, detector, place, taken, body))

    def load(self, detector: str) -> Snapshot | None:
        """What was kept last; None where nothing was. Raises Stale, StoreError."""
        return read(self.path(detector), detector)
