"""One stream through all detectors at once, as a run has it: what each would rank, and raise at N alerts a day."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from bench.detection import baselines, facts
from bench.detection.facts import Facts
from detectors._watch.budget import ALERT, Budget
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
STEP = 300.0


class Recorder:
    """Offers each score to several budgets at once: what a detector learns does not depend on what it tells."""

    def __init__(self, floor: float) -> None:
        self.budgets = {n: Budget(n, 4 * n, floor) for n in BUDGETS}
        self.renewed = 0.0
        self.raised: list[tuple[float, ...]] = []  # of each match, the budgets that it was raised at

    def offer(self, actor: str, group: str, score: float, flow: float) -> str | None:
        if flow - self.renewed >= STEP:
            self.renewed = flow
            for budget in self.budgets.values():
                budget.renew(flow)
        raised = [n for n, budget in self.budgets.items() if budget.offer(actor, group, score, flow) == ALERT]
        if score < LOWEST:
            return None
        self.raised.append(tuple(raised))
        return ALERT


Alerts = dict[str, list[dict[str, Any]]]  # `rank` and, by budget, what would be raised


def detect(known: Facts, detectors: dict[str, Any]) -> tuple[dict[str, Alerts], dict[str, float]]:
    """What each of the detectors tells, and what it takes: µs of CPU time an event, of all that look together."""
    declared = facts.behaviour(known)
    recorders = {name: Recorder(detector.floor) for name, detector in detectors.items()}
    found: dict[str, Alerts] = {}
    took = dict.fromkeys(detectors, 0.0)
    for name, detector in detectors.items():
        detector.offers = recorders[name]
        found[name] = {"rank": [], **{f"{n:g}": [] for n in BUDGETS}}
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
                mine = [match for match in matches if match.rule.rule_id == f"behaviour_{member}"]
                for match, budgets in zip(mine, recorders[member].raised, strict=True):
                    for kept in ("rank", *(f"{n:g}" for n in budgets)):
                        found[member][kept].append(scored(match))
                recorders[member].raised.clear()
    return found, took


def scored(match: Match) -> dict[str, Any]:
    return {
        "time": match.events[-1].timestamp,
        "score": match.evidence["score"],
        "entity": match.evidence["entity"],
        "event_ids": [event.id for event in match.events],
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
    found, took = detect(known, {name: DETECTORS[name]() for name in chosen if name in DETECTORS})
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
