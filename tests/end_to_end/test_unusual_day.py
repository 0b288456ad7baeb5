"""The recorded day through the behaviour detectors of the demo, which begin knowing nothing."""

from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from event_model.alert import Match
from event_model.event import Event
from event_model.parts import Detector
from tallyman.commands.demo import DETECTORS
from tallyman.config import DetectorsConfig
from tallyman.offline import findings, in_time
from tallyman.scanning import Scanned
from tallyman.wiring import make_detectors

INTRUDER = {  # whom the intruder acts as in the cluster; the shell on the Docker host is told by rules
    "kubernetes-admin",
    "system:serviceaccount:ci:image-scanner",
    "system:serviceaccount:ci:platform",
    "system:serviceaccount:kube-system:metrics-agent",
}
OTHERS = 20  # alerts of at least medium severity about anybody else on a first day: the detectors' hard caps hold more


def fresh(*names: str) -> dict[str, Detector]:
    return make_detectors(DetectorsConfig(enabled=list(names)))  # type: ignore[call-arg]


@pytest.fixture(scope="module")
def day(sample_logs: Path) -> list[Event]:
    demo = sample_logs / "demo"
    paths = sorted(str(path) for path in [*demo.glob("*.jsonl"), *demo.glob("*.jsonl.gz")])
    return list(in_time(paths, None, Scanned()))


@pytest.fixture(scope="module")
def told(day: list[Event]) -> list[Match]:
    return list(findings(day, fresh(*DETECTORS).values()))


def test_each_of_the_intruders_accounts_is_told_of_whatever_everybody_does_on_a_first_day(
    told: list[Match],
) -> None:
    assert {match.evidence["entity"] for match in told if match.rule.level == "high"} >= INTRUDER


def test_a_first_day_is_quiet_enough(told: list[Match]) -> None:
    loud = Counter(match.evidence["entity"] for match in told if match.rule.level != "low")
    assert sum(count for entity, count in loud.items() if entity not in INTRUDER) <= OTHERS


def test_every_alert_has_its_reasons_its_events_and_what_is_usual(told: list[Match]) -> None:
    for match in told:
        evidence = match.evidence
        assert evidence["terms"] or evidence["rates"], match.reason
        assert all(isinstance(term["value"], str) and term["text"] for term in evidence["terms"])
        assert match.events and evidence["usual"]["group"] and 0 <= evidence["risk"] <= 100


@pytest.mark.parametrize(
    "names", [["novelty", "rate", "accumulation"], ["log_template"], ["isolation_forest"]]
)
def test_a_restart_anywhere_changes_no_alert(day: list[Event], names: list[str]) -> None:
    def told_of(matches: list[Match]) -> list[tuple[Any, ...]]:
        return [(each.evidence["entity"], each.rule.level, each.evidence["score"]) for each in matches]

    (whole,), (detector,) = fresh(*names).values(), fresh(*names).values()
    cuts = sorted(random.Random(5).sample(range(len(day)), 6))
    expected, found = told_of(whole.inspect(day)), list[tuple[Any, ...]]()
    for start, end in pairwise([0, *cuts, len(day)]):
        found += told_of(detector.inspect(day[start:end]))
        before, (detector,) = detector, fresh(*names).values()
        detector.restore(before.snapshot())
    assert sorted(found) == sorted(expected)
