"""The type of every field in the cluster: ECS from the one table, native leaves, and what we add below `tallyman`.

Nothing is added by what documents hold (`dynamic: false`): an index has as many fields tomorrow as today.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from event_model.fields import FIELDS, nest
from store.query.names import NATIVES

Property = dict[str, Any]

LONGEST = 1024  # UTF-16 units of a keyword that is searched, as in ECS; document.py lists what is longer
DEEPEST = 20  # levels of a flattened object

KEYWORD: Property = {"type": "keyword", "ignore_above": LONGEST}
KEPT: Property = {"type": "keyword", "index": False, "doc_values": False}  # of any length, and only shown
NAMES: Property = {"type": "keyword", "doc_values": False}  # searched, and never counted
TEXT: Property = {"type": "text", "norms": False}
WORDS: Property = {"type": "text", "analyzer": "whitespace", "norms": False}
LONG: Property = {"type": "long"}
DATE: Property = {"type": "date"}
FLATTENED: Property = {"type": "flattened", "ignore_above": LONGEST, "depth_limit": DEEPEST}

# kind of a field in event_model.fields -> how it is indexed
KINDS: dict[str, Property] = {
    "keyword": KEYWORD,
    "text": {**KEYWORD, "fields": {"text": TEXT}},
    # ::ffff:10.0.0.7 is the same address, spelled otherwise
    "ip": {"type": "ip", "fields": {"keyword": KEYWORD}},
    "date": DATE,
    "long": LONG,
    "boolean": {"type": "boolean"},
    "flattened": FLATTENED,
}
UNLIKE: dict[str, Property] = {  # where ECS, or our use of it, wants another type than the kind says
    "message": TEXT,
    "kubernetes.audit.responseStatus.code": LONG,
    "kubernetes.audit.requestReceivedTimestamp": DATE,
    "kubernetes.audit.stageTimestamp": DATE,
    "docker.event.time": LONG,
    "docker.event.timeNano": LONG,
}
WHOLE = (
    "gcp.audit",
    "azure.platformlogs",
    "kubernetes.event",
)  # native records that are flattened as they are

OURS: dict[str, Property] = {
    "event.original": KEPT,  # the record, as text
    "event.ingested": DATE,
    "tallyman.raw": KEPT,  # the record in base64, where it is no UTF-8
    "tallyman.origin.source": KEYWORD,
    "tallyman.origin.format": KEYWORD,
    "tallyman.origin.path": KEPT,
    "tallyman.origin.cluster": KEPT,
    "tallyman.origin.input": KEYWORD,
    "tallyman.origin.host": KEPT,
    "tallyman.record_offset": LONG,
    "tallyman.digest": KEPT,  # SHA-256 of the record as read, where secrets were replaced
    "tallyman.received": DATE,
    "tallyman.dead_reason": {**KEYWORD, "fields": {"text": TEXT}},
    "tallyman.time": LONG,  # microseconds since 1970, for exact ranges and order
    "tallyman.order": LONG,  # 63 bits of the id, for the order within one time
    "tallyman.subresource": KEYWORD,  # as the event has it, which need not be as its native record has it
    "tallyman.words.message": WORDS,  # of the sentence, cut as the query language cuts
    "tallyman.words.command": WORDS,  # of the command line
    "tallyman.inner": NAMES,  # full names of the objects inside flattened ones
    "tallyman.long": NAMES,  # names of the fields that hold a value longer than LONGEST
    "tallyman.record": FLATTENED,  # what of a JSON record does not fit the types above
}

# of an alert beside the event that it copies (Kibana's names)
ALERT: dict[str, Property] = {
    **{
        f"kibana.alert.{name}": KEYWORD
        for name in (
            "uuid", "url", "severity", "status", "workflow_status", "workflow_user", "workflow_reason",
            "workflow_tags", "workflow_assignee_ids", "building_block_type", "rule.uuid", "rule.rule_id",
            "rule.name", "rule.author", "rule.license", "rule.version", "rule.tags", "rule.references",
            "rule.false_positives", "rule.producer", "rule.category", "rule.consumer",
        )
    },
    **{
        f"kibana.alert.{name}": DATE
        for name in (
            "start", "end", "last_detected", "original_time", "intended_timestamp", "workflow_status_updated_at",
        )
    },
    "kibana.alert.reason": {**KEYWORD, "fields": {"text": TEXT}},
    "kibana.alert.rule.description": TEXT,
    "kibana.alert.risk_score": {"type": "float"},
    "kibana.alert.depth": LONG,
    "kibana.alert.duration.us": LONG,
    "kibana.alert.suppression.docs_count": LONG,
    "kibana.alert.ancestors.id": KEYWORD,
    "kibana.alert.ancestors.hash": KEYWORD,
    "kibana.alert.ancestors.type": KEYWORD,
    "kibana.alert.ancestors.index": KEYWORD,
    "kibana.alert.ancestors.depth": LONG,
    "kibana.space_ids": KEYWORD,
    "threat.framework": KEYWORD,
    "threat.tactic.id": KEYWORD,
    "threat.tactic.name": KEYWORD,
    "threat.technique.id": KEYWORD,
    "threat.technique.name": KEYWORD,
    "tallyman.alert.matched": FLATTENED,
    "tallyman.alert.controls": KEYWORD,
    **{  # what keeps it exact: store/elastic/state/alert.py
        f"tallyman.alert.state.{name}": LONG
        for name in ("start", "end", "detected", "changed", "decided", "judged", "count", "version")
    },
    "tallyman.alert.state.group": KEPT,
    "tallyman.alert.state.history": {"type": "object", "enabled": False},
    "tallyman.alert.state.event": KEPT,
}  # fmt: skip


def events() -> dict[str, Property]:
    """Every field of an event's document: full name -> its mapping."""
    ecs = {name: KINDS[field.kind] for name, field in FIELDS.items()}
    native = {name: each for root, members in NATIVES.items() for name, each in _leaves(root, members)}
    return {**native, **ecs, **dict.fromkeys(WHOLE, FLATTENED), **OURS, **UNLIKE}


