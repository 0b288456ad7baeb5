"""Decide about alerts of a cluster, while others decide and matches join.

A document is written on the condition that it is as it was read (`if_seq_no`). If it is not, it is read again:
a match that has joined is no reason not to decide, a decision of someone else may be one.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from event_model.errors import StoreError
from store.elastic.state.alert import decided, kept, micros
from store.elastic.state.index import Hit, Index
from store.grouping import seconds
from store.triage import ACTIONS, Changed, Decision, Unknown, becomes

MOST_TRIES = 20  # of one decision, against matches that join all the time
_BACK = {status: action for action, status in ACTIONS.items()}


def decide(index: Index, found: Sequence[Hit], made: Decision) -> int:
    """Make a decision about all of these alerts, or none; how many that changed. Raises Changed, Unknown.

    None is written before all were looked at. Where one is decided about by someone else in between, those that
    were written are taken back by a further step in their history that says so.
    """
    wanted = [hit for hit in found if becomes(standing(hit), made)]
    step = made.step
    done: list[Hit] = []  # as they were before
    waiting = {hit.id: hit for hit in wanted}
    try:
        for _ in range(MOST_TRIES):
            if not waiting:
                return len(done)
            answers = _write(index, list(waiting.values()), step)
            done += [hit for hit, taken in zip(waiting.values(), answers, strict=True) if taken]
            again = _again(
                index, [hit for hit, taken in zip(waiting.values(), answers, strict=True) if not taken]
            )
            # the client sends again what it heard no answer of: then this was us
            done += [waiting[hit.id] for hit in again if step in kept(hit.source).history]
            others = [hit for hit in again if step not in kept(hit.source).history]
            waiting = {hit.id: hit for hit in others if becomes(standing(hit), made)}
        raise StoreError(f"Elasticsearch, {index.name}: alerts change too fast to decide about; try again")
    except (Changed, Unknown, StoreError) as error:
        _take_back(index, done, made, str(error))
        raise


def standing(hit: Hit) -> dict[str, Any]:
    """How an alert stands, for `store.triage.becomes`."""
    state = kept(hit.source)
    last = state.decision
    return {
        "id": hit.id,
        "status": state.status,
        "version": state.version,
        "decided_by": last.get("user"),
        "decided": seconds(last["time"]) if last else None,
    }


def _write(index: Index, hits: Sequence[Hit], step: dict[str, Any]) -> list[bool]:
    """Which of them took the step; the others were written by someone else meanwhile. Raises StoreError."""
    now = micros(time.time())
    operations = [index.updating(hit, decided(kept(hit.source), step, now)) for hit in hits]
    answers = index.bulk(operations, refresh=True)  # so that who decided sees it in the next list
    for answer in answers:
        if answer.status >= 300 and not answer.conflicts:
            raise StoreError(f"Elasticsearch, {index.name}: the decision was refused: {answer.reason}")
    return [answer.status < 300 for answer in answers]


def _again(index: Index, hits: Sequence[Hit]) -> list[Hit]:
    """The same alerts as they are now. Raises Unknown for one that retention has deleted meanwhile."""
    fresh = index.get_all([(hit.index, hit.id) for hit in hits])
    if len(fresh) < len(hits):
        gone = {hit.id for hit in hits} - {hit.id for hit in fresh}
        raise Unknown(f"alert {min(gone)[:8]} has been deleted meanwhile")
    return fresh


def _take_back(index: Index, done: Sequence[Hit], made: Decision, why: str) -> None:
    """Put back the status that these had before the step they took, unless someone has decided since.

    Raises StoreError if the cluster is gone: then they keep it, and their history tells whose it is.
    """
    before = {hit.id: kept(hit.source) for hit in done}
    waiting = list(done)
    for _ in range(MOST_TRIES):
        if not waiting:
            return
        fresh = index.get_all([(hit.index, hit.id) for hit in waiting])
        waiting = [hit for hit in fresh if kept(hit.source).version == before[hit.id].version + 1]
        for hit in waiting:
            held, last = before[hit.id], before[hit.id].decision
            back = Decision(
                _BACK[held.status], made.user, last.get("reason"), f"taken back: {why}", made.time, None,
                last.get("scope", made.scope),
            )  # fmt: skip
            _write(index, [hit], back.step)
