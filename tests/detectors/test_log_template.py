"""Lines of a container: what is odd, floods, snapshots, feedback."""

from __future__ import annotations

import os
import random
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from detectors._lines import memory
from detectors.log_template import Detector
from event_model.behaviour import Verdict
from event_model.event import Event
from tests.detectors.lines import FORMAT, line, origin
from tests.detectors.traffic import START
from tests.detectors.watching import made, told

WHERE = origin("prod", "api-7f9c6d5b8d-x2x4z", "app")
NAME = "prod/api/app"


def detector(**options: Any) -> Detector:
    found = made("log_template", {"alerts_a_day": 0, **options})
    assert isinstance(found, Detector)
    return found


def at(minute: float, text: str, stream: str = "stdout") -> Event:
    return line(WHERE, START + timedelta(minutes=minute), text, stream)


def steady(hours: float) -> list[Event]:
    """Three shapes, a line a minute."""
    texts = ["GET /items/{} 200 in {}ms", "refreshed {} keys in {}s", "order {} accepted by worker-{}"]
    return [at(n, texts[n % 3].format(n, n * 7)) for n in range(int(hours * 60))]


def test_a_new_shape_is_told_with_its_closest_kin_and_only_once() -> None:
    new = "ERROR order {} refused by worker-9: permission denied"
    events = [*steady(30), at(1800, new.format(1), "stderr"), at(1801, new.format(2), "stderr")]
    matches = told(detector(floor=6.0), events)
    assert len(matches) == 1
    term = matches[0].evidence["terms"][0]
    assert term["value"] == "ERROR order <*> refused by worker-<*>: permission denied"
    assert term["closest"] == "order <*> accepted by worker-<*>"
    assert {"permission denied", "error"} == set(term["said"])
    assert matches[0].evidence["example"] == new.format(1)


def test_what_is_new_to_one_who_was_just_met_is_no_news() -> None:
    events = [at(n, f"{chr(97 + n)} panic: core dumped in module {chr(97 + n) * 5}") for n in range(20)]
    assert told(detector(floor=4.0), events) == []


def test_what_most_others_write_is_less_news_than_what_nobody_does() -> None:
    def score(known: bool) -> float:
        events = steady(30)
        for n in range(9):
            other = origin("prod", f"other{chr(97 + n)}-7f9c6d5b8d-x2x4z", "app")
            text = "WARN lease could not be renewed" if known else "WARN a different matter"
            events += [line(other, START + timedelta(hours=n + 1), text)]
        events.append(at(1800, "WARN lease could not be renewed"))
        events.sort(key=lambda event: event.timestamp)
        return float(told(detector(floor=0.1), events)[-1].evidence["score"])

    assert score(known=False) > score(known=True) + 1


def test_hostile_lines_stop_nothing() -> None:
    watching = detector()
    odd = [
        "x" * 1_000_000,
        "\0\x01\x02\xff" * 2000,
        "<*> <*> <*>",
        " " * 5000,
        "9" * 5000,
        "a" * 5000 + "1",
        '{"msg":' * 3000,
        "\ud7ff\u202e\u0000",
        "%s %d {} {0} \\",
    ]
    events = [*steady(1), *(at(60 + n / 100, text) for n, text in enumerate(odd * 20)), *steady(2)]
    told(watching, events)
    assert watching.unread == 0
    assert max(len(str(each)) for each in shapes_of(watching)) < 3000


def shapes_of(watching: Detector) -> list[Any]:
    return [shape for entity in watching.writers.entities.values() for shape in entity.shapes]


def test_bytes_that_are_no_text_stop_nothing() -> None:
    record = type(at(0, "x").record)
    garbage = [os.urandom(300).replace(b"\n", b" ") for _ in range(200)]
    events = [FORMAT.normalize(record(b"2026-03-02T00:01:00Z stdout F " + each), WHERE) for each in garbage]
    watching = detector(templates_each=40)
    told(watching, events)
    assert watching.unread == 0
    assert len(shapes_of(watching)) <= 40


def on(cluster: str, events: list[Event]) -> list[Event]:
    """The same lines in another cluster."""
    return [
        FORMAT.normalize(each.record, msgspec.structs.replace(each.origin, cluster=cluster))
        for each in events
    ]


def test_what_one_cluster_writes_is_news_in_another() -> None:
    odd = [at(1800, "ERROR template failed: sh: open /etc/shadow: Permission denied", "stderr")]
    watching = detector(floor=6.0)
    both = sorted([*steady(30), *on("dev", steady(30))], key=lambda event: event.timestamp)
    matches = told(watching, [*both, *on("dev", odd), *odd])
    assert [(match.evidence["cluster"], match.evidence["entity"]) for match in matches] == [
        ("dev", NAME),
        ("prod", NAME),
    ]
    restored = detector()
    restored.restore(watching.snapshot())
    told(restored, [*on("dev", [at(1810, "GET /items/1 200 in 1ms")]), at(1816, "GET /items/1 200 in 1ms")])
    usual = restored.usual(NAME), restored.usual(NAME, "prod"), restored.usual(NAME, "nowhere")
    assert [each and (each["cluster"], each["also_in"]) for each in usual] == [
        ("dev", ["prod"]),
        ("prod", ["dev"]),
        None,
    ]


