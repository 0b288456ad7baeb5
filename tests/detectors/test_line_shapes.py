"""Shapes of lines: what varies becomes a hole, what decides does not, and how many there are is bounded."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from detectors._lines.entity import FIRSTS, Entity
from detectors._lines.templates import words_of
from detectors._lines.words import Words, table
from detectors._lines.writers import MOST_REFUSED, MOST_SIGNATURES, Writers, level
from detectors._watch.clock import Clock
from event_model.behaviour import Facets
from tests.detectors.lines import origin

WHERE = origin("prod", "api-7f9c6d5b8d-x2x4z", "app")


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("took 153ms at 10.0.2.1:59838", "took <*>ms at <*>"),
        ("2024-04-16T06:21:30.494Z INFO up", "<*>Z INFO up"),
        ("id 550e8400-e29b-41d4-a716-446655440000 done", "id <*> done"),
        ("trace=4bf92f3577b34da6a3ce929d0e0e4736 ok", "trace=<*> ok"),
        ("order 9f31aa of /api/v1/items/17", "order <*> of /api/v<*>/items/<*>"),
        ("id=9f31 at 0x1f", "id=<*> at <*>"),
        ("no numbers here", "no numbers here"),
        ("", ""),
    ],
)
def test_numbers_ids_addresses_and_times_are_holes_in_a_shape(text: str, shape: str) -> None:
    assert " ".join(words_of(text)) == shape


def entity_of(writers: Writers, name: str) -> Entity:
    entity = writers.entity(WHERE, Facets(name, "containers", "", ""), Clock())
    assert entity is not None
    return entity


def writer(writers: Writers | None = None, name: str = "x") -> tuple[Writers, Entity]:
    writers = writers or Writers(100, 10_000, 300)
    return writers, entity_of(writers, name)


def shapes(*lines: str) -> list[str]:
    writers, entity = writer()
    for each in lines:
        writers.find(entity, each, 0)
    return sorted(map(str, entity.shapes))


def test_lines_that_differ_in_a_name_are_of_one_shape() -> None:
    assert shapes(
        "session of alice opened from office network", "session of bob opened from office network"
    ) == ["session of <*> opened from office network"]


def test_words_that_decide_what_a_line_means_are_never_holes() -> None:
    assert len(shapes("Principal User:a is Allowed operation Read", "Principal User:b is Denied operation Read")) == 2  # fmt: skip
    assert len(shapes("I1123 10:00:00 sync.go:51] synced all", "E1123 10:00:00 sync.go:51] synced all")) == 2


def test_a_shape_does_not_wear_away_to_holes() -> None:
    words = ["one two three four five six"]
    for n in range(200):
        words.append(" ".join(f"{chr(97 + n % 26)}{chr(97 + n // 26)}{w}" if at % 6 == n % 6 else w for at, w in enumerate(["one", "two", "three", "four", "five", "six"])))  # fmt: skip
    assert all(shape.count("<*>") <= 2 for shape in shapes(*words))


def test_names_at_the_start_of_lines_become_a_hole_once_there_are_many() -> None:
    say = "bcdfghjklmnpqrstvwxz"
    names = [f"{a}{b}" for a in say for b in say]
    assert len(shapes(*(f"INFO {name} has opened a session" for name in names))) <= FIRSTS + 1


@pytest.mark.parametrize(
    "opening", ["2026-03-02T10:11:12Z INFO", "[02/Mar/2026:10:11:12 +0000]", "Mar  2 10:11:12", "level=info", "I0302 10:11:12.123456  1"],
)  # fmt: skip
def test_lines_are_told_apart_by_what_comes_after_time_and_level(opening: str) -> None:
    assert len(shapes(*(f"{opening} {verb} the pool of workers" for verb in ("start", "stop", "grow")))) == 3


def test_shapes_of_one_writer_are_bounded_and_others_keep_theirs() -> None:
    writers, flood = writer(Writers(10, 1000, 50))
    _, calm = writer(writers, "calm")
    for n in range(5000):
        writers.find(flood, f"{chr(97 + n % 26)} {'y' * (n % 60)} {chr(97 + n // 26 % 26) * 9} z{'w' * (n % 40)}", 0)  # fmt: skip
    assert len(flood.shapes) == 50
    assert writers.find(calm, "quite another thing to say", 0) is not None


def test_who_goes_on_with_ever_new_shapes_is_searched_for_no_longer_in_that_window() -> None:
    writers, entity = writer()
    known, another = (
        "session of alice opened from office network",
        "session of bob opened from office network",
    )
    shape = writers.find(entity, known, 0)
    entity.unshaped = MOST_REFUSED
    assert (writers.find(entity, known, 0), writers.find(entity, another, 0)) == (shape, None)
    entity.close(0.0)
    assert writers.find(entity, another, 0) is shape


def test_past_the_bound_of_all_those_give_who_have_the_most() -> None:
    writers = Writers(10, 100, 90)
    sizes = {"few": 8, "some": 20, "many": 90}
    for name, size in sizes.items():
        for n in range(size):
            writers.find(writer(writers, name)[1], "".join(chr(97 + int(digit)) for digit in str(n)), 0)
    writers.make_room()
    left = {each.entity: len(each.shapes) for each in writers.entities.values()}
    assert left == {"few": 8, "some": 20, "many": 59}
    assert [level([5, 5, 5], 9), level([1, 9, 9], 11), level([4, 2], 6)] == [3, 5, 6]


def test_signatures_are_bounded() -> None:
    writers, entity = writer()
    for n in range(MOST_SIGNATURES + 5000):
        writers.find(entity, f"the same shape for {n:b}".replace("0", "a").replace("1", "b"), 0)
    assert len(writers._signatures) <= MOST_SIGNATURES
    assert len(entity.shapes) < 70


def test_every_word_of_danger_has_a_reason_and_is_found() -> None:
    words = Words({"our secret word": 4.0})
    assert all(each.why and 0 < each.nats <= 3 and each.word == each.word.lower() for each in table().words)
    assert words.weigh("GET /../../etc/passwd", False) == (3.0, ["../../", "/etc/passwd"])
    assert words.weigh("OUR SECRET WORD", False) == (4.0, ["our secret word"])
    assert words.weigh("INFO all is well", False)[0] < 0 < words.weigh("all is not well", True)[0]


def test_logs_of_real_brokers_give_a_few_shapes_for_many_lines(shared_data: Callable[[str], Path]) -> None:
    lines = [json.loads(each)["msg"] for each in shared_data("rabbitmq/rabbit.log.jsonl").read_text().splitlines()]  # fmt: skip
    lines += shared_data("kafka/kafka-authorizer.log").read_text("utf-8", "replace").splitlines()
    found = shapes(*lines)
    assert len(found) < len(lines) / 3
    assert not any(shape.replace("<*>", "").strip(" []") == "" for shape in found)
    refused = [shape for shape in found if "Denied" in shape]
    assert refused
    assert not any("Allowed" in shape for shape in refused)
