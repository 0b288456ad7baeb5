"""Serve API and page over the store; `tallyman run` may write it meanwhile."""

from __future__ import annotations

import threading

import click

from tallyman.opening import LOGIN_SECONDS, now, opened
from tallyman.output import talk


@click.command(help=__doc__)
@click.option("--host", help="Listen there (default: the configuration's, loopback).")
@click.option("--port", type=int, help="0 takes a free one.")
@click.pass_context
def command(context: click.Context, host: str | None, port: int | None) -> None:
    from rules.engine import load
    from tallyman.running import stop_on_signals
    from tallyman.serving import make_services, serving
    from tallyman.wiring import rule_folders

    stop = threading.Event()
    with opened(context) as store:
        pack = load(rule_folders(store.config.rules.packs))
        services = make_services(store.config, store.events, store.database, lambda: pack)
        api = store.config.api
        with serving(services, host or api.host, api.port if port is None else port) as address:
            link = store.database.tokens.login("page", "analyst", LOGIN_SECONDS, now())
            talk().print(f"Page: {address}/?token={link}   (one-time link, ten minutes)", markup=False)
            stop_on_signals(stop)
            stop.wait()
