"""Alerts on their way into a cluster: all of them, once, whatever is in them, while people decide, through crashes."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace

from event_model.alert import Match
from event_model.errors import NoRoom, StoreError
from store.database import Database
from store.elastic.client import Connection, connect
from store.elastic.state import ClusterState, Mark
from store.elastic.state.alert import MOST_TEXT
from store.elastic.state.publishing import publish
from tallyman.publishing import Publisher
from tests.contract import states
from tests.contract.states import ClusterKeeping, FileKeeping, decide
from tests.services.proxy import proxy
from tests.store.elastic.standing import places, same, writings
from tests.store.matches import NOW, match, rule

ROOT = Path(__file__).resolve().parents[3]
cluster, kept = states.cluster, states.clustered  # fixtures


def test_publishing_again_writes_nothing(kept: ClusterKeeping) -> None:
    ids = kept.record(*(match(minute, user=f"user{minute % 3}") for minute in range(9)))
    decide(kept.state, "close", ids[0], reason="other")
    before = writings(kept)
    kept.state.save_mark(kept.local.identity(), Mark(), NOW)
    again = Publisher(kept.local, kept.state, lambda: None, None)
    assert again.publish() and not again.publish()
    assert writings(kept) == before and again.counters.snapshot()["published"] == 0


def test_what_people_decided_is_never_overwritten(kept: ClusterKeeping) -> None:
    (id,) = kept.record(match(0))
    decide(kept.state, "close", id, reason="false_positive", note="a test")
    kept.record(match(1))  # the process does not know of the decision yet
    shown = kept.state.alerts.show(id)
    assert (shown["count"], shown["status"], shown["closed_as"]) == (2, "closed", "false_positive")
    assert shown["document"]["kibana"]["alert"]["workflow_user"] == "carol"


def test_two_processes_that_read_the_same_records_make_one_alert(
    kept: ClusterKeeping, tmp_path: Path
) -> None:
    twin = ClusterKeeping(tmp_path / "twin", kept.cluster)
    (id,) = kept.record(match(0), match(1), match(2))
    assert twin.record(match(0), match(1)) == [id]
    assert kept.state.alerts.show(id)["count"] == 3  # the one that is behind takes nothing back
    twin.record(match(2), match(3))
    shown = kept.state.alerts.show(id)
    assert (shown["count"], len(shown["document"]["kibana"]["alert"]["ancestors"])) == (4, 4)
    assert list(places(kept)) == [id]
    twin.local.close()


def test_a_cluster_that_lost_its_alerts_is_given_them_again(kept: ClusterKeeping) -> None:
    kept.record(match(0), match(0, user="bob"))
    kept.cluster.empty()
    kept.publisher._failure(StoreError("it was away"))
    kept.publish()
    same(kept)
    assert len(places(kept)) == 2


@pytest.mark.parametrize("found", [10, 40])
def test_a_state_file_that_was_put_back_publishes_all_that_it_finds_from_then_on(
    kept: ClusterKeeping, tmp_path: Path, found: int
) -> None:
    (early,) = kept.record(match(0, user="before"))
    shutil.copytree(kept.local.file.path.parent, tmp_path / "copy")
    before = kept.publisher._known()
    kept.record(*(match(number, user=f"user{number}") for number in range(20)))
    decide(kept.other, "close", early, reason="other")
    assert kept.publisher.adopt() == 1
    restored = FileKeeping(tmp_path / "copy")
    again = Publisher(restored.state, kept.other, lambda: None, None)
    restored.record(*(match(number, user=f"other{number}") for number in range(found)))
    assert again._known() == before, "it is as far as it was then, with what people decided as well"
    again.attempt()
    assert again.counters.snapshot()["publish_waiting"] == 0
    assert restored.state.alerts.show(early)["status"] == "closed"
    kept.refresh()
    users = {alert["user"] for alert in kept.state.alerts.listed(limit=99).alerts}
    assert users == {
        "before",
        *(f"user{each}" for each in range(20)),
        *(f"other{each}" for each in range(found)),
    }
    assert len(places(kept)) == 21 + found
    restored.close()


def test_an_alert_whose_event_does_not_fit_is_kept_all_the_same(kept: ClusterKeeping) -> None:
    odd = rule("odd")
    (id,) = kept._book.record([match(rule=odd)], NOW, ("20261123-000", 1))
    (whole,) = kept.local.alerts.records()
    document = {**whole.document, "user": "no object", "source": {"ip": {"no": "address"}}, "a..b": {"": 1}}
    done = publish(kept.state.alerts.index, [replace(whole, document=document)])
    assert (done.created, done.refused) == (1, {})
    kept.refresh()
    assert kept.state.alerts.show(id)["document"] == document
    assert decide(kept.state, "close", id, reason="other") == 1
    (alert,) = kept.state.alerts.listed(rule="odd").alerts
    assert (alert["status"], alert["rule_name"], alert["severity"]) == ("closed", "Odd", "high")
    assert kept.state.alerts.show(id)["document"]["kibana"]["alert"]["workflow_status"] == "closed"


def hefty(minute: float, size: int, user: str = "alice") -> Match:
    """A match of an event whose record has so many bytes."""
    found = match(minute, user=user)
    native = {"requestObject": {"data": "x" * size}}
    return replace(found, events=(replace(found.events[0], native=native, native_name="kubernetes.audit"),))


def test_an_alert_that_no_request_can_hold_is_published_without_its_event_and_stops_no_other(
    kept: ClusterKeeping, caplog: pytest.LogCaptureFixture
) -> None:
    (large,) = kept._book.record([hefty(0, 21_000_000)], NOW, ("20261123-000", 1))
    (other,) = kept._book.record([match(0, user="bob")], NOW, ("20261123-000", 2))
    kept.publish()
    assert {alert["id"] for alert in kept.state.alerts.listed().alerts} == {large, other}
    assert kept.publisher.counters.snapshot()["publish_shortened"] == 1
    kept.record(match(1))
    shown, known = kept.state.alerts.show(large), kept.local.alerts.show(large)
    short, whole = shown.pop("document"), known.pop("document")
    assert shown == known and short["user"] == {"name": "alice"} and "kubernetes" not in short
    rule, alert = short["kibana"]["alert"].pop("rule"), whole["kibana"]["alert"]
    assert rule == {name: alert["rule"][name] for name in ("uuid", "rule_id", "name")}
    assert short["kibana"]["alert"] == {name: value for name, value in alert.items() if name != "rule"}
    assert decide(kept.state, "close", large, reason="other") == 1
    assert [each.alert for each in caplog.records if "without its event" in each.message] == [large]  # type: ignore[attr-defined]


def test_before_a_proxy_that_takes_little_at_once_alerts_go_in_smaller_requests(kept: ClusterKeeping) -> None:
    users = [f"user{number}" for number in range(40)]
    kept._book.record([match(0, user=user, text="x") for user in users], NOW, ("20261123-000", 1))
    (large,) = kept._book.record([hefty(0, 20_000)], NOW, ("20261123-000", 2))
    with proxy(kept.cluster.url) as between:
        between.most_bytes = 10_000
        through = Connection((between.url,))
        kept.publisher.state = ClusterState(connect(through, retries=0), through, kept.cluster.names)
        assert kept.publisher.attempt() > 0
        kept.publisher.state.close()
        kept.publisher.state = kept.state
    kept.refresh()
    assert {alert["user"] for alert in kept.state.alerts.listed(limit=99).alerts} == {"alice", *users}
    numbers = kept.publisher.counters.snapshot()
    assert (numbers["publish_away"], numbers["published"], numbers["publish_shortened"]) == (0, 41, 1)
    assert kept.state.alerts.show(large)["reason"] == "alice read a secret"


def test_an_alert_whose_very_entity_is_too_long_is_kept_in_short(kept: ClusterKeeping) -> None:
    long = "a" * 21_000_000
    (id,) = kept._book.record([match(0, user=long)], NOW, ("20261123-000", 1))
    kept.publish()
    kept.record(match(1, user=long))
    shown = kept.state.alerts.show(id)
    assert (shown["user"], shown["count"]) == (long[:MOST_TEXT], 2)
    assert shown["reason"] == long[:MOST_TEXT]


def test_decisions_come_back_to_the_process_that_collects(kept: ClusterKeeping) -> None:
    first, second = kept.record(match(0), match(0, user="bob"))
    decide(kept.other, "close", first, reason="benign_positive", note="backup")
    assert kept.publisher.adopt() == 1
    same(kept)
    seen = kept.local.alerts.latest_change()
    kept.publisher._decisions = None  # reads the last minutes again
    kept.publisher.adopt()
    assert kept.local.alerts.latest_change() == seen
    assert kept.local.alerts.show(second)["status"] == "open"


def test_detectors_hear_of_what_was_decided_in_the_cluster(kept: ClusterKeeping) -> None:
    (id,) = kept.record(match(rule=rule("behaviour_novelty")))
    kept.record(match(user="bob"))
    assert kept.local.alerts.judged(0, "behaviour_", 0.0)[0] == []
    decide(kept.other, "close", id, reason="benign_positive", scope="group")
    kept.publisher.adopt()
    ((told,), change) = kept.local.alerts.judged(0, "behaviour_", 0.0)
    assert (told.id, told.history[-1]["reason"], told.history[-1]["scope"]) == (
        id,
        "benign_positive",
        "group",
    )
    assert kept.local.alerts.judged(change, "behaviour_", 0.0)[0] == []


# the cluster away, the process killed


def test_while_the_cluster_is_away_alerts_wait_and_then_follow_in_order(kept: ClusterKeeping) -> None:
    kept.record(match(0))
    nowhere = Connection(("http://127.0.0.1:9",))
    kept.publisher.state = ClusterState(connect(nowhere, retries=0), nowhere, kept.cluster.names)
    kept.publisher._decisions = None
    kept._book.record([match(1), match(0, user="bob")], NOW, ("20261123-000", 2))
    wait = kept.publisher.attempt()
    numbers = kept.publisher.counters.snapshot()
    assert 0 < wait <= 30 and (numbers["publish_away"], numbers["publish_failures"]) == (1, 1)
    assert numbers["publish_waiting"] == 2
    assert len(kept._book.record([match(0, user="eve")], NOW, ("20261123-000", 3))) == 1  # alerting goes on
    kept.publisher.state.close()
    kept.publisher.state = kept.state
    kept.publisher.attempt()
    numbers = kept.publisher.counters.snapshot()
    assert (numbers["publish_away"], numbers["publish_waiting"]) == (0, 0)
    same(kept)
    kept.state._state.refresh()
    assert kept.state.sinks() == {"page": {"pending": 3, "failed": 0}}


CHILD = """
import sys
from pathlib import Path
from store.elastic.names import Names
from tests.store.elastic.test_publishing import collect

