"""The doctor says what keeps a rule from firing."""

from __future__ import annotations

from typing import Any

from event_model.errors import RuleError
from rules.engine import Pack, Rule
from rules.engine.doctor import doctor, examine
from tests.rules.engine.conftest import MakeEvent, MakeRule

PODS = {"verb": "create", "objectRef.resource": "pods"}


def said(rule: Rule, *events: Any) -> list[str]:
    return [f"{finding.level}: {finding.text}" for finding in doctor(Pack([rule]), events)]


def test_how_often_a_rule_would_have_fired(audit: MakeEvent, rule: MakeRule) -> None:
    events = [audit(verb="get"), audit(verb="get"), audit(verb="list")]
    gets = rule({"verb": "get"})
    (report,) = examine(Pack([gets]), events)
    assert (report.events, report.tried, report.fired, report.blind) == (3, 2, 2, 0)
    assert said(gets, *events) == ["info: fired 2 times in 3 events"]


def test_a_value_that_never_occurs(audit: MakeEvent, rule: MakeRule) -> None:
    found = said(rule({"verb": "replace", "objectRef.resource": "pods"}), audit(verb="get"))
    assert found == [
        "info: verb never had a value that it asks for",
        "info: objectRef.resource never had a value that it asks for",
    ]


def test_a_text_where_the_field_holds_numbers(audit: MakeEvent, rule: MakeRule) -> None:
    assert said(rule({"responseStatus.code": "ALLOW"}), audit(verb="get")) == [
        "info: responseStatus.code never had a value that it asks for"
    ]


def test_a_record_without_the_body_that_is_asked_about(audit: MakeEvent, rule: MakeRule) -> None:
    bare = audit(verb="create", level="Metadata", objectRef={"resource": "pods"})
    remark = audit(verb="create", objectRef={"resource": "pods"}, requestObject="skipped-too-big-size-object")
    privileged = rule({**PODS, "pod.spec.hostPID": True})
    text = "warning: could not be decided for {} events, whose records lack the bodies it asks about"
    assert said(privileged, remark) == [text.format(1)]
    assert said(privileged, bare, remark) == [text.format(2)]


def test_a_field_that_no_record_has(audit: MakeEvent, rule: MakeRule) -> None:
    event = audit(verb="create", objectRef={"resource": "pods"}, requestObject={"spec": {"hostPID": True}})
    assert said(rule({**PODS, "object.spec.hostPid": True}), event) == [
        "info: object.spec.hostPid had no value in the 1 events that it was tried on"
    ]


def test_a_rule_that_is_tried_on_every_event(audit: MakeEvent, rule: MakeRule) -> None:
    (first, *_) = said(rule({"object.spec.hostPID": True}), audit())
    assert (
        first == "warning: is tried on every event; pin verb, objectRef.resource, user.username or the like"
    )
    listed = rule([PODS, {"verb": "delete", "object.x": 1}])
    assert not any("every event" in text for text in said(listed, audit(verb="get")))
    one_free = rule([PODS, {"object.x": 1}])
    assert any("every event" in text for text in said(one_free, audit(verb="get")))


def test_a_selection_that_is_not_used(audit: MakeEvent, rule: MakeRule) -> None:
    found = rule({"verb": "get"}, forgotten={"verb": "list"})
    assert said(found)[0] == "warning: selection 'forgotten' is not part of the condition"


def test_a_star_that_is_no_star(rule: MakeRule) -> None:
    text = r"'*' is any value; write '\*' for a star, or leave the other values out"
    assert f"warning: verb: {text}" in said(rule({"verb": ["*", "get"]}))
    assert f"warning: object.rules[].verbs: {text}" in said(rule({**PODS, "object.rules[].verbs": "*"}))
    assert said(rule({**PODS, "object.rules[].verbs": r"\*"})) == []


def test_a_rule_for_another_product(rule: MakeRule) -> None:
    assert said(rule({"EventID": 1}, logsource={"product": "windows"})) == [
        "info: its logsource is none that is collected here: it never fires"
    ]


def test_broken_rules_come_first(rule: MakeRule) -> None:
    findings = doctor(Pack([rule({"verb": "get"})], [RuleError("is odd", "a/b/bad.yml", 3)]), [])
    assert [(each.rule_id, each.line, each.level, each.text) for each in findings] == [
        ("bad", 3, "error", "is odd")
    ]


def test_records_of_any_shape(bare: MakeEvent, rule: MakeRule) -> None:
    (report,) = examine(
        Pack([rule({"EventID": 1}, logsource={"product": "windows"})]), [bare(EventID=1), bare(a=1)]
    )
    assert (report.events, report.fired) == (2, 1)
