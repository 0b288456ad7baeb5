"""How much something new says, in nats: -ln of how likely it is for this actor and its peers, plus what the act can do.

For the k-th new value x of one facet in a window, actor a of group g:

    surprise = min(9, -ln P(a shows something new) - ln Q(x | peers))
    e = weight * ( surprise + prior * min(1, surprise / 4) )

P is a Good-Turing estimate (the share of windows that brought something new predicts the next), shrunk to the peers'.
Q is the share of peers that know x, backed off to everybody. New things come in bursts, so P rises with k (a Polya urn).
"""

from __future__ import annotations

from math import e, exp, log

from msgspec import Struct

from detectors._watch.actors import Actor
from detectors._watch.aspects import ASPECTS, CLIENT, NAMESPACE, SOURCE

PSEUDO = 24.0  # windows that the peers' rate of novelty is worth
BURST = 0.35  # what one new value adds to the chance of the next
SMALLEST = 1e-300  # chance: where counts are next to nothing, it is rounded to none
MOST = 9.0  # nats of one value, before the prior
SURPRISING = 4.0  # nats from which the prior counts whole
RATE, RATE_WINDOWS = (
    0.05,
    20.0,
)  # novelties in a window where nobody has been watched yet, and what that is worth
YOUNG_RATE, YOUNG_WINDOWS = 2.0, 5.0  # the same for those who were just met
UNSEEN = 1e-3  # least share of novelties that are new to everybody
FIRST, COMMON = (
    (NAMESPACE, SOURCE, CLIENT),
    0.5,
)  # facets that every first act has; the share of peers that is most
BACK_OFF = 2.0  # peers that everybody is worth


class Term(Struct, frozen=True):
    """One reason: a value that is new to the actor."""

    aspect: int
    value: str
    nats: float
    kind: str
    peers: int  # of them, how many know it
    members: int
    everyone: int  # who know it, peers or not


def term(actor: Actor, weight: float, aspect: int, value: str, earlier: int, prior: float, kind: str) -> Term:
    """The evidence of a new value, the `earlier`-th (from 0) of its facet in this window. `weight` is the clock's."""
    facet, group, realm = ASPECTS[aspect], actor.group, actor.realm
    share = share_of(actor, weight, aspect, value)
    chance = chance_of(actor, weight, aspect, share)
    chance = (chance + BURST * earlier) / (1.0 + BURST * earlier)
    surprise = min(MOST, -log(max(SMALLEST, chance)) - log(share))
    weighed = prior if facet.whole_prior else max(0.0, prior / 2)
    if weighed > 0.0:  # it is the odds that a *surprising* act is hostile
        weighed *= min(1.0, surprise / SURPRISING)
    nats = facet.weight * (surprise + weighed) * facet.fade**earlier
    peers, everyone = group.known[aspect].get(value, 0), realm.known[aspect].get(value, 0)
    return Term(aspect, value, max(0.0, nats), kind, peers, max(0, group.members - 1), everyone)


def chance_of(actor: Actor, weight: float, aspect: int, share: float) -> float:
    """How likely a window of the actor brings a new value of a facet, that this share of its peers know.

    Certain is that who acts for the first time does so from somewhere: what most peers have is no news then. What few
    have is: an account that slept until somebody stole its token is met for the first time as well.
    """
    if aspect in FIRST and share >= COMMON and not actor.windows:
        return 1.0
    return 1.0 - exp(-rate_of(actor, weight, aspect))


def rate_of(actor: Actor, weight: float, aspect: int) -> float:
    """How many new values of a facet are to be expected of an actor in a window."""
    peers, young = RATE, YOUNG_RATE
    windows, young_windows, pseudo = RATE_WINDOWS * weight, YOUNG_WINDOWS * weight, PSEUDO * weight
    for group in reversed(actor.groups):  # from above: each is shrunk to the one above it
        peers = (group.n[aspect] + peers * windows) / (group.m + windows)
        young = (group.young_n[aspect] + young * young_windows) / (group.young_m + young_windows)
    rate = (actor.n[aspect] + pseudo * peers) / (actor.m + pseudo)
    return max(rate, young) if actor.young else rate


def share_of(actor: Actor, weight: float, aspect: int, value: str) -> float:
    """The share of peers to whom a value is known; for one known to nobody, the share of such novelties."""
    realm = actor.realm
    everyone = realm.known[aspect].get(value, 0)
    if not everyone:
        group = actor.groups[-1]
        news = (group.unseen[aspect] + weight) / (group.n[aspect] + 2.0 * weight)
        return max(UNSEEN, min(1.0, news)) / e
    share = (everyone + 0.3) / (realm.members + 2.0)
    for group in reversed(actor.groups):
        share = (group.known[aspect].get(value, 0) + BACK_OFF * share) / (group.members + BACK_OFF)
    return min(1.0, share)
