"""Print the records of files as ECS documents; needs no store, configuration or network."""

from __future__ import annotations

from typing import Any

import click

from tallyman.output import emit


@click.command(help=__doc__ + "\n\n\b\n  tallyman normalize audit.log | jq -r .message")
@click.argument("files", nargs=-1, required=True)
@click.option(
    "--format", "format_name", help="Format of the records (default: found out; `tallyman formats`)."
)
@click.option("--raw", is_flag=True, help="With the raw record (event.original).")
@click.option("--json", "as_json", is_flag=True, hidden=True, help="It is JSON anyway.")
def command(files: tuple[str, ...], format_name: str | None, raw: bool, as_json: bool) -> int:
    from event_model.errors import Unreadable
    from event_model.fields import document
    from tallyman.normalizer import Normalizer
    from tallyman.reading import existing, known_format
    from tallyman.scanning import Trouble, batches

    known_format(format_name)
    normalizer, paths, unread = Normalizer(), existing(files), 0
    for path in paths:
        whole: list[Trouble] = []
        for batch in batches(path, format_name, whole):
            troubles = [Trouble(path, record.offset, reason) for record, reason in batch.dead]
            format = normalizer.format("normalize", batch.origin.format)
            for record in batch.records:
                try:
                    emit(document(format.normalize(record, batch.origin), raw))
                except Unreadable as error:
                    troubles.append(Trouble(path, record.offset, str(error)))
            unread += name(troubles)
        unread += name(whole)
    return 5 if unread or len(paths) < len(files) else 0


def name(troubles: list[Any]) -> int:
    """Say each on stderr; how many."""
    for trouble in troubles:
        click.echo(f"unreadable: {trouble}", err=True)
    return len(troubles)
