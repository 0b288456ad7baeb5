"""Print each alert as one line on standard output, for a terminal or for a process that reads along."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any, Literal

import orjson

_MARK = {"low": "low ", "medium": "MED ", "high": "HIGH", "critical": "CRIT"}


def line(alert: dict[str, Any]) -> str:
    """`12:03:11 CRIT rule name: sentence` of one alert document."""
    kibana = alert["kibana"]["alert"]
    clock = kibana["original_time"][11:19]
    return f"{clock} {_MARK[kibana['severity']]} {kibana['rule']['name']}: {kibana['reason']}"


@dataclass(slots=True)
class Sink:
    output: Literal["text", "json"] = "text"  # a sentence a line, or the alert document (NDJSON)

    def send(self, alerts: list[dict[str, Any]]) -> None:
        """Write them and flush. Raises OSError where standard output is gone."""
        for alert in alerts:
            text = line(alert) if self.output == "text" else orjson.dumps(alert).decode()
            sys.stdout.write(text + "\n")
        sys.stdout.flush()
