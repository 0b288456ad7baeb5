"""Events and queries of all kinds, made up."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from event_model.event import Event
from store.query import Query
from store.query.ast import (
    ITEM,
    All,
    And,
    Between,
    Equal,
    Exists,
    Like,
    Matches,
    Name,
    Nested,
    Not,
    Or,
    Phrase,
    Within,
)
from store.query.names import resolve
from tests.store.events import make

START = datetime(2026, 11, 23, 12, tzinfo=UTC)


def at(seconds: float) -> str:
    return (START + timedelta(seconds=seconds)).isoformat(timespec="microseconds").replace("+00:00", "Z")


NAMES = [
    "alice",
    "bob",
    "Alice",
    "api-7f9c",
    "api",
    "a*b",
    "über",
    "",
    "x y",
    "10",
    "nginx:1",
    "system:node:n1",
    "y" * 1500,
    "ü" * 9000,
]
IPS = ["10.0.0.7", "10.0.1.7", "192.168.1.1", "fd00::1", "not an address", "::ffff:10.0.0.7", "fe80::1%eth0"]
TEXTS = [
    "alice opened a shell in prod/api-7f9c",
    "bob read Secrets",
    "...",
    "",
    "a b a b",
    "ÜBER Alice² e\u0301",
    "alice said " + "x" * 300 + " api-7f9c",
]
POD = {
    "hostPID": True, "n": [1, 2.5, -3], "note": "z" * 1500, "empty": "", "none": None,
    "containers": [{"name": "alice", "image": "nginx:1"}, {"name": "api", "env": [{"name": "x y", "value": "10"}]}],
}  # fmt: skip
BODIES = [
    {"requestObject": {"spec": POD, "metadata": {"labels": {"a.b/c": "true", "a": {"b": "1"}}}}},
    {
        "requestObject": {
            "spec": {"hostPID": False, "n": "1", "containers": [{"name": "api", "image": "nginx:1"}]}
        }
    },
    {"requestObject": {"spec": {"hostPID": {"true": "true"}, "n": {"true": [{"alice": "1"}]}}}},
    {"requestObject": {"spec": "true"}, "verb": "get", "more": {"verb": "1"}},
    {"requestObject": "true", "user": {"extra": {"scopes": ["1", "alice"]}}},
    {"verb": "get"},
    {"verb": {"verb": 1}, "spec": {"a": {"b": {"c": ["1", {"d": "true"}]}}}},
    {},
]
FIELDS: dict[str, list[Any]] = {
    "user_name": NAMES, "namespace": NAMES, "resource_name": NAMES, "resource_type": ["pods", "secrets"],
    "action": ["get", "create", "delete"], "outcome": ["success", "failure", "unknown"],
    "user_kind": ["human", "node"], "source_ip": IPS, "status_code": [0, 101, 200, 404],
    "subresource": ["exec"],
    "images": [["nginx:1", "redis@sha256:a"], ["nginx:2"], []], "kind": ["event", "pipeline_error"],
    "user_groups": [["dev", "ops"], ["dev"], []], "user_agent": ["kubectl/v1 (linux)", "curl/8"],
    "container_name": NAMES, "command_line": ["sh -c id", "cat /etc/shadow"], "interactive": [True, False],
    "exit_code": [0, 1], "reason": NAMES, "labels": [{"truncated": "true"}, {"truncated": ""}, {"more": "a*b"}],
    "dataset": ["kubernetes.audit_logs", "docker.events"], "pod_name": NAMES,
    "native": BODIES,
    "native_name": ["kubernetes.audit", "docker.event", ""],
}  # fmt: skip


def some_event(number: int, chance: random.Random) -> Event:
    told = {name: chance.choice(values) for name, values in FIELDS.items() if chance.random() < 0.5}
    return make(number, at(chance.randrange(200)), chance.choice(TEXTS), **told)


KEYWORDS = [
    "user", "ns", "name", "resource", "verb", "outcome", "who", "subresource", "image", "kind", "group",
    "agent", "container", "reason", "pod", "cluster", "dataset", "objectRef.name", "related.user",
    "container.image.tag", "container.id", "user_agent.original", "tallyman.id",
]  # fmt: skip
NATIVE = [
    "requestObject.spec.hostPID", "requestObject.spec.n", "requestObject.spec", "requestObject", "labels.truncated",
    "requestObject.spec.containers.name", "requestObject.metadata.labels.a.b/c", "requestObject.metadata.labels.a",
    "requestObject.metadata.labels.a.b", "labels", "native.verb", "native.spec.a.b", "native.requestObject.spec.note",
    "requestObject.spec.empty", "kubernetes.audit.user.extra",
]  # fmt: skip
VALUES = [name for name in NAMES if name] + [
    "pods",
    "get",
    "exec",
    "human",
    "nginx",
    "dev",
    "true",
    "1",
    "kubectl",
    "nginx:1",
    "2.5",
    "y" * 1500,
    "z" * 1500,
]
WORDS = [
    "alice",
    "ALICE",
    "shell",
    "opened a",
    "a b",
    "b a",
    "api-7f9c",
    "read secrets",
    "über",
    "²",
    "...",
    "e\u0301",
    "x" * 300,
    "x" * 45,
    "said " + "x" * 300 + " api",
]
PATTERNS = [
    "a*",
    "*a*",
    "*",
    "a?i",
    "*e",
    "api-*",
    "*-7f9c",
    "Al*",
    "?",
    "1*",
    "*.0.*",
    r"a\*b",
    "a**b",
    "n*x",
]
REGEXES = ["a.*", "alice|bob", "[a-z]+", "(?i)ALICE", ".", "", "1.", "secrets?"]


def leaf(names: list[str], *tests: Callable[[Name], st.SearchStrategy[Any]]) -> st.SearchStrategy[Query]:
    fields = st.sampled_from([resolve(name) for name in names])
    return fields.flatmap(lambda field: st.one_of(*(test(field) for test in tests)))


def equal(values: list[Any]) -> Callable[[Name], st.SearchStrategy[Any]]:
    return lambda field: st.sampled_from(values).map(lambda value: Equal(field, value))


def like(field: Name) -> st.SearchStrategy[Any]:
    return st.sampled_from(PATTERNS).map(lambda pattern: Like(field, pattern))


def matches(field: Name) -> st.SearchStrategy[Any]:
    return st.sampled_from(REGEXES).map(lambda regex: Matches(field, regex))


def between(bounds: list[Any]) -> Callable[[Name], st.SearchStrategy[Any]]:
    bound, counts = st.sampled_from([None, *bounds]), st.booleans()
    return lambda field: st.builds(Between, st.just(field), bound, bound, counts, counts)


def exists(field: Name) -> st.SearchStrategy[Any]:
    return st.just(Exists(field))


def within(field: Name) -> st.SearchStrategy[Any]:
    networks = [
        "10.0.0.0/8",
        "10.0.0.0/24",
        "10.0.0.4/30",
        "0.0.0.0/0",
        "fd00::/8",
        "10.0.0.7/32",
        "::/0",
        "fe80::/10",
        "::ffff:0:0/96",
    ]
    return st.sampled_from(networks).map(lambda network: Within(field, network))


def phrase(field: Name) -> st.SearchStrategy[Any]:
    return st.sampled_from(WORDS).map(lambda text: Phrase(field, text))


def nested(names: list[str]) -> st.SearchStrategy[Any]:
    """Conditions that one item must meet together."""
    item = st.sampled_from(["name", "image", "env.name", "env", "hostPID", "n", "b.c"])
    inside = item.map(lambda path: Name(path, "any", root=ITEM, path=tuple(path.split("."))))
    leaves = inside.flatmap(lambda name: st.one_of(equal(VALUES)(name), like(name), exists(name)))
    parts = st.lists(leaves | leaves.map(Not), min_size=1, max_size=3)
    both = parts.map(lambda found: And(tuple(found))) | parts.map(lambda found: Or(tuple(found)))
    return st.sampled_from([resolve(name) for name in names]).flatmap(
        lambda field: both.map(lambda part: Nested(field, part))
    )


ADDRESSES = ["fe80::1%eth0", "fe80::1", "10.0.0.7", "192.168.1.1", "fd00::1", "10.0.0.0", "::ffff:10.0.0.7"]
MICROS = [int((START + timedelta(seconds=each)).timestamp()) * 1_000_000 for each in (0, 50, 100, 199, 300)]
CONDITIONS = st.one_of(
    leaf(KEYWORDS, equal(VALUES), like, matches, between(["a", "b", "alice", "pods"]), exists),
    leaf(
        ["code", "process.exit_code"], equal([0, 1, 200, 7]), like, matches, between([0, 101, 200.5]), exists
    ),
    leaf(["ip", "source.address"], equal(ADDRESSES), like, exists),
    leaf(["ip", "related.ip"], within, between(ADDRESSES[1:])),
    leaf(["message", "process.command_line"], phrase, like, matches, exists),
    leaf(["@timestamp", "event.start"], between(MICROS), exists),
    leaf(["process.interactive"], equal([True, False]), exists),
    leaf(NATIVE, equal([*VALUES, ""]), like, between([1, "true"]), exists),
    nested(["requestObject.spec.containers", "requestObject.spec", "native.spec.a"]),
    st.just(All()),
)
QUERIES = st.recursive(
    CONDITIONS,
    lambda inner: st.one_of(
        inner.map(Not),
        st.lists(inner, max_size=3).map(lambda parts: Or(tuple(parts))),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: And(tuple(parts))),
    ),
    max_leaves=6,
)
