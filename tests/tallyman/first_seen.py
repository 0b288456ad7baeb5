"""A small real detector for tests: it tells of an action that a known actor never did before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec.structs import replace

from event_model.alert import Match, RuleInfo
from event_model.behaviour import Behaviour, Verdict
from event_model.event import Event

RULE = RuleInfo(
    "5f0c3a52-8c2e-4f0e-9d1d-6f6f3d8f0b21", "behaviour_first_seen", "Unusual behaviour", "medium", group_by=("user.name", "event.action")
)  # fmt: skip


@dataclass
class Detector:
    """Remembers the actions of each actor, in the order seen."""

    budget: float = 3.0
    actions: dict[str, list[str]] = field(default_factory=dict, init=False)
    looked: int = field(default=0, init=False)  # events, ever
    seen: list[str] = field(default_factory=list, init=False)  # ids of the events since it was made
    verdicts: list[Verdict] = field(default_factory=list, init=False)

    def attach(self, behaviour_of: Callable[[str], Behaviour | None]) -> None:
        self.behaviour_of = behaviour_of

    def inspect(self, events: list[Event]) -> list[Match]:
        self.looked += len(events)
        return [match for event in events if (match := self._look(event))]

    def _look(self, event: Event) -> Match | None:
        self.seen.append(event.id.partition(":")[0])
        if event.action == "stumble":
            raise ZeroDivisionError("division by zero")
        actor, action = event.user_name or "", event.action or ""
        known = self.actions.setdefault(actor, [])
        if action in known:
            return None
        known.append(action)
        if len(known) == 1 or any(
            each.benign and (each.of_group or each.entity == actor) and each.value == action
            for each in self.verdicts
        ):
            return None
        evidence = {
            "score": 12.0, "risk": 61, "cluster": event.origin.cluster, "entity": actor, "group": "all", "usual": {"actions": known[:-1]},
            "terms": [{"facet": "action", "value": action, "nats": 12.0, "text": f"first `{action}`"}],
        }  # fmt: skip
        return Match(RULE, (event,), f"{actor}: first `{action}`", {}, (actor, action), evidence)

    def retell(self, match: Match, event: Event) -> Match:
        return replace(match, events=(event,))

    def snapshot(self) -> bytes:
        return msgspec.msgpack.encode([1, self.looked, self.actions])

    def restore(self, data: bytes) -> None:
        version, looked, actions = msgspec.msgpack.decode(data)
        if version != 1:
            raise ValueError(f"a memory of version {version}; this one reads 1")
        self.looked, self.actions = looked, actions

    def usual(self, entity: str, cluster: str | None = None) -> dict[str, Any] | None:
        return {"actions": self.actions[entity]} if entity in self.actions else None

    def judge(self, verdict: Verdict) -> None:
        self.verdicts.append(verdict)

    def standing(self) -> dict[str, dict[str, float]]:
        return {"": {"entities": float(len(self.actions))}}
