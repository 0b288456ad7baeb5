"""What each modifier asks of a value: a literal in, a value out."""

from __future__ import annotations

from typing import Any

import pytest

from tests.rules.engine.conftest import MakeEvent, MakeRule

POD = "https://[::1]/x?a=b"
CASES: list[tuple[str, Any, Any, bool]] = [
    # key of the selection, its value, the value of the field, whether it matches
    ("x", "get", "get", True),
    ("x", "get", "GET", True),
    ("x", "get", "gets", False),
    ("x", ["get", "list"], "List", True),
    ("x", "g*t", "great", True),
    ("x", "g*t", "greats", False),
    ("x", "g?t", "get", True),
    ("x", "g?t", "gt", False),
    ("x", "g?t", "g\nt", True),
    ("x", r"a\*b", "a*b", True),
    ("x", r"a\*b", "axb", False),
    ("x", "a*b*c", "a-b-b-c", True),
    ("x", "a*b*c", "a-c-b", False),
    ("x", "*ab*ba*", "aba", False),
    ("x", "ab*ba", "aba", False),
    ("x", "*", "anything", True),
    ("x", "*", {"a": 1}, True),
    ("x", "*", None, False),
    ("x", "", "", True),
    ("x", "", "a", False),
    ("x", "", None, False),
    ("x", 8080, 8080, True),
    ("x", 8080, "8080", True),
    ("x", "8080", 8080, True),
    ("x", 8080, 8081, False),
    ("x", 1, True, False),
    ("x", 1.5, 1.5, True),
    ("x", True, True, True),
    ("x", True, "True", True),
    ("x", "true", True, True),
    ("x", True, False, False),
    ("x", True, 1, False),
    ("x", None, None, True),
    ("x", None, "", False),
    ("x", None, "a", False),
    ("x", [None, "a"], None, True),
    ("x", [None, "a"], "b", False),
    ("x", "a", ["b", "a"], True),
    ("x", "a", ["b", "c"], False),
    ("x", "a", {"a": "a"}, False),
    ("x", "a", [], False),
    ("x|cased", "Get", "Get", True),
    ("x|cased", "Get", "get", False),
    ("x|cased|contains", "Et", "gEt", True),
    ("x|contains|cased", "Et", "get", False),
    ("x|contains", "secret", "my-SECRET-1", True),
    ("x|contains", ["a", "b"], "xbx", True),
    ("x|contains", "a*c", "xabcx", True),
    ("x|contains|all", ["a", "b"], "ab", True),
    ("x|contains|all", ["a", "b"], "a", False),
    ("x|contains|all", ["a", "b"], ["a", "b"], True),
    ("x|all", ["a", "b"], ["a", "c", "b"], True),
    ("x|all", ["a", "b"], ["a"], False),
    ("x|startswith", "sys", "System:x", True),
    ("x|startswith", "sys", "a sys", False),
    ("x|endswith", ":x", "system:x", True),
    ("x|endswith", ":x", "system:xy", False),
    ("x|re", "^a.c$", "abc", True),
    ("x|re", "b", "abc", True),
    ("x|re", "B", "abc", False),
    ("x|re|i", "B", "abc", True),
    ("x|re", "a.c", "a\nc", False),
    ("x|re|s", "a.c", "a\nc", True),
    ("x|re", "^c", "a\nc", False),
    ("x|re|m", "^c", "a\nc", True),
    ("x|re", r"\d+\*?", 8080, True),
    ("x|re", "a", {"a": "a"}, False),
    ("x|re", "é.ß", "été ß: éxß", True),
    ("x|cidr", "10.0.0.0/8", "10.1.2.3", True),
    ("x|cidr", "10.0.0.0/8", "11.1.2.3", False),
    ("x|cidr", ["192.168.0.0/16", "10.0.0.0/8"], "10.1.2.3", True),
    ("x|cidr", "10.0.0.0/8", "::ffff:10.1.2.3", True),
    ("x|cidr", "fd00::/8", "fd12::1", True),
    ("x|cidr", "fd00::/8", "10.0.0.1", False),
    ("x|cidr", "10.0.0.0/8", "ten", False),
    ("x|cidr", "10.0.0.0/8", 167772161, False),
    ("x|exists", True, "a", True),
    ("x|exists", True, "", True),
    ("x|exists", True, {}, True),
    ("x|exists", True, None, False),
    ("x|exists", False, None, True),
    ("x|exists", False, "a", False),
    ("x|neq", "a", "b", True),
    ("x|neq", "a", "A", False),
    ("x|neq", ["a", "b"], "b", False),
    ("x|neq", "a", None, True),
    ("x|contains|neq", "a", "cat", False),
    ("x|lt", 5, 4, True),
    ("x|lt", 5, 5, False),
    ("x|lte", 5, 5, True),
    ("x|gt", 5, "6", True),
    ("x|gt", 5, 5, False),
    ("x|gte", 5, 5.0, True),
    ("x|gte", 5, "many", False),
    ("x|gte", 0, True, False),
    ("x|gte", 0, None, False),
    ("x|fieldref", "object.y", "same", True),
    ("x|fieldref", "object.y", "SAME", True),
    ("x|fieldref", "object.y", "other", False),
    ("x|fieldref", "object.z", None, False),
    ("x|fieldref|startswith", "object.y", "same as", True),
    ("x|fieldref|endswith", "object.y", "the same", True),
    ("x|fieldref|contains", "object.y", "the same as", True),
    ("x|fieldref|contains", "object.y", "sam", False),
    ("x|windash|contains", " -enc", "powershell /enc x", True),
    ("x|windash|contains", " -enc", "powershell \u2013enc x", True),
    ("x|windash|contains", " -enc", "powershell enc x", False),
    ("x|base64", "whoami", "d2hvYW1p", True),
    ("x|base64", "whoami", "whoami", False),
    ("x|base64offset|contains", "whoami", "c3VkbyB3aG9hbWk=", True),  # sudo whoami
    ("x|base64offset|contains", "whoami", "YSB3aG9hbWk7", True),  # a whoami;
    ("x|base64offset|contains", "whoami", "d2hvIGFtIGk=", False),  # who am i
    ("x|wide|base64offset|contains", "ab", "YQBiAA==", True),
    ("x|utf16be|base64offset|contains", "ab", "AGEAYg==", True),
    ("x|wide", "ab", "a\0b\0", True),
    ("x|utf16be", "ab", "\0a\0b", True),
    ("x|utf16", "ab", "\ufeffa\0b\0", True),
    ("x|minute", 15, "2026-11-23T10:15:00Z", True),
    ("x|hour", 9, "2026-11-23T10:15:00+01:00", True),
    ("x|hour", 10, "2026-11-23T10:15:00", True),
    ("x|hour|gte", 10, "2026-11-23T10:15:00Z", True),
    ("x|hour|lt", 10, "2026-11-23T10:15:00Z", False),
    ("x|day", 23, "2026-11-23T10:15:00.123456789Z", True),
    ("x|week", 48, "2026-11-23T10:15:00Z", True),
    ("x|month", 11, 1795428900, True),
    ("x|month", 11, 1795428900012345678, True),
    ("x|year", 2026, "1795428900000", True),
    ("x|year", 2026, "yesterday", False),
    ("x|year", 2026, True, False),
    ("x|year", 2026, 10**400, False),
]


