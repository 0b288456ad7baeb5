"""SIGTERM ends a run in order: what was read is finished, and the next start goes on behind it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import orjson
import pytest
import yaml

from store.journal import Journal
from tests.end_to_end.living import configured, record
from tests.end_to_end.waiting import until

LINES, MORE = 6000, 100


def kept(store: Path) -> list[str]:
    journal = Journal(store)
    return [
        orjson.loads(entry.record.raw)["auditID"]
        for name in journal.partitions()
        for block in journal.entries(name)
        for entry in block
    ]


def started(config: Path) -> subprocess.Popen[bytes]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("TALLYMAN_")}
    command = [sys.executable, "-m", "tallyman", "run", "--config", str(config)]
    return subprocess.Popen(command, env=own, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def stopped(process: subprocess.Popen[bytes], number: int = signal.SIGTERM) -> None:
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, b""), err
    assert b"Traceback" not in err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_told_to_stop_finishes_and_the_next_goes_on_behind_it(
    tmp_path: Path, number: int
) -> None:
    config = tmp_path / "tallyman.yaml"
    config.write_text(yaml.safe_dump(configured(tmp_path).model_dump(mode="json")))
    ids = [f"id-{each}" for each in range(LINES + MORE)]
    lines = [record(each, verb="list") + b"\n" for each in range(LINES + MORE)]
    log = tmp_path / "audit.log"
    log.write_bytes(b"".join(lines[:LINES]))
    store = tmp_path / "store"

    process = started(config)
    until(lambda: any(store.glob("*/journal")), 60, lambda: process.poll() is None)
    stopped(process, number)
    first = kept(store)
    assert first == ids[: len(first)]

    with log.open("ab") as file:  # the first may have read all there was before it was told
        file.write(b"".join(lines[LINES:]))
    process = started(config)
    until(lambda: len(kept(store)) >= len(ids), 60, lambda: process.poll() is None)
    stopped(process)
    assert Counter(kept(store)) == Counter(ids)
