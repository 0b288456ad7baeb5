"""The dashboard that Kibana imports fits our fields, holds together, and asks what a server can answer."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from store.elastic import mapping
from store.elastic.names import Names
from store.query import parse
from tests.services.cluster import Cluster

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "deploy" / "kibana" / "tallyman.ndjson"
OBJECTS: dict[tuple[str, str], dict[str, Any]] = {
    (each["type"], each["id"]): each for each in map(json.loads, FILE.read_text("utf-8").splitlines())
}
DRAWN = [each for each in OBJECTS.values() if each["type"] == "visualization"]


def source(each: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(each["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"])
    return found


def state(each: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(each["attributes"]["visState"])
    return found


def view(each: dict[str, Any]) -> str:
    """The data view that an object reads from."""
    (found,) = (link["id"] for link in each["references"] if link["type"] == "index-pattern")
    return str(found)


def fields(each: dict[str, Any]) -> Iterator[str]:
    if each["type"] == "search":
        yield from each["attributes"]["columns"]
        yield from (field for field, _ in each["attributes"]["sort"])
    else:
        yield from (part["params"]["field"] for part in state(each)["aggs"] if part["type"] != "count")


def test_the_file_is_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, "deploy/kibana/dashboard.py", "--check"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_reference_leads_to_an_object_that_comes_before() -> None:
    seen: set[tuple[str, str]] = set()
    for key, each in OBJECTS.items():
        assert {(link["type"], link["id"]) for link in each["references"]} <= seen, key
        seen.add(key)


def test_every_panel_has_its_place_and_its_object() -> None:
    (board,) = (each for each in OBJECTS.values() if each["type"] == "dashboard")
    panels = json.loads(board["attributes"]["panelsJSON"])
    names = {link["name"]: link["type"] for link in board["references"]}
    cells: Counter[tuple[int, int]] = Counter()
    for panel in panels:
        assert names.pop(f"{panel['panelIndex']}:{panel['panelRefName']}") == panel["type"]
        x, y, width, height = (panel["gridData"][each] for each in "xywh")
        assert x + width <= 48
        cells.update((column, row) for column in range(x, x + width) for row in range(y, y + height))
    assert not names and max(cells.values()) == 1  # none lies on another


@pytest.mark.parametrize(
    "key", [key for key in OBJECTS if key[0] in ("visualization", "search")], ids="-".join
)
def test_every_field_is_one_that_we_map(key: tuple[str, str]) -> None:
    each = OBJECTS[key]
    known = mapping.alerts() if view(each) == "tallyman-alerts" else mapping.events()
    assert set(fields(each)) <= set(known)
    parse(source(each)["query"]["query"])  # our own language is a superset of what Kibana asks here


def test_a_data_view_covers_the_indices_of_its_events_and_no_others() -> None:
    from fnmatch import fnmatchcase

    ours = Names("prod")
    patterns = OBJECTS["index-pattern", "tallyman-events"]["attributes"]["title"].split(",")
    assert all(any(fnmatchcase(stream, pattern) for pattern in patterns) for stream in ours.streams)
    assert not any(fnmatchcase("logs-nginx.access-prod", pattern) for pattern in patterns)
    assert fnmatchcase(ours.first_alerts, OBJECTS["index-pattern", "tallyman-alerts"]["attributes"]["title"])


def asked(each: dict[str, Any]) -> dict[str, Any]:
    """What Kibana would send for a drawing: its buckets nested into one another, each with its count."""
    body: dict[str, Any] = {"size": 0, "query": {"match_all": {}}}
    query = source(each)["query"]["query"]
    if query:
        field, _, value = query.partition(" : ")
        body["query"] = {"bool": {"filter": [{"term": {field: value}}]}}
    level = body
    for part in state(each)["aggs"]:
        if part["type"] == "date_histogram":
            kind = {
                "date_histogram": {
                    "field": part["params"]["field"],
                    "fixed_interval": "1h",
                    "min_doc_count": 1,
                }
            }
        elif part["type"] == "terms":
            kind = {
                "terms": {
                    "field": part["params"]["field"],
                    "size": part["params"]["size"],
                    "order": {"_count": "desc"},
                }
            }
        else:
            continue
        level["aggs"] = {part["id"]: kind}
        level = kind  # type: ignore[assignment]
    return body


EVENT = {
    "@timestamp": "2026-01-01T00:00:00Z", "message": "alice read a secret", "source": {"ip": "10.0.0.1"},
    "user": {"name": "alice"}, "tallyman": {"user": {"kind": "human"}}, "orchestrator": {"namespace": "shop"},
    "event": {"action": "get", "outcome": "failure", "reason": "forbidden", "dataset": "kubernetes.audit_logs"},
}  # fmt: skip
ALERT = {**EVENT, "kibana": {"alert": {"severity": "high", "rule": {"name": "Secret read"}}}}


def test_a_server_answers_what_every_panel_asks(cluster: Cluster) -> None:
    cluster.client.create(index=cluster.names.stream("kubernetes.audit_logs"), id="a", document=EVENT)
    cluster.client.index(index=cluster.names.alerts, id="a", document=ALERT, require_alias=True)
    cluster.refresh()
    targets = {
        "tallyman-events": f"logs-*-{cluster.names.namespace}",
        "tallyman-alerts": cluster.names.alerts,
    }
    for each in DRAWN:
        answer = cluster.client.search(index=targets[view(each)], body=asked(each))
        assert answer["_shards"]["failed"] == 0
        level = answer["aggregations"]
        for part in state(each)["aggs"][1:]:
            (bucket,) = level[part["id"]]["buckets"]
            assert bucket["doc_count"] == 1, (each["id"], part)
            level = bucket


@pytest.mark.parametrize("each", DRAWN, ids=lambda each: each["id"])
def test_a_panel_is_not_too_much_for_a_browser(each: dict[str, Any]) -> None:
    sizes = [part["params"]["size"] for part in state(each)["aggs"] if part["type"] == "terms"]
    assert 1 <= len(sizes) <= 2 and all(size <= 20 for size in sizes)
