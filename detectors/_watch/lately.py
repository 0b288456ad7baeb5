"""How odd somebody was in the past hours, for its risk."""

from __future__ import annotations

from dataclasses import dataclass

from detectors._watch.actors import CARRIED
from detectors._watch.clock import fade
from detectors._watch.evidence import risk_of


@dataclass(slots=True)
class Lately:
    """The highest score of the past hours; it decays as the evidence of actors does."""

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
