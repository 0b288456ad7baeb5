"""Say how a cluster is: whether it is set up, permitted, whole, and has room; and what to do about what is not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, Literal, NamedTuple

from event_model.errors import StoreError
from store.elastic import migrate, readiness, roles, setup
from store.elastic.client import Connection, telling
from store.elastic.names import Names
from store.elastic.server import NEWEST, OLDEST, ask, look, server, streams

FULL = 85.0  # percent of a disk, from which on Elasticsearch puts no more shards on it
SKEW = 60.0  # seconds between our clock and the cluster's
Level = Literal["ok", "note", "fail"]


class Finding(NamedTuple):
    """One thing that was looked at; `note` is worth knowing, `fail` has to be put right."""

    level: Level
    what: str
    text: str


def check(
    client: Any, connection: Connection, ours: Names, retention: timedelta | None, purpose: str
) -> Iterator[Finding]:
    """Each finding as it is made; `purpose` is a key of roles.PURPOSES. Nothing is changed."""
    steps: tuple[tuple[str, Callable[[], Iterator[Finding]]], ...] = (
        ("cluster", lambda: _version(client, connection)),
        ("privileges", lambda: _privileges(client, ours, purpose)),
        ("setup", lambda: _setup(client, ours, retention)),
        ("mapping", lambda: _mapping(client, ours)),
        ("templates", lambda: _overruled(client, ours)),
        ("health", lambda: _health(client)),
        ("disk and clock", lambda: _nodes(client)),
        ("blocks", lambda: _blocks(client, ours)),
    )
    for what, step in steps:
        try:
            with telling(connection, f"looking at {what}"):
                yield from step()
        except StoreError as error:
            yield Finding("fail", what, str(error))
            if what == "cluster":
                return  # there is nobody to ask for the rest


def _version(client: Any, connection: Connection) -> Iterator[Finding]:
    found = server(client)
    known = OLDEST <= found.number < (NEWEST + 1, 0)
    retention = "data-stream lifecycle" if found.lifecycle else "lifecycle policies" if found.policies else ""
    yield Finding(
        "ok" if known else "fail",
        "cluster",
        f"{found.name}, Elasticsearch {found.version} at {connection.address}"
        + ("" if known else "; this Tallyman knows versions 8.13 to 9"),
    )
    if retention:
        yield Finding("ok", "retention", f"by {retention}")
    else:
        yield Finding(
            "fail", "retention", "this server can't delete by age; delete old data streams yourself"
        )


def _privileges(client: Any, ours: Names, purpose: str) -> Iterator[Finding]:
    if look(client, "/_security/_authenticate") is None:
        yield Finding(
            "note", "privileges", "security is switched off: whoever reaches the cluster may do anything"
        )
        return
    for role in roles.PURPOSES[purpose]:
        answer = ask(client, "POST", "/_security/user/_has_privileges", roles.wanted(role, ours))
        missing = [name for name, has in answer["cluster"].items() if not has] + [
            f"{name} on {index}"
            for index, each in answer["index"].items()
            for name, has in each.items()
            if not has
        ]
        more = f" and {len(missing) - 4} more" if len(missing) > 4 else ""
        yield Finding(
            "fail" if missing else "ok",
            "privileges",
            f"{role}: {answer['username']} lacks {', '.join(missing[:4])}{more}; deploy/elasticsearch/roles/{role}.json"
            if missing
            else f"{role}: {answer['username']} has them all",
        )


def permitted(client: Any, connection: Connection, ours: Names, purpose: str) -> None:
    """Raises StoreError naming what the account lacks for a key of roles.PURPOSES."""
    with telling(connection, "looking at privileges"):
        missing = [each.text for each in _privileges(client, ours, purpose) if each.level == "fail"]
    if missing:
        raise StoreError(f"Elasticsearch at {connection.address}: not permitted: {'. '.join(missing)}")


def _setup(client: Any, ours: Names, retention: timedelta | None) -> Iterator[Finding]:
    import elasticsearch

    try:
        changes = setup.plan(client, ours, retention)
    except elasticsearch.AuthorizationException:
        made = readiness.marked(client, ours)
        text = (
            f"done for version {made}"
            if made is not None
            else f"not done; {readiness.WHO} runs: tallyman store setup"
        )
        yield Finding(
            "ok" if made is not None else "fail", "setup", text + " (templates may not be looked at)"
        )
        return
    for change in changes:
        yield Finding("fail", "setup", f"to do: {change.summary}; tallyman store setup")
    if not changes:
        yield Finding("ok", "setup", f"all is there for namespace {ours.namespace}")


def _mapping(client: Any, ours: Names) -> Iterator[Finding]:
    found = migrate.drifts(client, ours)
    for drift in found:
        yield Finding("fail", "mapping", f"to do: {drift.summary}; tallyman store migrate")
    if not found:
        yield Finding("ok", "mapping", "every index that is written to has the fields of this version")


def _overruled(client: Any, ours: Names) -> Iterator[Finding]:
    """Streams that someone else's template makes, such as an integration's of Fleet (priority 200)."""
    import elasticsearch

    try:
        found = ask(client, "GET", "/_index_template")["index_templates"]
    except elasticsearch.AuthorizationException:
        return
    from fnmatch import fnmatchcase

    for stream in ours.streams:
        matching = [
            each for each in found
            if any(fnmatchcase(stream, pattern) for pattern in _listed(each["index_template"]["index_patterns"]))
        ]  # fmt: skip
        first = max(matching, key=lambda each: each["index_template"].get("priority") or 0, default=None)
        if first and first["index_template"].get("_meta", {}).get("managed_by") != "tallyman":
            yield Finding(
                "note",
                "templates",
                f"{stream} is made by {first['name']} (priority {first['index_template'].get('priority')}), not by ours: "
                "what it does not map can't be searched exactly",
            )


def _health(client: Any) -> Iterator[Finding]:
    """The server's own report where it has one (8.7), else its colour."""
    report = look(client, "/_health_report")
    if report is None:
        status = ask(client, "GET", "/_cluster/health")["status"]
        yield Finding(_level(status), "health", f"the cluster is {status}")
        return
    for name, indicator in report["indicators"].items():
        if indicator["status"] != "green":
            advice = "; ".join(
                each["cause"] for each in indicator.get("diagnosis", [])[:2] if "cause" in each
            )
            text = f"{name} is {indicator['status']}: {indicator['symptom']} {advice}".strip()
            yield Finding(_level(indicator["status"]), "health", text)
    if report["status"] == "green":
        yield Finding("ok", "health", "the cluster is green")


