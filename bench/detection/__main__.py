"""Measure the detectors on labelled streams: `python -m bench.detection --generator G --scorer S [--only SET] …`.

`G` makes a stream (`--seed`, `--out`, `--labels`, `--kinds`, `--kinds-module`, `--churn`, `--no-contaminate`) and `S`
scores alerts against its labels (`--labels`, `--alerts`, `--json`).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.detection import facts, kinds, tables
from bench.detection.protocol import BASELINES, DETECTORS, run

OWN = ["--kinds-module", str(Path(kinds.__file__)), "--kinds", ",".join(kinds.KINDS)]
# name -> (seeds, what the generator is asked for)
SETS: dict[str, tuple[tuple[int, ...], list[str]]] = {
    "seen": ((11, 12, 13, 14, 15), []),
    "held-out": ((11, 12, 13, 14, 15), OWN),
    "calm": ((31, 32, 33, 34, 35), ["--kinds", "none", "--no-contaminate"]),
    "churn": ((71, 72, 73, 74, 75), ["--churn", "3"]),
    **{f"cold-{days}": ((61, 62, 63, 64, 65), ["--train-days", str(days)]) for days in (1, 2, 3)},
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.detection", description=__doc__)
    parser.add_argument("--generator", type=Path, help="makes streams; not needed where --work has them")
    parser.add_argument("--scorer", type=Path, required=True)
    parser.add_argument("--work", type=Path, help="keep what was decoded there (default: nowhere)")
    parser.add_argument("--only", action="append", choices=sorted(SETS), help="only this set (repeatable)")
    parser.add_argument("--seed", action="append", type=int, help="only this seed (repeatable)")
    parser.add_argument("--detector", action="append", choices=[*DETECTORS, *BASELINES])
    parser.add_argument(
        "--json", type=Path, required=True, help="results; what it holds already is not run again"
    )
    parser.add_argument("--plots", type=Path, help="write plots into this folder")
    options = parser.parse_args()
    results: dict[str, Any] = json.loads(options.json.read_text()) if options.json.exists() else {}
    with tempfile.TemporaryDirectory(prefix="tallyman-detection-") as temporary:
        work = options.work or Path(temporary)
        for name in options.only or SETS:
            for seed in options.seed or SETS[name][0]:
                done = results.setdefault(name, {}).setdefault(str(seed), {})
                missing = [each for each in options.detector or [*DETECTORS, *BASELINES] if each not in done]
                if missing:
                    known, labels = stream(name, seed, options.generator, work)
                    done |= run(known, labels, options.scorer, missing, Path(temporary))
                    options.json.write_text(json.dumps(results))
                    print(f"{name} {seed}: {', '.join(missing)}", file=sys.stderr, flush=True)
    print("\n".join(tables.all_of(results)))
    if options.plots:
        tables.plots(results, options.plots)
    return 0


def stream(name: str, seed: int, generator: Path | None, work: Path) -> tuple[facts.Facts, Path]:
    """The facts of a stream and its labels, made now or before."""
    kept, labels = work / f"{name}-{seed}.facts", work / f"{name}-{seed}.labels"
    if not kept.exists():
        if generator is None:
            raise SystemExit(f"{kept} is not there: --generator makes it")
        raw = work / f"{name}-{seed}.jsonl"
        command = [
            sys.executable,
            str(generator),
            "--seed",
            str(seed),
            "--out",
            str(raw),
            "--labels",
            str(labels),
        ]
        subprocess.run([*command, *SETS[name][1]], check=True)
        facts.keep(facts.read(raw), kept)
        raw.unlink()
    return facts.kept(kept), labels


if __name__ == "__main__":
    sys.exit(main())
