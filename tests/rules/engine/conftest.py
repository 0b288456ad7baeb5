"""Make events and rules from what a test says of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from event_model.discovery import Parts
from event_model.event import Event, Origin, Record
from rules.engine import Rule
from rules.engine.document import parse as parse_yaml
from rules.engine.examples import audit_record
from rules.engine.parse import parse

FORMATS = Parts("collector.formats", "Format")
AUDIT = {"product": "kubernetes", "service": "audit"}
MakeEvent = Callable[..., Event]
MakeRule = Callable[..., Rule]


@pytest.fixture(scope="session")
def audit() -> MakeEvent:
    """An event of a Kubernetes audit record with these parts: `audit(verb="get")`."""
    form = FORMATS.make("kubernetes_audit")

    def make(**parts: Any) -> Event:
        raw = json.dumps(audit_record(parts)).encode()
        event: Event = form.normalize(Record(raw), Origin("test", "kubernetes_audit"))
        return event

    return make


@pytest.fixture(scope="session")
def bare() -> MakeEvent:
    """A record of any shape, without a logsource."""

    def make(**record: Any) -> Event:
        raw = json.dumps(record).encode()
        return Event(
            Record(raw), Origin("test", "json"), record, lambda event: "", "2026-11-23T10:15:00Z", "json"
        )

    return make


@pytest.fixture(scope="session")
def rule() -> MakeRule:
    """A rule with this detection: `rule({"verb": "get"})` has one selection; others come by name."""

    def make(
        selection: Any = None, *, lists: Any = None, rule_id: str = "a_rule_of_a_test", **parts: Any
    ) -> Rule:
        head = {key: parts.pop(key) for key in list(parts) if key in HEAD}
        detection = {"condition": "selection", **parts}
        if selection is not None:
            detection["selection"] = selection
        data = {"title": "A rule", "logsource": AUDIT, "detection": detection, **head}
        (document,) = parse_yaml(yaml.safe_dump(data, sort_keys=False), "a_rule.yml")
        made, errors = parse(document, rule_id, lists or {})
        if made is None:
            raise errors[0]
        return made

    return make


HEAD = frozenset(
    (
        "id", "title", "level", "tags", "logsource", "group_by", "reason", "needs", "tests",
        "placeholders", "controls", "falsepositives",
    )
)  # fmt: skip
