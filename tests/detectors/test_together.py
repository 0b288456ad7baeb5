"""Detectors that watch the same actors look together: they tell what each tells alone, and remember it once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from detectors import DETECTORS
from detectors._watch.watcher import Crew, crews
from event_model.behaviour import Verdict
from event_model.event import Event
from tests.detectors.acts import act, after, made, ordinary, theft, told

NAMES = ("novelty", "rate", "accumulation")
DAYS = 3.0


def together(*names: str, **options: Any) -> Crew:
    crew: Crew = made(Crew({name: DETECTORS.make(name, options) for name in names}))
    return crew


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
    crew = together(*NAMES)
    crew.restore(before.snapshot())
    burst = [act("app2", "list pods", after(DAYS)) for _ in range(400)]
    assert {match.rule.rule_id for match in told(crew, burst)} == {"behaviour_rate"}
    assert set(crew.standing()) == {"", *NAMES}


def test_one_that_leaves_takes_nothing_along() -> None:
    before = together(*NAMES)
    told(before, ordinary(DAYS))
    left = together("accumulation", "novelty")
    left.restore(before.snapshot())
    assert [match.rule.rule_id for match in left.inspect([theft(after(DAYS))])] == ["behaviour_novelty"]


def test_a_verdict_counts_for_all_of_them() -> None:
    crew = together(*NAMES)
    told(crew, ordinary(DAYS))
    crew.judge(Verdict("app1", "*", "*", True))
    burst = [act("app1", "list pods", after(DAYS)) for _ in range(400)]
    assert told(crew, [theft(after(DAYS), "app1"), *burst]) == []
    assert told(crew, [theft(after(DAYS), "app2")])


def test_those_with_other_options_for_actors_look_by_themselves() -> None:
    made = {name: DETECTORS.make(name, {}) for name in (*NAMES, "log_template")}
    assert list(crews(made)) == ["actors", "log_template"]
    made["rate"] = DETECTORS.make("rate", {"groups": {"app*": "apps"}})
    found = crews(made)
    assert list(found) == ["actors", "rate", "log_template"]
    assert [list(found[name].members) for name in ("actors", "rate")] == [
        ["novelty", "accumulation"],
        ["rate"],
    ]
