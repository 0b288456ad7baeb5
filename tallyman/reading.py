"""Events of files or of the store, for the commands that look through all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from event_model.errors import nearest
from event_model.event import Event
from tallyman.opening import opened
from tallyman.scanning import events_of

__all__ = ["events_of", "existing", "known_format", "stored_events"]


def known_format(name: str | None) -> None:
    """A usage error with the nearest name for a format that does not exist."""
    from collector.formats import FORMATS

    if name and name not in FORMATS.names():
        raise click.UsageError(
            f"no format {name!r}.{nearest(name, FORMATS.names())} `tallyman formats` lists them."
        )


def existing(files: Iterable[str]) -> list[str]:
    """The files that are there; the others are named on stderr."""
    found = []
    for name in files:
        if name == "-" or (Path(name).exists() and not Path(name).is_dir()):
            found.append(name)
        else:
            why = f"is a folder; name files, such as {name}/*" if Path(name).is_dir() else "no such file"
            click.echo(f"{name}: {why}", err=True)
    return found


def stored_events(context: click.Context) -> Iterator[Event]:
    """Every event of the configured store, dead letters left out: oldest first by receipt, in a cluster by time."""
    from store.journal import Journal
    from tallyman.stores import is_clustered

    with opened(context) as store:
        if is_clustered(store.config):
            yield from (event for event in store.events.every() if event.kind != "pipeline_error")
            return
        journal = Journal(store.config.store.path)
        for partition in journal.partitions():
            for entries in journal.entries(partition):
                yield from (store.events.normalize(entry) for entry in entries if not entry.reason)
