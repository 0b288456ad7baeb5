"""What every state must do, wherever it is kept: alerts, decisions, tokens, own acts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from event_model.alert import alert_id
from event_model.errors import QueryError
from store.database import Database
from store.elastic.state.changes import Changes
from store.snapshots import Kept
from store.triage import REASONS, Changed, Unknown
from tests.contract.states import LATER, Cluster, ClusterKeeping, FileKeeping, Keeping, decide
from tests.store.batches import DAY
from tests.store.matches import NINE, NOW, match, rule, unusual

TIME = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def cluster(elasticsearch: Any) -> Iterator[Cluster]:
    made = Cluster(elasticsearch.url)
    yield made
    made.close()


@pytest.fixture(params=["embedded", "elasticsearch"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Keeping]:
    made: FileKeeping | ClusterKeeping
    if request.param == "embedded":
        made = FileKeeping(tmp_path / "state")
    else:
        made = ClusterKeeping(tmp_path / "state", request.getfixturevalue("cluster"))
    yield made
    made.close()


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """What came of each act, done at one time: its answer or its exception."""
    done: list[Any] = [None] * len(acts)
    barrier = threading.Barrier(len(acts))

    def act(place: int) -> None:
        barrier.wait()
        try:
            done[place] = acts[place]()
        except Exception as error:
            done[place] = error

    threads = [threading.Thread(target=act, args=(place,)) for place in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return done


# alerts


def test_a_match_becomes_an_alert_that_says_all_of_it(kept: Keeping) -> None:
    (id,) = kept.record(match())
    (alert,) = kept.state.alerts.listed().alerts
    assert alert == {
        "id": id, "rule_id": "secret_read", "rule_uuid": match().rule.uuid, "rule_name": "Secret read",
        "severity": "high", "risk_score": 73, "reason": "alice read a secret", "user": "alice",
        "start": "2026-11-23T09:00:00Z", "end": "2026-11-23T09:00:00Z", "count": 1,
        "last_detected": "2026-11-23T09:00:30Z", "status": "open", "closed_as": None,
        "decided_by": None, "decided": None, "version": 1,
    }  # fmt: skip
    shown = kept.other.alerts.show(id)
    assert shown["history"] == [] and shown["document"]["kibana"]["alert"]["uuid"] == id
    assert shown["document"]["user"]["name"] == "alice"


def test_later_matches_of_the_group_join_the_alert(kept: Keeping) -> None:
    (id,) = kept.record(match(0), match(5))
    assert kept.record(match(10), match(20), now=NOW + 1200) == []
    shown = kept.state.alerts.show(id)
    alert = shown["document"]["kibana"]["alert"]
    assert (shown["count"], shown["end"], shown["last_detected"]) == (
        4, "2026-11-23T09:20:00Z", "2026-11-23T09:20:30Z",
    )  # fmt: skip
    assert (alert["start"], alert["end"], alert["duration"]) == (
        "2026-11-23T09:00:00Z",
        "2026-11-23T09:20:00Z",
        {"us": 1_200_000_000},
    )
    assert alert["suppression"]["docs_count"] == 3 and len(alert["ancestors"]) == 4


def test_an_alert_grows_with_a_match_that_is_graver(kept: Keeping) -> None:
    (id,) = kept.record(unusual(0, 12, "list widgets"))
    assert kept.record(unusual(6, 24, "list secrets", level="high")) == []
    (alert,) = kept.state.alerts.listed(severity="high").alerts
    assert (alert["id"], alert["count"], alert["severity"]) == (id, 2, "high")
    assert (alert["risk_score"], alert["reason"]) == (96, "alice: list secrets")
    evidence = kept.state.alerts.show(id)["document"]["tallyman"]["alert"]["evidence"]
    assert evidence["score"] == 24
    assert {term["value"] for term in evidence["terms"]} == {"list widgets", "list secrets"}
    kept.record(unusual(9, 13, "get nodes"))
    (alert,) = kept.state.alerts.listed().alerts
    assert (alert["count"], alert["severity"], alert["risk_score"]) == (3, "high", 96)


def test_after_closing_a_new_match_opens_a_new_alert_and_after_acknowledging_it_does_not(
    kept: Any,
) -> None:
    (id,) = kept.record(match(0))
    decide(kept.other, "acknowledge", id)
    learn(kept)
    assert kept.record(match(1)) == []
    decide(kept.other, "close", id, reason="benign_positive")
    learn(kept)
    (other,) = kept.record(match(2), match(3))
    assert other == alert_id(match(2)) and kept.state.alerts.show(id)["count"] == 2
    assert kept.state.alerts.show(other)["count"] == 2


def learn(kept: Any) -> None:
    """Have the collecting process know what was decided, where that does not come by itself."""
    if hasattr(kept, "publisher"):
        kept.publisher._decisions = None  # looks again at once
        while kept.publisher.adopt():
            pass


def test_lists_are_newest_first_and_come_in_pages(kept: Keeping) -> None:
    kept.record(*(match(minute, user=f"user{minute}") for minute in (3, 1, 4, 0, 2)))
    kept.record(match(4, user="also at four"))
    seen, after = [], None
    while True:
        page = kept.state.alerts.listed(limit=2, after=after)
        seen += [alert["user"] for alert in page.alerts]
        after = page.after
        if after is None:
            break
    assert sorted(seen[:2]) == ["also at four", "user4"]
    assert seen[2:] == ["user3", "user2", "user1", "user0"]
    assert kept.state.alerts.listed(limit=0).alerts == []
    with pytest.raises(QueryError, match="earlier page"):
        kept.state.alerts.listed(after="elsewhere")


def test_lists_are_filtered(kept: Keeping) -> None:
    kept.record(
        match(0),
        match(1, user="bob", rule=rule("quiet_rule", "low")),
        match(120, rule=rule("loud", "critical")),
    )
    book = kept.state.alerts
    (id,) = [alert["id"] for alert in book.listed(rule="secret_read").alerts]
    decide(kept.other, "acknowledge", id)

    def rules(**named: Any) -> list[str]:
        return [alert["rule_id"] for alert in book.listed(**named).alerts]

    assert rules() == ["loud", "quiet_rule", "secret_read"]
    assert rules(severity="high") == ["loud", "secret_read"]
    assert rules(status="acknowledged") == ["secret_read"] and rules(status="closed") == []
    assert rules(rule="uuid-of-loud") == ["loud"]
    assert rules(user="bob") == ["quiet_rule"]
    assert rules(since="2026-11-23T09:01:00Z") == ["loud", "quiet_rule"]
    assert rules(until="2026-11-23T09:01:00Z") == ["secret_read"]
    with pytest.raises(ValueError, match=r"'hgh' is no severity; .* Did you mean 'high'"):
        book.listed(severity="hgh")
    assert book.open_by_severity() == {"low": 1, "medium": 0, "high": 0, "critical": 1}


def test_the_beginning_of_an_id_is_enough(kept: Keeping) -> None:
    ids = kept.record(*(match(0, user=f"user{number}") for number in range(40)))
    assert kept.state.alerts.show(ids[0][:12])["id"] == ids[0]
    for wrong, text in (("", "no alert"), ("zz", "no alert"), (ids[0] + "0", "no alert")):
        with pytest.raises(Unknown, match=text):
            kept.state.alerts.show(wrong)
    digits = [id[0] for id in ids]
    shared = next(digit for digit in digits if digits.count(digit) > 1)
    with pytest.raises(Unknown, match=r"more than one alert's id: [0-9a-f]{8}, "):
        kept.state.alerts.show(shared)


# decisions


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


# tokens


def test_a_token_is_known_by_its_text_alone(kept: Keeping) -> None:
    text = kept.state.tokens.create("ci", "auditor", None, TIME)
    other = kept.state.tokens.create("ci", "analyst", None, TIME)
    assert text.startswith("tm_") and len(text) == 46 and text != other
    token = kept.other.tokens.check(text, TIME)
    assert token is not None and (token.name, token.role) == ("ci", "auditor")
    for wrong in ("", "tm_", text[:-1], text + "x", text.upper(), "\ud800"):
        assert kept.other.tokens.check(wrong, TIME) is None


def test_a_token_ends_everywhere_when_it_expires_or_is_revoked(kept: Keeping) -> None:
    text = kept.state.tokens.create("ci", "analyst", TIME + timedelta(days=1), TIME)
    tokens = kept.other.tokens
    assert tokens.check(text, TIME + timedelta(hours=23)) and not tokens.check(text, TIME + timedelta(days=1))
    text = kept.state.tokens.create("ci", "analyst", None, TIME)
    assert kept.state.tokens.revoke("ci") == 2 and tokens.revoke("ci") == 0
    assert tokens.check(text, TIME) is None and tokens.listed() == []


def test_the_last_use_is_listed(kept: Keeping) -> None:
    text = kept.state.tokens.create("ci", "analyst", None, TIME)
    assert kept.state.tokens.listed()[0]["last_used"] is None
    for after in (0, 30, 90):
        kept.other.tokens.check(text, TIME + timedelta(seconds=after))
    assert kept.state.tokens.listed() == [
        {
            "name": "ci", "role": "analyst", "kind": "api", "created": "2026-11-23T09:00:00Z",
            "expires": None, "last_used": "2026-11-23T09:01:30Z",
        }
    ]  # fmt: skip


def test_a_login_link_is_good_once_and_for_nothing_else(kept: Keeping) -> None:
    link = kept.state.tokens.login("page", "analyst", 600, TIME)
    tokens = kept.other.tokens
    assert tokens.check(link, TIME) is None
    session = tokens.redeem(link, 3600, TIME)
    assert session is not None and session != link
    assert kept.state.tokens.redeem(link, 3600, TIME) is None and tokens.redeem(session, 3600, TIME) is None
    token = kept.state.tokens.check(session, TIME + timedelta(minutes=59))
    assert token is not None and (token.name, token.role, token.kind) == ("page", "analyst", "session")
    assert tokens.check(session, TIME + timedelta(hours=1)) is None
    assert kept.state.tokens.end(session) and not kept.state.tokens.end(session)
    assert tokens.check(session, TIME) is None


def test_an_old_login_link_is_refused_and_cleared_away(kept: Keeping) -> None:
    link = kept.state.tokens.login("page", "analyst", 600, TIME)
    assert kept.state.tokens.redeem(link, 3600, TIME + timedelta(minutes=10)) is None
    kept.state.tokens.create("ci", "analyst", None, TIME + timedelta(minutes=11))
    assert [row["name"] for row in kept.other.tokens.listed()] == ["ci"]


def test_of_many_who_use_a_link_at_one_time_one_gets_in(kept: Keeping) -> None:
    link = kept.state.tokens.login("page", "analyst", 600, TIME)
    states = [kept.state, kept.other] * 4
    sessions = at_once(*(lambda state=state: state.tokens.redeem(link, 60, TIME) for state in states))
    assert sum(session is not None for session in sessions) == 1
    (session,) = [each for each in sessions if each is not None]
    assert kept.other.tokens.check(session, TIME)


# own acts, counters


def test_own_acts_are_listed_newest_first(kept: Keeping) -> None:
    for number in range(5):
        state = kept.other if number % 2 else kept.state
        who = "carol" if number % 2 else "dave"
        state.audit.log(who, "search", {"q": f"verb:{number}"}, TIME + timedelta(number))
    kept.state.audit.log("carol", "close alerts", {"ids": ["ab"]}, TIME + timedelta(5))
    audit = kept.other.audit
    newest = audit.listed(2)
    assert {name: newest[0][name] for name in ("time", "actor", "action", "detail")} == {
        "time": "2026-11-28T09:00:00Z", "actor": "carol", "action": "close alerts", "detail": {"ids": ["ab"]},
    }  # fmt: skip
    assert [act["detail"]["q"] for act in audit.listed(after=newest[-1]["number"])] == [
        f"verb:{number}" for number in (3, 2, 1, 0)
    ]
    assert [act["detail"]["q"] for act in audit.listed(actor="carol", action="search")] == [
        "verb:3",
        "verb:1",
    ]
    kept.state.prune((TIME + timedelta(3)).timestamp())
    assert [act["time"][8:10] for act in audit.listed()] == ["28", "27", "26"]


def test_acts_of_one_moment_are_all_kept_and_numbered(kept: Keeping) -> None:
    acts = [
        lambda state=state, number=number: state.audit.log("carol", "search", {"number": number}, TIME)
        for number, state in enumerate([kept.state, kept.other] * 5)
    ]
    assert at_once(*acts) == [None] * 10
    found = kept.state.audit.listed()
    assert {act["detail"]["number"] for act in found} == set(range(10))
    assert [act["number"] for act in found] == sorted({act["number"] for act in found}, reverse=True)


def test_replayed_letters_are_remembered(kept: Keeping) -> None:
    kept.state.mark_replayed(["ab", "cd"], NOW)
    kept.other.mark_replayed(["cd", "ef"], NOW + 100)
    assert kept.state.replayed() == {"ab", "cd", "ef"}
    kept.state.prune(NOW + 50)
    assert kept.other.replayed() == {"ef"}


# what detectors remember


def test_what_detectors_remember_is_read_by_another_process_the_newest_first(kept: Keeping) -> None:
    assert kept.other.memories.kept() == []
    kept.remember("actors", NOW, b"an early one")
    kept.remember("actors", NOW + 60, b"acts")
    kept.remember("log_template", NOW + 120, b"lines")
    found = kept.other.memories.kept()
    assert [each.detector for each in found] == ["log_template", "actors"]
    read = [kept.other.memories.read(each) for each in found]
    assert [(each.body, each.taken) for each in read] == [(b"lines", NOW + 120), (b"acts", NOW + 60)]


def test_a_memory_that_is_gone_is_none(kept: Keeping) -> None:
    assert kept.other.memories.read(Kept("actors", "nobody", 1.0)) is None
