"""What every Kubernetes rule leaves alone, by the acts that it does want with one thing changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from event_model.discovery import Parts
from event_model.event import Event, Origin, Record
from rules.engine import SHIPPED, Rule, load
from rules.engine.examples import audit_record, merge

FORMAT = Parts("collector.formats", "Format").make("kubernetes_audit")
RULES = {rule.info.rule_id: rule for rule in load([SHIPPED / "kubernetes"]).rules}
CONTROL_PLANE = {"username": "system:kube-controller-manager", "groups": ["system:authenticated"]}
# a field that `selection` pins, and a value of it that no rule wants beside the others
OTHERS: dict[str, dict[str, Any]] = {
    "verb": {"verb": "options"},
    "objectRef.resource": {"objectRef": {"resource": "books"}},
    "objectRef.apiGroup": {"objectRef": {"apiGroup": "library.example.com"}},
    "objectRef.subresource": {"objectRef": {"subresource": "pages"}},
    "objectRef.namespace": {"objectRef": {"namespace": "library"}},
    "responseStatus.code|lt": {"responseStatus": {"code": 409}},
    "user.username": {"user": {"username": "reader@example.com"}},
}


def event(record: dict[str, Any]) -> Event:
    made: Event = FORMAT.normalize(Record(json.dumps(record).encode()), Origin("test", "kubernetes_audit"))
    return made


def wanted(rule: Rule) -> list[dict[str, Any]]:
    """The whole records of the rule's tests that match."""
    return [audit_record(example["record"]) for example in rule.tests["match"]]


def selections(rule: Rule) -> dict[str, Any]:
    found: dict[str, Any] = rule.document.data["detection"]
    return found


def with_selection(name: str) -> list[str]:
    """The rules that leave something out under this name."""
    return [rule_id for rule_id, rule in RULES.items() if name in selections(rule)]


def pins() -> Iterator[tuple[str, str]]:
    """Rules and fields that every record must have: those of a `selection` that the condition begins with."""
    for rule_id, rule in RULES.items():
        detection = selections(rule)
        if isinstance(detection.get("selection"), dict) and detection["condition"].startswith("selection"):
            yield from ((rule_id, field) for field in detection["selection"] if field in OTHERS)


@pytest.mark.parametrize(("rule_id", "field"), list(pins()))
def test_a_rule_is_quiet_where_a_field_that_it_pins_says_something_else(rule_id: str, field: str) -> None:
    rule = RULES[rule_id]
    for record in wanted(rule):
        assert rule.matches(event(merge(record, OTHERS[field]))) is None


@pytest.mark.parametrize("rule_id", with_selection("ordinary_dry_run"))
def test_a_dry_run_is_no_act(rule_id: str) -> None:
    rule = RULES[rule_id]
    for record in wanted(rule):
        address = record["requestURI"]
        trial = address + ("&" if "?" in address else "?") + "fieldManager=kubectl&dryRun=All"
        assert rule.matches(event(record | {"requestURI": trial})) is None


@pytest.mark.parametrize("rule_id", with_selection("ordinary_metadata"))
def test_a_patch_of_labels_is_no_grant(rule_id: str) -> None:
    rule = RULES[rule_id]
    _, *grants = [
        key.removesuffix("|exists").partition(".")[2] for key in selections(rule)["ordinary_metadata"]
    ]
    for record in wanted(rule):
        written = record.get("responseObject") or record["requestObject"]
        patch = record | {"verb": "patch", "responseStatus": {"code": 200}, "responseObject": written}
        labels = {"metadata": {"labels": {"team": "shop"}}}
        assert rule.matches(event(patch | {"requestObject": labels})) is None
        for name in grants:  # a patch that says something of the grant as well
            both = labels | {name: written.get(name) or [{}]}
            assert rule.matches(event(patch | {"requestObject": both})) is not None


@pytest.mark.parametrize("rule_id", with_selection("applied"))
def test_a_server_side_apply_that_creates_counts_as_creation(rule_id: str) -> None:
    rule = RULES[rule_id]
    for record in wanted(rule):
        if record["verb"] == "create":
            patch = record | {"verb": "patch", "responseObject": record.get("requestObject")}
            assert rule.matches(event(patch | {"responseStatus": {"code": 201}})) is not None
            assert rule.matches(event(patch | {"responseStatus": {"code": 200}})) is None


def test_helm_lists_its_own_releases() -> None:
    rule = RULES["k8s_secret_list_wide"]
    listing = {"verb": "list", "objectRef": {"resource": "secrets", "apiVersion": "v1"}}
    address = "/api/v1/secrets?limit=500&labelSelector="
    assert rule.matches(event(audit_record(listing | {"requestURI": address + "owner%3Dhelm"}))) is None
    assert rule.matches(event(audit_record(listing | {"requestURI": address + "app%3Dweb"}))) is not None


@pytest.mark.parametrize("rule_id", with_selection("ordinary_machinery"))
def test_the_control_plane_is_no_suspect(rule_id: str) -> None:
    rule = RULES[rule_id]
    for record in wanted(rule):
        assert rule.matches(event(record | {"user": CONTROL_PLANE})) is None
