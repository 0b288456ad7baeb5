"""A line is appended to a log: at once it is an alert at the sink and in the API, and can be searched."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import urllib3

from tallyman.opening import now
from tallyman.serving import serve_beside
from tests.end_to_end.living import configured, living, record
from tests.end_to_end.waiting import until

SOON = 30.0  # seconds, for a machine that does other things as well; benchmarks measure what it takes on an idle one


def test_a_line_is_an_alert_in_the_api_and_an_event_that_can_be_searched(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    log.write_bytes(record(1) + b"\n")
    api = {"enabled": True, "port": 0}
    with (
        living(tmp_path, configured(tmp_path, api=api)) as run,
        serve_beside(run.whole) as address,
        urllib3.PoolManager(headers={"Authorization": f"Bearer {token(run.whole)}"}) as http,
    ):
        run.until_count(1)

        def ask(path: str) -> Any:
            return json.loads(http.request("GET", address + path).data)

        with open(log, "ab", buffering=0) as file:
            file.write(record(2, verb="delete") + b"\n")
        until(lambda: run.told() == ["user-2"], SOON)
        (alert,) = ask("/api/v1/alerts")["alerts"]
        until(lambda: ask("/api/v1/events?q=user:user-2")["events"], SOON)
        (event,) = ask("/api/v1/events?q=user:user-2")["events"]
        assert (alert["user"], alert["rule_id"], alert["severity"]) == ("user-2", "something_deleted", "high")
        assert event["message"] == alert["reason"]


def token(whole: Any) -> str:
    made: str = whole.database.tokens.create("test", "analyst", None, now())
    return made
