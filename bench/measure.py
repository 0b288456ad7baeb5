"""Time two things in turn, several times, and keep the medians: machines are shared and noisy."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Row:
    """One measured ratio; `better` says whether a higher or a lower one is better than `target`."""

    what: str
    log: str
    floor: str
    ours: str
    ratio: float
    target: float
    better: str  # higher or lower

    @property
    def met(self) -> bool:
        return self.ratio >= self.target if self.better == "higher" else self.ratio <= self.target

    def __str__(self) -> str:
        sign = "≥" if self.better == "higher" else "≤"
        mark = "" if self.met else "  MISSED"
        return f"{self.what:34} {self.log:30} {self.floor:>10} {self.ours:>10} {self.ratio:7.2f}  {sign} {self.target:g}{mark}"

    def plain(self) -> dict[str, Any]:
        return {**asdict(self), "met": self.met}


def seconds(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """How long one call takes, wall clock; with `time.process_time`, how long this process computed."""
    started = clock()
    work()
    return clock() - started


def in_turn(
    floor: Callable[[], object],
    ours: Callable[[], object],
    rounds: int = ROUNDS,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[float, float]:
    """The median seconds of each, called in turn so that noise meets both."""
    pairs = [(seconds(floor, clock), seconds(ours, clock)) for _ in range(rounds)]
    return statistics.median(pair[0] for pair in pairs), statistics.median(pair[1] for pair in pairs)


def each(seconds_: float, count: int) -> str:
    """Microseconds for one of `count`."""
    return f"{seconds_ / max(count, 1) * 1e6:.2f} µs"
