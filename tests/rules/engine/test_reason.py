"""Reasons are filled in, and stay one short line whatever the record says."""

from __future__ import annotations

import pytest

from rules.engine.reason import shown, template
from tests.rules.engine.conftest import MakeEvent


def test_fields_are_filled_in(audit: MakeEvent) -> None:
    event = audit(verb="get", user={"username": "alice", "groups": ["a", "b"]})
    assert template("{user.name} ({user.roles}) did {event.action}.")(event) == "alice (a, b) did get."


def test_a_missing_value_is_a_dash_or_what_the_rule_says_instead(audit: MakeEvent) -> None:
    assert template("in {orchestrator.namespace}.")(audit(verb="get")) == "in -."
    assert template("in {orchestrator.namespace|all namespaces}.")(audit(verb="get")) == "in all namespaces."


def test_where_nothing_stands_before_a_stroke_the_stroke_is_left_out(audit: MakeEvent) -> None:
    names = template("wrote {orchestrator.namespace}/{orchestrator.resource.name}")
    assert names(audit(objectRef={"resource": "nodes", "name": "n1"})) == "wrote n1"
    assert names(audit(objectRef={"resource": "pods", "namespace": "shop", "name": "p1"})) == "wrote shop/p1"


def test_a_text_without_fields_stays(audit: MakeEvent) -> None:
    assert template("Somebody did it")(audit()) == "Somebody did it"


@pytest.mark.parametrize("text", ["{user.nam}", "{}", "{0}", "{user.name.__class__}", "{event!r}"])
def test_nothing_but_fields_can_be_asked_for(text: str) -> None:
    with pytest.raises(ValueError, match="there is no field"):
        template(text)


def test_what_an_attacker_wrote_can_do_nothing_to_a_terminal(audit: MakeEvent) -> None:
    event = audit(verb="get", user={"username": "\x1b[2Ja\nb{user.name}"})
    assert template("{user.name}")(event) == " [2Ja b{user.name}"


@pytest.mark.parametrize(
    ("value", "text"), [(None, ""), (5, "5"), (["a", 1], "a, 1"), ("x" * 300, "x" * 200 + "…"), (("a",), "a")]
)
def test_a_value_is_shown_in_short(value: object, text: str) -> None:
    assert shown(value) == text
