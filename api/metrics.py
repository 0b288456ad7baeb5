"""Counters and gauges for a monitoring system, in OpenMetrics."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from fastapi import APIRouter, Response
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from api.auth import Caller
from api.problems import PROBLEMS
from api.services import Serve

router = APIRouter(tags=["status"], responses=PROBLEMS)
GAUGES = {
    "alerts_open": "Alerts that nobody has acknowledged or closed",
    "collecting": "1 while a process writes this store",
    "detect_behind_seconds": "How long ago the newest event was read that the detectors have looked at",
    "detector_budget_used": "Share that is used up of the alerts that may be told at once",
    "detector_bytes": "Size of a detector's last snapshot",
    "detector_entities": "Entities that a detector knows",
    "detector_incidents_day": "Hours of somebody with a score above 4 nats, a day",
    "detector_learning": "1 while a detector knows too little to be trusted",
    "detector_novelty_rate": "New values of an entity in one of its active windows",
    "feed_away_seconds": "How long the cluster has been taking nothing",
    "feed_held": "Records that only the journal has whole",
    "feed_lag_bytes": "Journal that the cluster has not taken",
    "feed_lag_records": "Records that the cluster has not taken",
    "feed_lag_seconds": "Age of the oldest record that the cluster has not taken",
    "ingest_lag_seconds": "How long the newest event had been waiting to be read",
    "journal_bytes": "Journal and index on disk",
    "notify_waiting": "Alerts that a sink is still to be told of",
    "publish_away": "Collecting processes whose alerts wait because the cluster is away",
    "publish_waiting": "Alerts that the cluster is still to be told of",
    "rules_left_out": "Rules that can't work",
    "rules_loaded": "Rules that are loaded",
    "store_bytes": "Events in the cluster, copies included",
    "store_events": "Events in the store",
    "store_partitions": "Partitions of the store",
}
COUNTERS = {
    "alerts": "Alerts found",
    "detector_crowded": "Events of entities that a detector had no room for",
    "detector_failures": "Errors of a detector",
    "detector_late": "Events too old for the window they came in",
    "detector_matches": "Findings of a detector",
    "detector_odd": "Numbers that are none: negative, infinite, beyond all bounds",
    "detector_odd_times": "Events whose time a detector did not believe",
    "detector_seconds": "Time that a detector spent looking at events",
    "detector_unread": "Events that their format's declaration could not read",
    "detector_unshaped": "Lines of containers that had written too many shapes",
    "ingest_events": "Events read and understood",
    "ingest_records": "Records read",
    "ingest_unreadable": "Records that could not be understood; they are kept",
    "ingest_dropped": "Records that were not kept",
    "disk_full": "Times that the disk was full and all had to wait",
    "feed_known": "Events that the cluster had already",
    "feed_refused": "Events that the cluster refused; they are dead letters",
    "feed_retries": "Requests that had to be made again",
    "feed_taken": "Events that the cluster has taken",
    "feed_waits": "Times that the cluster was too far behind and all had to wait",
    "format_failures": "Records that a format stumbled over; they are kept",
    "inspector_failures": "Errors of the rule engine or a detector",
    "rule_eval_seconds": "Time spent looking at events with rules",
    "snapshot_failures": "Memories of detectors that could not be written down",
    "snapshots_refused": "Memories of detectors that could not be used",
    "verdicts": "Decisions that detectors were told of",
    "notify_failures": "Alerts that a sink could not be told of",
    "publish_failures": "Times that the cluster did not take alerts; they were kept and offered again",
    "publish_shortened": "Alerts that are in the cluster without their event, which is too large for it",
    "publish_refused": "Alerts that the cluster will not take; they are kept where they were found",
    "published": "Alerts, new or with more matches, that the cluster was told of",
    "source_failures": "Sources that ended with an error",
}
_WRITTEN = re.compile(r'(\w+)(?:\{(\w+)="(.*)"\})?', re.DOTALL)
_ALWAYS = ("alerts", "inspector_failures", "source_failures")  # zero is worth telling


@router.get("/metrics", response_class=Response, responses={200: {"content": {CONTENT_TYPE_LATEST: {}}}})
def metrics(serve: Serve, token: Caller) -> Response:
    """OpenMetrics. A token is needed (an auditor's will do), for names of sources are in it."""
    return Response(exposition(serve.metrics()), media_type=CONTENT_TYPE_LATEST)


def exposition(numbers: Mapping[str, float]) -> bytes:
    """Numbers by name, labels as in `ingest_events{source="audit"}`, as OpenMetrics text."""
    registry = CollectorRegistry()
    registry.register(_Numbers(numbers))
    text: bytes = generate_latest(registry)  # type: ignore[no-untyped-call]
    return text


class _Numbers(Collector):
    def __init__(self, numbers: Mapping[str, float]) -> None:
        self._numbers = {**dict.fromkeys(_ALWAYS, 0.0), **numbers}

    def collect(self) -> Iterable[Metric]:
        families: dict[str, GaugeMetricFamily | CounterMetricFamily] = {}
        for written, number in sorted(self._numbers.items()):
            parts = _WRITTEN.fullmatch(written)
            if parts is None:
                continue
            name, label, value = parts.groups()
            if name not in families:
                families[name] = _family(name, [label] if label else [])
            families[name].add_metric([value] if label else [], number)
        return families.values()


def _family(name: str, labels: list[str]) -> GaugeMetricFamily | CounterMetricFamily:
    if name in GAUGES or (name.startswith("detector_") and name not in COUNTERS):
        return GaugeMetricFamily(f"tallyman_{name}", GAUGES.get(name, name.replace("_", " ")), labels=labels)
    return CounterMetricFamily(f"tallyman_{name}", COUNTERS.get(name, name.replace("_", " ")), labels=labels)