def _level(status: str) -> Level:
    return {"green": "ok", "yellow": "note", "unknown": "note"}.get(status, "fail")  # type: ignore[return-value]


def _nodes(client: Any) -> Iterator[Finding]:
    wanted = "nodes.*.name,nodes.*.timestamp,nodes.*.fs.total"
    yield from nodes(ask(client, "GET", "/_nodes/stats/fs", filter_path=wanted), time.time())


def nodes(stats: dict[str, Any], now: float) -> Iterator[Finding]:
    """Room and clock of each node in an answer of `_nodes/stats/fs`; `now` in seconds since 1970."""
    for node in stats.get("nodes", {}).values():
        total = node.get("fs", {}).get("total", {})
        if size := total.get("total_in_bytes"):
            free = total["available_in_bytes"]
            used = 100 * (1 - free / size)
            text = f"{node['name']}: {used:.0f} % used, {free / 1e9:.1f} GB free"
            yield Finding("ok" if used < FULL else "note", "disk", text + ("" if used < FULL else _ROOM))
        if abs(skew := node["timestamp"] / 1000 - now) > SKEW:
            text = f"{node['name']}: its clock is {abs(skew):.0f} seconds {'ahead' if skew > 0 else 'behind'}; run NTP"
            yield Finding("fail", "clock", text)


_ROOM = "; at 95 % the cluster takes no more events. A shorter store.retention or a larger disk makes room"


def _blocks(client: Any, ours: Names) -> Iterator[Finding]:
    """Indices that refuse to be written to."""
    targets = ",".join([*streams(client, ours), ours.alerts, ours.state, ours.audit])
    found = look(client, f"/{targets}/_settings/index.blocks.*", ignore_unavailable="true") or {}
    for index, section in sorted(found.items()):
        blocks = section.get("settings", {}).get("index", {}).get("blocks", {})
        for name in sorted(name for name, value in blocks.items() if str(value) == "true"):
            text = f"{index} is blocked: {name}"
            if name == "read_only_allow_delete":
                text += "; the disk was full. The block goes by itself when there is room"
            yield Finding("fail", "blocks", text)


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
