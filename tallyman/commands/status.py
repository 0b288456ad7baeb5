"""How things stand: is it running, what was read, what waits."""

from __future__ import annotations

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
        return
    kept = status["store"]
    click.echo(f"running   {'yes' if status['running'] else 'no'}")
    parts = (
        number(kept["partitions"], "partition")
        if kept["type"] == "embedded"
        else f"{kept['partitions']} indices"
    )
    size = "" if kept["bytes"] is None else f"{kept['bytes'] / 1e6:.1f} MB, "
    click.echo(f"store     {kept['path']}: {size}{parts}, kept {kept['retention']}")
    click.echo(f"events    {status['events']:,}")
    click.echo(f"rules     {status['rules']['loaded']} loaded, {status['rules']['left_out']} left out")
    alerts = " · ".join(f"{count} {name}" for name, count in reversed(status["alerts_open"].items()) if count)
    click.echo(f"alerts    {alerts or 'none'} open")
    for name, counts in status["sources"].items():
        unread = counts.get("unreadable", 0)
        click.echo(
            f"source    {name}: {counts.get('events', 0):,.0f} events, {unread:,.0f} unreadable, since the last start"
        )
    for name, counts in status["sinks"].items():
        click.echo(f"sink      {name}: {counts['pending']} waiting, {counts['failed']} given up")
    for name, value in sorted(status["counters"].items()):
        if not name.startswith("ingest_"):
            click.echo(f"counted   {name} {value:,.0f}")
