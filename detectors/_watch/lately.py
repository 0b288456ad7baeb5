"""How odd somebody was in the past hours, and what risk that is."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp

from detectors._watch.clock import HOUR, fade

CARRIED = 8 * HOUR  # half-life of the evidence of past hours


@dataclass(slots=True)
class Lately:
    """The highest score of the past hours; it decays."""

    nats: float = 0.0
    flow: float = 0.0  # when that was

    def take(self, nats: float, flow: float) -> None:
        if nats >= self.left(flow):
            self.nats, self.flow = nats, flow

    def left(self, flow: float) -> float:
        return self.nats * fade(flow - self.flow, CARRIED)

    def risk(self, flow: float) -> int:
        """0 to 100."""
        return risk_of(self.left(flow))


def risk_of(nats: float) -> int:
    """A score for display, 0-100: 10 nats are 39, 20 are 74, 40 are 95."""
    return round(100.0 * (1.0 - exp(-max(0.0, nats - 4.0) / 12.0)))
