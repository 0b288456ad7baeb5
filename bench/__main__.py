"""Measure ours beside a floor in the same run: `python -m bench [--events N] [--json FILE] [LOG …]`."""

from __future__ import annotations

import argparse
import gzip
import json
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from bench import clustered, daemon, detecting, feeding, generate, inspecting, searching, start
from bench.measure import Row

SECTIONS: dict[str, Callable[[Path], Iterator[Row]]] = {
    "inspect": inspecting.inspect,
    "scan": inspecting.scan,
    "run": daemon.run,
    "alert": daemon.alert,
    "search": searching.search,
    "detect": detecting.detect,
    "start": start.help,
    "cluster": clustered.search,
    "feed": feeding.feed,
}
ASKED = ("cluster", "feed")  # only where they are named: they need a server of their own, and minutes


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "logs", nargs="*", type=Path, help="audit logs to measure on besides the generated one"
    )
    parser.add_argument(
        "--events", type=int, default=200_000, help="records of the generated log (default 200000)"
    )
    parser.add_argument(
        "--only", action="append", choices=sorted(SECTIONS), help="only this section (repeatable)"
    )
    parser.add_argument("--json", type=Path, help="write the rows there as well")
    chosen = parser.parse_args()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="tallyman-bench-") as folder:
        generated = Path(folder) / f"generated-{chosen.events}.jsonl"
        generate.write(generated, chosen.events)
        logs = [generated, *(plain(log, Path(folder)) for log in chosen.logs)]
        print(f"{'what':34} {'log':30} {'floor':>10} {'ours':>10} {'ratio':>7}  target")
        for name, section in SECTIONS.items():
            if name not in chosen.only if chosen.only else name in ASKED:
                continue
            for log in logs if name in ("inspect", "scan", "run") else [generated]:
                for row in section(log):
                    print(row, flush=True)
                    rows.append(row)
    if chosen.json:
        machine = {"python": platform.python_version(), "machine": platform.machine()}
        chosen.json.write_text(
            json.dumps({**machine, "rows": [row.plain() for row in rows]}, indent=2) + "\n"
        )
    return 0 if all(row.met for row in rows) else 1


def plain(log: Path, folder: Path) -> Path:
    """The log itself, or unpacked into `folder`: what is measured is not gzip."""
    if log.suffix != ".gz":
        return log
    unpacked = folder / log.stem
    with gzip.open(log) as packed:
        unpacked.write_bytes(packed.read())
    return unpacked


if __name__ == "__main__":
    sys.exit(main())
