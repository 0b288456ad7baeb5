"""Put alerts that were found on one machine into the cluster, each once, however often it is tried."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from event_model.errors import StoreError
from store.elastic.client import Away
from store.elastic.state.alert import STATE, Form, document, kept, merged, micros, sure
from store.elastic.state.index import SETUP, TOO_LARGE, Answer, Hit, Index
from store.state import AlertRecord

log = logging.getLogger(__name__)
MOST_TRIES = 20


class Published(Struct):
    """What came of it; `refused` with the server's reasons."""

    created: int = 0
    updated: int = 0
    shortened: int = 0  # of those created: without the event, which was too large
    refused: dict[str, str] = {}  # id -> why


def publish(index: Index, records: Sequence[AlertRecord], *, only_new: bool = False) -> Published:
    """Create the alerts that the cluster does not have, and tell the others what has joined them.

    The indices behind the alias are looked through first: an alert stays in the one that it began in. What people
    decided is not touched. Raises StoreError (Away: later) where nothing, or only a part, was taken; to do it all
    again is harmless.
    """
    done, forms = Published(), dict[str, Form]()
    waiting = {record.id: record for record in records}
    for _ in range(MOST_TRIES):
        operations = _operations(index, waiting, forms, only_new)
        if not operations:
            return done
        answers = dict(zip(operations, index.bulk(list(operations.values())), strict=True))
        again = {
            id for id, answer in answers.items() if _waits(index, id, answer, operations[id], forms, done)
        }
        waiting = {id: record for id, record in waiting.items() if id in again}
    raise Away(f"Elasticsearch, {index.name}: alerts change too fast to be published")


def _operations(
    index: Index, waiting: Mapping[str, AlertRecord], forms: Mapping[str, Form], only_new: bool
) -> dict[str, tuple[Any, Any]]:
    """By id: what makes the cluster know of these alerts; nothing for what it knows."""
    if not waiting:
        return {}
    index.refresh()  # a search finds all that was written, also where it was rolled over this moment
    there = _there(index, list(waiting))
    now, found = micros(time.time()), {}
    for id, record in waiting.items():
        hit = there.get(id)
        if hit is None:
            create = {"create": {"_index": index.name, "_id": id, "require_alias": True}}
            found[id] = create, document(record, now, forms.get(id, Form.WHOLE))
        elif not only_new and (parts := merged(record, kept(hit.source), now)):
            found[id] = index.updating(hit, sure(parts) if id in forms else parts)
    return found


def _there(index: Index, ids: list[str]) -> dict[str, Hit]:
    """Those of the alerts that are in the cluster, behind whichever index."""
    found = index.search({"ids": {"values": ids}}, limit=2 * len(ids), source=[STATE])
    return {hit.id: hit for hit in sorted(found, key=lambda each: each.index, reverse=True)}


def _waits(
    index: Index,
    id: str,
    answer: Answer,
    operation: tuple[Any, Any],
    forms: dict[str, Form],
    done: Published,
) -> bool:
    """Whether this alert has to be tried again. Raises StoreError where the cluster does not take anything now."""
    creating, form = "create" in operation[0], forms.get(id, Form.WHOLE)
    if answer.status < 300:
        done.created += creating
        done.updated += not creating
        if creating and form is Form.LEAST:
            done.shortened += 1
            log.warning("alert too large for the cluster: published without its event", extra={"alert": id})
        return False
    if answer.status == 409 or (answer.status == 404 and not creating):
        return True  # someone was faster: look what stands there now
    if answer.status == 404:
        raise StoreError(f"Elasticsearch at {index.connection.address} has no alias {index.name}. {SETUP}")
    if answer.status not in (400, TOO_LARGE):
        raise Away(f"Elasticsearch, {index.name}: does not take alerts ({answer.status}): {answer.reason}")
    if form is not Form.LEAST:
        # what its event holds, or a match that made it grow, does not fit the mapping: then as text; nor does that: then without
        forms[id] = Form.TEXT if form is Form.WHOLE and answer.status == 400 else Form.LEAST
        return True
    log.error("alert refused by the cluster", extra={"alert": id, "reason": answer.reason})
    done.refused[id] = answer.reason
    return False
