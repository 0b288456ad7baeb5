"""All mistakes of a rule are told, each with line, key and the nearest right name."""

from __future__ import annotations

from pathlib import Path

import pytest

from rules.engine.document import parse as parse_yaml
from rules.engine.parse import parse

HEAD = "title: A rule\nlogsource: {product: kubernetes, service: audit}\n"
GOOD = HEAD + "detection:\n  selection: {verb: get}\n  condition: selection\n"


def mistakes(text: str) -> list[str]:
    (document,) = parse_yaml(text, "x.yml")
    rule, errors = parse(document, "x", {})
    assert (rule is None) == bool(errors)
    return [str(error) for error in errors]


def test_a_good_rule_has_none() -> None:
    assert mistakes(GOOD) == []


def test_all_mistakes_are_told_at_once() -> None:
    found = mistakes(
        HEAD
        + "level: hihg\n"
        + "group_by: [user.nam]\n"
        + "reason: '{user.nme} did it'\n"
        + "needs: [requestobject]\n"
        + "tests: {matches: []}\n"
        + "detection:\n"
        + "  selection:\n"
        + "    verb|startwith: g\n"
        + "    objectRef.resorce: pods\n"
        + "    sourceIPs|cidr: 10.0.0.0/99\n"
        + "  condition: selection\n"
    )
    assert found == [
        "x.yml:10: verb|startwith: there is no modifier 'startwith'. Did you mean 'startswith'?",
        "x.yml:12: sourceIPs|cidr: Invalid CIDR expression: '10.0.0.0/99' does not appear to be an IPv4 or "
        "IPv6 network",
        "x.yml:11: kubernetes audit has no field 'objectRef.resorce'. Did you mean 'objectRef.resource'?",
        "x.yml:3: there is no level 'hihg'; it is one of informational, low, medium, high, critical. "
        "Did you mean 'high'?",
        "x.yml:4: group_by: there is no field 'user.nam'. Did you mean 'user.name'?",
        "x.yml:7: tests: 'matches' is neither `match` nor `quiet`",
        "x.yml:6: needs: there is no field 'requestobject'. Did you mean 'requestObject'?",
        "x.yml:5: reason: there is no field 'user.nme'. Did you mean 'user.name'?",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("title: x\n", "x.yml:1: Sigma rule must have a log source"),
        (HEAD, "Sigma rule must have a detection"),
        (HEAD + "detection: []\n", "x.yml:3"),
        (HEAD + "detection: {a: {verb: get}}\n", "must contain at least one condition"),
        (HEAD + "detection: {condition: a}\n", "x.yml:3: No detections defined"),
        (HEAD + "detection:\n  a: {}\n  condition: a\n", "Detection is empty"),
        (HEAD + "detection:\n  select: {verb: get}\n  condition: selection\n", "Did you mean 'select'?"),
        (HEAD + "detection:\n  a: {verb: get}\n  condition: a and\n", "x.yml:5: the condition can't be read"),
        (
            HEAD + "detection:\n  a: {verb: get}\n  condition: 1 of b*\n",
            "x.yml:5: the condition wants selections 'b*'",
        ),
        (
            HEAD + "detection:\n  a: {verb: get}\n  condition: 3 of a*\n",
            "x.yml:5: the condition can't be read",
        ),
        (
            HEAD + "detection:\n  a: {verb: get}\n  condition: a | count() > 5\n",
            "x.yml:5: the condition can't be read",
        ),
        (
            HEAD + "detection:\n  a:\n    verb|re: '(?=x)y'\n  condition: a\n",
            "x.yml:5: verb|re: the pattern '(?=x)y' can't",
        ),
        (HEAD + "detection:\n  a:\n    verb|re: '(a)\\1'\n  condition: a\n", "x.yml:5: verb|re: the pattern"),
        (
            HEAD + "detection:\n  a:\n    verb|re: '(('\n  condition: a\n",
            "x.yml:5: verb|re: Regular expression",
        ),
        (HEAD + "detection:\n  a:\n    verb|re: 5\n  condition: a\n", "x.yml:5: verb|re: "),
        (
            HEAD + "detection:\n  a:\n    verb|re: ''\n    user.name|re|contains: ''\n  condition: a\n",
            "x.yml:6",
        ),
        (HEAD + "detection:\n  a:\n    verb|contains: 5\n  condition: a\n", "x.yml:5: verb|contains: "),
        (HEAD + "detection:\n  a:\n    verb|gt: many\n  condition: a\n", "x.yml:5: verb|gt: "),
        (HEAD + "detection:\n  a:\n    verb|exists: 'yes'\n  condition: a\n", "x.yml:5: verb|exists: "),
        (HEAD + "detection:\n  a:\n    verb: {b: c}\n  condition: a\n", "x.yml:5: verb: "),
        (HEAD + "detection:\n  a:\n    verb: [[b]]\n  condition: a\n", "x.yml:5: verb: "),
        (
            HEAD + "detection:\n  a:\n    verb|expand: '%admins%'\n  condition: a\n",
            "x.yml:5: nothing is configured for",
        ),
        (
            HEAD + "detection:\n  a:\n    verb|fieldref: vreb\n  condition: a\n",
            "x.yml:5: kubernetes audit has no field 'vreb'",
        ),
        (
            HEAD + "detection:\n  a:\n    - verb: get\n    - vreb: get\n  condition: a\n",
            "x.yml:6: kubernetes audit has no",
        ),
        (HEAD + "detection:\n  a: [null]\n  condition: a\n", "x.yml:4: keyword: "),
        (HEAD + "detection:\n  a: {'|cidr': 10.0.0.0/8}\n  condition: a\n", "x.yml:4: keyword: "),
        (GOOD + "id: not-a-uuid\n", "x.yml:6: Sigma rule identifier must be an UUID"),
        (GOOD + "status: splendid\n", "x.yml:6: "),
        (GOOD + "date: sometime\n", "x.yml:6: "),
        (GOOD + "tags: attack.t1611\n", "x.yml:6: "),
        (GOOD + "falsepositives: none\n", "x.yml:6: "),
        (GOOD + "controls: cis\n", "x.yml:6: controls must be a list"),
        (GOOD + "group_by: user.name\n", "x.yml:6: group_by must be a list"),
        (GOOD + "version: [1]\n", "x.yml:6: version must be text"),
        (GOOD + "tests: []\n", "x.yml:6: tests must be a map"),
        (GOOD + "tests: {match: {}}\n", "x.yml:6: tests: match must be a list"),
        (GOOD + "tests:\n  match:\n    - name: a\n", "x.yml:8: a test has a `name` and a `record` map"),
        (GOOD + "placeholders: [a]\n", "x.yml:6: placeholders must be a map of lists"),
        (
            GOOD.replace("{product: kubernetes, service: audit}", "kubernetes"),
            "x.yml:2: Sigma logsource must be",
        ),
        (GOOD.replace("{product: kubernetes, service: audit}", "{product: [a]}"), "x.yml:2: "),
        (GOOD.replace("title: A rule", "title: [a]"), "x.yml:1: "),
        ("title: x\ncorrelation: {type: event_count}\n", "x.yml:2: correlations are not supported yet"),
        (
            "title: x\nfilter: {rules: [a]}\nlogsource: {product: x}\n",
            "x.yml:2: filters are not supported yet",
        ),
        ("action: global\ntitle: x\n", "x.yml:1: `action` is not part of Sigma 2"),
    ],
)
def test_a_mistake_is_told_with_its_line(text: str, said: str) -> None:
    found = mistakes(text)
    assert any(said in error for error in found), found


