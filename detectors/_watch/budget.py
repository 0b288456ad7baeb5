"""At most N alerts a day: a threshold from the highest scores of the past week, and a bucket that runs dry."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

from detectors._watch.clock import DAY, HOUR

HISTORY = 7 * DAY
MOST_HISTORY = 50_000
LOWEST = 4.0  # nats that are worth remembering
DIGEST, ALERT = "digest", "alert"


class Offer(Protocol):
    """Decides which scores are told."""

    def offer(self, actor: str, group: str, score: float, flow: float) -> str | None:
        """ALERT, DIGEST (beyond the hard cap) or None. `score` is of one actor and only grows within its incident."""
        ...


@dataclass(slots=True)
class Incident:
    """The highest score of an actor within an hour."""

    actor: str
    group: str
    start: float
    score: float
    told: str | None = None


@dataclass(slots=True)
class Pool:
    """One budget: of a group, or of all groups without their own."""

    a_day: float
    most_a_day: float
    past: deque[tuple[float, float, str]] = field(default_factory=deque)  # (flow, score, actor), by time
    threshold: float = 0.0
    learning: bool = (
        True  # too little history for even one alert: only what is above all that was seen is told
    )
    renewed: float = -HOUR
    tokens: float = -1.0
    filled: float = 0.0

    def renew(self, flow: float, floor: float) -> None:
        """Work out the threshold again, once an hour: the (N x days)-th largest incident of the trailing week."""
        if self.past and 0 <= flow - self.renewed < HOUR:
            return
        self.renewed = flow
        while self.past and (flow - self.past[0][0] > HISTORY or len(self.past) > MOST_HISTORY):
            self.past.popleft()
        rank = self.a_day * min(flow, HISTORY) / DAY
        self.learning = rank < 1.0
        scores = sorted((score for _, score, _ in self.past), reverse=True)
        if not scores:
            self.threshold = max(floor, self.threshold) if self.learning else floor
        elif self.learning:
            self.threshold = max(floor, self.threshold, scores[0])
        else:
            self.threshold = max(floor, scores[int(rank) - 1] if rank <= len(scores) else 0.0)

    def draw(self, flow: float) -> bool:
        """Take one token. Half of `most_a_day` fit in and half come back in a day, so no day has more than it."""
        half = max(1.0, self.most_a_day / 2)
        if self.tokens < 0.0:
            self.tokens = half
        self.tokens = min(half, self.tokens + (flow - self.filled) / DAY * half)
        self.filled = flow
        if self.tokens < 1.0:
            return False
        self.tokens -= 1.0
        return True


@dataclass(slots=True)
class Budget:
    """N a day for all groups together; a group named in `own` has its own."""

    a_day: float
    most_a_day: float
    floor: float  # nats below which nothing is told
    own: dict[str, float] = field(default_factory=dict)
    pools: dict[str, Pool] = field(default_factory=dict)
    open: dict[str, Incident] = field(default_factory=dict)

    def offer(self, actor: str, group: str, score: float, flow: float) -> str | None:
        incident = self.open.get(actor)
        if incident is None or flow - incident.start > HOUR:
            self._end(incident)
            incident = self.open[actor] = Incident(actor, group, flow, score)
        incident.score = max(incident.score, score)
        pool = self.pool(group)
        low = score < max(pool.threshold, self.floor)
        if pool.learning:
            pool.threshold = max(pool.threshold, score)
        if incident.told is not None or low:
            return None
        incident.told = ALERT if pool.draw(flow) else DIGEST
        return incident.told

    def renew(self, flow: float) -> None:
        """End incidents that are over, and set the thresholds."""
        for actor in [name for name, each in self.open.items() if flow - each.start > HOUR]:
            self._end(self.open.pop(actor))
        for pool in self.pools.values():
            pool.renew(flow, self.floor)

    def attack(self, actor: str) -> None:
        """The incidents of this actor were attacks: they say nothing of what is usual."""
        for pool in self.pools.values():
            pool.past = deque(each for each in pool.past if each[2] != actor)
        self.open.pop(actor, None)

    def every(self, group: str, score: float, flow: float) -> float | None:
        """Such a score is to be expected at most once in so many days; None before there is a day of history."""
        days = min(flow, HISTORY) / DAY
        above = sum(1 for _, past, _ in self.pool(group).past if past >= score)
        return round(days / max(1, above), 1) if days >= 1.0 else None

    def pool(self, group: str) -> Pool:
        name = group if group in self.own else ""
        pool = self.pools.get(name)
        if pool is None:
            share = self.own.get(group, self.a_day)
            pool = self.pools[name] = Pool(share, share * self.most_a_day / self.a_day)
        return pool

    def _end(self, incident: Incident | None) -> None:
        if incident is not None and incident.score >= LOWEST:
            self.pool(incident.group).past.append((incident.start, incident.score, incident.actor))


@dataclass(slots=True)
class Everything:
    """Tells of every score from a floor up, each time it has grown: for ranking, offline."""

    floor: float

    def offer(self, actor: str, group: str, score: float, flow: float) -> str | None:
        return ALERT if score >= self.floor else None
