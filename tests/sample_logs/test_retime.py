"""Retiming a recording keeps its order and moves every time in a record by one clock."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "sample_logs" / "retime.py"
WINDOW = "2026-11-20T10:00:00Z..2026-11-20T10:10:00Z=2026-11-02T00:00:00Z..2026-11-02T10:00:00Z"


@pytest.fixture(scope="module")
def retime() -> ModuleType:
    spec = importlib.util.spec_from_file_location("retime", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["retime"] = module
    spec.loader.exec_module(module)
    return module


def record(minute: int, id: str = "a") -> str:
    stage = f"2026-11-20T10:{minute:02}:00.000000Z"
    return json.dumps({"auditID": id, "stageTimestamp": stage, "lease": stage}, separators=(",", ":"))


def test_a_minute_of_ten_becomes_an_hour_of_ten_wherever_a_time_stands(retime: ModuleType) -> None:
    moved = [
        json.loads(line)
        for line in retime.retime([record(0), record(3)], [retime.parse_window(WINDOW)], None)
    ]
    assert [each["stageTimestamp"] for each in moved] == [
        "2026-11-02T00:00:00.000000Z",
        "2026-11-02T03:00:00.000000Z",
    ]
    assert [each["lease"] for each in moved] == [each["stageTimestamp"] for each in moved]


def test_docker_events_keep_both_their_times_in_step(retime: ModuleType) -> None:
    start = retime.parse_time("2026-11-20T10:05:00Z")
    line = f'{{"Type":"container","time":{start // 10**9},"timeNano":{start + 7}}}'
    moved = json.loads(next(iter(retime.retime([line], [retime.parse_window(WINDOW)], None))))
    assert moved["timeNano"] // 10**9 == moved["time"] == retime.parse_time("2026-11-02T05:00:00Z") // 10**9


def test_what_lies_outside_is_left_out_and_what_is_to_be_kept_is_kept(retime: ModuleType) -> None:
    window = retime.parse_window(WINDOW + "*0.0000001")
    lines = [record(1, "ordinary"), record(2, "intruder"), record(30, "late")]
    kept = [json.loads(line)["auditID"] for line in retime.retime(lines, [window], re.compile("intruder"))]
    assert kept == ["intruder"]


def test_a_window_that_ends_before_it_starts_is_refused(retime: ModuleType) -> None:
    with pytest.raises(ValueError, match="ends before it starts"):
        retime.parse_window(WINDOW.replace("10:10", "09:10"))
