"""Batches as a source would make them, for the tests of this folder."""

from collections.abc import Iterable, Sequence

from event_model.event import Origin, Record
from event_model.parts import Batch
from store.journal import Entry, Journal

NOON = 1_795_435_200.0  # 2026-11-23T12:00:00Z
DAY = 86_400.0
ORIGIN = Origin("audit", "kubernetes_audit", "/var/log/audit.log", "prod", "file", "node-1")


def lines(texts: Iterable[bytes], offset: int = 0) -> list[Record]:
    """Records as they follow one another in a file."""
    records = []
    for text in texts:
        records.append(Record(text, offset))
        offset += len(text) + 1
    return records


def batch(
    texts: Iterable[bytes],
    position: object = None,
    *,
    key: str = "a.log",
    received: float = NOON,
    dead: Sequence[tuple[Record, str]] = (),
) -> Batch:
    return Batch(ORIGIN, lines(texts), key, position, received, list(dead))


def numbers(begin: int, end: int) -> list[bytes]:
    return [b'{"number": %d}' % number for number in range(begin, end)]


def everything(journal: Journal) -> list[Entry]:
    return [entry for name in journal.partitions() for block in journal.entries(name) for entry in block]


def raws(journal: Journal) -> list[bytes]:
    return [entry.record.raw for entry in everything(journal)]