def test_a_flood_of_shapes_costs_the_flooder_its_memory_and_nobody_else() -> None:
    watching = detector(templates_each=40, floor=6.0)
    flooder = origin("prod", "noisy-7f9c6d5b8d-x2x4z", "app")
    flood = [
        line(flooder, START + timedelta(seconds=n), f"{'q' * (n % 71)} {n % 13 * 'r'} {'s' * (n % 31)} t")
        for n in range(9000)
    ]
    told(watching, sorted([*steady(3), *flood], key=lambda event: event.timestamp))
    noisy, calm = watching.usual("prod/noisy/app"), watching.usual(NAME)
    assert noisy is not None
    assert calm is not None
    assert noisy["known_shapes"] <= 40
    assert watching.standing()[""]["unshaped"] > 100
    assert calm["known_shapes"] == 3


NEIGHBOURS = [f"svc{each}" for each in "abcdefghijklmnop"]


def neighbours(hours: float) -> list[Event]:
    """Sixteen containers beside it, each with eight shapes behind a time and a level, of as many words."""
    chance = random.Random(3)

    def word() -> str:
        return "".join(chance.choices("bcdfghjklmnpqrstvwxz", k=6))

    said = {name: [" ".join(word() for _ in range(8)) for _ in range(8)] for name in (*NEIGHBOURS, "api")}
    return [
        line(origin("prod", f"{name}-7f9c6d5b8d-x2x4z", "app"), START + timedelta(minutes=minute, seconds=n), f"2026-03-02T10:11:12Z INFO {text}")
        for minute in range(0, int(hours * 60), 5)
        for name, texts in said.items()
        for n, text in enumerate(texts)
    ]  # fmt: skip


def test_a_container_is_told_of_however_many_shapes_its_neighbours_have() -> None:
    watching = detector(floor=6.0)
    text = "2026-03-02T10:11:12Z ERROR template failed: sh: open /etc/shadow: Permission denied"
    matches = told(watching, [*neighbours(30), at(1800, text, "stderr")])
    assert [match.evidence["entity"] for match in matches] == [NAME]
    assert "none of 16 others write it" in matches[0].reason
    usual = watching.usual(NAME)
    assert usual is not None
    assert usual["known_shapes"] == 9
    assert watching.standing()[""]["novelty_rate"] < 0.01


def test_what_a_neighbour_writes_does_not_change_a_containers_shapes() -> None:
    alone, together = detector(), detector()
    spoiling = [
        line(origin("prod", "spoiler-7f9c6d5b8d-x2x4z", "app"), START + timedelta(minutes=n), f"refreshed all keys in {word}")
        for n, word in enumerate(("haste", "time", "vain"))
    ]  # fmt: skip
    told(alone, steady(3))
    told(together, sorted([*steady(3), *spoiling], key=lambda event: event.timestamp))
    assert together.usual(NAME) == alone.usual(NAME)


def test_a_million_names_are_bounded() -> None:
    watching = detector(entities=30)
    events = [line(origin("prod", f"p{n}x", "app"), START + timedelta(seconds=n), "hello") for n in range(3000)]  # fmt: skip
    told(watching, events)
    assert len(watching.writers.entities) == 60  # of the window that is open, twice as many
    told(watching, [at(56, "hello")])
    assert len(watching.writers.entities) == 31
    assert [common.writers for common in watching.writers.commons] == [31]


def test_who_has_been_known_for_long_is_not_ousted_by_a_flood_of_names() -> None:
    say = "bcdfghjklm"
    watching = detector(entities=40, floor=6.0)
    flood = [
        line(origin("prod", f"job{a}{b}x", "app"), START + timedelta(minutes=1700 + n * 40, milliseconds=ord(a)), "hello")
        for n in range(3) for a in say for b in say
    ]  # fmt: skip
    odd = at(1803, "ERROR template failed: sh: open /etc/shadow: Permission denied", "stderr")
    matches = told(watching, sorted([*steady(28), *flood, odd], key=lambda event: event.timestamp))
    assert [(match.evidence["entity"], match.evidence["score"] > 10) for match in matches] == [(NAME, True)]
    usual = watching.usual(NAME)
    assert usual is not None
    assert usual["active_windows"] == 28 * 12
    assert watching.standing()[""]["crowded"] > 0


def test_all_shapes_together_are_bounded() -> None:
    watching = detector(templates=60, templates_each=50)
    say = "abcdefghijklmnopqrstuvwxyz"
    events = [
        line(origin("prod", f"app{say[n % 9]}-7f9c6d5b8d-x2x4z", "app"), START + timedelta(minutes=n), f"{say[n % 26] * 4} {say[n // 26 % 26] * 5} only once")
        for n in range(900)
    ]  # fmt: skip
    told(watching, events)
    assert 20 < len(shapes_of(watching)) == watching.writers.size <= 60


