"""What every state must do besides alerts, wherever it is kept: tokens, own acts, letters read again, memories."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from store.snapshots import Kept
from tests.contract import states
from tests.contract.states import Keeping, at_once
from tests.store.matches import NOW

TIME = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
cluster, kept = states.cluster, states.kept  # fixtures


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
