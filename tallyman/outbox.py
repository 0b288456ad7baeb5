"""Deliver what waits in the outbox to one sink, again and later when it fails, until it is told."""

from __future__ import annotations

import logging
import random
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from event_model.parts import Sink

log = logging.getLogger(__name__)

AT_ONCE = 100  # alerts in one delivery
LOOK = 1.0  # seconds between two looks at what has become due


@dataclass(slots=True)
class Deliverer:
    """One sink and its rows of the outbox; `run` in a thread of its own, `wake` from anywhere."""

    name: str
    sink: Sink
    outbox: Any  # store.outbox.Outbox
    _wake: threading.Event = field(default_factory=threading.Event, init=False)

    def wake(self) -> None:
        """Something was queued: look now."""
        self._wake.set()

    def run(self, ended: threading.Event) -> None:
        """Deliver until `ended`, and then what is due once more."""
        while True:
            last = ended.is_set()
            self._wake.clear()
            while self.deliver(time.time()):
                pass
            if last:
                return
            self._wake.wait(LOOK)

    def deliver(self, now: float) -> bool:
        """One delivery of what is due; True if it worked and there may be more."""
        due = self.outbox.due(self.name, now, AT_ONCE)
        if not due:
            return False
        try:
            self.sink.send([row.document for row in due])
        except Exception as error:  # a dead sink must not stop the others; what it missed is offered again
            log.warning("sink failed", extra={"sink": self.name, "reason": str(error)})
            self.outbox.postpone(self.name, [row.alert for row in due], now, str(error), random.random())
            return False
        self.outbox.delivered(self.name, [row.alert for row in due])
        return len(due) == AT_ONCE
