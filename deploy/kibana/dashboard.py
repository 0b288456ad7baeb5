"""Write the saved objects that Kibana imports: two data views and a dashboard. `python deploy/kibana/dashboard.py [--check]`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from store.elastic.names import DATASETS  # noqa: E402

FILE = HERE / "tallyman.ndjson"
EVENTS, ALERTS, DASHBOARD = "tallyman-events", "tallyman-alerts", "tallyman-overview"
INDEX = "kibanaSavedObjectMeta.searchSourceJSON.index"
VERSIONS = {"index-pattern": "8.0.0", "visualization": "8.5.0", "search": "8.0.0", "dashboard": "8.9.0"}
MOST = 10  # rows of a list
Object = dict[str, Any]


class Panel(NamedTuple):
    """A drawing of counts: `over` are its buckets, a field each; `@timestamp` is cut into intervals."""

    id: str
    title: str
    drawn: str  # histogram, pie, table
    over: tuple[str, ...]
    place: tuple[int, int, int, int]  # x, y, width, height, on a grid of 48 columns
    view: str = EVENTS
    query: str = ""  # KQL


PANELS = (
    Panel("events", "Events over time, by kind of user", "histogram", ("@timestamp", "tallyman.user.kind"), (0, 0, 32, 12)),
    Panel("outcome", "Outcome", "pie", ("event.outcome",), (32, 0, 8, 12)),
    Panel("datasets", "Kinds of log", "pie", ("event.dataset",), (40, 0, 8, 12)),
    Panel("alerts", "Alerts over time, by severity", "histogram", ("@timestamp", "kibana.alert.severity"), (0, 12, 24, 12), ALERTS),
    Panel("rules", "Rules that fired", "table", ("kibana.alert.rule.name", "kibana.alert.severity"), (24, 12, 24, 12), ALERTS),
    Panel("people", "What people do", "histogram", ("@timestamp", "event.action"), (0, 24, 24, 12), EVENTS, "tallyman.user.kind : human"),
    Panel("users", "Users with most events", "table", ("user.name", "tallyman.user.kind"), (24, 24, 12, 12)),
    Panel("verbs", "Verbs", "table", ("event.action",), (36, 24, 12, 12)),
    Panel("refused", "Refused or failed, by user", "table", ("user.name", "event.reason"), (0, 36, 24, 12), EVENTS, "event.outcome : failure"),
    Panel("addresses", "Addresses of people", "table", ("source.ip", "user.name"), (24, 36, 24, 12), EVENTS, "tallyman.user.kind : human"),
)  # fmt: skip
LATEST = Panel(
    "latest", "What people did last", "search",
    ("@timestamp", "user.name", "event.action", "orchestrator.namespace", "message"), (0, 48, 48, 16), EVENTS,
    "tallyman.user.kind : human",
)  # fmt: skip


def objects() -> list[Object]:
    """Everything that is imported, each after what it refers to."""
    panels = (*PANELS, LATEST)
    return [
        _view(EVENTS, "Tallyman: events", ",".join(f"logs-{dataset}-*" for dataset in DATASETS)),
        _view(ALERTS, "Tallyman: alerts", "tallyman-alerts-*"),
        *(_drawing(panel) for panel in PANELS),
        _search(LATEST),
        _dashboard(panels),
    ]


def text() -> str:
    """The file: an object a line."""
    return "".join(json.dumps(each, sort_keys=True, separators=(",", ":")) + "\n" for each in objects())


def aggregations(panel: Panel) -> list[Object]:
    """Kibana's list of a count and the buckets around it, outermost first."""
    schema = {"table": ["bucket"] * 9, "pie": ["segment"] * 9, "histogram": ["segment", *["group"] * 8]}[
        panel.drawn
    ]
    return [{"id": "1", "enabled": True, "type": "count", "params": {}, "schema": "metric"}] + [
        {"id": str(number + 2), "enabled": True, "schema": schema[number], **_bucket(field)}
        for number, field in enumerate(panel.over)
    ]