def test_a_pattern_as_long_as_a_book_is_refused() -> None:
    (error,) = mistakes(HEAD + f"detection:\n  a:\n    verb|re: {'a' * 5000}\n  condition: a\n")
    assert "a pattern of more than 4096 characters" in error


def test_a_pattern_that_unfolds_beyond_bounds_is_refused() -> None:
    (error,) = mistakes(HEAD + "detection:\n  a:\n    verb|re: '((a{100}){100}){100}'\n  condition: a\n")
    assert "can't be run in bounded time" in error


@pytest.mark.parametrize(
    "condition", ["not " * 3000 + "a", "(not " * 200 + "a" + ")" * 200, "(a or not " * 60 + "a" + ")" * 60]
)
def test_a_condition_nested_without_end_is_refused(condition: str) -> None:
    (error,) = mistakes(HEAD + f"detection:\n  a: {{verb: get}}\n  condition: {condition}\n")
    assert "nested" in error or "the condition can't be read" in error


def test_what_a_rule_says_of_itself(tmp_path: Path) -> None:
    text = GOOD + (
        "id: 3f6f0a52-5d0c-4c2c-9f0e-2f1f6f0a525d\nlevel: high\nauthor: Someone\n"
        "description: >-\n  Why it\n  matters.\n"
        "license: Apache-2.0\nreferences: [https://attack.mitre.org/techniques/T1611/]\n"
        "tags: [attack.privilege-escalation, attack.t1611, attack.t1078.004, cve.2024-1]\n"
        "falsepositives: [backups]\ncontrols: ['cis-k8s:5.2.2']\ngroup_by: [source.ip]\n"
        "needs: [requestObject]\n"
    )
    (document,) = parse_yaml(text, "x.yml")
    rule, _ = parse(document, "a_rule", {})
    assert rule is not None
    info = rule.info
    assert (info.uuid, info.rule_id) == ("3f6f0a52-5d0c-4c2c-9f0e-2f1f6f0a525d", "a_rule")
    assert (info.name, info.level, info.description) == ("A rule", "high", "Why it matters.")
    assert info.techniques == ("T1611", "T1078.004")
    assert info.tags[0] == "attack.privilege-escalation"
    assert (info.controls, info.group_by) == (("cis-k8s:5.2.2",), ("source.ip",))
    assert (info.false_positives, info.license, info.author) == (("backups",), "Apache-2.0", "Someone")
    assert (rule.needs, rule.fields, rule.datasets) == (
        ("requestObject",),
        ("verb",),
        ("kubernetes.audit_logs",),
    )


def test_a_rule_that_says_little_gets_the_usual() -> None:
    (document,) = parse_yaml(GOOD, "x.yml")
    rule, _ = parse(document, "a_rule", {})
    again, _ = parse(document, "a_rule", {})
    assert rule is not None and again is not None
    assert rule.info.level == "medium"
    assert rule.info.group_by == ("user.name", "orchestrator.namespace", "orchestrator.resource.name")
    assert rule.info.uuid == again.info.uuid, "the same without an id of its own"


def test_another_products_names_are_not_checked() -> None:
    text = "title: x\nlogsource: {product: windows}\n"
    assert mistakes(text + "detection: {a: {CommandLine|contains: x}, condition: a}\n") == []


def test_a_name_that_only_one_of_several_logsources_knows_is_fine() -> None:
    text = "title: x\nlogsource: {product: kubernetes}\ndetection: {a: {verb: get}, condition: a}\n"
    assert mistakes(text) == []
