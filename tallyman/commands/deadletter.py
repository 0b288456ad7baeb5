"""Records that could not be read: list, show and try them again."""

from __future__ import annotations

import click

from tallyman.opening import bound, opened
from tallyman.output import clean, emit, number, table

QUERY = "event.kind:pipeline_error"


@click.group(help=__doc__)
def command() -> None:
    pass


@command.command("list")
@click.option("--since")
@click.option("-n", "--limit", type=click.IntRange(1), default=100, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_context
def listed(context: click.Context, since: str | None, limit: int, as_json: bool) -> None:
    """Newest first: where from, why."""
    from event_model.event import identity
    from store.query import parse

    with opened(context) as store:
        found = store.events.search(
            parse(QUERY), since=bound(since), until=None, limit=limit, after=None, oldest_first=False
        )
        replayed = store.database.replayed()
    rows = [
        {"id": identity(event), "time": event.timestamp, "source": event.origin.source, "path": event.origin.path,
         "offset": event.record.offset, "reason": event.reason, "bytes": len(event.record.raw), "replayed": identity(event) in replayed}
        for event in found.events
    ]  # fmt: skip
    if as_json:
        for row in rows:
            emit(row)
    else:
        table(
            "",
            ["id", "received", "from", "at byte", "why", ""],
            (
                [
                    str(row["id"])[:8],
                    str(row["time"])[:19],
                    row["path"] or row["source"],
                    row["offset"],
                    row["reason"],
                    "replayed" if row["replayed"] else "",
                ]
                for row in rows
            ),
        )
        click.echo(number(found.total, "dead letter"), err=True)


@command.command()
@click.argument("id")
@click.pass_context
def show(context: click.Context, id: str) -> None:
    """The raw record, as it is kept. The beginning of its id is enough."""
    from store.query import parse

    if not (id.isascii() and id.isalnum()):
        raise click.UsageError(f"no dead letter {id!r}; `tallyman deadletter list` shows them")
    with opened(context) as store:
        query = parse(f"{QUERY} and tallyman.id:{id}*")
        found = store.events.search(
            query, since=None, until=None, limit=2, after=None, oldest_first=False
        ).events
    if len(found) != 1:
        why = "several dead letters begin with" if found else "no dead letter"
        raise click.UsageError(f"{why} {id!r}; `tallyman deadletter list --json` has the whole ids")
    click.echo(found[0].message, err=True)
    click.echo(clean(found[0].record.raw.decode("utf-8", "replace")))


@command.command()
@click.option("--format", "format_name", help="Read them as this format now.")
@click.pass_context
def replay(context: click.Context, format_name: str | None) -> int:
    """Try them again, after a format was mended or named; what is understood now becomes events and alerts."""
    from tallyman.reading import known_format
    from tallyman.replay import replay as again

    known_format(format_name)
    done, left = again(context, format_name)
    click.echo(f"{done} understood now, {left} still not", err=True)
    return 5 if left else 0
