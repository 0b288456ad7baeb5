"""Collect, check, keep and tell, until stopped."""

from __future__ import annotations

import threading

import click

from event_model.errors import ConfigError
from tallyman.opening import configuration
from tallyman.output import talk


@click.command(help=__doc__ + "\n\n\b\n  tallyman config init && tallyman run")
@click.option("--no-api", is_flag=True, help="No API and page, whatever the configuration says.")
@click.pass_context
def command(context: click.Context, no_api: bool) -> None:
    from tallyman.heap import settle, share_arenas
    from tallyman.running import running, stop_on_signals

    config = configuration(context)
    if not config.sources:
        raise ConfigError(
            "no sources: there is nothing to read. `tallyman config init` writes a first configuration"
        )
    share_arenas()
    stop = threading.Event()
    stop_on_signals(stop)
    with running(config) as whole:
        settle()
        if not context.obj["quiet"]:
            talk().print(
                f"{len(whole.pack.rules)} rules, sources: {', '.join(whole.pipeline.sources) or 'none'}; store: {config.store.path}",
                markup=False,
            )
        if config.api.enabled and not no_api:
            from tallyman.serving import serve_beside

            with serve_beside(whole) as address:
                talk().print(f"API and page on {address}; `tallyman token login` makes a link", markup=False)
                whole.pipeline.run(stop)
        else:
            whole.pipeline.run(stop)
