"""Make dead letters of what the cluster refuses, so that it is listed with the reason and can be tried again."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from msgspec.structs import replace

from event_model.event import Event, identity
from store.elastic.delivery import Delivery, Refused
from store.elastic.document import Documents
from store.feeding import Feeding
from store.journal import Entry

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Burial:
    documents: Documents
    normalize: Callable[[Entry], Event]
    delivery: Delivery
    state: Feeding
    count: Callable[[str, float], None]

    def bury(self, refused: Iterable[Refused]) -> None:
        """Write a dead letter for each. Raises Stopped.

        Where not even that is taken, or the record is too large to go with it, the journal keeps the record.
        """
        for each in refused:
            entry = each.document.entry
            place = f"{socket.gethostname()}, {entry.partition} at {entry.pointer}"
            reason = f"the cluster refused it: {each.reason}"
            if each.too_large:
                reason = (
                    f"too large for the cluster: {each.reason}. The record stays in the journal of {place}"
                )
            log.error(
                "the cluster refused an event; it is a dead letter", extra={"place": place, "reason": reason}
            )
            self.count("feed_refused", 1)
            letter = self.normalize(replace(entry, reason=reason))
            now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            made = self.documents.make(replace(entry, reason=reason), letter, now, raw=not each.too_large)
            left = self.delivery.deliver([made])
            if left or each.too_large:
                self.state.hold((entry.partition, entry.pointer), identity(letter), reason, time.time())