@pytest.mark.parametrize(("key", "wanted", "value", "matches"), CASES)
def test_a_modifier(
    key: str, wanted: Any, value: Any, matches: bool, audit: MakeEvent, rule: MakeRule
) -> None:
    body = {"kind": "Thing", "y": "same", **({} if value is None else {"x": value})}
    event = audit(verb="create", objectRef={"resource": "things"}, requestObject=body)
    found = rule({f"object.{key}": wanted}).matches(event)
    assert (found is not None) == matches


@pytest.mark.parametrize(
    ("key", "wanted", "value", "matches"), [case for case in CASES if "fieldref" not in case[0]]
)
def test_a_modifier_on_an_element_of_a_list(
    key: str, wanted: Any, value: Any, matches: bool, audit: MakeEvent, rule: MakeRule
) -> None:
    element = {} if value is None else {"x": value}
    event = audit(verb="create", objectRef={"resource": "things"}, requestObject={"list": [element]})
    assert (rule({f"object.list[].{key}": wanted}).matches(event) is not None) == matches


def test_a_placeholder_stands_for_what_is_configured(audit: MakeEvent, rule: MakeRule) -> None:
    admins = rule({"username|expand": "%admins%"}, lists={"admins": ["alice@example.com", "b*"]})
    assert admins.matches(audit(user={"username": "ALICE@example.com"}))
    assert not admins.matches(audit(user={"username": "bob"})), "a star in a configured text is a star"


