"""What triage said: benign values are no evidence for a while, true ones stay unlearned."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol

from event_model.behaviour import Verdict

EXPIRES = 90 * 24 * 60  # minutes, where the verdict does not say
MOST = 10_000
GROUP = "group:"

Scoped = tuple[str, str, str]  # (scope, facet, value)


class Named(Protocol):
    @property
    def name(self) -> str: ...


class Someone(Protocol):
    """Whom a verdict may be about: an actor, an entity."""

    @property
    def entity(self) -> str: ...

    @property
    def groups(self) -> Sequence[Named]: ...


class Verdicts:
    """The verdicts that hold, with the minute (since the epoch) at which they end."""

    def __init__(self) -> None:
        self.suppressed: dict[Scoped, int] = {}
        self.unlearned: dict[Scoped, int] = {}

    def take(self, verdict: Verdict, now: int) -> None:
        """Keep a verdict; a later one on the same value replaces it. Raises ValueError for a time that is none."""
        scoped = (verdict.scope, verdict.facet, verdict.value)
        ends = minute(verdict.expires) if verdict.expires else now + EXPIRES
        kept, other = (
            (self.suppressed, self.unlearned) if verdict.benign else (self.unlearned, self.suppressed)
        )
        other.pop(scoped, None)
        if len(kept) >= MOST:
            kept.pop(min(kept, key=kept.__getitem__))
        kept[scoped] = ends
        for each in (self.suppressed, self.unlearned):
            for over in [name for name, end in each.items() if end < now]:
                del each[over]

    def benign(self, actor: Someone, facet: str, value: str, now: int) -> bool:
        """Whether the value is no news for the actor."""
        return bool(self.suppressed) and any(
            self.suppressed.get((scope, *each), -1) >= now
            for scope in scopes(actor)
            for each in ((facet, value), (facet, "*"), ("*", "*"))
        )

    def keeps(self, actor: Someone, facet: str, value: str) -> bool:
        """Whether the value is to stay unknown to the actor."""
        return bool(self.unlearned) and any(
            (scope, *each) in self.unlearned
            for scope in scopes(actor)
            for each in ((facet, value), (facet, "*"), ("*", "*"))
        )


def scopes(actor: Someone) -> tuple[str, ...]:
    return (actor.entity, *(GROUP + group.name for group in actor.groups))


def minute(text: str) -> int:
    """Minutes since the epoch of an RFC 3339 time. Raises ValueError."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) // 60
