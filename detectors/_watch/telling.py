"""Say why: the score is a sum, so its largest terms are the reasons; as sentences and as data."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from detectors._watch import counts
from detectors._watch.actors import Actor, Tally
from detectors._watch.aspects import ACTION, CLIENT, IMAGE, NAMES, NAMESPACE, OBJECT, OUTCOME, PLACE, SOURCE
from detectors._watch.budget import HISTORY, Budget
from detectors._watch.case import Case
from detectors._watch.clock import DAY, HOUR, WINDOW, Clock
from detectors._watch.evidence import Term
from detectors._watch.lately import risk_of
from detectors._watch.watch import Watch

LEARNING = 2 * DAY  # of watching, before which much is new that is usual
MOST_TERMS = 10  # shown
MOST_VALUES = 20  # of what is usual, for each facet


class Met(Protocol):
    """Who is known since a minute (since the epoch), and the flow of then."""

    @property
    def first(self) -> int: ...
    @property
    def met(self) -> float: ...


class Named(Protocol):
    """Who is in a cluster, and was active last at a flow."""

    @property
    def cluster(self) -> str: ...
    @property
    def seen(self) -> float: ...


N = TypeVar("N", bound=Named)
SENTENCES = {  # behind `first` or `again`
    ACTION: "`{value}`",
    NAMESPACE: "in namespace {value}",
    SOURCE: "from {value}",
    CLIENT: "with client {value}",
    OUTCOME: "`{value}`",
    PLACE: "`{value}`",
    OBJECT: "{value}",
    IMAGE: "image {value}",
}


def evidence(
    actor: Actor, case: Case, watch: Watch, budget: Budget, score: float, digest: bool
) -> dict[str, Any]:
    """Everything that an alert says of an actor, as data: terms largest first, rates, what is usual."""
    clock = watch.clock
    watched = age(actor, clock)
    return {
        "cluster": actor.cluster,
        "entity": actor.entity,
        "group": actor.group.name,
        "score": round(score, 1),
        "risk": risk_of(score),
        "watched_days": days(watched),
        "terms": [_term(term, actor, watch, watched) for term in case.largest(MOST_TERMS)],
        "off_hours": round(case.hours, 1),
        "rates": rates(actor, clock),
        "usual": usual(actor, clock),
        "digest": digest,
        "expected_every_days": budget.every(actor.group.name, score, clock.flow),
    }


def _term(term: Term, actor: Actor, watch: Watch, watched: float) -> dict[str, Any]:
    text = SENTENCES[term.aspect]
    marked = watch.verdicts.marked(actor, NAMES[term.aspect], term.value, watch.clock.minute)
    if marked is None:
        time = " time" if term.aspect == NAMESPACE else ""
        text, behind = f"first{time} {text}", since(watched)
    else:
        text, behind = f"again {text}", attack(marked)
    return {
        "facet": NAMES[term.aspect],
        "value": term.value,
        "nats": round(term.nats, 1),
        "kind": term.kind,
        "peers": term.peers,
        "members": term.members,
        "everyone": term.everyone,
        "text": f"{text.format(value=term.value)}{behind}; {_peers(term, actor.group.name)}",
    }


def attack(marked: int) -> str:
    """Behind what triage told apart as part of an attack at that minute, which therefore is told again."""
    return f", marked as an attack on {stamp(marked)[:10]}"


def since(watched: float, who: str = "an actor") -> str:
    """Behind what is new for somebody who was watched for so many seconds."""
    return f" in {lasting(watched)}" if watched >= WINDOW * 60 else f", by {who} met just now"


def _peers(term: Term, group: str) -> str:
    if not term.members:
        return f"it has no peers ({group})" if not term.everyone else f"{counted(term.everyone, 'other')} did"
    peers = f"{counted(term.members, 'peer')} ({group})"
    if not term.everyone:
        return f"none of {peers} nor anybody else ever did"
    return f"{term.peers} of {peers} ever did"


def rates(actor: Actor, clock: Clock) -> list[dict[str, Any]]:
    """The kinds of acts of this window that are more than usual, most surprising first."""
    found = []
    for tally in actor.tallies.values():
        if tally.window != clock.window or tally.count < 3:
            continue
        mean = counts.mean_of(tally, clock.weight, clock.hour)
        nats = counts.surprise(tally.count, mean, counts.spread_of(tally, clock.weight))
        if nats >= 3.0:
            text = rate_text(tally, mean)
            found.append(
                {
                    "kind": tally.kind,
                    "count": tally.count,
                    "usual": round(mean, 3),
                    "nats": round(nats, 1),
                    "text": text,
                }
            )
    return sorted(found, key=lambda rate: -rate["nats"])


def rate_text(tally: Tally, mean: float) -> str:
    return f"{tally.count} times {tally.kind} in {WINDOW} minutes, usual {mean:.1f}"


def reason(told: dict[str, Any]) -> str:
    """The evidence as one sentence."""
    parts = [term["text"] for term in told["terms"][:3]] + [rate["text"] for rate in told["rates"][:1]]
    if told.get("expected_every_days"):
        parts.append(f"expected at most once {every(told['expected_every_days'])}")
    return f"{told['entity']} ({told['group']}): {'; '.join(parts)}"


def usual(actor: Actor, clock: Clock) -> dict[str, Any]:
    """What an actor usually does, as data: the values seen most lately first."""
    seen = {
        name: [value for value, _ in sorted(known.items(), key=lambda pair: -pair[1])[:MOST_VALUES]]
        for name, known in zip(NAMES, actor.known, strict=True)
        if known and name not in ("outcome", "place")
    }
    busy = max(actor.hours)
    return {
        "entity": actor.entity,
        "cluster": actor.cluster,
        "group": actor.group.name,
        "peers": max(0, actor.group.members - 1),
        "first_seen": stamp(actor.first),
        "watched_days": days(age(actor, clock)),
        "active_windows": actor.windows,
        "values": seen,
        "hours": [hour for hour, count in enumerate(actor.hours) if count > 0.05 * busy],
        f"rates_in_{WINDOW}_minutes": {
            kind: round(tally.total / actor.m, 3)
            for kind, tally in sorted(actor.tallies.items())
            if tally.total > 0.0
        },
        "risk": actor.lately.risk(clock.flow),
        "learning": actor.young,
    }


def age(actor: Met, clock: Clock) -> float:
    """Seconds that were watched since the actor was met; no more than have passed, for another source may have gone
    through days that it was not there, unless the clock was set back."""
    watched, passed = max(0.0, clock.flow - actor.met), (clock.minute - actor.first) * 60.0
    return min(watched, passed) if passed > 0.0 else watched


def days(seconds: float) -> float:
    """As data: to a minute or two."""
    return round(seconds / DAY, 3)


def lasting(seconds: float) -> str:
    """As a person would say it: `45 minutes`, `7 hours`, `4.2 days`."""
    if seconds < 2 * HOUR:
        return counted(round(seconds / 60), "minute")
    if seconds < 2 * DAY:
        return counted(round(seconds / HOUR), "hour")
    return f"{seconds / DAY:.1f}".removesuffix(".0") + " days"


def every(days: float) -> str:
    """How often, of something that comes once in so many days: `a day`, `every 2.5 days`."""
    return "a day" if days == 1 else f"every {days:g} days"


def counted(count: int, name: str) -> str:
    return f"{count} {name}{'' if count == 1 else 's'}"


def seen_last(named: Iterable[N], cluster: str | None) -> tuple[N, list[str]] | None:
    """Of those of one name the one that was active last, in this cluster if one is given, and the other clusters."""
    everywhere = list(named)
    there = [each for each in everywhere if cluster in (None, each.cluster)]
    if not there:
        return None
    found = max(there, key=lambda each: each.seen)
    return found, sorted({each.cluster for each in everywhere} - {found.cluster})


def stamp(minute: int) -> str:
    return datetime.fromtimestamp(minute * 60, UTC).strftime("%Y-%m-%dT%H:%M:00Z")


def standing(watch: Watch) -> dict[str, float]:
    """What a watch knows, as numbers, and how often new things come."""
    groups = [group for realm in watch.realms.values() for group in realm.groups.values()]
    windows = sum(group.m for group in groups)
    return {
        "entities": float(len(watch.actors)),
        "novelty_rate": sum(sum(group.n) for group in groups) / windows if windows else 0.0,
    }


def spent(budget: Budget, flow: float) -> dict[str, float]:
    """How much of its budget a detector uses, by now."""
    days = min(flow, HISTORY) / DAY
    incidents = sum(len(pool.past) for pool in budget.pools.values())
    return {
        "incidents_day": incidents / days if days >= 0.1 else 0.0,
        "budget_used": budget.bucket.gone(flow) / budget.bucket.size,
    }
