"""Count failed logins, so that nobody can try, or fill the audit log, for ever."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

MOST = 10  # failures of one address
WINDOW = 60.0  # seconds
_ADDRESSES = 10_000


class Attempts:
    """Failures by address, in windows of a minute. A right token is let in all the same.

    Tokens are too long to be guessed; to lock an address out would only help who wants to lock others out.
    """

    def __init__(self, most: int = MOST, window: float = WINDOW) -> None:
        self.most, self.window = most, window
        self._mutex = Lock()
        self._failed: OrderedDict[str, tuple[float, int]] = OrderedDict()  # start of the window, failures

    def failed(self, address: str, now: float) -> int:
        """Count one more; how many that makes in this window."""
        with self._mutex:
            start, count = self._failed.pop(address, (now, 0))
            if not 0 <= now - start < self.window:
                start, count = now, 0
            self._failed[address] = (start, count + 1)
            if len(self._failed) > _ADDRESSES:
                self._failed.popitem(last=False)
            return count + 1

    def wait(self, address: str, now: float) -> int:
        """Whole seconds until the address may fail again."""
        with self._mutex:
            start, count = self._failed.get(address, (now, 0))
        return max(1, round(start + self.window - now)) if count >= self.most else 0
