"""One block of the journal: up to 256 raw records, compressed, with where they came from.

    magic salt lengths | link   | CRC-32             | header (MessagePack) | payload (zstd)
                         SHA-256  of all before it
                         of the rest  and the header

The link covers the header, which holds the link of the block before: together they are the chain. The CRC
makes the header trustworthy by itself, so that a reader can pass over payloads. The salt is a file's own, so
that no record can be made to look like a block.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from hashlib import sha256
from itertools import accumulate, pairwise
from operator import eq
from typing import Any

import msgspec
import zstandard
from msgspec import Struct

from event_model.event import Origin, Record

MAGIC = b"TMB1"
MOST_RECORDS = 256
MOST_BYTES = 2 << 20  # of raw records in a block; a longer record has a block of its own
SALT_BYTES = 8
NO_LINK = bytes(32)  # what the very first block follows
_LENGTHS = struct.Struct(f"<4s{SALT_BYTES}sII")
_REST = struct.Struct("<32sI")
PREFIX_BYTES = _LENGTHS.size + _REST.size


class Entry(Struct, frozen=True):
    """One record as the journal keeps it; (partition, pointer) is its place, and orders all of them."""

    partition: str
    pointer: int
    record: Record
    origin: Origin
    received: float  # seconds since the epoch
    reason: str  # empty, or why it is a dead letter


class Head(Struct, frozen=True, array_like=True):
    """What a block says of itself. New fields go to the end, with a default."""

    offset: int  # where in the file the block begins
    synced: int  # how much of the file was durable when the block was made
    previous: bytes  # link of the block before it, also across partitions
    received: float
    origin: tuple[str, ...]
    key: str
    position: Any  # None unless this is the last block of its batch
    more: bool  # the batch goes on in the next block: without it, this one does not count
    count: int
    first: int  # offset of the first record
    lines: bool  # each record begins where the one before it ended, a line end between
    dead: dict[int, str]
    digests: dict[int, bytes]
    positions: dict[str, tuple[Any, float]] | None = None  # of all keys, in the first block of a partition


class Block(Struct, frozen=True):
    """A block in a file, its header checked and its payload not yet read."""

    end: int
    link: bytes
    covered: bytes  # what the link covers, before the payload
    head: Head


_encode = msgspec.msgpack.Encoder().encode
_ORIGIN_FIELDS = len(Origin.__struct_fields__)  # a newer version may have written more
_decode = msgspec.msgpack.Decoder(Head).decode


def pack(
    head: Head, records: Sequence[Record], salt: bytes, compress: zstandard.ZstdCompressor
) -> tuple[bytes, bytes]:
    """The block's bytes, and its link."""
    raws = [record.raw for record in records]
    front = struct.pack(f"<{len(raws)}I", *map(len, raws))
    if not head.lines:
        steps = [after.offset - before.offset for before, after in pairwise(records)]
        front += struct.pack(f"<{len(steps)}q", *steps)
    payload: bytes = compress.compress(b"".join((front, *raws)))
    header = _encode(head)
    lengths = _LENGTHS.pack(MAGIC, salt, len(header), len(payload))
    hashed = sha256(lengths + header)
    hashed.update(payload)
    link = hashed.digest()
    crc = zlib.crc32(header, zlib.crc32(lengths + link))
    return b"".join((lengths, _REST.pack(link, crc), header, payload)), link


def lengths(prefix: bytes, salt: bytes | None) -> tuple[int, int] | None:
    """Length of header and payload, if these bytes begin a block of the file with this salt (None: any)."""
    if len(prefix) < PREFIX_BYTES:
        return None
    magic, own, header, payload = _LENGTHS.unpack_from(prefix)
    return (header, payload) if magic == MAGIC and salt in (None, own) else None


def salt_of(prefix: bytes) -> bytes:
    return prefix[len(MAGIC) : len(MAGIC) + SALT_BYTES]


def parse(prefix: bytes, header: bytes, offset: int) -> Block | None:
    """The block whose prefix and header these are, or None if they are damaged or belong somewhere else."""
    front = prefix[: _LENGTHS.size]
    link, crc = _REST.unpack_from(prefix, _LENGTHS.size)
    if zlib.crc32(header, zlib.crc32(front + link)) != crc:
        return None
    try:
        head = _decode(header)
    except msgspec.MsgspecError:
        return None
    if head.offset != offset:
        return None
    payload = _LENGTHS.unpack(front)[3]
    return Block(offset + PREFIX_BYTES + len(header) + payload, link, front + header, head)


def payload_place(block: Block) -> tuple[int, int]:
    """Where the payload begins, and its length."""
    begin = block.head.offset + PREFIX_BYTES + len(block.covered) - _LENGTHS.size
    return begin, block.end - begin


def intact(block: Block, payload: bytes) -> bool:
    hashed = sha256(block.covered)
    hashed.update(payload)
    return hashed.digest() == block.link


def unpack(head: Head, payload: bytes) -> list[Record]:
    """The records of an intact block."""
    count = head.count
    data = zstandard.decompress(payload)
    sizes = struct.unpack_from(f"<{count}I", data)
    begin = 4 * count
    if head.lines:
        steps: Sequence[int] = [size + 1 for size in sizes[:-1]]
    else:
        steps = struct.unpack_from(f"<{max(count - 1, 0)}q", data, begin)
        begin += 8 * len(steps)
    offsets = accumulate(steps, initial=head.first)
    digests, records = head.digests, []
    for index, (size, offset) in enumerate(zip(sizes, offsets, strict=False)):
        digest = digests[index].hex() if index in digests else ""
        records.append(Record(data[begin : begin + size], offset, digest))
        begin += size
    return records


def entries(partition: str, head: Head, records: Sequence[Record]) -> list[Entry]:
    """The records of a block with their places."""
    origin = Origin(*head.origin[:_ORIGIN_FIELDS])
    base, received, dead = head.offset << 16, head.received, head.dead
    return [
        Entry(partition, base + index, record, origin, received, dead.get(index, "") if dead else "")
        for index, record in enumerate(records)
    ]


def in_lines(records: Sequence[Record]) -> bool:
    """Whether the offsets follow from the lengths, as in a file of lines."""
    if not records:
        return True
    offsets = [record.offset for record in records]
    ends = accumulate([len(record.raw) + 1 for record in records], initial=offsets[0])
    return all(map(eq, offsets, ends))


def portions(records: Sequence[Record]) -> list[Sequence[Record]]:
    """The records cut into what one block may hold; at least one portion, for the position."""
    if len(records) <= MOST_RECORDS and sum([len(record.raw) for record in records]) <= MOST_BYTES:
        return [records]
    cuts, begin, held = [], 0, 0
    for index, record in enumerate(records):
        held += len(record.raw)
        if index > begin and (index - begin == MOST_RECORDS or held > MOST_BYTES):
            cuts.append(records[begin:index])
            begin, held = index, len(record.raw)
    return [*cuts, records[begin:]]
