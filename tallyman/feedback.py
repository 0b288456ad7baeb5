"""Hear what triage decided about the detectors' alerts, and make verdicts of it.

An alert closed as benign or false says that its values are no news for their entity (or its whole group); one
closed as true that they stay news. What is taken back is withdrawn.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from event_model.behaviour import Verdict
from store.alerts import AlertBook
from store.grouping import iso, seconds
from store.state import AlertRecord

RULES = "behaviour_"  # what the rule_id of every detector begins with
BENIGN = {"benign_positive": True, "false_positive": True, "true_positive": False}  # closed as -> benign


@dataclass(slots=True)
class Feedback:
    """The verdicts in a state file; each counts for so long after the decision."""

    alerts: AlertBook
    lasting: timedelta
    now: Callable[[], float] = time.time
    _change: int = field(default=0, init=False)

    def news(self) -> list[Verdict]:
        """The verdicts since the last call; at the first one, all that still count."""
        found: list[Verdict] = []
        since = self.now() - self.lasting.total_seconds()
        while True:
            alerts, change = self.alerts.judged(self._change, RULES, since)
            if not alerts:
                return found
            self._change = change
            found += [verdict for alert in alerts for verdict in verdicts(alert, self.lasting)]


def verdicts(alert: AlertRecord, lasting: timedelta) -> Iterator[Verdict]:
    """What an alert that was decided about says of each of its reasons."""
    step = alert.history[-1]
    benign, withdrawn = BENIGN.get(step["reason"] or ""), step["action"] == "reopen"
    if benign is None and not withdrawn:
        return
    evidence = alert.document.get("tallyman", {}).get("alert", {}).get("evidence", {})
    decided = next((each for each in reversed(alert.history) if each["action"] != "reopen"), step)
    of_group = decided["scope"] == "group" and bool(evidence.get("group"))
    entity = evidence.get("group" if of_group else "entity")
    until = iso(0.0 if withdrawn else seconds(step["time"]) + lasting.total_seconds())
    name = alert.document["kibana"]["alert"]["rule"]["name"]
    for term in evidence.get("terms", ()):
        facet, value = term.get("facet"), term.get("value")
        if entity and isinstance(facet, str) and isinstance(value, str):
            yield Verdict(
                evidence.get("cluster", ""), entity, facet, value, benign is not False,
                of_group, step["time"], until, name,
            )  # fmt: skip
