"""Security monitoring and audit-log analysis for containers and orchestrators."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from tallyman.commands import CommandFolder

EXAMPLES = """\
Examples:

\b
  tallyman scan /var/log/kubernetes/audit.log --fail-on high
  tallyman search 'who:human and verb:create' --since 24h
  tallyman who secrets/db-password -n shop
  tallyman run --config tallyman.yaml
"""

OK, FINDINGS, USAGE, CONFIG, UNAVAILABLE, PARTIAL, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130


@click.command(
    cls=CommandFolder,
    help=f"{__doc__}\n\n{EXAMPLES}",
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": None},
)
@click.version_option(package_name="tallyman", message="%(prog)s %(version)s")
@click.option("--config", type=click.Path(), help="Configuration file (TALLYMAN_CONFIG).")
@click.option("-v", "--verbose", count=True, help="Say more on stderr.")
@click.option("-q", "--quiet", is_flag=True, help="Say less on stderr.")
@click.option("--no-color", is_flag=True, help="No colours (also NO_COLOR).")
@click.pass_context
def cli(context: click.Context, config: str | None, verbose: int, quiet: bool, no_color: bool) -> None:
    from tallyman.logs import configure

    if no_color:
        os.environ["NO_COLOR"] = "1"
    context.obj = {"config": config, "quiet": quiet, "verbose": verbose}
    configure(verbose, quiet)


def main(arguments: list[str] | None = None) -> None:
    """Run one command and end the process with its exit code (see docs/cli.md)."""
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Run one command; every error becomes one clear line on stderr and an exit code."""
    from event_model.errors import ConfigError, QueryError, RuleError, StoreError, Unreadable

    kinds: dict[type[Exception], int] = {
        ConfigError: CONFIG,
        RuleError: CONFIG,
        QueryError: USAGE,
        StoreError: UNAVAILABLE,
        Unreadable: PARTIAL,
        OSError: UNAVAILABLE,
    }
    try:
        done: Any = cli.main(args=arguments, prog_name="tallyman", standalone_mode=False)
        return done if isinstance(done, int) else OK
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.UsageError as error:
        error.show()
        return USAGE
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except BrokenPipeError:
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), 1
        )  # the reader has left; Python would complain again at exit
        return OK
    except tuple(kinds) as error:
        click.echo(f"tallyman: {error}", err=True)
        return next(code for kind, code in kinds.items() if isinstance(error, kind))


if __name__ == "__main__":
    main()
