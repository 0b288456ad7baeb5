"""A source read in a thread of its own, as the pipeline reads it, and what it gave."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from event_model.parts import Batch, Source

DEADLINE = 60.0  # seconds; what has not come by then never will


def wait_for(condition: Callable[[], object], deadline: float = DEADLINE) -> None:
    """Return once the condition holds; fail when it does not within the deadline."""
    end = time.monotonic() + deadline
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        pause.wait(0.005)


class Reader:
    """Reads a source until it is closed; `positions` are those of the batches taken so far."""

    def __init__(
        self, source: Source, positions: dict[str, Any] | None = None, take: int | None = None
    ) -> None:
        """`take`: how many batches to take before the reader dies without another word."""
        self.source: Any = source
        self.positions = dict(positions or {})
        self.batches: list[Batch] = []
        self.error: BaseException | None = None
        self._take = take
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            for batch in self.source.read(self.positions, self._stop):
                if self._take is not None and len(self.batches) >= self._take:
                    return
                self.positions[batch.key] = batch.position  # first: who sees the lines may begin behind them
                self.batches.append(batch)
        except BaseException as error:
            self.error = error

    @property
    def lines(self) -> list[bytes]:
        return [record.raw for batch in list(self.batches) for record in batch.records]

    @property
    def dead(self) -> list[tuple[bytes, str]]:
        return [(record.raw, reason) for batch in list(self.batches) for record, reason in batch.dead]

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def wait_for_lines(self, count: int) -> list[bytes]:
        """So many lines at least, or all there are if the reader has died."""
        wait_for(lambda: len(self.lines) >= count or not self.alive)
        return self.lines

    def close(self) -> None:
        self._stop.set()
        self._thread.join(DEADLINE)
        assert not self._thread.is_alive()
        if self.error:
            raise self.error

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
