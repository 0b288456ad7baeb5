"""Check, show or begin the configuration."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from tallyman.config import EXAMPLE, default_file, load
from tallyman.output import number

HIDDEN = ("secret", "token", "password", "api_key")
STARS = "********"
_IN_ADDRESS = re.compile(r"(?<=://)[^/\s]+(?=@)")


@click.group(help=__doc__)
def command() -> None:
    pass


def _chosen(context: click.Context, file: str | None) -> Path | None:
    chosen = file or context.obj["config"]
    return Path(chosen) if chosen else None


@command.command()
@click.argument("file", required=False)
@click.pass_context
def check(context: click.Context, file: str | None) -> None:
    """Say whether the configuration would work, part by part; exit 3 if not."""
    from tallyman.cluster import cluster
    from tallyman.wiring import bounds, make_detectors, make_sinks, make_sources, rule_folders

    config = load(_chosen(context, file))
    sources, sinks = make_sources(config), make_sinks(config)
    folders = rule_folders(config.rules.packs)
    make_detectors(config.detectors)
    bounds(config)
    if config.store.type == "elasticsearch":
        with cluster(config):
            pass  # nothing is asked yet: `tallyman store check` does
    counts = (
        (len(sources), "source"),
        (len(sinks), "sink"),
        (len(folders), "rule folder"),
        (len(set(config.detectors.enabled)), "detector"),
    )
    click.echo(f"ok: {', '.join(number(*each) for each in counts)}", err=True)
    if not sources:
        click.echo("note: no sources: `tallyman run` would read nothing", err=True)


@command.command()
@click.argument("file", required=False)
@click.pass_context
def show(context: click.Context, file: str | None) -> None:
    """Print the configuration as it works: file, environment and defaults together, secrets hidden."""
    import yaml

    config = load(_chosen(context, file))
    click.echo(yaml.safe_dump(hide(config.model_dump(mode="json")), sort_keys=False), nl=False)


def hide(value: Any, key: str = "") -> Any:
    """The value with every secret in it replaced by stars, also the one in an address: https://********@host."""
    if isinstance(value, dict):
        return {name: hide(below, name) for name, below in value.items()}
    if isinstance(value, list):
        return [hide(each, key) for each in value]
    secret = any(word in key.lower() for word in HIDDEN) and not key.endswith("_file")
    if secret and value:
        return STARS
    return _IN_ADDRESS.sub(STARS, value) if isinstance(value, str) else value


@command.command()
@click.argument("file", required=False)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def init(file: str | None, force: bool) -> None:
    """Write a first configuration with comments."""
    path = Path(file) if file else default_file()
    if path.exists() and not force:
        raise click.UsageError(f"{path} is there already; --force replaces it")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(EXAMPLE, "utf-8")
    path.chmod(0o600)
    click.echo(f"wrote {path}. Next: tallyman --config {path} config check", err=True)
