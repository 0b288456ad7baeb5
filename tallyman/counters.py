"""What has been counted since the start: read, unreadable, alerts, failed; a number for everything that could be lost."""

from __future__ import annotations

from collections import defaultdict
from threading import Lock


class Counters:
    """Numbers by name; names with a label are written `events{source="audit"}`, as /metrics shows them."""

    def __init__(self) -> None:
        self._numbers: defaultdict[str, float] = defaultdict(int)
        self._lock = Lock()

    def add(self, name: str, amount: float = 1) -> None:
        with self._lock:
            self._numbers[name] += amount

    def put(self, name: str, value: float) -> None:
        """A value as it is now, such as a lag."""
        with self._lock:
            self._numbers[name] = value

    def read(self, source: str, events: int, dead: int, records: int) -> None:
        """Count one batch."""
        with self._lock:
            self._numbers[f'ingest_events{{source="{source}"}}'] += events
            self._numbers[f'ingest_records{{source="{source}"}}'] += records
            if dead:
                self._numbers[f'ingest_unreadable{{source="{source}"}}'] += dead

    def snapshot(self) -> dict[str, float]:
        with self._lock:
            return dict(self._numbers)
