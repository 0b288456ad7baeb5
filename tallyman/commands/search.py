"""Search the store: who did what, when, from where."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import click

from event_model.errors import QueryError
from tallyman.opening import bound, opened
from tallyman.output import clean, emit, severity, table, talk

NEXT = "Next: tallyman timeline user:{user} --around {clock}"


@click.command(
    help=__doc__
    + "\n\n\b\n  tallyman search 'who:human and verb:create' --since 24h\n  tallyman search --top user.name 'resource:secrets'"
)
@click.argument("query", required=False, default="")
@click.option("--since", help="From then on: 24h, yesterday, 11:42, 2026-11-02 …")
@click.option("--until", help="Before then.")
@click.option(
    "-n", "--limit", type=click.IntRange(1), default=50, show_default=True, help="At most so many events."
)
@click.option("--lucene", is_flag=True, help="The query is Lucene, not KQL.")
@click.option("--oldest", is_flag=True, help="Oldest first.")
@click.option("--json", "as_json", is_flag=True, help="ECS documents, one a line.")
@click.option("--raw", is_flag=True, help="With the raw record (event.original).")
@click.option("--fields", help="Print these fields, with commas between.")
@click.option("--top", "top_field", help="The commonest values of this field.")
@click.option("--histogram", is_flag=True, help="Counts over time.")
@click.option("--count", "only_count", is_flag=True, help="How many match.")
@click.pass_context
def command(context: click.Context, /, query: str, **asked: Any) -> None:
    from store.query import parse

    started = time.perf_counter()
    tree = parse(query, lucene=asked["lucene"])
    bounds = {"since": bound(asked["since"]), "until": bound(asked["until"])}
    with opened(context) as store:
        if asked["only_count"]:
            _count(store.events.count(tree, **bounds), asked["as_json"])
        elif asked["top_field"]:
            _top(store.events.top(tree, asked["top_field"], **bounds, size=asked["limit"]), asked)
        elif asked["histogram"]:
            _histogram(store.events.histogram(tree, **bounds, buckets=60), asked["as_json"])
        else:
            found = store.events.search(
                tree, **bounds, limit=asked["limit"], after=None, oldest_first=asked["oldest"]
            )
            show(found.events, as_json=asked["as_json"], raw=asked["raw"], fields=asked["fields"])
            if not context.obj["quiet"]:
                _summary(found, time.perf_counter() - started)


def show(events: list[Any], *, as_json: bool, raw: bool = False, fields: str | None = None) -> None:
    """Print events: documents, chosen fields, or time and sentence."""
    from event_model.fields import FIELDS, document

    if as_json:
        for event in events:
            emit(document(event, raw))
    elif fields:
        names = [name.strip() for name in fields.split(",")]
        readers = [_reader(name) for name in names]
        table("", names, ([_plain(read(event)) for read in readers] for event in events))
    else:
        rows = (
            (
                event.timestamp[:19].replace("T", " "),
                _mark(event),
                event.message,
                FIELDS["source.ip"].read(event) or "",
            )
            for event in events
        )
        table("", ["time", "", "what happened", "from"], rows)


def _reader(name: str) -> Callable[[Any], Any]:
    """Reads a field. Raises QueryError with the nearest name."""
    from store.query.names import reader, resolve

    try:
        return reader(resolve(name))
    except LookupError as error:
        raise QueryError(str(error.args[0]), name) from None


def _mark(event: Any) -> str:
    return {"failure": "✗", "success": ""}.get(event.outcome, "?")


def _plain(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return "" if value is None else clean(str(value))


def _count(count: int, as_json: bool) -> None:
    if as_json:
        emit({"count": count})
    else:
        click.echo(count)


def _top(values: list[tuple[Any, int]], asked: dict[str, Any]) -> None:
    if asked["as_json"]:
        for value, count in values:
            emit({"value": value, "count": count})
    else:
        table("", [asked["top_field"], "count"], values)


def _histogram(counts: list[tuple[str, int]], as_json: bool) -> None:
    if as_json:
        for start, count in counts:
            emit({"start": start, "count": count})
        return
    most = max((count for _, count in counts), default=0) or 1
    for start, count in counts:
        click.echo(
            f"{start[:16].replace('T', ' ')} {count:>8} {'█' * round(40 * count / most) or ('▏' if count else '')}"
        )


def _summary(found: Any, seconds: float) -> None:
    shown = len(found.events)
    total = f"{found.total:,}" + ("" if found.exact else "+")
    text = f"{shown:,} of {total} events, {seconds:.2f} s."
    human = next((event for event in found.events if event.user_kind == "human"), None)
    if human:
        text += " " + NEXT.format(user=human.user_name, clock=human.timestamp)
    elif not shown:
        text += " Nothing found: fewer words, or an earlier --since?"
    talk().print(text, style="dim", markup=False, soft_wrap=True)


__all__ = ["command", "severity", "show"]
