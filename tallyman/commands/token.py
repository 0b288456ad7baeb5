"""Make, list and revoke tokens for the API and the page."""

from __future__ import annotations

from datetime import timedelta

import click

from tallyman.opening import LOGIN_SECONDS, now, opened
from tallyman.output import emit, table


@click.group(help=__doc__)
def command() -> None:
    pass


@command.command()
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice(["analyst", "auditor"]),
    default="analyst",
    show_default=True,
    help="An auditor only reads.",
)
@click.option("--days", type=click.IntRange(1), default=365, show_default=True, help="Valid for so long.")
@click.pass_context
def create(context: click.Context, name: str, role: str, days: int) -> None:
    """Print a new token, once: only its hash is kept."""
    with opened(context) as store:
        click.echo(store.database.tokens.create(name, role, now() + timedelta(days=days), now()))


@command.command()
@click.option("--name", default="page", show_default=True)
@click.pass_context
def login(context: click.Context, name: str) -> None:
    """Print a link that opens the page once, within ten minutes."""
    with opened(context) as store:
        text = store.database.tokens.login(name, "analyst", LOGIN_SECONDS, now())
        api = store.config.api
        click.echo(f"http://{api.host}:{api.port}/?token={text}")


@command.command("list")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
def listed(context: click.Context, as_json: bool) -> None:
    """Names, roles and last use; never the tokens themselves."""
    with opened(context) as store:
        rows = store.database.tokens.listed()
    if as_json:
        for row in rows:
            emit(row)
    else:
        table(
            "",
            ["name", "role", "expires", "last used"],
            ([row["name"], row["role"], row["expires"] or "", row["last_used"] or "never"] for row in rows),
        )


@command.command()
@click.argument("name")
@click.pass_context
def revoke(context: click.Context, name: str) -> None:
    """End every token of this name."""
    with opened(context) as store:
        ended = store.database.tokens.revoke(name)
    click.echo(f"{ended} ended", err=True)
