"""What decisions about alerts must do in every state: be kept, told, and never lost to one another."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from store.database import Database
from store.elastic.state.changes import Changes
from store.triage import REASONS, Changed, Unknown
from tests.contract import states
from tests.contract.states import LATER, Keeping, at_once, decide
from tests.store.batches import DAY
from tests.store.matches import NINE, NOW, match

TIME = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
cluster, kept = states.cluster, states.kept  # fixtures


def test_decisions_are_kept_with_who_when_and_why(kept: Keeping) -> None:
    (id,) = kept.record(match())
    assert decide(kept.state, "acknowledge", id[:8], note="on it") == 1
    assert decide(kept.other, "close", id, reason="true_positive", user="dave") == 1
    shown = kept.state.alerts.show(id)
    assert (shown["status"], shown["closed_as"], shown["decided_by"], shown["version"]) == (
        "closed", "true_positive", "dave", 3,
    )  # fmt: skip
    at = "2026-11-23T09:01:30Z"
    assert shown["history"] == [
        {
            "time": at,
            "user": "carol",
            "action": "acknowledge",
            "reason": None,
            "note": "on it",
            "scope": "entity",
        },
        {
            "time": at,
            "user": "dave",
            "action": "close",
            "reason": "true_positive",
            "note": "",
            "scope": "entity",
        },
    ]
    alert = shown["document"]["kibana"]["alert"]
    assert (alert["workflow_status"], alert["workflow_user"], alert["workflow_reason"]) == (
        "closed",
        "dave",
        "true_positive",
    )
    assert alert["workflow_status_updated_at"] == at
    assert decide(kept.state, "reopen", id) == 1
    shown = kept.other.alerts.show(id)
    assert shown["status"] == "open" and "workflow_reason" not in shown["document"]["kibana"]["alert"]


def test_a_decision_is_listed_at_once(kept: Keeping) -> None:
    (id,) = kept.record(match())
    decide(kept.state, "close", id, reason="other")
    assert [alert["id"] for alert in kept.other.alerts.listed(status="closed").alerts] == [id]
    assert kept.other.alerts.open_by_severity()["high"] == 0


def test_a_decision_that_stands_changes_nothing_unless_there_is_a_note(kept: Keeping) -> None:
    (id,) = kept.record(match())
    decide(kept.state, "acknowledge", id)
    assert decide(kept.state, "acknowledge", id) == 0
    assert decide(kept.state, "acknowledge", id, note="still looking") == 1
    assert [row["note"] for row in kept.state.alerts.show(id)["history"]] == ["", "still looking"]


def test_closing_asks_for_a_reason_there_is(kept: Keeping) -> None:
    (id,) = kept.record(match())
    with pytest.raises(ValueError, match="closing asks for a reason: duplicate, false_positive"):
        decide(kept.state, "close", id)
    with pytest.raises(ValueError, match="Did you mean 'false_positive'"):
        decide(kept.state, "close", id, reason="false_postive")
    with pytest.raises(ValueError, match="Did you mean 'close'"):
        decide(kept.state, "closes", id)
    for reason in REASONS[:2]:
        assert decide(kept.state, "close", id, reason=reason) == 1
        assert decide(kept.other, "reopen", id) == 1


def test_a_decision_on_what_someone_else_changed_says_who_did(kept: Keeping) -> None:
    (id,) = kept.record(match())
    assert decide(kept.state, "close", id, reason="other", version=1) == 1
    told = rf"alert {id[:8]} was made closed by carol at 2026-11-23T09:01:30Z; look again"
    with pytest.raises(Changed, match=told):
        decide(kept.other, "acknowledge", id, user="dave", version=1)
    with pytest.raises(Changed, match=r"was made closed by carol .* reopen it first"):
        decide(kept.other, "acknowledge", id, user="dave")
    (bobs,) = kept.record(match(user="bob"))
    with pytest.raises(Changed, match="is open; look again"):
        decide(kept.state, "close", bobs, reason="other", version=7)


def test_of_two_who_decide_at_one_time_one_wins_and_the_other_is_told(kept: Keeping) -> None:
    for user in range(8):
        (id,) = kept.record(match(user=f"user{user}"))
        done = at_once(
            *(
                lambda state=state, name=name, id=id: decide(
                    state, "close", id, reason="other", user=name, version=1
                )
                for state, name in ((kept.state, "carol"), (kept.other, "dave"))
            )
        )
        assert sorted(str(each) for each in done if not isinstance(each, Exception)) == ["1"]
        (lost,) = [each for each in done if isinstance(each, Exception)]
        winner = ("carol", "dave")[done.index(1)]
        assert isinstance(lost, Changed) and f"was made closed by {winner}" in str(lost)
        history = kept.state.alerts.show(id)["history"]
        assert [step["user"] for step in history] == [winner]


def test_a_match_joining_an_alert_is_no_change_to_decide_against(kept: Keeping) -> None:
    (id,) = kept.record(match())
    kept.record(match(1))
    assert decide(kept.state, "acknowledge", id, version=1) == 1
    kept.record(match(2))
    shown = kept.state.alerts.show(id)
    assert (shown["count"], shown["status"], len(shown["history"])) == (3, "acknowledged", 1)


def test_matches_join_while_people_decide_and_neither_is_lost(kept: Any) -> None:
    (id,) = kept.record(match())

    def find() -> None:
        for minute in range(1, 11):
            kept.record(match(minute))

    def talk(state: Any, name: str) -> None:
        for number in range(10):
            decide(state, "acknowledge", id, user=name, note=f"{name} {number}")

    done = at_once(find, lambda: talk(kept.state, "carol"), lambda: talk(kept.other, "dave"))
    assert done == [None, None, None]
    shown = kept.state.alerts.show(id)
    assert shown["count"] == 11
    assert {step["note"] for step in shown["history"]} == {
        f"{name} {number}" for name in ("carol", "dave") for number in range(10)
    }
    assert (len(shown["history"]), shown["version"]) == (20, 21)


def test_many_are_decided_all_or_none(kept: Keeping) -> None:
    ids = kept.record(*(match(user=f"user{number}") for number in range(5)))
    with pytest.raises(Unknown):
        decide(kept.state, "acknowledge", *ids, "ffff")
    assert kept.state.alerts.open_by_severity()["high"] == 5
    assert decide(kept.state, "acknowledge", *ids) == 5


def test_changes_are_told_once_and_in_order(kept: Any) -> None:
    kept.record(match(0, user="before"))
    changes = kept.state.alerts.changes()
    assert look(changes) == []
    first, second = kept.record(match(0, user="a"), match(0, user="b"))
    assert sorted(alert["id"] for alert in look(changes)) == sorted([first, second])
    kept.record(match(1, user="a"))
    decide(kept.other, "acknowledge", second)
    assert [(alert["id"], alert["count"], alert["status"]) for alert in look(changes)] == [
        (first, 2, "open"),
        (second, 1, "acknowledged"),
    ]
    assert look(changes) == []


def test_a_reader_of_changes_goes_on_where_another_was(kept: Any) -> None:
    changes = kept.state.alerts.changes()
    ids = kept.record(*(match(0, user=f"user{number}") for number in range(3)))
    seen = look(changes)
    mark = changes.at
    decide(kept.state, "acknowledge", ids[0])
    told = {alert["id"]: alert["status"] for alert in look(kept.other.alerts.changes(mark))}
    assert len(seen) == 3 and told[ids[0]] == "acknowledged"


def look(changes: Any) -> list[dict[str, Any]]:
    """All that has come, without the pause between two looks."""
    found = []
    while True:
        if isinstance(changes, Changes):
            changes._due = 0.0
        new = changes.look()
        if not new:
            return found
        found += new


def test_old_alerts_are_pruned(kept: Keeping) -> None:
    kept.record(*(match(0, text=str(number)) for number in range(5)))
    (later,) = kept.record(match(0, user="bob"), now=NOW + 10 * DAY)
    (decided,) = kept.record(match(0, user="eve"))
    decide(kept.state, "acknowledge", decided, now=LATER + timedelta(10))
    assert kept.state.prune(NINE.timestamp() + 5 * DAY) == 1
    (kept.refresh if hasattr(kept, "refresh") else lambda: None)()
    assert {alert["id"] for alert in kept.other.alerts.listed().alerts} == {later, decided}


def test_alerts_move_with_their_decisions_into_a_state_file(kept: Keeping, tmp_path: Path) -> None:
    ids = kept.record(match(0), match(5), match(0, user="bob"), match(0, user="eve"))
    decide(kept.state, "acknowledge", ids[0], note="mine")
    decide(kept.state, "close", ids[1], reason="duplicate")
    (tmp_path / "new").mkdir()
    fresh = Database(tmp_path / "new")
    assert fresh.alerts.take(kept.other.alerts.records()) == 3
    assert fresh.alerts.take(kept.other.alerts.records()) == 0
    for id in ids:
        assert fresh.alerts.show(id) == kept.state.alerts.show(id)
    assert fresh.alerts.record([match(7)], NOW, ("20261123-000", 9)) == []  # its group is known
    assert fresh.alerts.show(ids[0])["count"] == 3
    assert fresh.alerts.record([match(0), match(0, user="eve")], NOW, ("20261123-000", 9)) == []
    fresh.close()


def test_alerts_move_with_their_decisions_out_of_a_state_file(kept: Keeping, tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    old = Database(tmp_path / "old")
    ids = old.alerts.record([match(0), match(5), match(0, user="bob")], NOW, ("20261123-000", 9))
    decide(old, "close", ids[1], reason="duplicate", note="seen before")
    assert kept.state.alerts.take(old.alerts.records()) == 2
    assert kept.other.alerts.take(old.alerts.records()) == 0
    for id in ids:
        assert kept.other.alerts.show(id) == old.alerts.show(id)
    old.close()
