"""What only a state on a cluster must do: indices roll over, clocks differ, machines count apart."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from event_model.errors import StoreError
from store.elastic.client import Connection, connect
from store.elastic.names import Names
from store.elastic.state import ClusterState, Mark
from store.elastic.state.changes import MOST, Changes
from store.elastic.state.triage import decide as decide_about
from store.triage import Changed, Decision
from tallyman.publishing import Publisher
from tests.contract import states
from tests.contract.states import LATER, Cluster, ClusterKeeping, decide
from tests.services.proxy import cut, lose, proxy, refuse
from tests.store.elastic.standing import places, same
from tests.store.matches import NOW, match

cluster, kept = states.cluster, states.clustered  # fixtures


def test_a_document_of_an_index_that_is_gone_is_gone(kept: ClusterKeeping) -> None:
    assert kept.state.alerts.index.get_all([(kept.cluster.names.first_alerts + "9", "a")]) == []


# roll over


def test_an_alert_stays_in_the_index_that_it_began_in(kept: ClusterKeeping) -> None:
    (early,) = kept.record(match(0))
    before = places(kept)[early]
    kept.cluster.client.indices.rollover(alias=kept.cluster.names.alerts)
    (late,) = kept.record(match(1), match(0, user="bob"))
    found = places(kept)
    assert found[early] == before < found[late]
    assert decide(kept.other, "acknowledge", early) == 1
    kept.record(match(2))
    shown = kept.state.alerts.show(early)
    assert (shown["count"], shown["status"]) == (3, "acknowledged")
    assert [alert["id"] for alert in kept.state.alerts.listed().alerts] == sorted([early, late], reverse=True)
    assert len(places(kept)) == 2


def test_after_a_roll_over_at_the_worst_moment_no_alert_is_there_twice(kept: ClusterKeeping) -> None:
    ids = kept._book.record([match(0, user=f"user{number}") for number in range(5)], NOW, ("20261123-000", 1))
    assert kept.publisher.publish()
    kept.cluster.client.indices.rollover(alias=kept.cluster.names.alerts)  # nothing was refreshed
    again = Publisher(kept.local, kept.other, lambda: None, None)
    kept.other.save_mark(kept.local.identity(), Mark(), NOW)  # as if killed before it was noted
    assert again.publish()
    assert set(places(kept)) == set(ids)


def test_indices_that_pruning_empties_are_deleted(kept: ClusterKeeping) -> None:
    kept.record(match(0))
    kept.cluster.client.indices.rollover(alias=kept.cluster.names.alerts)
    kept.record(match(0, user="bob"), now=NOW + 900_000)
    before = set(places(kept).values())
    kept.state.prune(NOW + 1000)
    alias = kept.cluster.client.indices.get_alias(name=kept.cluster.names.alerts)
    assert len(before) == 2 and {index.rpartition("-")[2] for index in alias} == set(places(kept).values())


def test_the_text_of_a_token_is_nowhere_in_the_cluster(kept: ClusterKeeping) -> None:
    texts = [
        kept.state.tokens.create("ci", "analyst", None, LATER),
        kept.state.tokens.login("page", "analyst", 600, LATER),
    ]
    kept.state._state.refresh()
    held = str(kept.state._state.search({"match_all": {}}))
    assert "token-" in held and not [text for text in texts if text in held or text[3:] in held]


def test_nothing_is_written_where_nothing_was_set_up(cluster: Cluster) -> None:
    state = ClusterState(cluster.client, cluster.connection, Names("nobody.set.up"))
    for write in (
        lambda: state.tokens.create("ci", "analyst", None, LATER),
        lambda: state.audit.log("carol", "search", {}, LATER),
        lambda: state.mark_replayed(["ab"], NOW),
    ):
        with pytest.raises(StoreError, match="`tallyman store setup` makes what is missing"):
            write()
    assert state.alerts.listed().alerts == [] and state.tokens.listed() == []
    assert not cluster.client.indices.exists(index="tallyman-*-nobody.set.up", allow_no_indices=False)


def test_counters_of_all_machines_are_told_as_one(kept: ClusterKeeping) -> None:
    counters = kept.state.counters
    assert counters.load() == {} and counters.sinks() == {}
    waits = {"page": {"pending": 2, "failed": 1}}
    counters.save("a", {"alerts": 3, "started": 5, "seen": 90, "ingest_lag_seconds": 0.5}, waits, NOW)
    counters.save("b", {"alerts": 4, "started": 7, "seen": 80, "ingest_lag_seconds": 2.5}, waits, NOW + 60)
    counters.save("gone", {"alerts": 1000, "started": 1, "seen": 1}, waits, NOW - 4000)
    kept.state._state.refresh()
    assert kept.other.counters.load() == {
        "alerts": 7, "started": 5, "seen": 90, "ingest_lag_seconds": 2.5,
    }  # fmt: skip
    assert kept.other.sinks() == {"page": {"pending": 4, "failed": 2}}


# decisions about many


def test_where_one_of_many_was_decided_in_between_the_others_are_taken_back(kept: ClusterKeeping) -> None:
    ids = kept.record(*(match(0, user=f"user{number}") for number in range(3)))
    decide(kept.other, "acknowledge", ids[0])
    seen = [kept.state.alerts.find(id) for id in ids]
    decide(kept.other, "close", ids[1], reason="other", user="dave")
    with pytest.raises(Changed, match="was made closed by dave"):
        decide_about(kept.state.alerts.index, seen, Decision("acknowledge", "eve", None, "mine", NOW, None))
    stands = {id: kept.state.alerts.show(id) for id in ids}
    assert [stands[id]["status"] for id in ids] == ["acknowledged", "closed", "open"]
    assert [step["user"] for step in stands[ids[1]]["history"]] == ["dave"]
    for id in (ids[0], ids[2]):
        mine, back = stands[id]["history"][-2:]
        assert (mine["user"], mine["note"], back["user"]) == ("eve", "mine", "eve")
        assert back["note"].startswith("taken back: alert") and "dave" in back["note"]
        assert stands[id]["version"] == len(stands[id]["history"]) + 1


@pytest.mark.parametrize("fault", [lose, cut])
def test_a_decision_whose_answer_is_lost_is_made_once(
    kept: ClusterKeeping, fault: Callable[[Any], None]
) -> None:
    ids = kept.record(match(0), match(0, user="bob"))
    with proxy(kept.cluster.url) as between:
        through = Connection((between.url,))
        state = ClusterState(connect(through), through, kept.cluster.names)
        between.faults.append(fault)
        assert decide(state, "close", *ids, reason="other", note="once") == 2
        assert between.faults == []
        state.close()
    for id in ids:
        assert [step["note"] for step in kept.state.alerts.show(id)["history"]] == ["once"]


@pytest.mark.parametrize("fault", [lose, cut, refuse(429), refuse(503)])
def test_alerts_whose_taking_is_not_heard_of_are_there_once(
    kept: ClusterKeeping, fault: Callable[[Any], None]
) -> None:
    kept.record(match(0))
    kept._book.record([match(1), match(0, user="bob")], NOW, ("20261123-000", 2))
    with proxy(kept.cluster.url) as between:
        through = Connection((between.url,))
        kept.publisher.state = ClusterState(connect(through, retries=0), through, kept.cluster.names)
        between.faults.append(fault)
        assert kept.publisher.attempt() > 0
        assert kept.publisher.counters.snapshot()["publish_away"] == 1
        kept.publisher.attempt()
        kept.publisher.state.close()
        kept.publisher.state = kept.state
    same(kept)
    assert len(places(kept)) == 2


# changes


def test_changes_by_a_clock_that_is_behind_are_told(kept: ClusterKeeping) -> None:
    changes = Changes(kept.state.alerts.index, None, clock=lambda: time.time() + 30)
    (id,) = kept.record(match(0))
    assert [alert["id"] for alert in changes.look()] == [id]
    decide(kept.other, "acknowledge", id)
    changes._due = 0.0
    assert [alert["status"] for alert in changes.look()] == ["acknowledged"]


def test_many_changes_are_told_in_pieces_each_once(kept: ClusterKeeping) -> None:
    changes = kept.state.alerts.changes()
    ids = kept.record(*(match(0, user=f"user{number}") for number in range(MOST * 2 + 50)))
    told, looks = [], 0
    while new := changes.look():
        assert len(new) <= MOST
        told += [alert["id"] for alert in new]
        looks += 1
    assert sorted(told) == sorted(ids) and looks == 3
