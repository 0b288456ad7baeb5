"""The commands, a file each: the file's name is the command, its first docstring line the help."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any, cast

import click

FOLDER = Path(__file__).parent


def _summary(name: str) -> str:
    """The first docstring line of a command's file, read as text: importing them all would make --help slow."""
    with open(FOLDER / f"{name}.py", encoding="utf-8") as file:
        return file.readline().strip().strip('"').strip()


def accepting(command: click.Command) -> click.Command:
    """The command, taking the options of the program behind its own name as well."""
    if not any(parameter.name == "quiet" for parameter in command.params):
        command.params += [
            _program_option("--config", type=click.Path()),
            _program_option("-v", "--verbose", count=True),
            _program_option("-q", "--quiet", is_flag=True),
            _program_option("--no-color", is_flag=True),
        ]
    if isinstance(command, click.Group):
        for below in command.commands.values():
            accepting(below)
    return command


def _program_option(*names: str, **kind: Any) -> click.Option:
    return click.Option(names, hidden=True, expose_value=False, callback=_remember, **kind)


def _remember(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    from tallyman.logs import configure

    if value and context.obj is not None:
        context.obj[parameter.name] = value
        if parameter.name == "no_color":
            os.environ["NO_COLOR"] = "1"
        elif parameter.name != "config":
            configure(context.obj["verbose"], context.obj["quiet"])


class CommandFolder(click.Group):
    """A group whose commands are found by file name and imported only when called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(path.stem for path in FOLDER.glob("[a-z]*.py"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        return accepting(
            cast(click.Command, importlib.import_module(f"tallyman.commands.{cmd_name}").command)
        )

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in self.list_commands(ctx) and not name.startswith("-"):
            from difflib import get_close_matches

            close = get_close_matches(name, self.list_commands(ctx), n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise click.UsageError(f"No command {name!r}.{hint} `tallyman --help` lists them.", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, _summary(name)) for name in self.list_commands(ctx)])
