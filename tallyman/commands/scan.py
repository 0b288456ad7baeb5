"""Look through log files with the rules; needs no store, configuration or network."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from tallyman.output import emit, severity, table, talk

SEVERITIES = ["low", "medium", "high", "critical"]
MOST_TROUBLES = 20


@click.command(
    help=__doc__
    + "\n\n\b\n  tallyman scan audit.log --fail-on high\n  zcat audit.log.gz | tallyman scan - --json\n  tallyman scan *.log --rules ./my-rules --rules shipped"
)
@click.argument("files", nargs=-1, required=True)
@click.option(
    "--format", "format_name", help="Format of the records (default: found out; `tallyman formats`)."
)
@click.option(
    "--rules",
    "folders",
    multiple=True,
    metavar="DIR",
    help="This pack instead of the shipped ones (`shipped` is them).",
)
@click.option(
    "--detect", is_flag=True, help="Have the behaviour detectors look as well; they begin knowing nothing."
)
@click.option("--no-group", is_flag=True, help="An alert for each rule and event that match.")
@click.option("--fail-on", type=click.Choice(SEVERITIES), help="Exit 1 if an alert is at least so severe.")
@click.option(
    "--min-severity",
    type=click.Choice(SEVERITIES),
    help="Leave out what is below (default: medium in the table, low in JSON).",
)
@click.option(
    "--jobs", type=click.IntRange(0), default=0, help="Processes for several files (default: one a core)."
)
@click.option("--json", "as_json", is_flag=True, help="Alert documents, one a line.")
@click.pass_context
def command(
    context: click.Context, files: tuple[str, ...], format_name: str | None, folders: tuple[str, ...], detect: bool,
    no_group: bool, fail_on: str | None, min_severity: str | None, jobs: int, as_json: bool,
) -> int:  # fmt: skip
    from rules.engine import load
    from tallyman.heap import settle
    from tallyman.reading import existing, known_format
    from tallyman.scanning import scan_all
    from tallyman.wiring import SHIPPED, make_engine, rule_folders

    started = time.perf_counter()
    known_format(format_name)
    chosen = rule_folders(folders or (SHIPPED,))
    pack = load(chosen)
    settle()
    for error in pack.errors:
        click.echo(f"rule left out: {error}", err=True)
    paths = existing(files)
    matches: list[Any] = []
    records, unread = 0, 0
    with progress(paths) as (each, reached):
        engine, cores = make_engine(pack.rules), jobs or os.cpu_count() or 1
        if detect:
            scanned = [detecting(context, paths, format_name, engine, reached)]
        else:
            scanned = list(each(scan_all(paths, format_name, chosen, engine, cores, reached)))
    for done in scanned:
        matches += done.matches
        records += done.records
        report(done.troubles, unread)
        unread += len(done.troubles)
    alerts = grouped(matches, not no_group)
    least = SEVERITIES.index(min_severity or ("low" if as_json else "medium"))
    shown = [alert for alert in alerts if _rank(alert) >= least]
    if as_json:
        for alert in shown:
            emit(alert)
    else:
        show(shown)
    if not context.obj["quiet"]:
        summary(alerts, len(shown), records, unread, len(pack.rules), time.perf_counter() - started)
    if fail_on and any(_rank(alert) >= SEVERITIES.index(fail_on) for alert in alerts):
        return 1
    return 5 if unread or pack.errors or len(paths) < len(files) else 0


def detecting(
    context: click.Context, paths: list[str], format: str | None, engine: Any, reached: Callable[[int], None]
) -> Any:
    """What rules and detectors find in all the files together, in the order of time."""
    from tallyman.offline import findings, in_time
    from tallyman.opening import configuration
    from tallyman.scanning import Scanned
    from tallyman.wiring import make_detectors

    done = Scanned()
    inspectors = [engine, *make_detectors(configuration(context).detectors).values()]
    done.matches += findings(in_time(paths, format, done, reached), inspectors)
    return done


def grouped(matches: list[Any], fold: bool) -> list[dict[str, Any]]:
    """Alert documents of these matches, in the events' order; folded into groups or one for each."""
    from event_model.alert import alert_document
    from store.grouping import Grouping

    if not fold:
        now = datetime.now(UTC)
        return [alert_document(match, now) for match in matches]
    groups = Grouping()
    groups.add(matches, time.time())
    return list(groups.documents())


@contextmanager
def progress(paths: list[str]) -> Iterator[tuple[Any, Callable[[int], None]]]:
    """What passes results on, and what is told how far the one file was read: a bar, on a terminal."""
    console = talk()
    if not console.is_terminal:
        yield iter, lambda offset: None
        return
    from rich.progress import Progress

    size = Path(paths[0]).stat().st_size if len(paths) == 1 and paths[0] != "-" else len(paths)
    packed = len(paths) == 1 and (
        paths[0] == "-" or paths[0].endswith(".gz")
    )  # nobody knows how much it holds
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("scanning", total=None if packed else size)
        several = len(paths) > 1
        yield (
            (lambda done: bar.track(done, task_id=task, total=size)) if several else iter,
            lambda offset: None if several else bar.update(task, completed=offset),
        )


def report(troubles: list[Any], before: int) -> None:
    """Name what could not be read, up to a bound."""
    for trouble in troubles[: max(0, MOST_TROUBLES - before)]:
        click.echo(f"unreadable: {trouble}", err=True)
    if before <= MOST_TROUBLES < before + len(troubles):
        click.echo("… and more; `tallyman normalize` names each", err=True)


def show(alerts: list[dict[str, Any]]) -> None:
    """A line for each alert, worst first."""
    rows = []
    for alert in sorted(alerts, key=_rank, reverse=True):
        kibana = alert["kibana"]["alert"]
        count = kibana.get("suppression", {}).get("docs_count", 0) + 1
        rows.append(
            [
                severity(kibana["severity"]),
                kibana["start"][:19].replace("T", " "),
                count,
                kibana["rule"]["name"],
                kibana["reason"],
            ]
        )
    if rows:
        table("", ["severity", "first", "n", "rule", "what happened"], rows)


def summary(
    alerts: list[dict[str, Any]], shown: int, records: int, unread: int, rules: int, seconds: float
) -> None:
    """How much was looked at and what came of it."""
    counts = Counter(alert["kibana"]["alert"]["severity"] for alert in alerts)
    found = " · ".join(f"{counts[name]} {name}" for name in reversed(SEVERITIES) if counts[name]) or (
        "all clear" if records and not unread else "none"
    )
    text = f"{records:,} records, {unread:,} unreadable; {rules} rules; alerts: {found}; {seconds:.1f} s"
    if shown < len(alerts):
        text += f"; {len(alerts) - shown} not shown (--min-severity low)"
    talk().print(text, style="dim", markup=False, soft_wrap=True)


def _rank(alert: dict[str, Any]) -> int:
    return SEVERITIES.index(alert["kibana"]["alert"]["severity"])
