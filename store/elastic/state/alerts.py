"""The alerts of a cluster: listed, shown, decided about by any number of processes at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from event_model.alert import SEVERITIES
from event_model.errors import QueryError
from store.alertrow import rank
from store.elastic.state.alert import (
    DECIDED,
    JUDGED,
    SHORT,
    START,
    STATE,
    UUID,
    kept,
    micros,
    record,
    shown,
    summary,
)
from store.elastic.state.changes import Changes
from store.elastic.state.index import PAGE, Hit, Index
from store.elastic.state.publishing import publish
from store.elastic.state.triage import decide
from store.grouping import seconds
from store.state import AlertRecord, Page
from store.triage import Decision, check, chosen

NEWEST = [{START: {"order": "desc", "unmapped_type": "long"}}, {UUID: {"order": "desc"}}]
IN_ORDER = [{START: {"order": "asc", "unmapped_type": "long"}}, {UUID: {"order": "asc"}}]
_SHOWN = 5  # of the ids that begin as one that is not whole
ID_DIGITS = 40  # of a whole id
_AT_ONCE = 200  # alerts taken in one request


@dataclass(frozen=True, slots=True)
class AlertIndex:
    """The alerts behind an alias. All methods raise StoreError where the cluster can't be reached."""

    index: Index

    def listed(
        self, *, status: str | None = None, severity: str = "low", rule: str | None = None, user: str | None = None,
        since: str | None = None, until: str | None = None, limit: int = 50, after: Any = None,
    ) -> Page:  # fmt: skip
        """Newest first; as `store.state.Alerts` says."""
        wanted: list[dict[str, Any]] = []
        if least := rank(severity):
            wanted.append({"terms": {"kibana.alert.severity": list(SEVERITIES[least:])}})
        if status is not None:
            wanted.append({"term": {"kibana.alert.workflow_status": status}})
        if rule is not None:
            names = ("kibana.alert.rule.rule_id", "kibana.alert.rule.uuid")
            wanted.append({"bool": {"should": [{"term": {name: rule}} for name in names]}})
        if user is not None:
            wanted.append({"term": {"user.name": user}})
        if since is not None:
            wanted.append({"range": {f"{STATE}.end": {"gte": micros(seconds(since))}}})
        if until is not None:
            wanted.append({"range": {START: {"lt": micros(seconds(until))}}})
        return self._page({"bool": {"filter": wanted}}, limit, after)

    def _page(self, query: Any, limit: int, after: Any) -> Page:
        place = None if after is None else _place(after)
        found: list[Hit] = []
        for page in self.index.scan(query, NEWEST, page=min(limit + 1, PAGE), after=place, source=SHORT):
            found += page
            if len(found) > limit:
                break
        alerts = found[:limit]
        more = len(found) > limit and alerts
        return Page([summary(each.source) for each in alerts], alerts[-1].sort if more else None)

    def show(self, id: str) -> dict[str, Any]:
        """One alert, with its document and history; the beginning of its id is enough. Raises Unknown."""
        found = self.find(id)
        return {
            **summary(found.source),
            "document": shown(found.source),
            "history": kept(found.source).history,
        }

    def find(self, id: str) -> Hit:
        """The alert whose id is this or begins so, as it was written last. Raises Unknown."""
        begins = {"bool": {"filter": [{"prefix": {UUID: id}}]}}
        found = self.index.search(begins, limit=_SHOWN, sort=[{UUID: {"order": "asc"}}]) if id else []
        hit = found[chosen(id, [each.id for each in found])]
        (newest,) = self.index.get_all([(hit.index, hit.id)]) or [hit]
        return newest

    def decide(
        self, ids: Iterable[str], action: str, *, user: str, reason: str | None = None, note: str = "",
        now: datetime, version: int | None = None, scope: str = "entity",
    ) -> int:  # fmt: skip
        """Acknowledge, close or reopen alerts; how many that changed. As `store.state.Alerts` says.

        All or none, as far as many documents of a cluster can be: all are looked at before any is written, and
        what was written is taken back where another one has been decided about in between.
        """
        check(action, reason, scope)
        made = Decision(action, user, reason, note, now.timestamp(), version, scope)
        return decide(self.index, self._all_of(ids), made)

    def _all_of(self, ids: Iterable[str]) -> list[Hit]:
        """These alerts as they were written last, each once. Raises Unknown."""
        asked = list(dict.fromkeys(ids))
        whole = [id for id in asked if len(id) == ID_DIGITS]  # many at once, the others one by one
        query = {"ids": {"values": whole}}
        there = self.index.search(query, limit=2 * len(whole), source=False) if whole else []
        found = {hit.id: hit for hit in self.index.get_all([(hit.index, hit.id) for hit in there])}
        others = [self.find(id) for id in asked if id not in found]
        return list({**found, **{hit.id: hit for hit in others}}.values())

    def open_by_severity(self) -> dict[str, int]:
        """How many alerts of each severity are open."""
        open = {"term": {"kibana.alert.workflow_status": "open"}}
        counted = {"severity": {"terms": {"field": "kibana.alert.severity"}}}
        answer = self.index.answer({"bool": {"filter": [open]}}, size=0, aggs=counted)
        buckets = answer.get("aggregations", {}).get("severity", {}).get("buckets", [])
        counts = {bucket["key"]: bucket["doc_count"] for bucket in buckets}
        return {severity: counts.get(severity, 0) for severity in SEVERITIES}

    def changes(self, since: int | None = None) -> Changes:
        """What changes from now on, or has changed since (microseconds since 1970)."""
        return Changes(self.index, since)

    def decisions(self, since: int) -> Changes:
        """The alerts that were decided about since."""
        return Changes(self.index, since, JUDGED)

    def records(self) -> Iterator[AlertRecord]:
        """All alerts, for a copy, oldest first."""
        self.index.refresh()
        for page in self.index.scan({"match_all": {}}, IN_ORDER, page=_AT_ONCE):
            yield from (record(hit.source) for hit in page)

    def take(self, records: Iterable[AlertRecord]) -> int:
        """Put in alerts of another state with their history; how many that were not there. Those there are left."""
        source, made = iter(records), 0
        while piece := list(islice(source, _AT_ONCE)):
            made += publish(self.index, piece, only_new=True).created
        return made

    def prune(self, before: float) -> int:
        """Delete the alerts whose last event and last decision are older, and then what is empty; how many."""
        moment, gone = micros(before), 0
        old = [{"range": {f"{STATE}.{name}": {"lt": moment}}} for name in ("end", "detected")]
        query = {"bool": {"filter": old, "must_not": {"range": {DECIDED: {"gte": moment}}}}}
        for page in self.index.scan(query, IN_ORDER, source=False):
            gone += self.index.delete(page)  # but for those that someone has just decided about
        if gone:
            self.index.drop_empty()
        return gone


def _place(after: Any) -> list[Any]:
    """What `Page.after` was, from wherever it has been meanwhile."""
    if not isinstance(after, list | tuple) or [type(part) for part in after] not in (
        [int, str],
        [float, str],
    ):
        raise QueryError("`after` is not what an earlier page gave")
    return list(after)
