"""Novelty: what is new for an actor and its peers is told on the event, once, with its reasons."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from detectors import DETECTORS
from detectors._watch import telling
from detectors._watch.watch import Options
from detectors._watch.watcher import Crew
from detectors.novelty import Detector
from event_model.behaviour import Behaviour, Verdict
from tests.detectors.acts import APPS, act, after, made, on, ordinary, theft, told

DAYS = 4.0


def learnt(**options: object) -> Detector:
    """A detector that has seen ordinary days."""
    detector: Detector = made(Detector(**options))
    told(detector, ordinary(DAYS))
    return detector


def test_ordinary_days_are_not_worth_a_word_from_the_first_hour_on() -> None:
    assert told(made(Detector(alerts_a_day=0)), ordinary(DAYS)) == []  # 0: all above the floor


def test_a_stolen_token_is_told_on_the_event_itself() -> None:
    detector = learnt()
    stolen = theft(after(DAYS))
    (match,) = detector.inspect(
        [act("app1", "list pods", after(DAYS)), stolen, act("app2", "list pods", after(DAYS))]
    )
    assert match.events[-1] is stolen
    assert match.group == ("app3",)
    assert match.rule.level == "high"


def test_where_somebody_who_is_met_just_now_comes_from_is_news_only_if_it_is_to_its_peers() -> None:
    detector = learnt(floor=1.0, alerts_a_day=0)
    assert detector.inspect([act("app99", "list pods", after(DAYS))]) == []
    (match,) = detector.inspect([theft(after(DAYS), "app98")])
    assert match.evidence["score"] > Detector.floor, "an account that slept until its token was stolen"
    assert {term["facet"] for term in match.evidence["terms"] if term["nats"] > 1} == {
        "action",
        "source",
        "client",
    }


def test_the_reasons_are_sentences_and_data_largest_first() -> None:
    (match,) = learnt().inspect([theft(after(DAYS))])
    terms = match.evidence["terms"]
    assert [term["nats"] for term in terms] == sorted((term["nats"] for term in terms), reverse=True)
    assert {term["facet"] for term in terms} == {"action", "source", "client"}
    assert (
        "first `list secrets` in 4 days; none of 11 peers (application) nor anybody else ever did"
        in match.reason
    )
    assert {"list pods", "get configmaps"} < set(match.evidence["usual"]["values"]["action"])
    assert abs(match.evidence["score"] - sum(term["nats"] for term in terms)) < 0.2
    assert match.evidence["risk"] > 70
    assert match.reason.endswith("expected at most once every 4 days")


def test_more_than_usual_is_a_reason_beside_the_new() -> None:
    detector = learnt(alerts_a_day=0)
    many = [
        act("app3", "get secrets", after(DAYS), "secret read", object=f"secret {number}")
        for number in range(49)
    ]
    match = detector.inspect([*many, theft(after(DAYS))])[-1]
    assert match.evidence["rates"][0]["text"] == "49 times secret read in 5 minutes, usual 0.0"


def test_it_is_told_once_and_known_from_then_on() -> None:
    detector = learnt()
    assert len(detector.inspect([theft(after(DAYS)), theft(after(DAYS))])) == 1
    later = [theft(after(DAYS) + timedelta(hours=hours)) for hours in (1, 2, 3, 26)]
    assert told(detector, later) == []


def test_a_decoy_does_not_keep_back_what_comes_after_it() -> None:
    detector = learnt()
    (decoy,) = detector.inspect([act("app3", "list widgets", after(DAYS), client="newclient")])
    assert decoy.rule.level == "medium"
    later = after(DAYS) + timedelta(minutes=6)
    stolen = [theft(later), act("app3", "connect pods/exec", later, "exec", namespace="kube-system")]
    found = detector.inspect(stolen)
    assert [match.rule.level for match in found] == ["high"]
    assert found[0].evidence["score"] > decoy.evidence["score"] + 5
    assert told(detector, [theft(later + timedelta(minutes=minutes)) for minutes in (10, 20, 30)]) == []


def test_what_peers_do_is_less_of_a_surprise() -> None:
    detector = learnt(alerts_a_day=0, floor=1.0)
    (alone,) = detector.inspect([act("app3", "list secrets", after(DAYS), "secret read")])
    for number in (5, 6, 7, 8):
        detector.inspect([act(f"app{number}", "list secrets", after(DAYS), "secret read")])
    told(detector, ordinary(0.1, after(DAYS)))
    (shared,) = detector.inspect([act("app4", "list secrets", after(DAYS + 0.1), "secret read")])
    assert shared.evidence["score"] < alone.evidence["score"] - 0.5
    assert "5 of 11 peers" in shared.reason


def test_an_actor_who_always_meets_something_new_gets_less_evidence() -> None:
    detector = learnt(alerts_a_day=0, floor=1.0)
    for hour in range(48):
        detector.inspect([act("app9", f"get thing{hour}", after(DAYS) + timedelta(hours=hour))])
    moment = after(DAYS + 2.1)
    (restless,) = detector.inspect([act("app9", "list secrets", moment, "secret read")])
    (steady,) = detector.inspect([act("app3", "list secrets", moment, "secret read")])
    assert restless.evidence["score"] < steady.evidence["score"] - 1


def test_what_an_act_can_do_weighs_and_can_be_changed() -> None:
    def score(kind: str, **options: Any) -> float:
        crew = made(Crew({"novelty": Detector(alerts_a_day=0, floor=0.5)}, Options(**options)))
        told(crew, ordinary(DAYS))
        (match, *_) = crew.inspect([act("app3", "drop walls", after(DAYS), kind)])
        return float(match.evidence["score"])

    assert score("read") < score("exec") < score("read", priors={"application/read": 5.0})


def test_a_benign_verdict_silences_its_scope_until_it_expires() -> None:
    moment = after(DAYS)
    verdict = Verdict("", "app3", None, None, True, expires=(moment + timedelta(days=1)).isoformat())
    detector = learnt()
    detector.judge(verdict)
    assert detector.inspect([theft(moment)]) == []
    assert len(detector.inspect([theft(moment, "app4")])) == 1, "another actor is another scope"
    told(detector, ordinary(2, moment))
    assert (
        len(
            detector.inspect(
                [act("app3", "create rolebindings", after(DAYS + 2), "exec", source="198.51.100.0/24")]
            )
        )
        == 1
    )


def test_a_true_verdict_keeps_the_value_unknown_so_that_it_alarms_again() -> None:
    detector = learnt()
    detector.inspect([theft(after(DAYS))])
    told(detector, ordinary(0.2, after(DAYS)))
    for facet, value in (("action", "list secrets"), ("source", "203.0.113.0/24"), ("client", "curl")):
        detector.judge(Verdict("", "app3", facet, value, False))
    assert len(detector.inspect([theft(after(DAYS + 0.3))])) == 1
    told(detector, ordinary(0.2, after(DAYS + 0.3)))
    assert len(detector.inspect([theft(after(DAYS + 1))])) == 1


def test_a_true_verdict_ends_and_then_the_value_is_learnt_as_any_other() -> None:
    detector = learnt()
    detector.inspect([theft(after(DAYS))])
    told(detector, ordinary(0.2, after(DAYS)))
    for facet, value in (("action", "list secrets"), ("source", "203.0.113.0/24"), ("client", "curl")):
        detector.judge(Verdict("", "app3", facet, value, False, expires=after(DAYS + 1).isoformat()))
    reasons = []
    for days in (0.5, 2, 4, 6):
        told(detector, ordinary(0.2, after(DAYS + days)))
        reasons += [match.reason for match in detector.inspect([theft(after(DAYS + days + 0.2))])]
        told(detector, ordinary(0.2, after(DAYS + days + 0.2)))
    assert len(reasons) == 2, "while it holds, and once after it has ended"
    assert "again `list secrets`, marked as an attack on 2026-03-06; none of" in reasons[0]
    assert "first `list secrets`" in reasons[1]
    detector.judge(Verdict("", "app4", "client", "curl", True))
    assert detector.watch.verdicts.unlearned == {}, "what has ended is forgotten with the next one"


def test_a_value_that_looks_like_a_wildcard_is_only_itself() -> None:
    detector = learnt(floor=3.0, alerts_a_day=0)
    detector.judge(Verdict("", "app3", "client", "*", True))
    assert detector.inspect([act("app3", "list pods", after(DAYS), client="*")]) == []
    assert len(detector.inspect([act("app3", "list pods", after(DAYS), client="evil-tool")])) == 1


def test_what_is_usual_on_another_cluster_is_not_for_peers_here() -> None:
    """On dev everybody opens shells, on prod nobody ever did."""
    detector: Detector = made(Detector())
    told(detector, (on(cluster, each) for each in ordinary(DAYS) for cluster in ("dev", "prod")))
    told(detector, (on("dev", act(name, "exec pods", after(DAYS), "exec")) for name in APPS))
    restored: Detector = made(Detector())
    restored.restore(detector.snapshot())
    for watching in (detector, restored):
        (match,) = watching.inspect([on("prod", act("app3", "exec pods", after(DAYS + 0.01), "exec"))])
        first = match.evidence["terms"][0]
        assert (first["value"], first["peers"], first["members"], first["everyone"]) == (
            "exec pods",
            0,
            11,
            12,
        )


def test_an_actor_that_is_called_like_a_group_is_not_the_group() -> None:
    detector = learnt()
    detector.judge(Verdict("", "group:application", None, None, True))
    detector.judge(Verdict("", "application", None, None, True))
    assert len(detector.inspect([theft(after(DAYS))])) == 1
    assert detector.usual("group:application") is None


def test_a_verdict_holds_for_its_cluster_and_the_alert_names_it() -> None:
    detector = made(Detector(alerts_a_day=0))
    told(detector, (on(place, event) for event in ordinary(DAYS) for place in ("dev", "prod")))
    (match,) = detector.inspect([on("dev", theft(after(DAYS)))])
    assert match.evidence["cluster"] == "dev"
    for name, of_group in (("app3", False), ("application", True)):
        detector.judge(Verdict("dev", name, None, None, True, of_group))
    assert detector.inspect([on("dev", theft(after(DAYS), "app4"))]) == []
    (match,) = detector.inspect([on("prod", theft(after(DAYS)))])
    assert match.evidence["cluster"] == "prod"


def test_what_is_usual_is_told_of_one_cluster_and_names_the_others() -> None:
    detector = made(Detector())
    told(detector, (on(place, event) for event in ordinary(0.2) for place in ("dev", "prod")))
    detector.inspect([on("dev", act("app3", "list pods", after(0.2), source="10.1.1.0/24"))])
    told(detector, (on("prod", event) for event in ordinary(0.1, after(0.2))))
    last, dev = detector.usual("app3"), detector.usual("app3", "dev")
    assert last and dev and detector.usual("app3", "test") is None
    assert (last["cluster"], last["also_in"], last["values"]["source"]) == ("prod", ["dev"], ["10.0.0.0/24"])
    assert (dev["cluster"], dev["also_in"]) == ("dev", ["prod"]) and "10.1.1.0/24" in dev["values"]["source"]


def test_nothing_is_usual_for_who_was_met_just_now() -> None:
    detector = learnt()
    detector.inspect([theft(after(DAYS), "app99")])
    usual = detector.usual("app99")
    assert usual and (usual["rates_in_5_minutes"], usual["watched_days"]) == ({}, 0.0)


def test_an_alert_is_a_risk_that_fades_whichever_detector_looks() -> None:
    for names in (["novelty"], ["novelty", "rate", "accumulation"]):
        detector = made(Crew({name: DETECTORS.make(name) for name in names}))
        told(detector, ordinary(DAYS))
        assert detector.usual("app3")["risk"] == 0
        (match,) = detector.inspect([theft(after(DAYS))])
        again = made(Crew({name: DETECTORS.make(name) for name in names}))
        again.restore(detector.snapshot())
        assert again.usual("app3")["risk"] == detector.usual("app3")["risk"] == match.evidence["risk"] > 70
        told(detector, ordinary(2, after(DAYS)))
        assert detector.usual("app3")["risk"] == 0


def test_ages_are_of_what_was_watched_in_the_unit_of_a_person() -> None:
    reasons = []
    for days, pause in ((1 / 24, 0), (1, 0), (3, 30), (3, -30)):
        detector = made(Detector(alerts_a_day=0))
        told(detector, ordinary(days))
        told(detector, ordinary(0.1, after(days + pause)))
        (match,) = detector.inspect([theft(after(days + pause + 0.1))])
        reasons.append(match.reason)
    expected = ("3 hours", "26 hours", "3.1 days", "3.1 days")
    for reason, age in zip(reasons, expected, strict=True):
        assert f"in {age}; " in reason, reason


def test_how_often_is_said_only_of_what_was_recorded() -> None:
    recorded, ranking = learnt(), learnt(alerts_a_day=0)
    for detector, days in ((recorded, 4.0), (ranking, None)):
        (match,) = detector.inspect([theft(after(DAYS))])
        assert match.evidence["expected_every_days"] == days
    assert "expected" not in match.reason


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(60, "1 minute"), (7140, "119 minutes"), (7200, "2 hours"), (170_000, "47 hours"), (432_000, "5 days"), (440_000, "5.1 days")],
)  # fmt: skip
def test_an_age_is_said_in_the_unit_of_a_person(seconds: float, said: str) -> None:
    assert telling.lasting(seconds) == said


def test_a_namespace_is_told_as_a_place() -> None:
    (match,) = learnt(floor=1.0, alerts_a_day=0).inspect(
        [act("app3", "list pods", after(DAYS), namespace="x")]
    )
    assert "first time in namespace x in 4 days" in match.reason


def test_numbers_of_one_are_said_as_one() -> None:
    assert (telling.every(1.0), telling.every(2.5)) == ("a day", "every 2.5 days")
    assert (telling.counted(1, "other"), telling.counted(2, "other")) == ("1 other", "2 others")


def test_what_is_usual_for_an_entity_is_data() -> None:
    usual = learnt().usual("app3")
    assert usual is not None
    assert usual["group"] == "application"
    assert usual["peers"] == 11
    assert usual["values"]["source"] == ["10.0.0.0/24"]
    assert usual["hours"] == list(range(24))
    assert usual["watched_days"] == pytest.approx(DAYS, abs=0.01)
    assert 1.5 < usual["rates_in_5_minutes"]["read"] < 2.5
    assert learnt().usual("nobody") is None


def test_events_that_a_declaration_cannot_read_are_counted_and_pass() -> None:
    detector = Detector()
    detector.attach(lambda format: Behaviour(key=lambda event: event.native, facets=lambda event: 1 / 0))  # type: ignore[arg-type, return-value]
    assert detector.inspect([theft(after(0)), theft(after(1))]) == []
    assert detector.watch.unread > 0


def test_a_format_without_a_declaration_is_passed_over() -> None:
    detector = Detector()
    detector.attach(lambda format: None)
    assert detector.inspect([theft(after(0))]) == []
    assert not detector.watch.actors


def test_actors_of_two_clusters_are_two() -> None:
    detector = learnt()
    detector.inspect([on("b", theft(after(DAYS)))])
    assert len([name for name in detector.watch.actors if name.endswith("app3")]) == 2


def test_a_verdict_holds_whatever_time_a_wrong_clock_has_told() -> None:
    detector = made(Detector(alerts_a_day=0))
    told(detector, ordinary(2))
    told(detector, [act("runner", "list pods", after(102)) for _ in range(6)])
    since, ends = (after(days).isoformat() for days in (2, 32))
    detector.judge(Verdict("", "app3", None, None, True, since=since, expires=ends))
    assert told(detector, [*ordinary(0.1, after(2)), theft(after(2.1))]) == []
