"""The recorded day through the behaviour detectors of the demo, which begin knowing nothing."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from event_model.alert import Match
from tallyman.commands.demo import DETECTORS
from tallyman.config import DetectorsConfig
from tallyman.offline import findings
from tallyman.reading import events_of
from tallyman.wiring import make_detectors

INTRUDER = {  # whom the intruder acts as
    "system:serviceaccount:ci:image-scanner",
    "system:serviceaccount:ci:platform",
    "system:serviceaccount:kube-system:metrics-agent",
    "shop_api",
}
OTHERS = 20  # alerts of at least medium severity about anybody else on a first day: the detectors' hard caps hold more


@pytest.fixture(scope="module")
def told(sample_logs: Path) -> list[Match]:
    demo = sample_logs / "demo"
    files = sorted(str(path) for path in [*demo.glob("*.jsonl"), *demo.glob("*.jsonl.gz")])
    detectors = make_detectors(DetectorsConfig(enabled=DETECTORS))  # type: ignore[call-arg]
    return list(findings(events_of(files), detectors.values()))


def test_each_of_the_intruders_disguises_is_told_of(told: list[Match]) -> None:
    assert INTRUDER - {match.evidence["entity"] for match in told} == set()


def test_a_first_day_is_quiet_enough(told: list[Match]) -> None:
    loud = Counter(match.evidence["entity"] for match in told if match.rule.level != "low")
    assert sum(count for entity, count in loud.items() if entity not in INTRUDER) <= OTHERS


def test_every_alert_has_its_reasons_its_events_and_what_is_usual(told: list[Match]) -> None:
    for match in told:
        evidence = match.evidence
        assert evidence["terms"] or evidence["rates"], match.reason
        assert all(isinstance(term["value"], str) and term["text"] for term in evidence["terms"])
        assert match.events and evidence["usual"]["group"] and 0 <= evidence["risk"] <= 100
