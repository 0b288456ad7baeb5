"""What detectors remember on each collecting machine, in the cluster, for who asks elsewhere what is usual."""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from dataclasses import dataclass

import zstandard
from msgspec import Struct, convert
from msgspec.structs import asdict

from event_model.ready import ready
from store.elastic.state.index import Hit, Index
from store.snapshots import Kept, Snapshot, Stale, decode, encode

KIND, PART = "memory", "memory_part"
PART_BYTES = 3 << 20  # compressed; a document is a third larger, and far below what any server takes
MOST_BYTES = 64 << 20  # of a snapshot; a larger one stays on its machine
_BY_NAME = [{"name": {"order": "asc", "unmapped_type": "keyword"}}]


class Head(Struct, frozen=True):
    """What a snapshot's parts are found by."""

    detector: str
    owner: str
    written: float  # seconds since the epoch
    parts: int


ready(Head)


@dataclass(frozen=True, slots=True)
class MemoryIndex:
    """As `store.snapshots.Memories` says: the snapshots of all collecting processes, as files have them.

    One is several documents: its parts, and a head that is written behind them and says how many they are. All
    bear the time of that writing, so that the parts of two are never put together.
    """

    index: Index

    def save(self, owner: str, snapshot: Snapshot) -> None:
        """Put a snapshot in the place of this owner's last one. Raises ValueError if it is too large, StoreError."""
        data = encode(snapshot)
        if len(data) > MOST_BYTES:
            raise ValueError(f"too large for the cluster: {len(data) >> 20} MB, at most {MOST_BYTES >> 20}")
        packed = zstandard.compress(data)
        name, number = f"{owner}/{snapshot.detector}", _number(snapshot.taken)
        pieces = [packed[start : start + PART_BYTES] for start in range(0, len(packed), PART_BYTES)]
        for place, piece in enumerate(pieces):
            value = {"data": b64encode(piece).decode()}
            part = {"kind": PART, "name": f"{name}/{place}", "number": number, "value": value}
            self.index.put(_part(name, place), part)
        head = Head(snapshot.detector, owner, snapshot.taken, len(pieces))
        told = {"kind": KIND, "name": name, "number": number, "value": asdict(head)}
        self.index.put(f"{KIND}-{name}", told)

    def kept(self) -> list[Kept]:
        """What can be read, newest first."""
        query = {"bool": {"filter": [{"term": {"kind": KIND}}]}}
        heads = [_head(hit) for page in self.index.scan(query, _BY_NAME) for hit in page]
        found = [Kept(head.detector, head.owner, head.written) for head in heads]
        return sorted(found, key=lambda each: each.written, reverse=True)

    def read(self, kept: Kept) -> Snapshot | None:
        """The snapshot; None where it is gone, or just being replaced. Raises Stale, StoreError."""
        name = f"{kept.owner}/{kept.detector}"
        found = self.index.get(f"{KIND}-{name}")
        if found is None:
            return None
        places = [(self.index.name, _part(name, place)) for place in range(_head(found).parts)]
        parts = self.index.get_all(places)
        if len(parts) < len(places) or any(part.source["number"] != found.source["number"] for part in parts):
            return None
        return decode(_unpacked(parts), kept.detector)

    def prune(self, before: float) -> int:
        """Forget what was not written since (seconds since the epoch); how many documents."""
        old = {"range": {"number": {"lt": _number(before)}}}
        query = {"bool": {"filter": [{"terms": {"kind": [KIND, PART]}}, old]}}
        pages = self.index.scan(query, _BY_NAME, source=False)
        return sum(self.index.delete(page) for page in pages)


def _head(found: Hit) -> Head:
    return convert(found.source["value"], Head)


def _unpacked(parts: list[Hit]) -> bytes:
    try:
        packed = b"".join(b64decode(part.source["value"]["data"]) for part in parts)
        if zstandard.frame_content_size(packed) > MOST_BYTES:
            raise Stale(f"it says that it is larger than {MOST_BYTES >> 20} MB")
        return zstandard.decompress(packed, max_output_size=MOST_BYTES)
    except (binascii.Error, zstandard.ZstdError) as error:
        raise Stale(f"it can't be unpacked: {error}") from None


def _part(name: str, place: int) -> str:
    return f"{PART}-{name}-{place}"


def _number(time: float) -> int:
    return round(time * 1e6)
