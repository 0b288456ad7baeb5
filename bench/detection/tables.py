"""Results as tables, and as plots in SVG."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NS = ("1", "3", "10")


def all_of(results: dict[str, Any]) -> Iterator[str]:
    """Every table, as lines of Markdown."""
    for name in ("seen", "held-out", "churn", "cold-1", "cold-2", "cold-3"):
        if results.get(name):
            yield from ranking(name, results[name])
            yield from online(name, results[name])
            if not name.startswith("cold"):
                yield from by_kind(name, results[name])
    if results.get("calm"):
        yield from calm(results["calm"])


def ranking(name: str, seeds: dict[str, Any]) -> Iterator[str]:
    """Recall where the threshold is chosen with the labels: how well the scores rank."""
    yield from ("", f"{name}, best threshold, seeds {', '.join(seeds)}", "")
    yield "| detector | seeds | ROC, actor-hours | @1 | @3 | @10 | median delay at 3 | µs an event |"
    yield "|---|---|---|---|---|---|---|---|"
    for detector in detectors(seeds):
        rows = [seed[detector] for seed in seeds.values() if detector in seed]
        recall = [mean([row["rank"]["at"][n]["recall"] for row in rows]) for n in NS]
        roc = mean([row["rank"]["roc_auc_actor_hours"] for row in rows])
        delay = mean([row["rank"]["at"]["3"]["median_delay_s"] for row in rows], "{:.1f} s")
        took = mean([row.get("us_per_event") for row in rows], "{:.1f}")
        yield f"| {detector} | {len(rows)} | {roc} | {' | '.join(recall)} | {delay} | {took} |"


def online(name: str, seeds: dict[str, Any]) -> Iterator[str]:
    """Recall of what would have been raised, by the detector's own threshold."""
    yield from (
        "",
        f"{name}, own threshold",
        "",
        "| detector | N | recall | false incidents a day | worst day |",
    )
    yield "|---|---|---|---|---|"
    for detector in detectors(seeds):
        for n in NS:
            rows = [seed[detector][n]["at"]["all"] for seed in seeds.values() if n in seed.get(detector, {})]
            if rows:
                recall = mean([row["recall"] for row in rows])
                worst = max(max(row["false_incidents_by_day"]) for row in rows)
                yield f"| {detector} | {n} | {recall} | {mean([row['false_incidents_per_day'] for row in rows], '{:.1f}')} | {worst} |"


def by_kind(name: str, seeds: dict[str, Any], detector: str = "novelty") -> Iterator[str]:
    """Campaigns caught of each kind, all seeds together."""
    yield from (
        "",
        f"{name}, caught by {detector}, best threshold",
        "",
        "| kind | @1 | @3 | @10 |",
        "|---|---|---|---|",
    )
    found: dict[str, dict[str, list[int]]] = {}
    for seed in seeds.values():
        for n in NS if detector in seed else ():
            for kind, (caught, of) in seed[detector]["rank"]["at"][n]["kinds"].items():
                pair = found.setdefault(kind, {}).setdefault(n, [0, 0])
                pair[0] += caught
                pair[1] += of
    for kind, cells in sorted(found.items()):
        yield f"| {kind} | {' | '.join(f'{caught} of {of}' for caught, of in cells.values())} |"


def calm(seeds: dict[str, Any]) -> Iterator[str]:
    """False incidents in weeks without an attack, by the detector's own threshold."""
    yield from ("", f"calm, own threshold, {len(seeds)} seeds ({', '.join(seeds)})", "")
    yield from ("| detector | N | false incidents a day | by seed | worst day |", "|---|---|---|---|---|")
    for detector in detectors(seeds):
        for n in NS:
            rows = [seed[detector][n]["at"]["all"] for seed in seeds.values() if n in seed.get(detector, {})]
            if rows:
                each = [row["false_incidents_per_day"] for row in rows]
                worst = max(max(row["false_incidents_by_day"]) for row in rows)
                yield f"| {detector} | {n} | {statistics.mean(each):.1f} | {', '.join(f'{rate:.1f}' for rate in each)} | {worst} |"


def detectors(seeds: dict[str, Any]) -> list[str]:
    return list(dict.fromkeys(name for seed in seeds.values() for name in seed))


def mean(values: list[float | None], form: str = "{:.3f}") -> str:
    """Mean and spread over seeds."""
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    spread = f" ± {form.format(statistics.stdev(known)).split(' ')[0]}" if len(known) > 1 else ""
    return form.format(statistics.mean(known)) + spread


COLOURS = ("#1b6ca8", "#d1495b", "#66a182", "#edae49", "#7d5ba6", "#6b7280")
WIDTH, HEIGHT, LEFT, TOP = 640, 300, 50, 40


def plots(results: dict[str, Any], folder: Path) -> None:
    """A picture for each set of streams: recall at 1, 3 and 10 false incidents a day."""
    for name in ("seen", "held-out", "churn"):
        if results.get(name):
            (folder / f"detection-{name}.svg").write_text(bars(name, results[name]))


def bars(name: str, seeds: dict[str, Any]) -> str:
    """Recall of each detector as bars, with a dot for each seed."""
    names, floor = detectors(seeds), HEIGHT - 50
    high, slot = floor - TOP, (WIDTH - LEFT - 20) / len(NS)
    wide = slot * 0.8 / max(1, len(names))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT + 20 * len(names)}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT + 20 * len(names)}" fill="white"/>',
        f'<text x="{LEFT}" y="20" font-size="14">Recall, {name} kinds, {len(seeds)} seeds</text>',
    ]
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = floor - tick * high
        parts.append(
            f'<path d="M{LEFT} {y:.0f}H{WIDTH - 20}" stroke="#ddd"/><text x="10" y="{y + 4:.0f}">{tick:.2f}</text>'
        )
    for at, n in enumerate(NS):
        x = LEFT + at * slot
        parts.append(
            f'<text x="{x + slot * 0.4:.0f}" y="{floor + 20}" text-anchor="middle">{n} false a day</text>'
        )
        for place, detector in enumerate(names):
            values = [
                seed[detector]["rank"]["at"][n]["recall"] for seed in seeds.values() if detector in seed
            ]
            left, up = x + place * wide, statistics.mean(values) * high
            parts.append(
                f'<rect x="{left:.1f}" y="{floor - up:.1f}" width="{wide * 0.9:.1f}" height="{up:.1f}" fill="{COLOURS[place]}"/>'
            )
            parts += [
                f'<circle cx="{left + wide * 0.45:.1f}" cy="{floor - value * high:.1f}" r="2"/>'
                for value in values
            ]
    for place, detector in enumerate(names):
        y = floor + 45 + 20 * place
        parts.append(
            f'<rect x="{LEFT}" y="{y - 10}" width="12" height="12" fill="{COLOURS[place]}"/><text x="{LEFT + 20}" y="{y}">{detector}</text>'
        )
    return "\n".join([*parts, "</svg>", ""])
