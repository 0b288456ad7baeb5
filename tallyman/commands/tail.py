"""Follow events and alerts as they come."""

from __future__ import annotations

import time

import click

from tallyman.opening import opened

PAUSE = 0.1  # seconds between two looks


@click.command(
    help=__doc__
    + "\n\n\b\n  tallyman tail --people\n  tallyman tail 'ns:prod and not verb:(get or list or watch)'"
)
@click.argument("query", required=False, default="")
@click.option("--people", is_flag=True, help="People and anonymous callers only.")
@click.option("--json", "as_json", is_flag=True, help="ECS documents, one a line.")
@click.pass_context
def command(context: click.Context, query: str, people: bool, as_json: bool) -> None:
    import sys

    from store.query import parse
    from store.query.predicate import predicate
    from tallyman.commands.search import show
    from tallyman.follow import follow, follower_of

    wanted = predicate(parse(query))
    hidden = 0
    with opened(context) as store:
        try:
            for events in follow(follower_of(store.events)):
                shown = [event for event in events if wanted(event)]
                if people:
                    kept = [event for event in shown if event.user_kind in ("human", "anonymous")]
                    hidden += len(shown) - len(kept)
                    shown = kept
                show(shown, as_json=as_json)
                sys.stdout.flush()
                if not events:
                    time.sleep(PAUSE)
        finally:
            if people and not context.obj["quiet"]:
                click.echo(f"hid {hidden} events of machines", err=True)
