"""What is usual for a user, service account, node, container or network, and the alerts about it."""

from __future__ import annotations

from typing import Any

import click

from tallyman.opening import Opened, opened
from tallyman.output import clean, emit, severity, table

MOST_NAMES = 1000


@click.command(
    help="\b\nExamples:\n  tallyman entity alice@example.com\n  tallyman entity system:serviceaccount:ci:deployer --cluster prod --json\n\n"
    + (__doc__ or "")
    + "\n\nAs the running store's detectors remembered it when they last wrote that down."
)
@click.argument("entity")
@click.option("--cluster", help="As it is known there (default: of several, where it was seen last).")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_context
def command(context: click.Context, entity: str, cluster: str | None, as_json: bool) -> None:
    from tallyman.entities import entities_of

    with opened(context) as store:
        found = entities_of(store.config, store.database).about(entity, cluster)
        if found is None:
            raise click.UsageError(unknown(store, entity))
    if as_json:
        emit(found)
        return
    show(found)
    if cluster is not None and not found["usual"]:
        click.echo(
            f"no detector knows it in cluster {cluster!r}; without --cluster you see where it is known"
        )


def unknown(store: Opened, entity: str) -> str:
    """What to say of an entity that nobody knows, with the nearest name in the store."""
    from event_model.errors import nearest
    from store.query.ast import All

    names = [str(value) for value, _ in store.events.top(All(), "user.name", size=MOST_NAMES)]
    if entity in names:
        return f"nothing is known of {entity!r} yet: its events are in the store, and no detector has written down what is usual"
    return f"nothing is known of {entity!r}.{nearest(entity, names)} `tallyman search --top user.name` lists who acted"


def show(found: dict[str, Any]) -> None:
    """What is usual by detector, then the latest alerts."""
    from tallyman.explaining import each_once

    click.echo(found["entity"] + "\n")
    for detector, lines in each_once(found["usual"]):
        click.echo(f"  usual, as of {found['as_of'][:19]}Z ({detector})")
        for name, value in lines:
            click.echo(f"    {name:16} {clean(value)}")
        click.echo()
    rows = (
        [
            each["id"][:8],
            each["start"][:19].replace("T", " "),
            severity(each["severity"]),
            each["status"],
            each["reason"],
        ]
        for each in found["alerts"]
    )
    table("alerts", ["id", "first", "severity", "status", "what happened"], rows)
