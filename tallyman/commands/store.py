"""Look after the store: size, index, retention; set up, check and migrate a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Any

import click

from tallyman.cluster import cluster
from tallyman.opening import configuration, now
from tallyman.output import emit, table

KINDS = ("embedded", "elasticsearch")


@click.group(help=__doc__)
def command() -> None:
    pass


@command.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_context
def size(context: click.Context, as_json: bool) -> None:
    """Bytes by day."""
    from store.journal import Journal

    journal = Journal(configuration(context).store.path)
    rows: list[dict[str, Any]] = [
        {"partition": name, "bytes": journal.size(name)} for name in journal.partitions()
    ]
    if as_json:
        for row in rows:
            emit(row)
    else:
        table("", ["day", "MB"], ([row["partition"], f"{row['bytes'] / 1e6:.1f}"] for row in rows))
        click.echo(f"{journal.size() / 1e6:.1f} MB in all", err=True)


@command.command()
@click.pass_context
def reindex(context: click.Context) -> None:
    """Build the index again from the journal, after an upgrade or damage. `tallyman run` must not be running."""
    from rich.progress import Progress

    from store.embedded import Embedded
    from tallyman.output import talk
    from tallyman.wiring import make_normalizer

    config = configuration(context)
    store = Embedded(config.store.path, make_normalizer(config), writable=True)
    console = talk()
    try:
        with Progress(console=console, disable=not console.is_terminal) as bar:
            task = bar.add_task("index", total=None)
            store.reindex(lambda done, total: bar.update(task, completed=done, total=total))
    finally:
        store.close()
    click.echo("index built again", err=True)


@command.command()
@click.option("--dry-run", is_flag=True, help="Say what would be deleted.")
@click.pass_context
def prune(context: click.Context, dry_run: bool) -> None:
    """Delete what retention says, now. `tallyman run` does so by itself every hour."""
    from store.database import Database
    from store.journal import Journal
    from tallyman.stores import prune as drop

    config = configuration(context)
    with (
        Journal(config.store.path, writable=not dry_run) as journal,
        closing(Database(config.store.path)) as database,
    ):
        gone = drop(config, journal, database, now(), dry_run=dry_run)
    click.echo(f"{'would delete' if dry_run else 'deleted'} {', '.join(gone) or 'nothing'}", err=True)


@command.command()
@click.option(
    "--from", "source", type=click.Choice(KINDS), required=True, help="The store that has everything."
)
@click.option("--to", "target", type=click.Choice(KINDS), required=True, help="The store that is to have it.")
@click.option(
    "--compare/--no-compare", default=True, show_default=True, help="See afterwards that nothing is missing."
)
@click.pass_context
def copy(context: click.Context, source: str, target: str, compare: bool) -> int:
    """Copy events, alerts and decisions from this machine to a cluster, or back. May be stopped and begun again.

    The configuration names both: `store.path` and the section `store.elasticsearch`, whatever `store.type` is.
    Exit 1 if something is missing there afterwards; what to do is said.
    """
    from rich.progress import Progress

    from tallyman import moving
    from tallyman.output import talk

    if source == target:
        raise click.UsageError("--from and --to are the same store")
    config, console = configuration(context), talk()
    make = moving.to_cluster if target == "elasticsearch" else moving.from_cluster
    with Progress(console=console, disable=not console.is_terminal) as bar:
        try:
            return 0 if make(config, compare, bar) else 1
        except KeyboardInterrupt:
            click.echo("stopped. The same command again goes on where this one was", err=True)
            raise


@command.command()
@click.option("--dry-run", is_flag=True, help="Show what would be different, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_context
def setup(context: click.Context, dry_run: bool, as_json: bool) -> None:
    """Make in the Elasticsearch cluster what is missing: templates, retention, indices. May be repeated."""
    from store.elastic import setup
    from store.elastic.client import telling

    with cluster(configuration(context)) as (client, connection, names, age):
        if dry_run:
            with telling(connection, "looking at its setup"):
                changes = setup.plan(client, names, age)
        else:
            changes = setup.setup(client, connection, names, age)
        _tell(changes, dry_run, as_json)


@command.command()
@click.option("--dry-run", is_flag=True, help="Show what would be different, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_context
def migrate(context: click.Context, dry_run: bool, as_json: bool) -> None:
    """Bring the cluster to this version: as `setup`, and then fields of indices that are written to.

    Where a field has another type now, the data stream goes on in a new index; what is there stays searchable.
    """
    from store.elastic import migrate, setup
    from store.elastic.client import telling

    with cluster(configuration(context)) as (client, connection, names, age):
        with telling(connection, "looking at its indices"):
            drifts = migrate.drifts(client, names)
            changes = setup.plan(client, names, age)
        if not dry_run:
            setup.setup(client, connection, names, age)
            with telling(connection, "migrating"):
                migrate.migrate(client, names, drifts)
        _tell([*changes, *drifts], dry_run, as_json)


def _tell(done: Sequence[Any], dry_run: bool, as_json: bool) -> None:
    """`done`: each a store.elastic.change.Change or store.elastic.migrate.Drift."""
    for each in done:
        if as_json:
            emit({"change": each.summary, "diff": each.diff(), "done": not dry_run})
            continue
        if dry_run:
            click.echo(each.diff(), nl=False)
        click.echo(f"{'would ' if dry_run else ''}{each.summary}", err=True)
    if not done:
        click.echo("nothing to do: the cluster has all that this version needs", err=True)


@command.command()
@click.option("--for", "purpose", type=click.Choice(["run", "serve", "setup"]), default="run", show_default=True,
              help="What this account is meant to do.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_context
def check(context: click.Context, purpose: str, as_json: bool) -> int:
    """Say how the cluster is: set up, permitted, whole, with room. Exit 1 if something has to be put right."""
    from store.elastic import check

    colours = {"ok": "green", "note": "yellow", "fail": "red"}
    fine = True
    with cluster(configuration(context)) as (client, connection, names, age):
        for level, what, text in check.check(client, connection, names, age, purpose):
            fine = fine and level != "fail"
            if as_json:
                emit({"check": what, "level": level, "text": text})
            else:
                click.echo(f"{click.style(f'{level:4}', fg=colours[level])} {what}: {text}")
    return 0 if fine else 1
