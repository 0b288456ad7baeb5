"""Deliver what waits in the outbox to one sink, again and later when it fails, until it is told."""

from __future__ import annotations

import logging
import random
import threading
import time
from dataclasses import dataclass, field
from typing import Protocol

from event_model.errors import StoreError
from event_model.parts import Sink
from store.outbox import Due, Outbox
from tallyman.counters import Counters

log = logging.getLogger(__name__)

AT_ONCE = 100  # alerts in one delivery
LOOK = 1.0  # seconds between two looks at what has become due


class Teller(Protocol):
    """What tells someone of alerts, in a thread of its own; nobody waits for it."""

    @property
    def name(self) -> str: ...

    def run(self, ended: threading.Event) -> None:
        """Tell until `ended`, and then what is left once more."""
        ...

    def wake(self) -> None:
        """Something was found: look now."""
        ...


@dataclass(slots=True)
class Deliverer:
    """One sink and its rows of the outbox; `run` in a thread of its own, `wake` from anywhere."""

    name: str
    sink: Sink
    outbox: Outbox
    counters: Counters = field(default_factory=Counters)
    _wake: threading.Event = field(default_factory=threading.Event, init=False)
    _told: list[Due] = field(default_factory=list, init=False)  # by the sink, and the outbox does not know
    _refused: str = field(default="", init=False)  # why the outbox can't be written

    def wake(self) -> None:
        """Something was queued: look now."""
        self._wake.set()

    def run(self, ended: threading.Event) -> None:
        """Deliver until `ended`, and then what is due once more."""
        while True:
            last = ended.is_set()
            self._wake.clear()
            self._deliver_due()
            if last:
                return
            self._wake.wait(LOOK)

    def deliver(self, now: float) -> bool:
        """One delivery of what is due; True if it worked and there may be more. Raises StoreError."""
        self._note()
        due = self.outbox.due(self.name, now, AT_ONCE)
        if not due:
            return False
        try:
            self.sink.send([row.document for row in due])
        except Exception as error:  # a dead sink must not stop the others; what it missed is offered again
            log.warning("sink failed", extra={"sink": self.name, "reason": str(error)})
            self.counters.add(f'notify_failures{{sink="{self.name}"}}')
            self.outbox.postpone(self.name, [row.alert for row in due], now, str(error), random.random())
            return False
        self._told = due
        self._note()
        return len(due) == AT_ONCE

    def _note(self) -> None:
        """Have the outbox know what the sink was told, so that it is not told again."""
        if self._told:
            self.outbox.delivered(self.name, self._told)
            self._told = []

    def _deliver_due(self) -> None:
        try:
            while self.deliver(time.time()):
                pass
            self._refused = ""
        except StoreError as error:  # such as a full disk: there will be room again
            if str(error) != self._refused:
                log.error("outbox can't be written", extra={"sink": self.name, "reason": str(error)})
            self._refused = str(error)
