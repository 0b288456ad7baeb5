"""Rules carry their own tests."""

from __future__ import annotations

import json
from typing import Any

from event_model.event import Event, Origin, Record
from rules.engine import check
from rules.engine.examples import audit_record, merge, record_of
from tests.rules.engine.conftest import FORMATS, MakeRule

FORM = FORMATS.make("kubernetes_audit")


def normalize(record: dict[str, Any]) -> Event:
    event: Event = FORM.normalize(Record(json.dumps(record).encode()), Origin("test", "kubernetes_audit"))
    return event


def test_tests_that_go_as_said_are_no_failures(rule: MakeRule) -> None:
    tests = {
        "match": [{"name": "a get", "record": {"verb": "get"}}],
        "quiet": [{"name": "a list", "record": {"verb": "list"}}],
    }
    assert check(rule({"verb": "get"}, tests=tests), normalize) == []


def test_a_failure_says_which_test_and_why(rule: MakeRule) -> None:
    tests = {
        "match": [{"name": "a list", "record": {"verb": "list"}}],
        "quiet": [{"record": {"verb": "get"}}],
    }
    first, second = check(rule({"verb": "get"}, tests=tests), normalize)
    assert (first.kind, first.name, first.reason) == ("match", "a list", "does not match")
    assert (second.kind, second.name, second.reason) == ("quiet", "1", "matches by {'verb': 'get'}")
    assert str(first).startswith("a_rule.yml:")
    assert 0 < first.line < second.line


def test_a_partial_record_is_laid_over_an_ordinary_one() -> None:
    record = audit_record(
        {"verb": "create", "objectRef": {"resource": "pods", "namespace": "a", "name": "b"}}
    )
    assert record["user"] == {"username": "mallory@example.com", "groups": ["system:authenticated"]}
    assert record["responseStatus"]["code"] == 201
    assert record["annotations"] == {"authorization.k8s.io/decision": "allow"}
    assert record["requestURI"] == "/api/v1/namespaces/a/pods/b"
    assert normalize(record).outcome == "success"


def test_a_refused_record_says_so() -> None:
    record = audit_record({"verb": "list", "responseStatus": {"code": 403}})
    assert record["annotations"] == {"authorization.k8s.io/decision": "forbid"}
    assert record["requestURI"] == "/"


def test_addresses_follow_the_object() -> None:
    ref = {"resource": "roles", "apiGroup": "rbac.authorization.k8s.io", "namespace": "a"}
    assert (
        audit_record({"objectRef": ref})["requestURI"]
        == "/apis/rbac.authorization.k8s.io/v1/namespaces/a/roles"
    )
    own = audit_record({"objectRef": {"resource": "namespaces", "namespace": "a", "name": "a"}})
    assert own["requestURI"] == "/api/v1/namespaces/a"


def test_null_takes_a_part_away() -> None:
    assert "user" not in audit_record({"user": None})
    assert merge({"a": {"b": 1, "c": 2}}, {"a": {"b": None}, "d": None}) == {"a": {"c": 2}, "d": None}


def test_parts_of_a_docker_event_are_laid_over_one(rule: MakeRule) -> None:
    docker = rule({"Action": "start"}, logsource={"product": "docker", "service": "events"})
    record = record_of(docker, {"Actor": {"Attributes": {"name": "x"}}})
    assert (record["Type"], record["Actor"]["Attributes"]) == (
        "container",
        {"image": "nginx:1.27", "name": "x"},
    )
    assert len(record["Actor"]["ID"]) == 64


def test_a_rule_of_another_product_gets_its_records_as_they_are(rule: MakeRule) -> None:
    assert record_of(rule({"EventID": 1}, logsource={"product": "windows"}), {"EventID": 1}) == {"EventID": 1}
