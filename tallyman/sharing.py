"""Put what this machine's detectors remember into the cluster, for who asks elsewhere what is usual."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from event_model.errors import StoreError
from store.snapshots import Snapshots

if TYPE_CHECKING:
    from store.elastic.state.memories import MemoryIndex

log = logging.getLogger(__name__)
SHARE_EVERY = 300.0  # seconds: some megabytes each time


@dataclass(slots=True)
class Sharing:
    """The snapshots of one machine, and where they are shared."""

    snapshots: Snapshots
    memories: MemoryIndex
    _shared: dict[str, float] = field(default_factory=dict, init=False)  # by detector: which writing
    _due: float = field(default=float("-inf"), init=False)

    def share(self, owner: str, *, now: bool = False) -> None:
        """Share what was written down since the last time, if that is long enough ago or it must be `now`.

        What can't be shared is left out, with a reason in the log: alerts are published all the same.
        """
        if not now and time.monotonic() < self._due:
            return
        self._due = time.monotonic() + SHARE_EVERY
        for each in self.snapshots.kept():
            if self._shared.get(each.detector) == each.written:
                continue
            try:
                found = self.snapshots.read(each)
                if found is not None:
                    self.memories.save(owner, found)
            except ValueError as error:  # damaged or too large: until it is written anew, it stays so
                _tell(each.detector, error)
            except StoreError as error:
                _tell(each.detector, error)
                continue
            self._shared[each.detector] = each.written


def _tell(detector: str, error: Exception) -> None:
    log.warning("memory is not shared", extra={"detector": detector, "reason": str(error)})
