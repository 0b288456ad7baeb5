"""What has been counted since the start: read, unreadable, alerts, failed; a number for everything that could be lost."""

from __future__ import annotations

from collections import Counter
from threading import Lock


class Counters:
    """Numbers by name; names with a label are written `events{source="audit"}`, as /metrics shows them."""

    def __init__(self) -> None:
        self._numbers: Counter[str] = Counter()
        self._lock = Lock()

    def add(self, name: str, amount: int = 1) -> None:
        with self._lock:
            self._numbers[name] += amount

    def read(self, source: str, events: int, dead: int, records: int) -> None:
        """Count one batch."""
        with self._lock:
            self._numbers[f'ingest_events{{source="{source}"}}'] += events
            self._numbers[f'ingest_records{{source="{source}"}}'] += records
            if dead:
                self._numbers[f'ingest_unreadable{{source="{source}"}}'] += dead

    def snapshot(self) -> dict[str, int]:
        with self._lock:
            return dict(self._numbers)
