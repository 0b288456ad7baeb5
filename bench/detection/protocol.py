"""One stream through all detectors at once, as a run has it: what each would rank, and raise at N alerts a day."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from bench.detection import baselines, facts
from bench.detection.facts import Facts
from detectors._watch.budget import Everything
from detectors._watch.clock import minute_of
from detectors._watch.watch import Options
from detectors._watch.watcher import crew
from detectors.accumulation import Detector as Accumulation
from detectors.isolation_forest import Detector as IsolationForest
from detectors.novelty import Detector as Novelty
from detectors.rate import Detector as Rate
from event_model.alert import Match

BUDGETS = (1.0, 3.0, 10.0)
LOWEST = 4.0  # nats that are ranked
CAP = 4.0  # hard cap, as a multiple of the budget

Alerts = dict[str, list[dict[str, Any]]]  # by detector, or by budget


def detect(
    known: Facts, makers: Mapping[str, Callable[..., Any]]
) -> tuple[dict[str, Alerts], dict[str, float]]:
    """By detector what it ranks (`rank`) and, by budget, what it tells; and what ranking takes: µs of CPU time an event.

    Each budget has detectors of its own, for what one has told can change what it tells next.
    """
    ranking = {name: make() for name, make in makers.items()}
    for detector in ranking.values():
        detector.offers = Everything(LOWEST)
    ranked, took = look(known, ranking)
    found = {name: {"rank": alerts} for name, alerts in ranked.items()}
    for n in BUDGETS:
        telling = {name: make(alerts_a_day=n, most_a_day=CAP * n) for name, make in makers.items()}
        for name, alerts in look(known, telling)[0].items():
            found[name][f"{n:g}"] = [alert for alert in alerts if alert["level"] != "low"]
    return found, took


def look(known: Facts, detectors: Mapping[str, Any]) -> tuple[Alerts, dict[str, float]]:
    """What detectors that look together tell, and how many µs an event they take."""
    declared = facts.behaviour(known)
    found: Alerts = {name: [] for name in detectors}
    took = dict.fromkeys(detectors, 0.0)
    lookers = crew(detectors, Options())
    for looker in lookers.values():
        looker.attach(lambda format: declared)
    for events in facts.batches(known):
        for name, looker in lookers.items():
            started = time.thread_time()
            matches = looker.inspect(events)
            spent = (time.thread_time() - started) / len(known.keys) * 1e6
            for member in getattr(looker, "members", (name,)):
                took[member] += spent
            for match in matches:
                found[match.rule.rule_id.removeprefix("behaviour_")].append(scored(match))
    return found, took


def scored(match: Match) -> dict[str, Any]:
    return {
        "time": match.events[-1].timestamp,
        "score": match.evidence["score"],
        "entity": match.evidence["entity"],
        "event_ids": [event.id for event in match.events],
        "level": match.rule.level,
    }


DETECTORS: dict[str, Callable[[], Any]] = {
    "novelty": Novelty,
    "rate": Rate,
    "accumulation": Accumulation,
    "isolation_forest": partial(IsolationForest, leaves_out=[]),
}
BASELINES: dict[str, Callable[[Facts, float], Iterable[dict[str, Any]]]] = {
    "isolation forest, raw counts": baselines.isolation_forest,
    "first seen": baselines.first_seen,
}


def run(known: Facts, labels: Path, scorer: Path, chosen: Iterable[str], folder: Path) -> dict[str, Any]:
    """What the scorer says of each chosen detector or baseline on one stream."""
    header = json.loads(labels.open().readline())
    train = float(minute_of(header["train_end"][:16]) or 0)
    results: dict[str, Any] = {}
    found, took = detect(known, {name: DETECTORS[name] for name in chosen if name in DETECTORS})
    for name, alerts in found.items():
        results[name] = {each: score(lines, labels, scorer, folder) for each, lines in alerts.items()}
        results[name]["us_per_event"] = took[name]
    for name in chosen:
        if name in BASELINES:
            rank = score(list(BASELINES[name](known, train)), labels, scorer, folder)
            results[name] = {"rank": rank}
    return results


def score(alerts: list[dict[str, Any]], labels: Path, scorer: Path, folder: Path) -> dict[str, Any]:
    """The scorer's verdict on alerts."""
    lines = folder / f"alerts-{labels.stem}.jsonl"
    lines.write_text("".join(json.dumps(alert) + "\n" for alert in alerts))
    done = subprocess.run(
        [sys.executable, str(scorer), "--labels", str(labels), "--alerts", str(lines), "--json"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    lines.unlink()
    told: dict[str, Any] = json.loads(done.stdout)
    return told
