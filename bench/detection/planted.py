"""Planted deviations among ordinary days, on seeds that nothing was set on: `python -m bench.detection.planted [FIRST LAST]`.

The days and the deviations are those of the tests, which look at two seeds; here are as many as one likes.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from detectors._watch.clock import WINDOW
from event_model.alert import Match
from event_model.event import Event
from tests.detectors import cluster, docker, test_planted_container_logs, test_planted_numbers
from tests.detectors.traffic import START, broker, merged, mesh
from tests.detectors.watching import after, made, moment_of, told

NUMBERS = "behaviour_isolation_forest"  # whose alerts are of windows, and name one event of it
WEEK, DAYS = 8, test_planted_numbers.DAYS
LATE = START + timedelta(days=WEEK - 1, hours=15)
Planted = dict[str, list[Event]]  # what was done -> its events


# what -> detector, days, ordinary events of a seed, what is planted
SCENES: dict[str, tuple[str, int, Callable[[int], list[Event]], Callable[[], Planted]]] = {
    "Kubernetes": (
        "novelty",
        WEEK,
        lambda seed: cluster.ordinary(WEEK, seed),
        lambda: {"stolen token": cluster.intruder(LATE)},
    ),
    "Docker": (
        "novelty",
        WEEK,
        lambda seed: docker.ordinary(WEEK, seed),
        lambda: {"intruder in a container": docker.intruder(LATE)},
    ),
    "container logs": (
        "log_template",
        test_planted_container_logs.DAYS,
        test_planted_container_logs.ordinary,
        lambda: {
            "injection, miner": test_planted_container_logs.intruder(),
            "refused logins": test_planted_container_logs.refusals(),
            "burst of a known shape": test_planted_container_logs.flood(),
        },
    ),
    "mesh": (
        "isolation_forest",
        DAYS,
        lambda seed: merged(mesh(DAYS, seed, 6, 3.0)),
        lambda: {"slow and failing": test_planted_numbers.slow(), "leak": test_planted_numbers.leak()},
    ),
    "broker": (
        "isolation_forest",
        DAYS,
        lambda seed: merged(broker(DAYS, seed)),
        lambda: {"drained queue": test_planted_numbers.drained()},
    ),
}


def main(first: int = 101, last: int = 110) -> None:
    seeds = range(first, last + 1)
    print(
        f"| days of | detector | planted | told, of {len(seeds)} | ordinary alerts a day | worst seed, a day |"
    )
    print("|---|---|---|---|---|---|")
    for name in SCENES:
        print("\n".join(rows(name, seeds)), flush=True)


def rows(name: str, seeds: range) -> Iterator[str]:
    """How often each deviation was told, and how often anything else was after the first day."""
    detector, days, ordinary, planted = SCENES[name]
    caught, rates = dict.fromkeys(planted(), 0), list[float]()
    for seed in seeds:
        given = planted()
        every = [event for events in given.values() for event in events]
        matches = told(made(detector), sorted([*ordinary(seed), *every], key=lambda event: event.timestamp))
        for what, events in given.items():
            found = [match for match in matches if tells(match, events)]
            caught[what] += bool(found)
            matches = [match for match in matches if match not in found]
        rates.append(len(list(filter(after(1), matches))) / (days - 1))
    for what, count in caught.items():
        yield f"| {name} | {detector} | {what} | {count} | {statistics.mean(rates):.2f} | {max(rates):.2f} |"


def tells(match: Match, planted: list[Event]) -> bool:
    """Whether a match names a planted event, or is of a window that holds some."""
    first, last = (moment.timestamp() for moment in (time_of(planted[0]), time_of(planted[-1])))
    if any(event is each for event in match.events for each in planted):
        return True
    return match.rule.rule_id == NUMBERS and first <= moment_of(match).timestamp() <= last + WINDOW * 60


def time_of(event: Event) -> datetime:
    return datetime.fromisoformat(event.timestamp)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
