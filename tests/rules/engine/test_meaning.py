"""However a rule is compiled, simplified or remembered, it means what a naive reading of it means."""

from __future__ import annotations

import json
import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from collector.kubernetes.people import user_kind
from event_model.discovery import Parts
from event_model.event import Event, Origin, Record
from rules.engine import Engine, Rule
from rules.engine.document import Document
from rules.engine.expression import FALSE, TRUE, compile, possible, simplify
from rules.engine.memo import EVENTS
from rules.engine.parse import parse
from rules.engine.view import View

FORMAT = Parts("collector.formats", "Format").make("kubernetes_audit")
DATASET = "kubernetes.audit_logs"

# ------------------------------------------------------------------ a naive reading, over the plain record


def values_at(node: Any, names: list[str]) -> list[Any]:
    if isinstance(node, list):
        return [value for item in node for value in values_at(item, names)]
    if node is None:
        return []
    if not names:
        return [node]
    return values_at(node.get(names[0]), names[1:]) if isinstance(node, dict) else []


def text_of(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def equal(value: Any, wanted: Any, how: str) -> bool:
    if wanted == "*":
        return True  # whatever there is, true and false as well
    if isinstance(value, (dict, list)):
        return False
    if how == "gte":
        return isinstance(value, int) and not isinstance(value, bool) and value >= wanted
    if how == "re":
        return re.search(wanted, text_of(value)) is not None
    if isinstance(wanted, bool) or isinstance(value, bool):
        return text_of(value).lower() == text_of(wanted).lower()
    before = ".*" if how in ("contains", "endswith") else ""
    after = ".*" if how in ("contains", "startswith") else ""
    glob = ".*".join(re.escape(part) for part in text_of(wanted).split("*"))
    return re.fullmatch(before + glob + after, text_of(value), re.I | re.S) is not None


def holds(found: list[Any], modifiers: list[str], wanted: list[Any], blank: bool) -> bool:
    how = next(
        (name for name in modifiers if name in ("contains", "startswith", "endswith", "re", "gte")), ""
    )
    absent = not found or (blank and all(value == "" for value in found))

    def one(value: Any) -> bool:
        if value is None:
            return absent
        if "exists" in modifiers:
            return absent is not value
        if value == "*" and not how and blank:
            return not absent
        return any(equal(each, value, how) for each in found)

    met = (all if "all" in modifiers else any)(one(value) for value in wanted)
    return not met if "neq" in modifiers else met


def item_holds(record: dict[str, Any], key: str, wanted: Any) -> bool:
    name, *modifiers = key.split("|")
    wanted = wanted if isinstance(wanted, list) else [wanted]
    found = values_at(record, name.split("."))
    return holds(found, modifiers, wanted or [None], blank=not name.startswith(("object.", "a", "b")))


def selection_holds(record: dict[str, Any], selection: Any) -> bool:
    if isinstance(selection, list):
        return any(selection_holds(record, each) for each in selection)
    plain = {key: wanted for key, wanted in selection.items() if "[]" not in key}
    inside = {key.partition("[].")[2]: wanted for key, wanted in selection.items() if "[]" in key}
    elements = values_at(record, ["object", "items"])
    return all(item_holds(record, key, wanted) for key, wanted in plain.items()) and (
        not inside
        or any(all(item_holds(each, key, wanted) for key, wanted in inside.items()) for each in elements)
    )


def rule_holds(record: dict[str, Any], detection: dict[str, Any]) -> bool:
    known = {name: selection_holds(record, each) for name, each in detection.items() if name != "condition"}
    text = detection["condition"]
    text = text.replace("1 of them", "any_of('')").replace("all of them", "every_of('')")
    text = re.sub(r"1 of (\w+)\*", r"any_of('\1')", text)
    text = re.sub(r"all of (\w+)\*", r"every_of('\1')", text)
    functions = {
        "any_of": lambda start: any(met for name, met in known.items() if name.startswith(start)),
        "every_of": lambda start: all(met for name, met in known.items() if name.startswith(start)),
    }
    return bool(eval(text, {"__builtins__": {}}, {**functions, **known}))


# ------------------------------------------------------------------ records and rules that often meet

VERBS, RESOURCES = ["get", "create", "patch", "delete"], ["pods", "secrets", "nodes"]
USERS = ["alice", "ALICE", "system:serviceaccount:a:b", "system:node:n1", "system:kube-scheduler", "bob*"]
SCALARS: Any = st.sampled_from(["x", "xy", "Y", "", 1, 2, True, False])
groups = st.lists(st.sampled_from(["system:nodes", "system:masters", "dev"]), max_size=2)
elements = st.fixed_dictionaries(
    {}, optional={"a": st.one_of(SCALARS, st.lists(SCALARS, max_size=2)), "b": SCALARS}
)
objects = st.fixed_dictionaries(
    {},
    optional={
        "x": st.one_of(SCALARS, st.lists(SCALARS, max_size=2), elements),
        "items": st.lists(elements, max_size=3),
    },
)
refs = st.fixed_dictionaries(
    {"resource": st.sampled_from(RESOURCES)}, optional={"namespace": st.sampled_from("ab")}
)
records = st.fixed_dictionaries(
    {"verb": st.sampled_from(VERBS)},
    optional={
        "user": st.fixed_dictionaries({"username": st.sampled_from(USERS)}, optional={"groups": groups}),
        "objectRef": refs,
        "userAgent": st.sampled_from(["kubectl/1", "helm"]),
        "responseStatus": st.fixed_dictionaries({"code": st.sampled_from([101, 200, 403])}),
        "impersonatedUser": st.fixed_dictionaries({"username": st.sampled_from(USERS)}),
        "requestObject": objects,
    },
)

texts = {
    "verb": VERBS,
    "objectRef.resource": [*RESOURCES, "*"],
    "objectRef.namespace": ["a", "b", "", "*"],
    "user.username": [*USERS, "system:*"],
    "user.groups": ["system:nodes", "system:masters", "*"],
    "userAgent": ["kubectl/1", "kube*"],
    "impersonatedUser.username": [*USERS, "*"],
    "event.outcome": ["success", "failure"],
    "tallyman.user.kind": ["human", "node", "controller", "service_account"],
    "object.x": ["x", "xy", "*", ""],
    "object.items[].a": ["x", "y", "*"],
    "object.items[].b": ["x", "1", "true"],
}


@st.composite
def items(draw: Any, name: str) -> tuple[str, Any]:
    choices = st.sampled_from(texts[name])
    kind = draw(
        st.sampled_from(
            ["plain", "list", "contains", "startswith", "endswith", "exists", "null", "neq", "all"]
        )
    )
    if kind == "plain":
        return name, draw(st.one_of(choices, SCALARS))
    if kind == "list":
        return name, draw(st.lists(st.one_of(choices, st.none()), min_size=1, max_size=3))
    if kind == "null":
        return name, None
    if kind == "exists":
        return f"{name}|exists", draw(st.booleans())
    if kind in ("neq", "all"):
        return f"{name}|{kind}", draw(st.lists(choices, min_size=1, max_size=2, unique=True))
    plain = [text.strip("*") for text in texts[name] if text.strip("*")]
    return f"{name}|{kind}", draw(st.lists(st.sampled_from(plain), min_size=1, max_size=2))


@st.composite
def selections(draw: Any) -> Any:
    names = draw(st.lists(st.sampled_from(sorted(texts)), min_size=1, max_size=4, unique=True))
    one = dict(draw(items(name)) for name in names)
    return [one, *draw(st.lists(selections(), max_size=1))] if draw(st.integers(0, 4)) == 0 else one


CONDITIONS = [
    "s1", "not s1", "s1 and s2", "s1 or s2", "s1 and not s2", "not s1 and not s2", "s1 and not (s2 or t1)",
    "1 of s*", "all of s*", "1 of them", "all of them", "s1 and not 1 of t*", "t1 or (s1 and s2)",
    "not 1 of them",
]  # fmt: skip


@st.composite
def detections(draw: Any) -> dict[str, Any]:
    found: dict[str, Any] = {name: draw(selections()) for name in ("s1", "s2", "t1")}
    return {**found, "condition": draw(st.sampled_from(CONDITIONS))}


def make_rule(detection: dict[str, Any]) -> Rule:
    data = {"title": "x", "logsource": {"product": "kubernetes", "service": "audit"}, "detection": detection}
    rule, errors = parse(Document("x.yml", data, {}), "x", {})
    assert rule is not None, (errors, detection)
    return rule


def make_event(record: dict[str, Any]) -> Event:
    whole = {
        "stage": "ResponseComplete",
        "auditID": "1",
        "stageTimestamp": "2026-11-23T10:15:00.000000Z",
        **record,
    }
    event: Event = FORMAT.normalize(Record(json.dumps(whole).encode()), Origin("test", "kubernetes_audit"))
    return event


def plain(record: dict[str, Any], event: Event) -> dict[str, Any]:
    """The record as the naive reading wants it: blank texts said, and what rules may call by other names."""
    ref = record.get("objectRef")
    return {
        "userAgent": "",
        **record,
        "objectRef": ref and {"namespace": "", **ref},
        "object": record.get("requestObject"),
        "event": {"outcome": event.outcome},
        "tallyman": {"user": {"kind": event.user_kind}},
    }


@settings(max_examples=100, deadline=None)
@given(detections(), st.lists(records, min_size=1, max_size=6))
def test_a_rule_means_what_it_says(detection: dict[str, Any], several: list[dict[str, Any]]) -> None:
    rule = make_rule(detection)
    engine = Engine([rule])
    events = [make_event(record) for record in several]
    wanted = [
        rule_holds(plain(record, event), detection) for record, event in zip(several, events, strict=True)
    ]
    assert [rule.matches(event) is not None for event in events] == wanted
    for _ in range(2):  # learnt, then remembered
        found = [match.events[0] for match in engine.inspect(events)]
        assert found == [event for event, meets in zip(events, wanted, strict=True) if meets]


@settings(max_examples=40, deadline=None)
@given(detections(), st.lists(records, min_size=1, max_size=6))
def test_no_event_is_unwanted_that_a_rule_wants(
    detection: dict[str, Any], several: list[dict[str, Any]]
) -> None:
    rule = make_rule(detection)
    engines = [Engine([rule]), Engine([rule], user_kind)]
    for record in several:
        event = make_event(record)
        brief = FORMAT.peek(event.record.raw)
        for engine in engines:
            if engine.unwanted(brief):
                assert rule.matches(event) is None


@settings(max_examples=40, deadline=None)
@given(detections(), records, st.sets(st.sampled_from(EVENTS[DATASET].names)))
def test_what_some_fields_decide_is_never_decided_otherwise(
    detection: dict[str, Any], record: dict[str, Any], names: set[str]
) -> None:
    rule = make_rule(detection)
    event = make_event(record)
    fields, view = EVENTS[DATASET], View(event)
    meets = rule.predicate(DATASET)(view, view)
    known = {
        name: value for name, value in zip(fields.names, fields.read(event), strict=True) if name in names
    }
    rest = simplify(rule.expression(DATASET), lambda atom: atom.decided(known))
    asked = simplify(possible(rule.expression(DATASET), names), lambda atom: atom.decided(known))
    assert asked is not FALSE or not meets
    assert compile(rest)(view, view) == meets
    assert rest is not TRUE or meets
    assert rest is not FALSE or not meets


@settings(max_examples=40, deadline=None)
@given(detections(), records)
def test_what_is_said_to_have_matched_is_in_the_record(
    detection: dict[str, Any], record: dict[str, Any]
) -> None:
    event = make_event(record)
    found = make_rule(detection).matches(event)
    known = plain(record, event)
    for name, values in (found or {}).items():
        there = values_at(known, name.replace("[]", "").split("."))
        for value in values if isinstance(values, list) else [values]:
            assert value in there