def test_a_clock_that_jumps_moves_nothing() -> None:
    watching = detector(floor=6.0)
    events = steady(30)
    strange = [at(525_600, "GET /items/1 200 in 1ms"), at(-90_000, "GET /items/1 200 in 1ms")]
    told(watching, [*events[:900], *strange, *events[900:]])
    assert watching.clock.minute == int(START.timestamp()) // 60 + 30 * 60 - 1
    usual = watching.usual(NAME)
    assert usual is not None
    assert usual["active_windows"] > 300


def test_a_restored_detector_goes_on_as_if_nothing_had_happened() -> None:
    events = [*steady(30), *(at(1800.5 + n / 100, "ERROR cannot reach the bank") for n in range(200)), *steady(31)[-50:]]  # fmt: skip
    whole = [(match.reason, match.evidence["score"]) for match in told(detector(floor=5.0), events)]
    first, second = detector(floor=5.0), detector(floor=5.0)
    parts = told(first, events[:1703])
    second.restore(first.snapshot())
    assert second.usual(NAME) == first.usual(NAME)
    parts += told(second, events[1703:])
    assert [(match.reason, match.evidence["score"]) for match in parts] == whole
    assert whole


def test_the_risk_of_the_past_hours_is_known_after_a_restart_and_fades() -> None:
    first, second = detector(floor=6.0), detector(floor=6.0)
    (match,) = told(first, [*steady(30), at(1800, "ERROR cannot open /etc/shadow", "stderr")])
    second.restore(first.snapshot())
    live, restored = first.usual(NAME), second.usual(NAME)
    assert restored == live
    assert live is not None
    assert live["risk"] == match.evidence["risk"] > 20
    told(second, [at(1800 + n, "GET /items/1 200 in 1ms") for n in range(0, 1440, 30)])
    later = second.usual(NAME)
    assert later is not None
    assert later["risk"] == 0


def test_a_restart_between_two_odd_lines_of_a_window_changes_no_alert() -> None:
    odd = [
        at(1800, "order of mallory could not be checked", "stderr"),
        at(1801, "ERROR a second quite different line: cannot open /etc/shadow", "stderr"),
        *(at(1802 + n / 100, "refreshed 7 keys in 4s") for n in range(100)),
    ]
    whole, watching = detector(floor=4.0), detector(floor=4.0)
    expected = [(match.reason, match.evidence) for match in told(whole, [*steady(30), *odd])]
    told(watching, steady(30))
    found = []
    for event in odd:
        found += [(match.reason, match.evidence) for match in told(watching, [event])]
        before, watching = watching, detector(floor=4.0)
        watching.restore(before.snapshot())
    assert found == expected
    assert len(found) > 2


def test_a_snapshot_that_is_damaged_is_refused_with_a_reason_and_changes_nothing() -> None:
    watching = detector()
    told(watching, steady(3))
    data, usual = watching.snapshot(), watching.usual(NAME)
    for broken, reason in [
        (b"", "cut short"),
        (data[:-3], "checksum"),
        (data.replace(b"template %d" % memory.VERSION, b"template 9", 1), "version 9"),
        (b"\x80\x04pickle", "no snapshot"),
    ]:
        with pytest.raises(ValueError, match=reason):
            watching.restore(broken)
    assert watching.usual(NAME) == usual


def test_a_snapshot_holds_no_secret_of_a_line() -> None:
    watching = detector()
    told(watching, [*steady(1), at(61, "connecting with password=hunter2secret to the database")])
    assert b"hunter2secret" not in watching.snapshot()


def test_what_triage_calls_benign_is_told_no_more_and_what_it_calls_true_is_told_again() -> None:
    text = "ERROR cannot open /etc/shadow"
    events = [*steady(30), at(1800, text)]
    cluster = events[0].origin.cluster
    benign = detector(floor=6.0)
    benign.judge(Verdict(cluster, NAME, "shape", text, True, expires="2027-01-01T00:00:00Z"))
    assert told(benign, events) == []
    true = detector(floor=6.0)
    assert len(told(true, events)) == 1
    true.judge(Verdict(cluster, NAME, "shape", text, False, expires="2027-01-01T00:00:00Z"))
    later = [at(1800 + n, f"refreshed {n} keys in {n}s") for n in range(1, 120)]
    (again,) = told(true, [*later, at(1921, text)])
    assert f"again a line like `{text}`, marked as an attack on " in again.reason


def test_an_age_is_of_what_was_watched_in_the_unit_of_a_person() -> None:
    pause = 30 * 1440
    watching = detector(floor=6.0)
    told(watching, steady(30))
    told(watching, [at(pause + n, f"refreshed {n} keys in {n}s") for n in range(60)])
    (match,) = told(watching, [at(pause + 61, "ERROR cannot open /etc/shadow")])
    assert "first line like `ERROR cannot open /etc/shadow` in 32 hours; " in match.reason