collect(Path(sys.argv[1]), sys.argv[2], Names(sys.argv[3]))
"""


def collect(root: Path, url: str, names: Any) -> None:
    """Record alerts and publish them, for ever."""
    connection = Connection((url,))
    keeping = FileKeeping(root)
    state = ClusterState(connect(connection), connection, names)
    publisher = Publisher(keeping.state, state, lambda: None, None)
    number = keeping.state.alerts.inspected()[1] + 1
    while True:
        matches = [match(number * 7 + place, user=f"user{(number + place) % 10}") for place in range(7)]
        keeping.state.alerts.record(matches, NOW, ("20261123-000", number))
        publisher.publish()
        print(number, flush=True)
        number += 1


def test_killed_at_any_moment_every_alert_is_in_the_cluster_once(
    kept: ClusterKeeping, tmp_path: Path
) -> None:
    where = (str(tmp_path / "state"), kept.cluster.url, kept.cluster.names.namespace)
    for seed in range(3):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, *where],
            cwd=ROOT, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert child.stdout is not None
        for _ in range(Random(seed).randint(2, 8)):
            assert child.stdout.readline()
        time.sleep(Random(seed).random() / 20)  # not just after it said so
        child.kill()
        child.communicate()
    kept.publish()
    same(kept)
    held = list(kept.local.alerts.records())
    assert len(places(kept)) == len(held) >= 10
    assert sum(alert.count for alert in held) == 7 * (kept.local.alerts.inspected()[1] + 1)


def test_while_nothing_can_be_written_here_alerts_are_published_once_each(
    kept: ClusterKeeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(published: int, decided: int) -> None:
        raise NoRoom("no space left")

    monkeypatch.setattr(kept.local, "note_shared", full)
    for minute in range(3):
        kept.record(match(minute, user=f"user{minute}"))
    assert kept.publisher.counters.snapshot()["published"] == 3
    same(kept)


def test_a_new_state_file_begins_at_the_beginning(kept: ClusterKeeping, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    fresh = Database(tmp_path / "new")
    assert fresh.identity() == fresh.identity() != kept.local.identity()
    kept.record(match(0), match(1))
    fresh.alerts.record([match(0), match(0, user="bob")], NOW, ("20261123-000", 1))
    publisher = Publisher(fresh, kept.state, lambda: None, None)
    assert publisher.publish()
    kept.refresh()
    assert {alert["user"]: alert["count"] for alert in kept.state.alerts.listed().alerts} == {
        "alice": 2,
        "bob": 1,
    }
    fresh.close()


def test_an_alert_whose_match_clashed_with_the_mapping_grows_all_the_same(kept: ClusterKeeping) -> None:
    deep: dict[str, Any] = {"x": 1}
    for _ in range(60):  # no mapping takes so many levels
        deep = {"x": deep}
    for minute in range(3):
        kept.record(replace(match(minute), matched={"value": deep}))
    (alert,) = kept.state.alerts.listed().alerts
    assert alert["count"] == 3 and "publish_refused" not in kept.publisher.counters.snapshot()
