"""Analyse a recorded day with an intruder, then serve it on loopback."""

from __future__ import annotations

import heapq
import shlex
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import click
from msgspec.structs import replace

from event_model.errors import ConfigError, Unreadable
from event_model.event import Record
from event_model.parts import Batch
from tallyman.config import ApiConfig, Config, DetectorsConfig, StoreConfig, default_store
from tallyman.feedback import RULES
from tallyman.opening import LOGIN_SECONDS, now
from tallyman.output import talk

SEVERITIES = ("critical", "high", "medium", "low")
DAY = "2026-11-02"
# numbers of windows need days before anything about them is usual: the isolation forest would cost, and say nothing
DETECTORS = ["novelty", "rate", "accumulation", "log_template"]


@dataclass(slots=True)
class Recorded:
    """A source that reads recorded files once, all of them in the order of time: as they came on the day itself."""

    folder: Path

    def read(self, positions: dict[str, Any], stop: threading.Event) -> Iterator[Batch]:
        paths = sorted([*self.folder.glob("*.jsonl"), *self.folder.glob("*.jsonl.gz")])
        merged = heapq.merge(*map(_timed, paths), key=lambda each: each[0])
        for _, some in groupby(merged, key=lambda each: id(each[1])):
            together = list(some)
            yield replace(together[0][1], records=[record for _, _, record in together])


def _timed(path: Path) -> Iterator[tuple[str, Batch, Record]]:
    """Each record of a file with its time, and the batch that it was read in."""
    from collector.reading import read_file
    from tallyman.normalizer import Normalizer

    normalizer, moment = Normalizer(), ""
    for batch in read_file(str(path), None, source="demo", cluster="demo"):
        normalize = normalizer.format("demo", batch.origin.format).normalize
        for record in batch.records:
            with suppress(Unreadable):  # it stands where it stood
                moment = normalize(record, batch.origin).timestamp
            yield moment, batch, record


@click.command(help=__doc__)
@click.option("--no-serve", is_flag=True, help="End after the summary.")
@click.option("--port", type=click.IntRange(0, 65535), help="Default: 8080, or a free one.")
@click.option(
    "--logs",
    type=click.Path(exists=True, file_okay=False),
    help="Folder of recorded logs (default: sample_logs/demo).",
)
@click.option(
    "--store",
    "store_path",
    type=click.Path(),
    help="Where to keep it; emptied first (default: beside the ordinary store).",
)
@click.pass_context
def command(
    context: click.Context, no_serve: bool, port: int | None, logs: str | None, store_path: str | None
) -> int:

    folder = Path(logs) if logs else Path(__file__).parents[2] / "sample_logs" / "demo"
    if not folder.is_dir():
        raise ConfigError(
            f"{folder}: no recorded logs; --logs says where they are (a checkout has sample_logs/demo)"
        )
    place = Path(store_path) if store_path else default_store().with_name("demo")
    empty(place)
    config = Config(
        cluster="demo",
        detectors=DetectorsConfig(enabled=DETECTORS),
        store=StoreConfig(path=place, retention="forever"),
        api=ApiConfig(port=free_port() if port is None else port),
    )
    found = analyse(config, folder)
    tell(found)
    if not no_serve:
        serve(config)
    return 0 if found["events"] and found["rules"] and any(found["alerts"].values()) else 1


def free_port() -> int:
    """The ordinary port; 0, which stands for any, where another program has it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ApiConfig().host, ApiConfig().port))
        except OSError:
            return 0
    return ApiConfig().port


def empty(place: Path) -> None:
    """Delete an earlier demo's store; anything else that stands there is left, with an error."""
    if place.exists() and any(place.iterdir()):
        if not (place / "state.db").exists():
            raise ConfigError(f"{place} holds something else; --store names another folder")
        shutil.rmtree(place)


def analyse(config: Config, folder: Path) -> dict[str, Any]:
    """Read the recorded day through the whole pipeline; what came of it, in numbers."""
    from store.query import parse
    from tallyman.running import running

    console = talk()
    started = time.perf_counter()
    with running(config, {"demo": Recorded(folder)}) as whole:
        with console.status("reading the recorded day …") if console.is_terminal else nullcontext():
            whole.pipeline.run(threading.Event())
        queries = ("", "who:human or who:anonymous", "event.kind:pipeline_error")
        events, people, unreadable = (
            whole.store.count(parse(each), since=None, until=None) for each in queries
        )
        return {
            "events": events,
            "unreadable": unreadable,
            "rules": len(whole.pack.rules),
            "left_out": len(whole.pack.errors),
            "alerts": whole.database.alerts.open_by_severity(),
            "unusual": unusual(whole.database.alerts),
            "hidden": 1 - people / events if events else 0.0,
            "seconds": time.perf_counter() - started,
            "path": config.store.path,
        }


def unusual(alerts: Any) -> int:
    """How many alerts of at least medium severity the behaviour detectors made."""
    page = alerts.listed(severity="medium", limit=10_000)
    return sum(alert["rule_id"].startswith(RULES) for alert in page.alerts)


def tell(found: dict[str, Any]) -> None:
    """The summary, and what to try next."""
    alerts = (
        " · ".join(f"{found['alerts'][name]} {name}" for name in SEVERITIES if found["alerts"].get(name))
        or "none"
    )
    left_out = f", {found['left_out']} left out" if found["left_out"] else ""
    where = f"TALLYMAN_STORE__PATH={shlex.quote(str(found['path']))}"
    click.echo(
        f"  Recorded day:  {found['events']:,} events of one cluster and one Docker host, {found['unreadable']} unreadable ({found['seconds']:.1f} s)"
    )
    click.echo(f"  Rules:         {found['rules']} loaded{left_out}")
    click.echo(f"  Alerts:        {alerts}")
    click.echo(
        f"  Behaviour:     {found['unusual']} of them tell of what nobody here does; the detectors began knowing nothing"
    )
    click.echo(f"  Machines:      {found['hidden']:.1%} of the traffic is of machines; `who:human` hides it")
    dev = Path(__file__).parents[2] / "dev"
    alias = f' && alias tallyman="{shlex.quote(str(dev))} run"' if dev.exists() else ""
    click.echo("")
    click.echo("  Next:")
    click.echo(f"    export {where}{alias}")
    click.echo("    tallyman alerts list --severity high")
    click.echo("    tallyman search 'verb:get and subresource:exec' --fields @timestamp,user.name,message")
    click.echo("    tallyman entity system:serviceaccount:kube-system:metrics-agent")
    click.echo(
        f"    tallyman timeline 'user:\"system:serviceaccount:ci:image-scanner\"' --around {DAY}T04:00:00Z"
    )


def serve(config: Config) -> None:
    """Serve the analysed day until interrupted."""
    from rules.engine import load
    from store.database import Database
    from store.embedded import Embedded
    from tallyman.running import stop_on_signals
    from tallyman.serving import make_services, serving
    from tallyman.wiring import make_normalizer, rule_folders

    stop = threading.Event()
    pack = load(rule_folders(config.rules.packs))
    store, database = Embedded(config.store.path, make_normalizer(config)), Database(config.store.path)
    services = make_services(config, store, database, lambda: pack)
    try:
        with serving(services, config.api.host, config.api.port) as address:
            link = database.tokens.login("demo", "analyst", LOGIN_SECONDS, now())
            click.echo(f"\n  Page:          {address}/?token={link}   (one-time link; Ctrl-C ends)")
            stop_on_signals(stop)
            stop.wait()
    finally:
        store.close()
        database.close()
