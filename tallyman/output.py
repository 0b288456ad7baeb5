"""What commands print: data on stdout, talk on stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console


def emit(item: Any) -> None:
    """One object as one JSON line on stdout."""
    import orjson

    sys.stdout.buffer.write(orjson.dumps(item, option=orjson.OPT_NON_STR_KEYS, default=str) + b"\n")


def talk() -> Console:
    """The console for people, on stderr; plain where that is no terminal."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


def table(
    title: str, columns: Iterable[str], rows: Iterable[Iterable[Any]], *, to_stdout: bool = True
) -> None:
    """A table as wide as the terminal, if there are rows; where stdout is no terminal, lines with tabs in them."""
    rows = list(rows)
    if not rows:
        return
    if to_stdout and not sys.stdout.isatty():
        for row in rows:
            print("\t".join(clean(str(cell)) for cell in row))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(
        *columns, title=title or None, box=None, pad_edge=False, header_style="bold", title_justify="left"
    )
    for row in rows:
        drawn.add_row(*(cell if isinstance(cell, Text) else Text(clean(str(cell))) for cell in row))
    Console(stderr=not to_stdout, highlight=False).print(drawn)


def number(count: int, noun: str) -> str:
    """`1 source`, `2 sources`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def clean(text: str) -> str:
    """The text with control characters shown as �: a log must not drive someone's terminal."""
    return (
        text
        if text.isprintable()
        else "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
    )


def severity(name: str) -> Any:
    """A severity as coloured text; the word itself stays, colour is never alone."""
    from rich.text import Text

    colours = {"critical": "bold white on red", "high": "bold red", "medium": "yellow", "low": "cyan"}
    return Text(name, style="" if os.environ.get("NO_COLOR") else colours.get(name, ""))
