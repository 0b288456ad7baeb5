"""Detectors that watch the same actors look together: they tell what each tells alone, and remember it once."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module
from typing import Any

from detectors import DETECTORS
from detectors._watch.watch import Options
from detectors._watch.watcher import Crew, crew
from event_model.behaviour import Verdict
from event_model.event import Event
from tests.detectors.acts import act, after, made, ordinary, theft, told

NAMES = ("novelty", "rate", "accumulation")
DAYS = 3.0


def together(*names: str, **options: Any) -> Crew:
    found: Crew = made(Crew({name: DETECTORS.make(name, options) for name in names}))
    return found


def eventful() -> list[Event]:
    """Ordinary days, then a theft, a burst, and a day in which one account looks into a new namespace every hour."""
    events = [*ordinary(DAYS), theft(after(DAYS), "app1")]
    events += [act("app2", "list pods", after(DAYS)) for _ in range(400)]
    for hour in range(20):
        moment = after(DAYS) + timedelta(hours=hour, minutes=10)
        odd = act("app3", "get configmaps", moment, namespace=f"team{hour}", object=f"configmap team{hour}")
        events += [*ordinary(1 / 24, moment), odd]
    return events


def lines(matches: list[Any]) -> list[tuple[str, str, float]]:
    return sorted((each.rule.rule_id, each.group[0], each.evidence["score"]) for each in matches)


def test_together_they_tell_what_each_tells_alone() -> None:
    alone = [match for name in NAMES for match in told(together(name), eventful())]
    assert {match.rule.rule_id for match in alone} == {f"behaviour_{name}" for name in NAMES}
    assert lines(told(together(*NAMES), eventful())) == lines(alone)


def test_one_that_joins_knows_what_the_others_have_learnt() -> None:
    before = together("novelty")
    told(before, ordinary(DAYS))
    joined = together(*NAMES)
    joined.restore(before.snapshot())
    burst = [act("app2", "list pods", after(DAYS)) for _ in range(400)]
    assert {match.rule.rule_id for match in told(joined, burst)} == {"behaviour_rate"}
    assert set(joined.standing()) == {"", *NAMES}


def test_one_that_leaves_takes_nothing_along() -> None:
    before = together(*NAMES)
    told(before, ordinary(DAYS))
    left = together("accumulation", "novelty")
    left.restore(before.snapshot())
    assert [match.rule.rule_id for match in left.inspect([theft(after(DAYS))])] == ["behaviour_novelty"]


def test_a_verdict_counts_for_everyof_them() -> None:
    every = together(*NAMES)
    told(every, ordinary(DAYS))
    every.judge(Verdict("", "app1", None, None, True))
    burst = [act("app1", "list pods", after(DAYS)) for _ in range(400)]
    assert told(every, [theft(after(DAYS), "app1"), *burst]) == []
    assert told(every, [theft(after(DAYS), "app2")])


def test_whose_peers_somebody_is_can_be_said_for_everyof_them() -> None:
    options = Options(groups={"app1*": "few"}, priors={"few/secret read": 9.0})
    found = crew({name: DETECTORS.make(name, {}) for name in (*NAMES, "log_template")}, options)
    assert list(found) == ["actors", "log_template"]
    actors: Crew = made(found["actors"])
    told(actors, ordinary(DAYS))
    first, second = (
        next(match for match in actors.inspect([theft(after(DAYS), name)]) if match.group == (name,))
        for name in ("app3", "app1")
    )
    assert (first.evidence["group"], second.evidence["group"]) == ("application", "few")
    assert second.evidence["score"] > first.evidence["score"] + 3


def test_the_rules_of_a_detector_are_called_after_it() -> None:
    for name in DETECTORS.names():
        rules = import_module(f"detectors.{name}").RULES.values()
        assert {rule.rule_id for rule in rules} == {f"behaviour_{name}"}, (
            "what is counted by detector goes by it"
        )
