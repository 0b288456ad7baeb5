"""Look after the embedded store: size, index, retention."""

from __future__ import annotations

from typing import Any

import click

from tallyman.opening import configuration, now
from tallyman.output import emit, table


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
    from store import retention
    from store.journal import Journal

    config = configuration(context)
    with Journal(config.store.path, writable=not dry_run) as journal:
        gone = retention.apply(
            journal,
            now(),
            age=retention.age(config.store.retention),
            size=retention.size(config.store.max_size),
            dry_run=dry_run,
        )
    click.echo(f"{'would delete' if dry_run else 'deleted'} {', '.join(gone) or 'nothing'}", err=True)