def natives() -> tuple[str, ...]:
    """The fields below which native records stand."""
    return (*NATIVES, *WHOLE)


def alerts() -> dict[str, Property]:
    """Every field of an alert's document: those of the event, and of the finding."""
    return {**events(), **ALERT}


def properties(fields: Mapping[str, Property]) -> Property:
    """`{"user.name": …}` as Elasticsearch writes it: `{"properties": {"user": {"properties": {"name": …}}}}`."""
    return _nested(nest({name: _Leaf(each) for name, each in sorted(fields.items())}))


class _Leaf(dict[str, Any]):
    """A mapping of one field, to be told from the levels above it."""


def _nested(level: dict[str, Any]) -> Property:
    return {
        "properties": {
            name: dict(below) if isinstance(below, _Leaf) else _nested(below) for name, below in level.items()
        }
    }


def _leaves(name: str, members: Mapping[str, Any] | None) -> list[tuple[str, Property]]:
    """The leaves of a native record: a keyword each, and `flattened` where anything may stand below."""
    if members is None:
        return [(name, KEYWORD)]
    if not members:
        return [(name, FLATTENED)]
    return [found for label, below in members.items() for found in _leaves(f"{name}.{label}", below)]


def fields(mappings: Mapping[str, Any], above: str = "") -> dict[str, Property]:
    """The reverse of `properties`: full name -> mapping, of what a server shows."""
    found: dict[str, Property] = {}
    for name, each in mappings.get("properties", {}).items():
        if "properties" in each:
            found |= fields(each, f"{above}{name}.")
        else:
            found[above + name] = each
    return found


def covers(found: Property | None, wanted: Property) -> bool:
    """Whether the field is there, with all the ways in which it is indexed besides."""
    return found is not None and wanted.get("fields", {}).keys() <= found.get("fields", {}).keys()


def alike(found: Property, wanted: Property) -> bool:
    """Whether a field as the server shows it answers as the wanted one would."""
    if "enabled" in wanted:
        return found.get("enabled") in (False, "false")
    return STAND_INS.get(found.get("type", "object"), found.get("type")) == wanted["type"] and all(
        found.get(option, default) == wanted.get(option, default) for option, default in DECIDING.items()
    )


STAND_INS = {
    "wildcard": "keyword",
    "constant_keyword": "keyword",
    "match_only_text": "text",
}  # of other templates
DECIDING: dict[str, Any] = {"index": True, "doc_values": True, "analyzer": None}  # with the server's defaults
