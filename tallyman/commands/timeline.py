"""Everything about one user, pod or address around a moment, oldest first."""

from __future__ import annotations

import click

from tallyman.commands.search import show
from tallyman.opening import moment, now, opened, written

ENTITY_FIELDS = (
    "user.name",
    "user.effective.name",
    "source.ip",
    "kubernetes.pod.name",
    "container.id",
    "orchestrator.resource.name",
)


@click.command(
    help=__doc__
    + "\n\n\b\n  tallyman timeline user:mallory@example.com --around 11:42\n  tallyman timeline pod:api-7f9c --around '2026-11-02 11:42' --window 1h"
)
@click.argument("entity")
@click.option("--around", help="The moment: 11:42, yesterday, RFC 3339 … (default: now).")
@click.option("--window", default="15m", show_default=True, help="So long before and after it.")
@click.option("-n", "--limit", type=click.IntRange(1), default=500, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="ECS documents, one a line.")
@click.pass_context
def command(
    context: click.Context, entity: str, around: str | None, window: str, limit: int, as_json: bool
) -> None:
    from event_model.errors import QueryError
    from store.query import parse
    from store.times import window as span

    try:
        since, until = map(written, span(window, moment(around) if around else now()))
    except ValueError as error:
        raise QueryError(f"--window: {error}") from None
    with opened(context) as store:
        found = store.events.search(
            parse(entity_query(entity)), since=since, until=until, limit=limit, after=None, oldest_first=True
        )
        show(found.events, as_json=as_json)
    if not found.events and not context.obj["quiet"]:
        click.echo(f"Nothing between {since} and {until}: another --around, or a larger --window?", err=True)
    if found.after and not context.obj["quiet"]:
        click.echo(
            f"{limit} of {found.total}: a smaller --window, or a larger --limit, shows the rest", err=True
        )


def entity_query(entity: str) -> str:
    """`user:alice` as it is; a bare name is looked for as a user, address, pod, container or object."""
    from event_model.fields import address
    from store.query.names import resolve

    field, colon, _ = entity.partition(":")
    if colon:
        try:
            resolve(field)
            return entity
        except LookupError:
            pass  # a colon inside a name: system:serviceaccount:ci:deployer
    fields = [name for name in ENTITY_FIELDS if name != "source.ip" or address(entity)]
    quoted = '"' + entity.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return " or ".join(f"{name}:{quoted}" for name in fields)
