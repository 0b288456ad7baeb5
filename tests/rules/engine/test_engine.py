"""The engine finds the rules that events meet, decides most by memory, and outlives a broken rule."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from collector.kubernetes.people import user_kind
from event_model.alert import alert_document
from event_model.event import Event
from rules.engine import Engine, memo
from rules.engine.expression import FALSE, Atom
from rules.engine.logsource import KUBERNETES
from tests.rules.engine.conftest import FORMATS, MakeEvent, MakeRule

PODS = {"verb": "create", "objectRef.resource": "pods"}
WINDOWS = {"product": "windows", "category": "process_creation"}


def pod(audit: MakeEvent, **parts: Any) -> Event:
    return audit(verb="create", objectRef={"resource": "pods", "namespace": "shop", "name": "web"}, **parts)


def ids(engine: Engine, events: list[Event]) -> list[str]:
    return [match.rule.rule_id for match in engine.inspect(events)]


def test_matches_come_in_the_order_of_events(audit: MakeEvent, rule: MakeRule) -> None:
    made, all_gets = rule(PODS, rule_id="made"), rule({"verb": "get"}, rule_id="gets")
    events = [audit(verb="get"), pod(audit), audit(verb="list"), audit(verb="get")]
    engine = Engine([made, all_gets])
    assert ids(engine, events) == ["gets", "made", "gets"]
    assert [match.events for match in engine.inspect(events)] == [(events[0],), (events[1],), (events[3],)]


def test_a_match_says_why(audit: MakeEvent, rule: MakeRule) -> None:
    privileged = rule(
        {**PODS, "pod.containers[].securityContext.privileged": True, "pod.containers[].image|contains": "x"},
        reason="{user.name} made {orchestrator.namespace}/{orchestrator.resource.name} of {container.id}",
        group_by=["user.name", "source.ip", "container.id"],
    )
    spec = {"containers": [{"image": "a"}, {"image": "xyz", "securityContext": {"privileged": True}}]}
    (match,) = Engine([privileged]).inspect([pod(audit, requestObject={"spec": spec})])
    assert match.reason == "mallory@example.com made shop/web of -"
    assert match.group == ("mallory@example.com", "203.0.113.7", "")
    assert match.matched == {
        "verb": "create",
        "objectRef.resource": "pods",
        "pod.containers[].image": "xyz",
        "pod.containers[].securityContext.privileged": True,
    }


def test_without_words_of_its_own_a_match_is_told_by_the_event(audit: MakeEvent, rule: MakeRule) -> None:
    event = pod(audit)
    (match,) = Engine([rule(PODS)]).inspect([event])
    assert match.reason == event.message


def test_a_match_becomes_an_alert_document(audit: MakeEvent, rule: MakeRule) -> None:
    from datetime import UTC, datetime

    (match,) = Engine([rule(PODS, level="high")]).inspect([pod(audit)])
    assert alert_document(match, datetime.now(UTC))["kibana"]["alert"]["severity"] == "high"


def test_what_the_memo_decides_is_not_asked_again(audit: MakeEvent, rule: MakeRule) -> None:
    made = rule({**PODS, "user.username|startswith": "mal", "object.kind": "Pod"})
    found = memo.Memo([made], KUBERNETES, memo.EVENTS[KUBERNETES])
    assert found.learn(found.key_of(audit(verb="get"))) == ()
    assert found.learn(found.key_of(pod(audit))) == (), "the record has no body"
    ((wanted, rest),) = found.learn(found.key_of(pod(audit, requestObject={"kind": "Pod"})))
    assert wanted is made
    assert rest is not made.predicate(KUBERNETES), "only the body is left to ask about"


def test_the_memo_forgets_before_it_grows_without_end(
    audit: MakeEvent, rule: MakeRule, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memo, "MOST_KEYS", 10)
    monkeypatch.setattr(memo, "MOST_VALUES", 10)
    found = memo.Memo([rule(PODS)], KUBERNETES, memo.EVENTS[KUBERNETES])
    for number in range(100):
        found.learn(found.key_of(audit(verb=f"odd{number}", userAgent=f"agent {number}")))
    assert len(found.known) <= 10
    assert all(len(masks) <= 10 for masks in found._masks)


def test_the_memo_keeps_no_long_keys(audit: MakeEvent, rule: MakeRule) -> None:
    found = memo.Memo([rule(PODS)], KUBERNETES, memo.EVENTS[KUBERNETES])
    long = [{"verb": "x" * 3000}, {"annotations": {"x" * 3000: "y"}}, {"user": {"groups": ["x"] * 3000}}]
    for parts in long:
        found.learn(found.key_of(audit(**parts)))
    assert not found.known
    assert all(len(repr(value)) < 3000 for masks in found._masks for value in masks)


def test_attackers_names_do_not_make_a_rule_blind(audit: MakeEvent, rule: MakeRule) -> None:
    engine = Engine([rule({"userAgent|contains": "evil"})])
    for agent in ("evil/1", "EVIL" + "x" * 5000, "good"):
        assert len(engine.inspect([audit(userAgent=agent)])) == (agent != "good")


def test_rules_of_other_products_never_match_ours(audit: MakeEvent, rule: MakeRule) -> None:
    foreign = rule({"verb": "get"}, logsource=WINDOWS)
    assert foreign.datasets == ()
    assert ids(Engine([foreign]), [audit(verb="get")]) == []
    assert foreign.matches(audit(verb="get")) is None


@pytest.mark.parametrize(
    ("source", "fits"),
    [
        ({"product": "kubernetes", "service": "audit"}, True),
        ({"product": "Kubernetes", "service": "Audit", "category": "application"}, True),
        ({"product": "kubernetes"}, True),
        ({"service": "audit"}, True),
        ({"category": "application"}, True),
        ({"product": "kubernetes", "service": "audit", "definition": "some words"}, True),
        ({"product": "kubernetes", "service": "events"}, False),
        ({"category": "process_creation"}, False),
        ({"product": "docker", "service": "events"}, False),
        ({"product": "linux", "service": "audit"}, False),
    ],
)
def test_what_a_logsource_leaves_out_fits_anything(
    source: dict[str, str], fits: bool, audit: MakeEvent, rule: MakeRule
) -> None:
    found = rule(None, any={"message|contains": "a"}, condition="any or not any", logsource=source)
    assert bool(ids(Engine([found]), [audit(verb="get")])) == fits


def test_a_record_without_a_logsource_is_tried_against_every_rule(bare: MakeEvent, rule: MakeRule) -> None:
    rules = [
        rule({"CommandLine|contains": "mimikatz"}, logsource=WINDOWS, rule_id="windows"),
        rule({"verb": "get", "objectRef.resource": "secrets"}, rule_id="kubernetes"),
        rule(["mimikatz"], logsource=WINDOWS, rule_id="words"),
        rule({"a.b": 1}, condition="not selection", logsource=WINDOWS, rule_id="not"),
        rule({"Nothing": "x"}, logsource=WINDOWS, rule_id="never"),
        rule({"event.dataset": "json"}, logsource={"product": "x"}, rule_id="known"),
    ]
    engine = Engine(rules)
    assert ids(engine, [bare(CommandLine="x mimikatz")]) == ["windows", "words", "not", "known"]
    assert ids(engine, [bare(verb="get", objectRef={"resource": "secrets"})]) == [
        "kubernetes",
        "not",
        "known",
    ]
    assert ids(engine, [bare(**{"objectRef.resource": "secrets", "verb": "get", "a.b": 1})]) == [
        "kubernetes",
        "known",
    ]
    assert ids(engine, [bare(a={"b": 1})]) == ["known"]


def test_an_event_of_an_unknown_kind_meets_nothing(audit: MakeEvent, rule: MakeRule) -> None:
    from msgspec.structs import replace

    event = replace(audit(verb="get"), dataset="something.else")
    assert ids(Engine([rule({"verb": "x"}, condition="not selection")]), [event]) == []


def test_events_of_several_kinds_in_one_batch(audit: MakeEvent, bare: MakeEvent, rule: MakeRule) -> None:
    engine = Engine([rule({"verb": "get"}, rule_id="gets")])
    assert (
        ids(engine, [audit(verb="get"), bare(verb="get"), audit(verb="get"), bare(verb="x")]) == ["gets"] * 3
    )


def test_a_rule_that_breaks_costs_no_other_rule(
    audit: MakeEvent, rule: MakeRule, caplog: pytest.LogCaptureFixture
) -> None:
    broken, whole = rule({"object.x": "1"}, rule_id="broken"), rule({"verb": "create"}, rule_id="whole")

    def explode(view: Any) -> Any:
        raise RuntimeError("boom")

    broken.expressions[KUBERNETES] = Atom("x", explode, bool, bool)
    engine = Engine([broken, whole])
    with caplog.at_level(logging.ERROR):
        assert ids(engine, [pod(audit), pod(audit)]) == ["whole", "whole"]
    assert engine.failed == 2
    assert [record.getMessage() for record in caplog.records] == ["rule failed"], "once is enough"


def test_an_event_that_can_not_be_looked_at_costs_no_other_event(
    audit: MakeEvent, rule: MakeRule, caplog: pytest.LogCaptureFixture
) -> None:
    from msgspec.structs import replace

    odd = replace(audit(verb="get"), native=None)
    engine = Engine([rule({"verb": "get"})])
    with caplog.at_level(logging.CRITICAL):
        assert len(engine.inspect([odd, audit(verb="get")])) == 1
    assert engine.failed == 1


def test_other_rules_from_the_next_batch_on(audit: MakeEvent, rule: MakeRule) -> None:
    engine = Engine([rule({"verb": "get"}, rule_id="old")])
    event = audit(verb="get")
    assert ids(engine, [event]) == ["old"]
    engine.replace([rule({"verb": "get"}, rule_id="new")])
    assert ids(engine, [event]) == ["new"]
    assert [each.info.rule_id for each in engine.rules] == ["new"]


def test_a_brief_that_no_rule_wants_is_known(audit: MakeEvent, rule: MakeRule) -> None:
    form = FORMATS.make("kubernetes_audit")
    engine = Engine([rule({**PODS, "tallyman.user.kind": "human"})], user_kind)

    def unwanted(event: Event) -> bool:
        return engine.unwanted(form.peek(event.record.raw))

    assert unwanted(audit(verb="get", objectRef={"resource": "pods"}))
    assert unwanted(pod(audit, user={"username": "system:node:a"}))
    assert unwanted(pod(audit, user={"username": "x", "groups": ["system:nodes"]}))
    assert not unwanted(pod(audit))
    assert not engine.unwanted(form.peek(pod(audit).record.raw), "docker.events"), (
        "nothing is known of others"
    )


def test_a_rule_that_needs_a_body_is_not_met_without(audit: MakeEvent, rule: MakeRule) -> None:
    wanted: dict[str, Any] = {
        "needs": ["requestObject"],
        "b": {"object.spec.x": 1},
        "condition": "selection and not b",
    }
    engine = Engine([rule(PODS, **wanted)])
    assert ids(engine, [pod(audit)]) == []
    assert ids(engine, [pod(audit, requestObject="skipped-too-big-size-object")]) == []
    assert len(ids(engine, [pod(audit, requestObject={"spec": {}})])) == 1
    assert len(ids(Engine([rule(PODS)]), [pod(audit)])) == 1


def test_a_rule_that_can_never_be_met_is_left_out(rule: MakeRule, audit: MakeEvent) -> None:
    never = rule(None, a={"verb": "get"}, b={"verb": "get"}, condition="a and b")
    never.expressions[KUBERNETES] = FALSE
    assert ids(Engine([never]), [audit(verb="get")]) == []
