"""Snapshots: plain data as MessagePack behind a name, a version and a checksum; never code."""

from __future__ import annotations

from typing import Any
from zlib import crc32

import msgspec

MOST_BYTES = 256 * 1024 * 1024
_SUM = 4  # bytes


def seal(name: str, version: int, state: Any) -> bytes:
    """The state as bytes that `unseal` takes back: one line of name and version, a checksum, MessagePack."""
    body = msgspec.msgpack.encode(state)
    return f"tallyman {name} {version}\n".encode() + crc32(body).to_bytes(_SUM, "big") + body


def unseal(name: str, version: int, data: bytes, type: Any) -> Any:
    """The state, as `type` has it. Raises ValueError with the reason where that is no whole snapshot of the kind."""
    head, _, rest = data.partition(b"\n")
    words = head[:100].decode("ascii", "replace").split(" ")
    if len(words) != 3 or words[:2] != ["tallyman", name]:
        raise ValueError(f"no snapshot of {name}, or cut short")
    if words[2] != str(version):
        raise ValueError(f"a snapshot of version {words[2]}; this is version {version}")
    if len(rest) > MOST_BYTES:
        raise ValueError(f"a snapshot of {len(rest)} bytes; at most {MOST_BYTES} are read")
    body = rest[_SUM:]
    if crc32(body).to_bytes(_SUM, "big") != rest[:_SUM]:
        raise ValueError("the snapshot is damaged or cut short: its checksum differs")
    try:
        return msgspec.msgpack.decode(body, type=type)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(f"the snapshot is of another shape: {error}") from None
