"""Make events of the example records that rules carry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from collector.formats import FORMATS
from event_model.event import Event, Origin, Record
from rules.engine.logsource import DOCKER, KUBERNETES
from rules.engine.rule import Rule

_FORMATS = {KUBERNETES: "kubernetes_audit", DOCKER: "docker_events"}


def normalizer(rule: Rule) -> Callable[[dict[str, Any]], Event]:
    """How a record of the rule's logsource becomes an event."""
    name = next((_FORMATS[dataset] for dataset in rule.datasets if dataset in _FORMATS), "kubernetes_audit")
    form, origin = FORMATS.make(name), Origin(source="test", format=name)

    def normalize(record: dict[str, Any]) -> Event:
        event: Event = form.normalize(Record(orjson.dumps(record)), origin)
        return event

    return normalize
