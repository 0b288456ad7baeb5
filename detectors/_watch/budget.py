"""At most N alerts a day: a threshold from the highest scores of the past week, and a bucket that runs dry."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

from detectors._watch.clock import DAY, HOUR
from detectors._watch.lately import risk_of

HISTORY = 7 * DAY
MOST_HISTORY = 50_000
WINDOWS = 12  # in an hour
LOWEST = 4.0  # nats that are worth remembering
DIGEST, ALERT = "digest", "alert"
HIGH = 70  # risk from which an alert is high
MEDIUM_LEVEL, HIGH_LEVEL = 1, 2  # of an incident
# nats that a token costs more, while a pool is learning, when half of them are gone (each one before costs its part of
# it): what everybody does on a first day can't use up what an intruder needs, for the rest is left for what would be high
DEAR = 10.25


class Offer(Protocol):
    """Decides which scores are told."""

    def offer(self, actor: str, group: str, score: float, flow: float) -> str | None:
        """ALERT, DIGEST (beyond the hard cap) or None. `score` is of one actor; an incident is offered again as it grows."""
        ...


def is_high(score: float) -> bool:
    """Whether an alert of so many nats is high."""
    return risk_of(score) >= HIGH


def level_of(told: str, score: float) -> str:
    """The level of an alert or digest of so many nats."""
    return "low" if told == DIGEST else "high" if is_high(score) else "medium"


@dataclass(slots=True)
class Incident:
    """The highest score of an actor within an hour, and the level up to which it was told."""

    actor: str
    group: str
    start: float
    score: float
    window: int = 0  # in which it began
    alerted: int = 0  # the highest level that it was told at as an alert
    told: int = 0  # the same, or as a digest


@dataclass(slots=True)
class Bucket:
    """Tokens for `a_day` alerts in 24 hours at most: half of them at once, and half come back over the day."""

    a_day: float
    size: float = field(init=False)
    left: float = field(init=False)
    filled: float = 0.0  # the flow up to which tokens came back

    def __post_init__(self) -> None:
        self.size = max(1.0, self.a_day / 2)
        self.left = min(self.size, self.a_day)

    def fill(self, flow: float) -> float:
        """How many tokens there are by now."""
        passed = max(0.0, flow - self.filled)  # none for a source that is late
        back = min(self.size, self.a_day) * passed / DAY
        self.left, self.filled = min(self.size, self.left + back), max(self.filled, flow)
        return self.left

    def gone(self, flow: float) -> float:
        """How many tokens are used, of `size`."""
        return self.size - min(self.size, self.fill(flow))


@dataclass(slots=True)
class Pool:
    """One budget: of a group, or of all groups without their own."""

    a_day: float
    bucket: Bucket
    past: deque[tuple[float, float, str]] = field(default_factory=deque)  # (flow, score, actor), by time
    threshold: float = 0.0  # while it learns the highest score that was seen
    learning: bool = True  # less than a day of history, or too little for even one alert
    renewed: float = -HOUR

    def renew(self, flow: float) -> None:
        """Work out the threshold again, once an hour: the (N x days)-th largest incident of the trailing week."""
        if self.past and 0 <= flow - self.renewed < HOUR:
            return
        self.renewed = flow
        while self.past and (flow - self.past[0][0] > HISTORY or len(self.past) > MOST_HISTORY):
            self.past.popleft()
        rank = self.a_day * min(flow, HISTORY) / DAY
        self.learning = flow < DAY or rank < 1.0
        if not self.learning:
            scores = sorted((score for _, score, _ in self.past), reverse=True)
            self.threshold = scores[int(rank) - 1] if rank <= len(scores) else 0.0

    def least(self, floor: float, flow: float) -> float:
        """The score from which it tells. While it learns, the emptier the bucket, the more it takes."""
        if self.learning:
            return floor + DEAR * min(1.0, round(self.bucket.gone(flow)) / (self.bucket.size / 2))
        return max(floor, self.threshold)


@dataclass(slots=True)
class Budget:
    """N a day for all groups together; a group named in `own` has its own, and with 0 tells nothing.

    `most_a_day` is of all of them: each pool has its share, so that none takes from the others.
    """

    a_day: float
    most_a_day: float
    floor: float  # nats below which nothing is told
    own: dict[str, float] = field(default_factory=dict)
    tells_high: bool = True  # or nothing above medium
    pools: dict[str, Pool] = field(default_factory=dict)
    open: dict[str, Incident] = field(default_factory=dict)
    bucket: Bucket = field(init=False)
    window: int = 0  # how many have ended

    def __post_init__(self) -> None:
        self.bucket = Bucket(self.most_a_day)

    def offer(self, actor: str, group: str, score: float, flow: float) -> str | None:
        """Each level of an incident is told once: as an alert, or as a digest where there is no token.

        While little is known, only what is above all that was seen is worth a digest.
        """
        incident = self.open.get(actor)
        if incident is None or flow - incident.start > HOUR:
            self._end(incident)
            incident = self.open[actor] = Incident(actor, group, flow, score, self.window)
        incident.score = max(incident.score, score)
        pool = self.pool(group)
        self.bucket.fill(flow)  # at the same moments as the pool's, whatever order sources come in
        enough = score >= pool.least(self.floor, flow)
        is_record = not pool.learning or score > pool.threshold
        if pool.learning:
            pool.threshold = max(pool.threshold, score)
        if pool.a_day <= 0.0 or not enough:
            return None
        level = HIGH_LEVEL if self.tells_high and is_high(score) else MEDIUM_LEVEL
        if level > incident.alerted and self._draw(pool, flow):
            incident.alerted, incident.told = level, max(level, incident.told)
            return ALERT
        if level > incident.told and is_record:
            incident.told = level
            return DIGEST
        return None

    def renew(self, flow: float) -> None:
        """A window has ended: end incidents that are over, and set the thresholds.

        An hour has windows of its own, for the one that ends them may be hours ahead of whom an incident is about.
        """
        self.window += 1
        over = [
            name
            for name, each in self.open.items()
            if flow - each.start > HOUR and self.window - each.window >= WINDOWS
        ]
        for actor in over:
            self._end(self.open.pop(actor))
        for pool in self.pools.values():
            pool.renew(flow)

    def attack(self, actor: str) -> None:
        """The incidents of this actor were attacks: they say nothing of what is usual."""
        for pool in self.pools.values():
            pool.past = deque(each for each in pool.past if each[2] != actor)
        self.open.pop(actor, None)

    def every(self, group: str, score: float, flow: float) -> float | None:
        """Such a score is to be expected at most once in so many days; None before there is a day of history, and
        where none was kept: another than this budget decides."""
        days, past = min(flow, HISTORY) / DAY, self.pool(group).past
        if days < 1.0 or not (past or self.open):
            return None
        return round(days / max(1, sum(1 for _, each, _ in past if each >= score)), 1)

    def pool(self, group: str) -> Pool:
        """The pool of a group: its own, that of the group above it (`people` of `people/sre`), or everybody's."""
        name = next((each for each in (group, group.partition("/")[0]) if each in self.own), "")
        pool = self.pools.get(name)
        if pool is None:
            a_day = self.own[name] if name else self.a_day
            share = a_day / (self.a_day + sum(self.own.values()))
            pool = self.pools[name] = Pool(a_day, Bucket(share * self.most_a_day))
        return pool

    def _draw(self, pool: Pool, flow: float) -> bool:
        """Take a token of the pool, and one of all."""
        if pool.bucket.fill(flow) < 1.0 or self.bucket.fill(flow) < 1.0:
            return False
        pool.bucket.left -= 1.0
        self.bucket.left -= 1.0
        return True

    def _end(self, incident: Incident | None) -> None:
        if incident is not None and incident.score >= LOWEST:
            self.pool(incident.group).past.append((incident.start, incident.score, incident.actor))


@dataclass(slots=True)
class Everything:
    """Tells of every score from a floor up, each time it has grown: for ranking, offline."""

    floor: float

    def offer(self, actor: str, group: str, score: float, flow: float) -> str | None:
        return ALERT if score >= self.floor else None
