"""The templates that every index of ours is made from, as the JSON that the cluster is given."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from store.elastic import mapping, names
from store.elastic.names import Names

VERSION = 1  # of the templates; raised with every change, see `tallyman store migrate`
PRIORITY = 150  # above the stack's `logs-*-*` (100), below an integration of Fleet (200)
META = {"managed_by": "tallyman", "version": VERSION}

Template = dict[str, Any]


def components() -> dict[str, Template]:
    """The component templates by name. The user's own (`tallyman-custom`) is not among them: it is never written."""
    return {
        names.SETTINGS: {"template": {"settings": settings()}, "version": VERSION, "_meta": META},
        names.MAPPINGS: {
            "template": {"mappings": {"dynamic": False, "date_detection": False, **mapping.properties(mapping.events())}},
            "version": VERSION,
            "_meta": META,
        },
    }  # fmt: skip


def settings() -> dict[str, Any]:
    """Of every index of events and alerts."""
    return {
        "index": {
            "codec": "best_compression",
            "auto_expand_replicas": "0-1",  # a cluster of one node is whole as well
            "mapping": {"ignore_malformed": True, "total_fields": {"limit": 2000}},
            "query": {"default_field": ["message", "tallyman.words.message"]},
            "refresh_interval": "1s",
        }
    }


def templates(ours: Names, retention: timedelta | None, *, policy: bool = False) -> dict[str, Template]:
    """The index templates by name. `retention` None keeps for ever; with `policy` it is left to a lifecycle policy."""
    return {
        f"{names.STREAMS_TEMPLATE}-{ours.namespace}": streams(ours, retention, policy),
        f"{names.ALERTS_TEMPLATE}-{ours.namespace}": alerts(ours),
        f"{names.STATE_TEMPLATE}-{ours.namespace}": state(ours.state, STATE),
        f"{names.AUDIT_TEMPLATE}-{ours.namespace}": state(ours.audit, AUDIT),
    }


def streams(ours: Names, retention: timedelta | None, policy: bool) -> Template:
    """Of the data streams of events: of our datasets only, never of all logs."""
    own: dict[str, Any] = (
        {"settings": {"index": {"lifecycle": {"name": names.policy(ours)}}}} if policy else {}
    )
    if not policy:
        own["lifecycle"] = lifecycle(retention)
    return {
        "index_patterns": list(ours.streams),
        "data_stream": {"hidden": False, "allow_custom_routing": False},
        "priority": PRIORITY,
        "template": own,
        **_composed(),
    }


def lifecycle(retention: timedelta | None) -> dict[str, Any]:
    """The data-stream lifecycle: an index is deleted when it is older; without an age, never."""
    if retention is None:
        return {"enabled": True}
    return {"enabled": True, "data_retention": duration(retention)}


def policy(retention: timedelta | None) -> dict[str, Any]:
    """The same as a lifecycle policy: the stack's own roll-over, and deletion by age."""
    phases: dict[str, Any] = {
        "hot": {
            "min_age": "0ms",
            "actions": {"rollover": {"max_primary_shard_size": "50gb", "max_age": "30d"}},
        }
    }
    if retention is not None:
        phases["delete"] = {"min_age": duration(retention), "actions": {"delete": {}}}
    return {"phases": phases}


def duration(length: timedelta) -> str:
    """A time in Elasticsearch's words: whole days where it is so, else seconds."""
    seconds = max(1, round(length.total_seconds()))
    return f"{seconds // 86400}d" if seconds % 86400 == 0 else f"{seconds}s"


def alerts(ours: Names) -> Template:
    """Of the indices behind the alias of alerts. They are made by name only, not by writing to the alias."""
    return {
        "index_patterns": [ours.alerts, f"{ours.alerts}-*"],  # the alias as well: no index may take its name
        "priority": PRIORITY,
        "allow_auto_create": False,
        "template": {"mappings": mapping.properties(mapping.ALERT)},
        **_composed(),
    }


def _composed() -> Template:
    return {
        "composed_of": [names.ECS, names.SETTINGS, names.MAPPINGS, names.CUSTOM],
        "ignore_missing_component_templates": [names.ECS, names.CUSTOM],
        "version": VERSION,
        "_meta": META,
    }


# documents of state: what is searched is mapped, the whole of it is kept in `_source`
STATE: dict[str, mapping.Property] = {
    "kind": mapping.KEYWORD,  # token, session, counter, schema …
    "name": mapping.KEYWORD,
    "hash": mapping.KEYWORD,
    "updated": mapping.DATE,
    "expires": mapping.DATE,
    "number": mapping.LONG,
    "value": {"type": "object", "enabled": False},
}
AUDIT: dict[str, mapping.Property] = {
    "@timestamp": mapping.DATE,
    "number": mapping.LONG,
    "actor": mapping.KEYWORD,
    "action": mapping.KEYWORD,
    "object": mapping.KEYWORD,
    "outcome": mapping.KEYWORD,
    "address": mapping.KEYWORD,
    "details": {"type": "object", "enabled": False},
}


def state(index: str, fields: dict[str, mapping.Property]) -> Template:
    """Of an index of documents that change."""
    return {
        "index_patterns": [index],
        "priority": PRIORITY,
        "allow_auto_create": False,
        "composed_of": [],
        "template": {
            "settings": {"index": {"auto_expand_replicas": "0-1"}},
            "mappings": {"dynamic": False, "_meta": META, **mapping.properties(fields)},
        },
        "version": VERSION,
        "_meta": META,
    }
