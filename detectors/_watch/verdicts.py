"""What triage said: benign values are no evidence for a while, true ones stay unlearned for a while."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from event_model.behaviour import Verdict

EXPIRES = 90 * 24 * 60  # minutes, where the verdict does not say
MOST = 10_000


class Scope(NamedTuple):
    """For whom a verdict holds: an actor of a cluster, or all of a group there."""

    cluster: str
    name: str
    of_group: bool


class Scoped(NamedTuple):
    """What a verdict is about. None for any facet, any value."""

    scope: Scope
    facet: str | None
    value: str | None


class Term(NamedTuple):
    """How long a verdict holds, in minutes since the epoch."""

    since: int
    ends: int


class Named(Protocol):
    @property
    def name(self) -> str: ...


class Someone(Protocol):
    """Whom a verdict may be about: an actor, an entity."""

    @property
    def cluster(self) -> str: ...

    @property
    def entity(self) -> str: ...

    @property
    def groups(self) -> Sequence[Named]: ...


class Verdicts:
    """The verdicts that hold. Times (`now`) are minutes since the epoch, of the stream."""

    def __init__(self) -> None:
        self.suppressed: dict[Scoped, Term] = {}
        self.unlearned: dict[Scoped, Term] = {}

    def take(self, verdict: Verdict, now: int) -> bool:
        """Keep a verdict; a later one on the same value replaces it. Whether it holds.

        Those that had ended when it was decided are forgotten. Raises ValueError for a time that is none.
        """
        scoped = Scoped(scope_of(verdict), verdict.facet, verdict.value)
        since = minute(verdict.since) if verdict.since else now
        ends = minute(verdict.expires) if verdict.expires else now + EXPIRES
        kept, other = (
            (self.suppressed, self.unlearned) if verdict.benign else (self.unlearned, self.suppressed)
        )
        kept.pop(scoped, None)
        other.pop(scoped, None)
        if ends < since:  # the stream's own time may be that of a wrong clock
            return False
        if len(kept) >= MOST:
            kept.pop(min(kept, key=lambda each: kept[each].ends))
        kept[scoped] = Term(since, ends)
        for each in (kept, other):
            for over in [name for name, term in each.items() if term.ends < since]:
                del each[over]
        return True

    def benign(self, actor: Someone, facet: str, value: str, now: int) -> bool:
        """Whether the value is no news for the actor."""
        return _holding(self.suppressed, actor, facet, value, now) is not None

    def marked(self, actor: Someone, facet: str, value: str, now: int) -> int | None:
        """Since when the value is to stay unknown to the actor, for it was part of an attack; None where it is not."""
        term = _holding(self.unlearned, actor, facet, value, now)
        return None if term is None else term.since

    def keeps(self, actor: Someone, facet: str, value: str, now: int) -> bool:
        """Whether the value is to stay unknown to the actor."""
        return _holding(self.unlearned, actor, facet, value, now) is not None


def _holding(kept: Mapping[Scoped, Term], actor: Someone, facet: str, value: str, now: int) -> Term | None:
    if not kept:
        return None
    for scope in scopes(actor):
        for about in ((facet, value), (facet, None), (None, None)):
            term = kept.get(Scoped(scope, *about))
            if term is not None and term.ends >= now:
                return term
    return None


def scope_of(verdict: Verdict) -> Scope:
    return Scope(verdict.cluster, verdict.entity, verdict.of_group)


def scopes(actor: Someone) -> tuple[Scope, ...]:
    """All scopes that an actor is in."""
    groups = (Scope(actor.cluster, group.name, True) for group in actor.groups)
    return (Scope(actor.cluster, actor.entity, False), *groups)


def minute(text: str) -> int:
    """Minutes since the epoch of an RFC 3339 time. Raises ValueError."""
    return int(datetime.fromisoformat(text).astimezone(UTC).timestamp()) // 60
