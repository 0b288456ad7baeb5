"""What is usual: counts of a window, for an actor, its peers and the hour of the day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import exp, lgamma, log, sqrt

from detectors._watch.actors import YOUNG, Actor, Tally

PSEUDO = 20.0  # windows that the peers' counts are worth
# the mean count of a kind that nobody has been watched doing, and how many windows that is worth
PEERS, PEERS_WINDOWS = 2.0, 5.0
UNSURE = 50.0  # overdispersion of the first window ever: what was watched for an hour says little
PSEUDO_HOUR = 12.0  # windows that the whole day is worth beside one hour
SCATTER = 0.5  # 1 / size of the negative binomial where nothing is known: bursts are the rule
FREE = 3.0  # events of a kind in a window that are learnt in any case
MOST_TERMS = 400  # of a tail's sum
MOST_NATS = 25.0


def mean_of(tally: Tally, weight: float, hour: int) -> float:
    """The usual count in an active window of the actor at an hour of the day, shrunk to the whole day's.

    `weight` is the clock's, here and below.
    """
    actor, group = tally.actor, tally.actor.group
    total, _ = group.tallies.get(tally.kind, (0.0, 0.0))
    peers = (total + PEERS * PEERS_WINDOWS * weight) / (group.m + PEERS_WINDOWS * weight)
    mean = (tally.total + PSEUDO * weight * peers) / (actor.m + PSEUDO * weight)
    pseudo = PSEUDO_HOUR * weight
    return (tally.hours.get(hour, 0.0) + pseudo * mean) / (actor.hours[hour] + pseudo)


def spread_of(tally: Tally, weight: float) -> float:
    """Overdispersion `a` of the count, variance = mean + a mean², by moments, shrunk to the peers and to SCATTER."""
    actor, group = tally.actor, tally.actor.group
    total, squares = group.tallies.get(tally.kind, (0.0, 0.0))
    windows, all_windows = actor.m / weight, group.m / weight
    own = _excess(tally.total / weight, tally.squares / weight, windows)
    peers = _excess(total / weight, squares / weight, all_windows)
    known = min(all_windows, PSEUDO)
    shrunk = (known * peers + PSEUDO / 4 * SCATTER) / (known + PSEUDO / 4)
    found = (windows * own + PSEUDO * shrunk) / (windows + PSEUDO)
    return max(0.02, found) + UNSURE / (1.0 + windows + all_windows / max(1, group.members))


def _excess(total: float, squares: float, windows: float) -> float:
    if windows < 1.0 or total <= 0.0:
        return SCATTER
    mean = total / windows
    return min(50.0, max(0.0, (squares / windows - mean * mean - mean) / (mean * mean)))


def surprise(count: int, mean: float, scatter: float) -> float:
    """-ln P(X >= count) of a negative binomial, in nats, at most MOST_NATS; 0 up to the mean.

    X has mean `mean` and variance mean + scatter mean²: size r = 1 / scatter, p = r / (r + mean).
    """
    return tail(count, mean, scatter)[0]


def tail(count: int, mean: float, scatter: float) -> tuple[float, float]:
    """The same, and how many nats each further count can add at most.

    That is -ln(1 - h), h the largest hazard P(X = k) / P(X >= k) from `count` on: of a negative binomial it rises
    towards p where r > 1, and falls towards it where r < 1.
    """
    if count <= mean:
        return 0.0, 0.0
    r = 1.0 / scatter
    q = mean / (r + mean)
    term = lgamma(count + r) - lgamma(r) - lgamma(count + 1.0) + r * log(r / (r + mean)) + count * log(q)
    if term < -2 * MOST_NATS:
        return MOST_NATS, -log(q)
    total, ratio, k = 1.0, 1.0, float(count)
    for _ in range(MOST_TERMS):  # of P(X = k + 1) / P(X = k)
        ratio *= q * (k + r) / (k + 1.0)
        k += 1.0
        total += ratio
        if ratio < 1e-6 * total:
            break
    hazard = max(1.0 - q, 1.0 / total)
    return min(MOST_NATS, max(0.0, -(term + log(total)))), -log(max(1e-9, 1.0 - hazard))


def learn(tallies: Iterable[Tally], weight: float, hour: int) -> None:
    """The window's counts become part of what is usual.

    Of what is more than three standard deviations above the mean half counts, so that a burst is not usual at once,
    but a nightly one soon.
    """
    for tally in tallies:
        count = tally.count
        kept = weight * (count if count <= FREE else _winsorized(tally))
        square = kept * kept / weight
        tally.total += kept
        tally.squares += square
        tally.hours[hour] = tally.hours.get(hour, 0.0) + kept
        for pair in tally.peers:
            pair[0] += kept
            pair[1] += square


def _winsorized(tally: Tally) -> float:
    actor, count = tally.actor, float(tally.count)
    if actor.windows < YOUNG:
        return count
    mean = tally.total / actor.m
    most = mean + 3.0 * sqrt(max(0.0, tally.squares / actor.m - mean * mean)) + FREE
    return min(count, max(most, count / 2))


def renewed(actor: Actor, aspect: int, count: float, unseen: float) -> None:
    """An actor showed `count` (in the weight of now) new values of a facet in a window, `unseen` of them new to everybody."""
    actor.n[aspect] += count
    for group in actor.groups:
        group.n[aspect] += count
        group.unseen[aspect] += unseen
        if actor.young:
            group.young_n[aspect] += count


def passed(active: Mapping[Actor, int], weight: float) -> None:
    """One more active window of these actors, each at its hour of the day, and of their groups."""
    for actor, hour in active.items():
        young = actor.windows < YOUNG
        actor.windows += 1
        actor.m += weight
        actor.hours[hour] += weight
        for group in actor.groups:
            group.m += weight
            group.hours[hour] += weight
            if young:
                group.young_m += weight


def off_hours(actor: Actor, weight: float, hour: int) -> float:
    """How unusual the hour of the day is for an actor, 0-4 nats: -ln of its frequency, relative to an even day.

    Hours beside it count half; the peers' day is worth 24 windows.
    """
    own, peers = actor.hours, actor.group.hours

    def near(hours: list[float]) -> float:
        return (0.5 * hours[hour - 1] + hours[hour] + 0.5 * hours[(hour + 1) % 24]) / 2.0

    everybody = sum(peers)
    expected = near(peers) / everybody if everybody else 1 / 24
    share = (near(own) + 24.0 * weight * expected) / (sum(own) + 24.0 * weight)
    return min(4.0, max(0.0, -log(max(share * 24.0, exp(-5.0)))))
