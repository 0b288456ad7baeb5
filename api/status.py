"""How things stand: for a person, a probe and a monitoring system."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest

from api.auth import Caller, Serve

router = APIRouter(tags=["status"])
probes = APIRouter(tags=["status"])
GAUGES = ("lag_seconds", "bytes", "positions", "partitions", "rules", "waiting")


@router.get("/status")
def status(serve: Serve, token: Caller) -> dict[str, Any]:
    """Sources, store, rules, sinks and what was counted."""
    return serve.status()


@probes.get("/healthz")
def alive() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@probes.get("/readyz")
def ready(serve: Serve, response: Response) -> dict[str, Any]:
    """Store and journal can be used; 503 names what can't."""
    checks = serve.ready()
    fine = all(result == "ok" for result in checks.values())
    response.status_code = 200 if fine else 503
    return {"status": "ok" if fine else "unavailable", "checks": checks}


@probes.get("/metrics")
def metrics(serve: Serve, token: Caller) -> Response:
    """Counters and gauges in OpenMetrics; a token is needed, for names of sources are in it."""
    registry = CollectorRegistry()
    registry.register(_Numbers(serve.metrics()))  # type: ignore[arg-type] # it only needs collect()
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


class _Numbers:
    """`name{source="x"}` -> number, as metric families."""

    def __init__(self, numbers: dict[str, float]) -> None:
        self._numbers = numbers

    def collect(self) -> list[Metric]:
        families: dict[str, Metric] = {}
        for written, number in sorted(self._numbers.items()):
            name, _, label = written.partition("{")
            key, _, value = label.rstrip("}").partition("=")
            family = families.get(name)
            if family is None:
                kind = GaugeMetricFamily if name.endswith(GAUGES) else CounterMetricFamily
                family = families[name] = kind(f"tallyman_{name}", name.replace("_", " "), labels=[key] if key else [])
            family.add_metric([value.strip('"')] if key else [], number)  # type: ignore[attr-defined]
        return list(families.values())