def _bucket(field: str) -> Object:
    if field == "@timestamp":
        params = {"field": field, "interval": "auto", "min_doc_count": 1, "drop_partials": False,
                  "useNormalizedEsInterval": True, "scaleMetricValues": False, "extended_bounds": {}}  # fmt: skip
        return {"type": "date_histogram", "params": params}
    params = {
        "field": field,
        "orderBy": "1",
        "order": "desc",
        "size": MOST,
        "otherBucket": False,
        "missingBucket": False,
    }
    return {"type": "terms", "params": params}


def _object(kind: str, name: str, attributes: Object, references: list[Object]) -> Object:
    return {
        "type": kind, "id": name, "attributes": attributes, "references": references, "managed": False,
        "coreMigrationVersion": "8.8.0", "typeMigrationVersion": VERSIONS[kind],
    }  # fmt: skip


def _view(name: str, shown: str, indices: str) -> Object:
    return _object(
        "index-pattern", name, {"title": indices, "name": shown, "timeFieldName": "@timestamp"}, []
    )


def _drawing(panel: Panel) -> Object:
    params: Object = {"type": panel.drawn, "addTooltip": True, "addLegend": True, "legendPosition": "right"}
    if panel.drawn == "table":
        params = {"perPage": MOST, "showTotal": False}
    state = {"title": panel.title, "type": panel.drawn, "params": params, "aggs": aggregations(panel)}
    attributes = {
        "title": f"Tallyman: {panel.title}", "description": "", "version": 1, "uiStateJSON": "{}",
        "visState": json.dumps(state), "kibanaSavedObjectMeta": _source(panel.query, INDEX),
    }  # fmt: skip
    return _object("visualization", f"tallyman-{panel.id}", attributes, [_reference(panel)])


def _search(panel: Panel) -> Object:
    attributes = {
        "title": f"Tallyman: {panel.title}", "description": "", "columns": list(panel.over[1:]),
        "sort": [["@timestamp", "desc"]], "kibanaSavedObjectMeta": _source(panel.query, INDEX),
    }  # fmt: skip
    return _object("search", f"tallyman-{panel.id}", attributes, [_reference(panel)])


def _reference(panel: Panel) -> Object:
    return {"name": INDEX, "type": "index-pattern", "id": panel.view}


def _source(query: str, reference: str = "") -> Object:
    source: Object = {"query": {"query": query, "language": "kuery"}, "filter": []}
    if reference:
        source["indexRefName"] = reference
    return {"searchSourceJSON": json.dumps(source)}


def _dashboard(panels: tuple[Panel, ...]) -> Object:
    kinds = {panel.id: "search" if panel.drawn == "search" else "visualization" for panel in panels}
    placed = [
        {
            "version": "8.19.0", "type": kinds[panel.id], "panelIndex": panel.id, "panelRefName": f"panel_{panel.id}",
            "gridData": {**dict(zip("xywh", panel.place, strict=True)), "i": panel.id},
            "embeddableConfig": {"title": panel.title, "enhancements": {}},
        }
        for panel in panels
    ]  # fmt: skip
    references = [
        {"name": f"{panel.id}:panel_{panel.id}", "type": kinds[panel.id], "id": f"tallyman-{panel.id}"}
        for panel in panels
    ]
    attributes = {
        "title": "Tallyman: overview", "description": "Who does what in clusters and engines, and what stood out",
        "panelsJSON": json.dumps(placed), "optionsJSON": json.dumps({"useMargins": True, "hidePanelTitles": False}),
        "timeRestore": True, "timeFrom": "now-24h", "timeTo": "now", "version": 1,
        "kibanaSavedObjectMeta": _source(""),
    }  # fmt: skip
    return _object("dashboard", DASHBOARD, attributes, references)


def main() -> int:
    if "--check" in sys.argv:
        stale = not FILE.exists() or FILE.read_text("utf-8") != text()
        print(f"{FILE.name} is not up to date: python deploy/kibana/dashboard.py\n" * stale, end="")
        return int(stale)
    FILE.write_text(text(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
