"""Do something in a thread of its own that the end of the process does not wait for, whatever server it hangs on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any


def apart(act: Callable[..., None], *arguments: Any) -> Future[None]:
    """Begin it, and return at once; the future has what it raises."""
    done = Future[None]()

    def run() -> None:
        try:
            act(*arguments)
        except BaseException as error:
            done.set_exception(error)
        else:
            done.set_result(None)

    threading.Thread(target=run, name="feed", daemon=True).start()
    return done
