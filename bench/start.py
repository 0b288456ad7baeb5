"""How long `tallyman --help` takes, beside an interpreter that does nothing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.measure import Row, in_turn


def help(log: Path) -> Iterator[Row]:
    """`tallyman --help` beside `python -c pass`."""
    base, took = in_turn(lambda: spawn("-c", "pass"), lambda: spawn("-m", "tallyman", "--help"), rounds=11)
    yield Row(
        "tallyman --help", "", f"{base * 1000:.0f} ms", f"{took * 1000:.0f} ms", took / base, 4.0, "lower"
    )


def spawn(*arguments: str) -> None:
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
