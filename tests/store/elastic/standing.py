"""What stands in a cluster of the alerts that a process has published."""

from __future__ import annotations

from tests.contract.states import ClusterKeeping


def places(kept: ClusterKeeping) -> dict[str, str]:
    """By alert: the number of the index that it is in. Fails where one is in two."""
    kept.refresh()
    found = kept.state.alerts.index.search({"match_all": {}})
    assert len({hit.id for hit in found}) == len(found)
    return {hit.id: hit.index.rpartition("-")[2] for hit in found}


def writings(kept: ClusterKeeping) -> dict[str, int]:
    """By alert: which writing of it stands in the cluster."""
    kept.refresh()
    return {hit.id: hit.seq for hit in kept.state.alerts.index.search({"match_all": {}}, source=False)}


def same(kept: ClusterKeeping) -> None:
    """Fails unless the cluster knows of every alert what the state file knows."""
    kept.refresh()
    local = {alert.id: kept.local.alerts.show(alert.id) for alert in kept.local.alerts.records()}
    there = {alert.id: kept.state.alerts.show(alert.id) for alert in kept.state.alerts.records()}
    assert there == local
