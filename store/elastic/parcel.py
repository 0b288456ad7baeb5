"""What one request is made of, while it is put together."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from store.elastic.document import Document

MOST_DOCUMENTS, MOST_BYTES = 1000, 5 << 20  # of one request
MOST_WAIT = 0.2  # seconds that a document waits for others


@dataclass(slots=True)
class Parcel:
    """Documents for one request."""

    documents: list[Document] = field(default_factory=list)
    size: int = 0  # bytes
    begun: float = 0.0
    doubtful: bool = False  # some of it may have been written before

    def add(self, document: Document, doubtful: bool) -> None:
        self.begun = self.begun or time.monotonic()
        self.documents.append(document)
        self.size += len(document.source)
        self.doubtful |= doubtful

    @property
    def is_full(self) -> bool:
        return len(self.documents) >= MOST_DOCUMENTS or self.size >= MOST_BYTES

    @property
    def is_due(self) -> bool:
        return bool(self.documents) and time.monotonic() - self.begun >= MOST_WAIT
