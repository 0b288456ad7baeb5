"""List the log formats that are understood."""

from __future__ import annotations

import click

from tallyman.output import emit


@click.command(help=__doc__)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def command(as_json: bool) -> None:
    from collector.formats import FORMATS

    for name in FORMATS.names():
        help = FORMATS.help(name)
        if as_json:
            emit(
                {
                    "name": name,
                    "help": help,
                    "documents": bool(getattr(FORMATS.find(name), "documents", False)),
                }
            )
        else:
            click.echo(f"{name:18} {help}")
