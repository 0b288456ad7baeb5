"""What is usual: counts of a window, for an actor, its peers and the hour of the day."""

from __future__ import annotations

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


def mean_of(tally: Tally, hour: int | None = None) -> float:
    """The usual count in an active window of the actor; of an hour of the day, shrunk to the whole day's."""
    actor, group = tally.actor, tally.actor.group
    total, _ = group.tallies.get(tally.kind, (0.0, 0.0))
    peers = (total + PEERS * PEERS_WINDOWS) / (group.m + PEERS_WINDOWS)
    mean = (tally.total + PSEUDO * peers) / (actor.m + PSEUDO)
    if hour is None:
        return mean
    return (tally.hours.get(hour, 0.0) + PSEUDO_HOUR * mean) / (actor.hours[hour] + PSEUDO_HOUR)


def spread_of(tally: Tally, mean: float) -> float:
    """Overdispersion `a` of the count, variance = mean + a mean², by moments, shrunk to the peers and to SCATTER."""
    actor, group = tally.actor, tally.actor.group
    total, squares = group.tallies.get(tally.kind, (0.0, 0.0))
    own = _excess(tally.total, tally.squares, actor.m)
    peers = _excess(total, squares, group.m)
    weight = min(group.m, PSEUDO)
    shrunk = (weight * peers + PSEUDO / 4 * SCATTER) / (weight + PSEUDO / 4)
    known = (actor.m * own + PSEUDO * shrunk) / (actor.m + PSEUDO)
    return max(0.02, known) + UNSURE / (1.0 + actor.m + group.m / max(1, group.members))


def _excess(total: float, squares: float, windows: float) -> float:
    if windows < 1.0 or total <= 0.0:
        return SCATTER
    mean = total / windows
    return min(50.0, max(0.0, (squares / windows - mean * mean - mean) / (mean * mean)))


def surprise(count: int, mean: float, scatter: float) -> float:
    """-ln P(X >= count) of a negative binomial, in nats, at most MOST_NATS; 0 up to the mean.

    X has mean `mean` and variance mean + scatter mean²: size r = 1 / scatter, p = r / (r + mean).
    """
    if count <= mean:
        return 0.0
    r = 1.0 / scatter
    q = mean / (r + mean)
    term = lgamma(count + r) - lgamma(r) - lgamma(count + 1.0) + r * log(r / (r + mean)) + count * log(q)
    if term < -2 * MOST_NATS:
        return MOST_NATS
    total, ratio, k = 1.0, 1.0, float(count)
    for _ in range(MOST_TERMS):  # of P(X = k + 1) / P(X = k)
        ratio *= q * (k + r) / (k + 1.0)
        k += 1.0
        total += ratio
        if ratio < 1e-6 * total:
            break
    return min(MOST_NATS, max(0.0, -(term + log(total))))


def learn(tally: Tally, hour: int) -> None:
    """The window's count becomes part of what is usual: what is more than three standard deviations above the mean counts half, so that a burst
    is not usual at once, but a nightly one soon."""
    actor, kept = tally.actor, float(tally.count)
    if kept > FREE and actor.windows >= YOUNG:
        mean = tally.total / actor.m
        most = mean + 3.0 * sqrt(max(0.0, tally.squares / actor.m - mean * mean)) + FREE
        kept = min(kept, max(most, kept / 2))
    square = kept * kept
    tally.total += kept
    tally.squares += square
    tally.hours[hour] = tally.hours.get(hour, 0.0) + kept
    for group in actor.groups:
        pair = group.tallies.get(tally.kind)
        if pair is None:
            group.tallies[tally.kind] = [kept, square]
        else:
            pair[0] += kept
            pair[1] += square


def renewed(actor: Actor, aspect: int, count: float, unseen: float) -> None:
    """An actor showed `count` new values of a facet in a window, `unseen` of them new to everybody."""
    actor.n[aspect] += count
    for group in actor.groups:
        group.n[aspect] += count
        group.unseen[aspect] += unseen
        if actor.young:
            group.young_n[aspect] += count


def passed(actor: Actor, hour: int) -> None:
    """One more active window of an actor and of its groups."""
    young = actor.windows < YOUNG
    actor.m += 1.0
    actor.hours[hour] += 1.0
    actor.windows += 1
    for group in actor.groups:
        group.m += 1.0
        group.hours[hour] += 1.0
        if young:
            group.young_m += 1.0


def off_hours(actor: Actor, hour: int) -> float:
    """How unusual the hour of the day is for an actor, 0-4 nats: -ln of its frequency, relative to an even day.

    Hours beside it count half; the peers' day is worth 24 windows.
    """
    own, peers = actor.hours, actor.group.hours

    def near(hours: list[float]) -> float:
        return (0.5 * hours[hour - 1] + hours[hour] + 0.5 * hours[(hour + 1) % 24]) / 2.0

    everybody = sum(peers)
    expected = near(peers) / everybody if everybody else 1 / 24
    share = (near(own) + 24.0 * expected) / (sum(own) + 24.0)
    return min(4.0, max(0.0, -log(max(share * 24.0, exp(-5.0)))))