def test_a_placeholder_in_part_of_a_text_or_pattern(audit: MakeEvent, rule: MakeRule) -> None:
    lists = {"host": ["a.example"]}
    assert rule({"username|expand|endswith": "@%host%"}, lists=lists).matches(
        audit(user={"username": "x@a.example"})
    )
    pattern = rule({"username|re|expand": "^.@%host%$"}, lists=lists)
    assert pattern.matches(audit(user={"username": "x@a.example"}))
    assert not pattern.matches(audit(user={"username": "x@a-example"}))


def test_a_rule_may_bring_its_own_placeholders(audit: MakeEvent, rule: MakeRule) -> None:
    parts: dict[str, Any] = {"placeholders": {"admins": ["root"]}}
    assert rule({"username|expand": "%admins%"}, **parts).matches(audit(user={"username": "root"}))
    configured = rule({"username|expand": "%admins%"}, lists={"admins": ["alice"]}, **parts)
    assert not configured.matches(audit(user={"username": "root"}))


def test_a_pattern_that_backtracks_for_ever_elsewhere_is_quick(audit: MakeEvent, rule: MakeRule) -> None:
    slow = rule({"object.x|re": "^(a+)+$", "object.y|re": "(x|x?)*y"})
    event = audit(verb="create", objectRef={}, requestObject={"x": "a" * 50_000 + "!", "y": "x" * 50_000})
    assert slow.matches(event) is None


def test_wildcards_on_long_texts_are_quick(audit: MakeEvent, rule: MakeRule) -> None:
    slow = rule({"object.x": "*a*a*a*a*a*a*a*a*b", "object.y": "*a?a*a?a*b"})
    event = audit(verb="create", objectRef={}, requestObject={"x": "a" * 50_000, "y": "a" * 50_000})
    assert slow.matches(event) is None


@pytest.mark.parametrize("words", [["secret-token"], ["TOKEN", "nothing"], ["a & b"], ["sec*ken"]])
def test_keywords_are_found_anywhere_in_the_record(
    words: list[str], audit: MakeEvent, rule: MakeRule
) -> None:
    event = audit(verb="create", requestObject={"x": "my secret-token", "y": "a & b <c>"})
    assert rule(words).matches(event) is not None
    assert rule(None, keywords=words, condition="not keywords").matches(event) is None


def test_all_keywords(audit: MakeEvent, rule: MakeRule) -> None:
    event = audit(requestObject={"x": "one two"})
    assert rule({"|all": ["one", "two"]}).matches(event) is not None
    assert not rule({"|all": ["one", "three"]}).matches(event)


def test_a_keyword_may_be_a_pattern_or_a_number(audit: MakeEvent, rule: MakeRule) -> None:
    event = audit(requestObject={"x": "port 6443", "y": "Abc"})
    assert rule({"|re": "port \\d+"}).matches(event) is not None
    assert rule([6443, "nothing"]).matches(event) is not None
