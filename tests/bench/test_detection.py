"""The measuring of detectors: streams are read as the pipeline reads them, and every detector and baseline answers."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from bench import generate
from bench.detection import baselines, facts, kinds, tables
from bench.detection.protocol import BUDGETS, LOWEST, detect, look
from detectors.accumulation import Detector as Accumulation
from detectors.novelty import Detector
from detectors.rate import Detector as Rate


def known(folder: Path) -> facts.Facts:
    generate.write(folder / "log.jsonl", 2000)
    return facts.read(folder / "log.jsonl")


def test_a_stream_is_kept_as_it_was_read(tmp_path: Path) -> None:
    read = known(tmp_path)
    facts.keep(read, tmp_path / "facts")
    assert facts.kept(tmp_path / "facts") == read
    assert len(read.keys) == len(read.times) == len(read.ids) == 2000
    assert len(read.facets) < 1500


def test_what_is_raised_at_a_budget_is_part_of_what_is_ranked(tmp_path: Path) -> None:
    both = {"novelty": partial(Detector, floor=1.0), "rate": partial(Rate, floor=1.0)}
    found, took = detect(known(tmp_path), both)
    assert took["novelty"] == took["rate"] > 0
    assert found["novelty"]["rank"]
    for told in found.values():
        ranked = [(alert["time"], alert["entity"], alert["score"]) for alert in told["rank"]]
        for n in BUDGETS:
            raised = [alert for alert in told[f"{n:g}"] if alert["score"] >= LOWEST]
            assert all((alert["time"], alert["entity"], alert["score"]) in ranked for alert in raised)


def test_what_is_raised_at_a_budget_is_what_a_detector_with_it_tells(tmp_path: Path) -> None:
    read = known(tmp_path)
    alone, _ = look(read, {"accumulation": Accumulation(floor=1.0, alerts_a_day=3.0, most_a_day=12.0)})
    found, _ = detect(read, {"accumulation": partial(Accumulation, floor=1.0)})
    assert found["accumulation"]["3"]
    assert found["accumulation"]["3"] == [each for each in alone["accumulation"] if each["level"] != "low"]


def test_baselines_rank_windows(tmp_path: Path) -> None:
    read = known(tmp_path)
    seen = list(baselines.first_seen(read, 0.0))
    assert {"time", "score", "entity", "event_ids"} == set(seen[0])
    assert sum(len(events) for _, events in baselines.windows(read)) == sum(
        read.facets[key] is not None for key in read.keys
    )


def test_results_become_tables_and_pictures(tmp_path: Path) -> None:
    at = {
        "recall": 0.5,
        "median_delay_s": 0.0,
        "kinds": {"tunnel": (1, 2)},
        "false_incidents_per_day": 1.0,
        "false_incidents_by_day": [1, 2],
    }
    scored = {"roc_auc_actor_hours": 0.9, "at": dict.fromkeys(("1", "3", "10", "all"), at)}
    seeds = {
        seed: {"novelty": {"us_per_event": 3.0, **dict.fromkeys(("rank", "1", "3", "10"), scored)}}
        for seed in ("1", "2")
    }
    lines = list(tables.all_of({"held-out": seeds, "calm": seeds}))
    assert (
        "| novelty | 2 | 0.900 ± 0.000 | 0.500 ± 0.000 | 0.500 ± 0.000 | 0.500 ± 0.000 | 0.0 s ± 0.0 | 3.0 ± 0.0 |"
        in lines
    )
    assert "| tunnel | 2 of 4 | 2 of 4 | 2 of 4 |" in lines
    tables.plots({"held-out": seeds}, tmp_path)
    assert "Recall, held-out kinds, 2 seeds" in (tmp_path / "detection-held-out.svg").read_text()


def test_held_out_kinds_are_functions_of_a_world() -> None:
    assert len(kinds.KINDS) == 11
