"""Wait for a condition, never for luck."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

_PAUSE = threading.Event()  # never set: waiting on it is a pause


def until(condition: Callable[[], object], seconds: float, alive: Callable[[], bool] = lambda: True) -> None:
    """Return when `condition` holds; fail after so many seconds, or at once when what should bring it about is gone."""
    deadline = time.monotonic() + seconds
    while not condition():
        if not alive():
            pytest.fail("the process ended before what was waited for")
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds} s in vain")
        _PAUSE.wait(0.02)
