"""Every shipped rule: it loads, its own tests pass, and it says what a rule must say."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from uuid import UUID

import pytest

from rules.engine import SHIPPED, Pack, Rule, check, load
from rules.engine.advice import unused


def _runner() -> ModuleType:
    spec = importlib.util.spec_from_file_location("run_tests", Path(__file__).with_name("run_tests.py"))
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


RUNNER = _runner()
PACK: Pack = load([SHIPPED])
EVERY = pytest.mark.parametrize("rule", PACK.rules, ids=[rule.info.rule_id for rule in PACK.rules])


def test_no_shipped_rule_is_broken() -> None:
    assert [str(error) for error in PACK.errors] == []


@EVERY
def test_its_own_tests_pass(rule: Rule) -> None:
    assert [str(failure) for failure in check(rule, RUNNER.normalizer(rule))] == []


@EVERY
def test_it_says_what_a_rule_must_say(rule: Rule) -> None:
    info, data = rule.info, rule.document.data
    assert re.fullmatch(r"[a-z0-9_]{10,70}", info.rule_id)
    assert UUID(str(data["id"])).version == 4
    assert info.description and info.false_positives
    assert info.license == "Apache-2.0"
    assert rule.datasets, "its logsource is none of ours"
    assert rule.tests.get("match") and rule.tests.get("quiet")


@EVERY
def test_every_selection_is_part_of_its_condition(rule: Rule) -> None:
    assert unused(rule.detections) == []
