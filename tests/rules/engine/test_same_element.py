"""Conditions below `list[]` in one selection hold on one and the same element."""

from __future__ import annotations

from typing import Any

from tests.rules.engine.conftest import MakeEvent, MakeRule

RULES = "object.rules[]"


def role(audit: MakeEvent, *rules: dict[str, Any]) -> Any:
    return audit(
        verb="create", objectRef={"resource": "roles"}, requestObject={"kind": "Role", "rules": list(rules)}
    )


def test_two_conditions_meet_on_one_element(audit: MakeEvent, rule: MakeRule) -> None:
    reads = rule({f"{RULES}.verbs": [r"\*", "get"], f"{RULES}.resources": "secrets"})
    assert reads.matches(role(audit, {"verbs": ["get"], "resources": ["pods", "secrets"]}))
    assert not reads.matches(
        role(audit, {"verbs": ["get"], "resources": ["pods"]}, {"verbs": ["list"], "resources": ["secrets"]})
    )


def test_without_brackets_each_condition_finds_its_own_element(audit: MakeEvent, rule: MakeRule) -> None:
    loose = rule({"object.rules.verbs": "get", "object.rules.resources": "secrets"})
    assert loose.matches(
        role(audit, {"verbs": ["get"], "resources": ["pods"]}, {"verbs": ["list"], "resources": ["secrets"]})
    )


def test_two_selections_may_meet_on_two_elements(audit: MakeEvent, rule: MakeRule) -> None:
    found = rule(
        None, one={f"{RULES}.verbs": "get"}, two={f"{RULES}.resources": "secrets"}, condition="one and two"
    ).matches(
        role(audit, {"verbs": ["get"], "resources": ["pods"]}, {"verbs": ["list"], "resources": ["secrets"]})
    )
    assert found == {f"{RULES}.verbs": "get", f"{RULES}.resources": "secrets"}


def test_an_absent_field_of_an_element(audit: MakeEvent, rule: MakeRule) -> None:
    unnamed = rule({f"{RULES}.resources": "secrets", f"{RULES}.resourceNames": None})
    named = {"resources": ["secrets"], "resourceNames": ["one"]}
    assert not unnamed.matches(role(audit, named))
    assert not unnamed.matches(role(audit, named, {"resources": ["pods"]}))
    assert unnamed.matches(role(audit, named, {"resources": ["secrets"]}))


def test_the_core_group_is_an_empty_text(audit: MakeEvent, rule: MakeRule) -> None:
    core = rule({f"{RULES}.apiGroups": "", f"{RULES}.resources": "pods"})
    assert core.matches(role(audit, {"apiGroups": [""], "resources": ["pods"]}))
    assert not core.matches(role(audit, {"apiGroups": ["apps"], "resources": ["pods"]}))


def test_an_excluded_value_of_an_element(audit: MakeEvent, rule: MakeRule) -> None:
    other = rule({f"{RULES}.resources|neq": "pods", f"{RULES}.verbs": "get"})
    assert other.matches(
        role(audit, {"resources": ["pods"], "verbs": ["get"]}, {"resources": ["x"], "verbs": ["get"]})
    )
    assert not other.matches(role(audit, {"resources": ["pods"], "verbs": ["get"]}))


def test_not_of_a_selection_means_no_element_at_all(audit: MakeEvent, rule: MakeRule) -> None:
    none = rule({f"{RULES}.verbs": "get"}, condition="not selection")
    assert none.matches(role(audit, {"verbs": ["list"]})) == {}
    assert none.matches(role(audit, {"verbs": ["list"]}, {"verbs": ["get"]})) is None


def test_lists_inside_lists(audit: MakeEvent, rule: MakeRule) -> None:
    def pod(*containers: Any) -> Any:
        return audit(
            verb="create", objectRef={"resource": "pods"}, requestObject={"spec": {"containers": containers}}
        )

    key = "pod.containers[].ports[]"
    found = rule({"pod.containers[].name": "a", f"{key}.hostPort|gt": 0, f"{key}.protocol": "UDP"})
    udp, tcp = {"hostPort": 53, "protocol": "UDP"}, {"hostPort": 53, "protocol": "TCP"}
    plain = {"containerPort": 1, "protocol": "UDP"}
    assert found.matches(pod({"name": "a", "ports": [tcp, udp]})) == {
        "pod.containers[].name": "a",
        f"{key}.hostPort": 53,
        f"{key}.protocol": "UDP",
    }
    assert not found.matches(pod({"name": "a", "ports": [tcp, plain]})), "not on the same port"
    assert not found.matches(pod({"name": "b", "ports": [udp]}, {"name": "a", "ports": [tcp]})), (
        "not in one container"
    )


def test_a_list_of_plain_values(audit: MakeEvent, rule: MakeRule) -> None:
    found = rule({"user.groups[]|startswith": "system:", "user.groups[]|endswith": ":x"})
    assert found.matches(audit(user={"username": "a", "groups": ["b:x", "system:x"]}))
    assert not found.matches(audit(user={"username": "a", "groups": ["b:x", "system:y"]}))


def test_a_map_in_the_place_of_a_list_is_its_only_element(audit: MakeEvent, rule: MakeRule) -> None:
    event = audit(verb="create", objectRef={}, requestObject={"rules": {"verbs": "get"}})
    assert rule({f"{RULES}.verbs": "get"}).matches(event)


def test_another_field_of_the_same_element(audit: MakeEvent, rule: MakeRule) -> None:
    same = rule({f"{RULES}.a|fieldref": f"{RULES}.b"})
    assert same.matches(role(audit, {"a": 1, "b": 2}, {"a": 2, "b": 2}))
    assert not same.matches(role(audit, {"a": 1, "b": 2}, {"a": 2, "b": 1}))


def test_an_element_beside_a_field_of_the_event(audit: MakeEvent, rule: MakeRule) -> None:
    own = rule({"object.subjects[].kind": "User", "object.subjects[].name|fieldref": "user.username"})
    event = audit(
        verb="create",
        objectRef={},
        requestObject={"subjects": [{"kind": "User", "name": "me"}]},
        user={"username": "me"},
    )
    assert own.matches(event)
    other = audit(
        verb="create",
        objectRef={},
        requestObject={"subjects": [{"kind": "User", "name": "you"}]},
        user={"username": "me"},
    )
    assert not own.matches(other)


def test_deep_lists_of_lists_do_no_harm(audit: MakeEvent, rule: MakeRule) -> None:
    nested: Any = "get"
    for _ in range(300):
        nested = [nested]
    assert rule({f"{RULES}.verbs": "get"}).matches(role(audit, {"verbs": nested}))
