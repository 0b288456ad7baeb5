"""How things stand: is it running, what was read, what waits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import click

from tallyman.opening import opened
from tallyman.output import emit, number


@click.command(help=__doc__)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    from tallyman.serving import status_of

    with opened(context) as store:
        status = status_of(store.config, store.events, store.database)
    if as_json:
        emit(status)
    else:
        _show(status)


def _show(status: dict[str, Any]) -> None:
    click.echo(f"running   {'yes' if status['running'] else 'no'}")
    _show_store(status)
    click.echo(f"rules     {status['rules']['loaded']} loaded, {status['rules']['left_out']} left out")
    alerts = " · ".join(f"{count} {name}" for name, count in reversed(status["alerts_open"].items()) if count)
    click.echo(f"alerts    {alerts or 'none'} open")
    for name, counts in status["sources"].items():
        unread = counts.get("unreadable", 0)
        click.echo(
            f"source    {name}: {counts.get('events', 0):,.0f} events, {unread:,.0f} unreadable, since the last start"
        )
    for name, counts in status["detectors"].items():
        click.echo(f"detector  {name}: {detector(counts)}")
    for name, counts in status["sinks"].items():
        click.echo(f"sink      {name}: {counts['pending']} waiting, {counts['failed']} given up")
    for name, value in sorted(status["counters"].items()):
        if not name.startswith(("ingest_", "detector_", "feed_")):
            click.echo(f"counted   {name} {value:,.0f}")


def detector(counts: dict[str, float]) -> str:
    """How a detector stands, in words; what it does not tell is left out."""
    words = {
        "entities": "{:,.0f} entities", "matches": "{:,.0f} findings since the last start", "novelty_rate": "{:.2f} new values an entity and window",
        "incidents_day": "{:.1f} scores above 4 nats a day", "budget_used": "{:.0%} of the budget used", "bytes": "snapshot of {:,.0f} bytes",
        "failures": "{:,.0f} errors",
    }  # fmt: skip
    troubles = {
        "unread": "{:,.0f} events unread", "crowded": "no room for {:,.0f} events", "late": "{:,.0f} events too late",
        "odd_times": "{:,.0f} times not believed", "odd": "{:,.0f} numbers not believed", "unshaped": "{:,.0f} lines of too many shapes",
    }  # fmt: skip
    learning = ["still learning"] if counts.get("learning") else []
    told = [*learning, *(text.format(counts[name]) for name, text in words.items() if name in counts)]
    told += [text.format(counts[name]) for name, text in troubles.items() if counts.get(name)]
    return ", ".join(told) or "looks on, and has told nothing yet"


def _show_store(status: dict[str, Any]) -> None:
    kept = status["store"]
    parts = (
        number(kept["partitions"], "partition")
        if kept["type"] == "embedded"
        else f"{kept['partitions']} indices"
    )
    size = "" if kept["bytes"] is None else f"{kept['bytes'] / 1e6:.1f} MB, "
    click.echo(f"store     {kept['path']}: {size}{parts}, kept {kept['retention']}")
    if "unreachable" in status:
        click.echo(f"cluster   {status['unreachable']}")
    else:
        click.echo(f"events    {status['events']:,}")
    if status["feed"]:
        for line in fed(status["feed"]):
            click.echo(f"feed      {line}")


def fed(feed: dict[str, Any]) -> Iterator[str]:
    """What is to be said of the way from the journal to the cluster, line by line."""
    behind = feed["behind"]
    if behind["records"]:
        yield (
            f"{number(int(behind['records']), 'record')} behind ({behind['bytes'] / 1e6:.1f} MB of the journal), "
            f"the oldest for {behind['seconds']:,.0f} s"
        )
    else:
        yield "the cluster has everything"
    if feed["away_since"]:
        since = (
            datetime.fromtimestamp(feed["away_since"], UTC)
            .isoformat(timespec="seconds")
            .replace("+00:00", "Z")
        )
        yield f"takes nothing since {since}: {feed['reason']}"
    yield (
        f"{feed['taken']:,} taken, {feed['known']:,} known already, {feed['retries']:,} tried again, "
        f"{feed['refused']:,} refused, since the last start"
    )
    if feed["held"]:
        yield f"{number(feed['held'], 'record')} only in the journal: `tallyman deadletter list` says why"
