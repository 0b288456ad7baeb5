"""The documentation says what the program does."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from store.query import parse
from tallyman.__main__ import cli

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "sample_logs").glob("*.md")])
ASKING = {"search", "tail", "timeline"}  # commands whose first argument is a query


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def lines(page: Path) -> list[str]:
    """Lines of code blocks."""
    blocks = re.findall(r"^ *```.*?\n(.*?)^ *```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    return [line.strip() for block in blocks for line in block.splitlines()]


def anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def test_the_reference_is_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, "docs/reference.py", "--check"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_somewhere(page: Path) -> None:
    text = page.read_text("utf-8")
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, place = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{named(page)} leads to {link}"
        if place:
            headings = re.findall(r"^#+ (.*)$", target.read_text("utf-8"), re.MULTILINE)
            assert place in {anchor(heading) for heading in headings}, f"{named(page)} leads to {link}"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_command_that_is_shown_can_be_typed(page: Path) -> None:
    known = re.findall(r"^  (\w+)\)", (ROOT / "dev").read_text("utf-8"), re.MULTILINE)
    for line in lines(page):
        for part in re.findall(r"(?:^|(?<=&& )|(?<=\| ))(?:tallyman|\./dev) (?:'[^']*'|[^'&|])*", line):
            program, *words = shlex.split(part, comments=True)
            if program == "tallyman":
                check(words, f"{named(page)}: {line}")
            else:
                assert words[0] in known, f"{named(page)}: {line}"


def check(words: list[str], where: str) -> None:
    """The words make a command, and a query that is among them can be understood."""
    try:
        command: click.Command = cli
        context = cli.make_context("tallyman", list(words))
        while isinstance(command, click.Group) and (rest := [*context._protected_args, *context.args]):
            context.obj = {"config": None, "quiet": False, "verbose": 0}
            name, below, rest = command.resolve_command(context, rest)
            assert below is not None
            command, context = below, below.make_context(name, rest, parent=context)
    except click.exceptions.Exit:
        return  # --help, --version
    except click.UsageError as error:
        pytest.fail(f"{where}: {error.format_message()}")
    query = context.params.get("query") or (command.name in ASKING and context.params.get("entity"))
    if command.name in ASKING or query:
        parse(query or "")
