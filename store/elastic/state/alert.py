"""An alert as a document of the cluster: Kibana's names, and below `tallyman.alert.state` what keeps it exact.

Who writes what: the collecting process the side of the matches (`merged`), people the side of the decisions
(`decided`). Neither ever writes the other's.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from event_model.event import ECS_VERSION
from event_model.ready import ready
from store.grouping import iso, seconds
from store.state import AlertRecord
from store.triage import ACTIONS

STATE = "tallyman.alert.state"
START, CHANGED, DECIDED, JUDGED = (f"{STATE}.{name}" for name in ("start", "changed", "decided", "judged"))
UUID = "kibana.alert.uuid"
# what a list shows is made of these alone
SHORT = [
    "kibana.alert.uuid", "kibana.alert.severity", "kibana.alert.risk_score", "kibana.alert.reason",
    "kibana.alert.rule.uuid", "kibana.alert.rule.rule_id", "kibana.alert.rule.name", "user.name", STATE,
]  # fmt: skip
MOST_TEXT = 2000  # characters of a text in an alert's least form


class Form(Enum):
    """How much of an alert its document holds."""

    WHOLE = "whole"
    TEXT = "text"  # its event as text, which fits any mapping
    LEAST = "least"  # without its event, which fits any request


class Kept(Struct, omit_defaults=True):
    """What stands below `tallyman.alert.state`; times in microseconds since 1970, exact and of any year."""

    start: int
    end: int
    detected: int
    count: int
    group: str
    changed: int  # when it was written last, by the clock of who wrote it
    decided: int | None = None
    judged: int | None = None  # when that decision was written
    version: int = 1
    history: list[dict[str, Any]] = []
    event: str = ""  # the document in JSON, where the cluster would not take it as it is

    @property
    def status(self) -> str:
        return ACTIONS[self.history[-1]["action"]] if self.history else "open"

    @property
    def decision(self) -> dict[str, Any]:
        """The last one; empty if there was none."""
        return self.history[-1] if self.history else {}


ready(Kept)


def micros(moment: float) -> int:
    """Seconds since the epoch as whole microseconds."""
    return round(moment * 1_000_000)


def kept(source: Mapping[str, Any]) -> Kept:
    """The state in a document."""
    return msgspec.convert(source["tallyman"]["alert"]["state"], Kept)


def document(record: AlertRecord, now: int, form: Form = Form.WHOLE) -> dict[str, Any]:
    """The document of an alert that the cluster does not have."""
    state = Kept(
        micros(record.start), micros(record.end), micros(record.detected), record.count, record.group, now,
        micros(seconds(record.history[-1]["time"])) if record.history else None, now if record.history else None,
        len(record.history) + 1, record.history,
    )  # fmt: skip
    if form is Form.WHOLE:
        return _with(record.document, state)
    if form is Form.LEAST:
        return _with(_eventless(record.document), state)
    whole = msgspec.json.encode(record.document, enc_hook=str).decode()
    return _with(_least(record.document), replace(state, event=whole))


def cut(value: Any) -> Any:
    """The value with no text in it that is longer than MOST_TEXT."""
    if isinstance(value, dict):
        return {name: cut(below) for name, below in value.items()}
    if isinstance(value, list):
        return [cut(each) for each in value]
    return value[:MOST_TEXT] if isinstance(value, str) else value


def merged(record: AlertRecord, held: Kept, now: int) -> dict[str, Any] | None:
    """The parts of a document that the matches in `record` change; None where the cluster knows all of them.

    What the cluster knows beyond them stays: two processes that read the same records make one alert.
    """
    state = replace(
        held,
        start=min(held.start, micros(record.start)),
        end=max(held.end, micros(record.end)),
        detected=max(held.detected, micros(record.detected)),
        count=max(held.count, record.count),
    )
    if state == held:
        return None
    times = {"start": iso(state.start / 1e6), "end": iso(state.end / 1e6)}
    alert = record.document["kibana"]["alert"]
    suppression = {**alert.get("suppression", {}), "docs_count": state.count - 1, **times}
    parts: dict[str, Any] = {
        **times,
        "last_detected": iso(state.detected / 1e6),
        "duration": {"us": state.end - state.start},
        "suppression": suppression,
    }
    ours: dict[str, Any] = {}
    if record.count >= held.count:
        parts["ancestors"] = alert.get("ancestors", [])
        parts |= {name: alert[name] for name in ("severity", "risk_score", "reason")}
        told = record.document.get("tallyman", {}).get("alert", {})
        ours = {name: told[name] for name in ("matched", "evidence") if name in told}
    numbers = {name: getattr(state, name) for name in ("start", "end", "detected", "count")}
    return _parts(parts, {**numbers, "changed": now}, ours)


def sure(parts: Mapping[str, Any]) -> dict[str, Any]:
    """These parts without what no mapping can be sure to take: values of records, and long texts."""
    state = parts["tallyman"]["alert"]["state"]
    changed: dict[str, Any] = cut({**parts, "tallyman": {"alert": {"state": state}}})
    return changed


def decided(held: Kept, step: Mapping[str, Any], now: int) -> dict[str, Any]:
    """The parts of a document that a decision changes."""
    alert = {
        "workflow_status": ACTIONS[step["action"]],
        "workflow_status_updated_at": step["time"],
        "workflow_user": step["user"],
        "workflow_reason": step["reason"],  # null takes away what an earlier one left
    }
    history = [*held.history, dict(step)]
    moment = micros(seconds(step["time"]))
    state = {
        "history": history,
        "version": held.version + 1,
        "decided": moment,
        "judged": now,
        "changed": now,
    }
    return _parts(alert, state)


def summary(source: Mapping[str, Any]) -> dict[str, Any]:
    """What a list shows of an alert."""
    state = kept(source)
    whole = msgspec.json.decode(state.event) if state.event else source
    alert, last = whole["kibana"]["alert"], state.decision
    return {
        "id": alert["uuid"],
        "rule_id": alert["rule"]["rule_id"],
        "rule_uuid": alert["rule"]["uuid"],
        "rule_name": alert["rule"]["name"],
        "severity": alert["severity"],
        "risk_score": alert["risk_score"],
        "reason": alert["reason"],
        "user": user.get("name") if isinstance(user := whole.get("user"), dict) else None,
        "start": iso(state.start / 1e6),
        "end": iso(state.end / 1e6),
        "count": state.count,
        "last_detected": iso(state.detected / 1e6),
        "status": state.status,
        "closed_as": last.get("reason") if state.status == "closed" else None,
        "decided_by": last.get("user"),
        "decided": last.get("time"),
        "version": state.version,
    }


def shown(source: Mapping[str, Any]) -> dict[str, Any]:
    """The document as sinks are told of it: without what only keeps it exact."""
    state = kept(source)
    whole = _overlaid(msgspec.json.decode(state.event), source) if state.event else source
    alert = {name: value for name, value in whole["kibana"]["alert"].items() if value is not None}
    ours = _without(whole.get("tallyman", {}).get("alert", {}), "state")
    tallyman = {**_without(whole.get("tallyman", {}), "alert"), **({"alert": ours} if ours else {})}
    return {
        **_without(whole, "tallyman"),
        "kibana": {**whole["kibana"], "alert": alert},
        **({"tallyman": tallyman} if tallyman else {}),
    }


def record(source: Mapping[str, Any]) -> AlertRecord:
    """The alert in a document, on its way elsewhere."""
    state = kept(source)
    document = shown(source)
    return AlertRecord(
        document["kibana"]["alert"]["uuid"], document, state.start / 1e6, state.end / 1e6,
        state.detected / 1e6, state.count, state.group, state.history,
    )  # fmt: skip


def _overlaid(event: dict[str, Any], source: Mapping[str, Any]) -> dict[str, Any]:
    """The event that an alert was told of, with what has changed since."""
    alert = {**event["kibana"]["alert"], **source["kibana"]["alert"]}
    alert["rule"] = event["kibana"]["alert"]["rule"]
    told, since = event.get("tallyman", {}), source["tallyman"]["alert"]
    tallyman = {**told, "alert": {**told.get("alert", {}), **since}}
    return {**event, "kibana": {**event["kibana"], "alert": alert}, "tallyman": tallyman}


def _least(document: Mapping[str, Any]) -> dict[str, Any]:
    """What an alert is found by, all of it ours: nothing that someone else could have written."""
    alert = document["kibana"]["alert"]
    found = {name: value for name, value in alert.items() if isinstance(value, str | int | float)}
    rule = {name: alert["rule"][name] for name in ("uuid", "rule_id", "name")}
    return {
        "@timestamp": document["@timestamp"],
        "ecs": {"version": ECS_VERSION},
        "event": {"kind": "signal"},
        "kibana": {"alert": {**found, "rule": rule}},
    }


def _eventless(document: Mapping[str, Any]) -> dict[str, Any]:
    """The same, with whom it is about and which events it rests on; their ids find them, if they are in the cluster."""
    least, alert, user = _least(document), document["kibana"]["alert"], document.get("user")
    named = {name: alert[name] for name in ("ancestors", "suppression", "duration") if name in alert}
    least["kibana"] = {"alert": {**least["kibana"]["alert"], **named}}
    if isinstance(user, dict) and isinstance(name := user.get("name"), str):
        least["user"] = {"name": name}
    return {name: cut(value) for name, value in least.items()}


def _with(document: Mapping[str, Any], state: Kept) -> dict[str, Any]:
    ours = document.get("tallyman", {})
    alert = {**ours.get("alert", {}), "state": msgspec.to_builtins(state)}
    return {**document, "tallyman": {**ours, "alert": alert}}


def _parts(
    alert: Mapping[str, Any], state: Mapping[str, Any], ours: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    return {"kibana": {"alert": alert}, "tallyman": {"alert": {**(ours or {}), "state": state}}}


def _without(level: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in level.items() if key != name}
