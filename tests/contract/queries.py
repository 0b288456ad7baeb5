"""Events and queries of all kinds, made up."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from event_model.event import Event
from store.query import Query
from store.query.ast import All, And, Between, Equal, Exists, Like, Matches, Name, Not, Or, Phrase, Within
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
]
IPS = ["10.0.0.7", "10.0.1.7", "192.168.1.1", "fd00::1", "not an address", "::ffff:10.0.0.7"]
TEXTS = [
    "alice opened a shell in prod/api-7f9c",
    "bob read Secrets",
    "...",
    "",
    "a b a b",
    "ÜBER Alice² e\u0301",
]
FIELDS: dict[str, list[Any]] = {
    "user_name": NAMES, "namespace": NAMES, "resource_name": NAMES, "resource_type": ["pods", "secrets"],
    "action": ["get", "create", "delete"], "outcome": ["success", "failure", "unknown"],
    "user_kind": ["human", "node"], "source_ip": IPS, "status_code": [0, 101, 200, 404],
    "subresource": ["exec"],
    "images": [["nginx:1", "redis@sha256:a"], ["nginx:2"], []], "kind": ["event", "pipeline_error"],
    "user_groups": [["dev", "ops"], ["dev"], []], "user_agent": ["kubectl/v1 (linux)", "curl/8"],
    "container_name": NAMES, "command_line": ["sh -c id", "cat /etc/shadow"], "interactive": [True, False],
    "exit_code": [0, 1], "reason": NAMES, "labels": [{"truncated": "true"}],
    "dataset": ["kubernetes.audit_logs", "docker.events"], "pod_name": NAMES,
    "native": [{"requestObject": {"spec": {"hostPID": True, "n": [1, 2]}}}, {"verb": "get"}, {}],
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
NATIVE = ["requestObject.spec.hostPID", "requestObject.spec.n", "labels.truncated", "labels", "native.verb"]
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
    networks = ["10.0.0.0/8", "10.0.0.0/24", "10.0.0.4/30", "0.0.0.0/0", "fd00::/8", "10.0.0.7/32", "::/0"]
    return st.sampled_from(networks).map(lambda network: Within(field, network))


def phrase(field: Name) -> st.SearchStrategy[Any]:
    return st.sampled_from(WORDS).map(lambda text: Phrase(field, text))


ADDRESSES = ["10.0.0.7", "192.168.1.1", "fd00::1", "10.0.0.0", "::ffff:10.0.0.7"]
MICROS = [int((START + timedelta(seconds=each)).timestamp()) * 1_000_000 for each in (0, 50, 100, 199, 300)]
CONDITIONS = st.one_of(
    leaf(KEYWORDS, equal(VALUES), like, matches, between(["a", "b", "alice", "pods"]), exists),
    leaf(
        ["code", "process.exit_code"], equal([0, 1, 200, 7]), like, matches, between([0, 101, 200.5]), exists
    ),
    leaf(["ip", "source.address"], equal(ADDRESSES), like, exists),
    leaf(["ip", "related.ip"], within, between(ADDRESSES)),
    leaf(["message", "process.command_line"], phrase, like, matches, exists),
    leaf(["@timestamp", "event.start"], between(MICROS), exists),
    leaf(["process.interactive"], equal([True, False]), exists),
    leaf(NATIVE, equal(VALUES), like, between([1, "true"]), exists),
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
