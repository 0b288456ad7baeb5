import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from store.database import Database
from store.tokens import Tokens

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@pytest.fixture
def tokens(tmp_path: Path) -> Iterator[Tokens]:
    database = Database(tmp_path)
    yield database.tokens
    database.close()


def test_a_token_is_known_by_its_text_alone(tokens: Tokens) -> None:
    text = tokens.create("ci", "auditor", None, NOW)
    other = tokens.create("ci", "analyst", None, NOW)
    assert text.startswith("tm_") and len(text) == 46 and text != other
    token = tokens.check(text, NOW)
    assert token is not None and (token.name, token.role) == ("ci", "auditor")
    for wrong in ("", "tm_", text[:-1], text + "x", text.upper(), "\ud800"):
        assert tokens.check(wrong, NOW) is None


def test_the_text_is_nowhere_on_disk(tokens: Tokens, tmp_path: Path) -> None:
    text = tokens.create("ci", "analyst", None, NOW)
    assert not any(text.encode() in path.read_bytes() for path in tmp_path.iterdir())
    assert all(text not in str(row) for row in tokens.listed())


def test_a_token_ends_when_it_expires_or_is_revoked(tokens: Tokens) -> None:
    text = tokens.create("ci", "analyst", NOW + timedelta(days=1), NOW)
    assert tokens.check(text, NOW + timedelta(hours=23)) and not tokens.check(text, NOW + timedelta(days=1))
    text = tokens.create("ci", "analyst", None, NOW)
    assert tokens.revoke("ci") == 2 and tokens.revoke("ci") == 0
    assert tokens.check(text, NOW) is None and tokens.listed() == []


def test_the_last_use_is_listed(tokens: Tokens) -> None:
    text = tokens.create("ci", "analyst", None, NOW)
    assert tokens.listed()[0]["last_used"] is None
    for after in (0, 30, 90):
        tokens.check(text, NOW + timedelta(seconds=after))
    assert tokens.listed() == [
        {
            "name": "ci", "role": "analyst", "kind": "api", "created": "2026-11-23T09:00:00Z",
            "expires": None, "last_used": "2026-11-23T09:01:30Z",
        }
    ]  # fmt: skip


def test_a_login_link_is_good_once_and_for_nothing_else(tokens: Tokens) -> None:
    link = tokens.login("page", "analyst", 600, NOW)
    assert tokens.check(link, NOW) is None
    session = tokens.redeem(link, 3600, NOW)
    assert session is not None and session != link
    assert tokens.redeem(link, 3600, NOW) is None and tokens.redeem(session, 3600, NOW) is None
    token = tokens.check(session, NOW + timedelta(minutes=59))
    assert token is not None and (token.name, token.role, token.kind) == ("page", "analyst", "session")
    assert tokens.check(session, NOW + timedelta(hours=1)) is None


def test_an_old_login_link_is_refused_and_cleared_away(tokens: Tokens) -> None:
    link = tokens.login("page", "analyst", 600, NOW)
    assert tokens.redeem(link, 3600, NOW + timedelta(minutes=10)) is None
    tokens.create("ci", "analyst", None, NOW + timedelta(minutes=11))
    assert [row["name"] for row in tokens.listed()] == ["ci"]


def test_of_many_who_use_a_link_at_one_time_one_gets_in(tokens: Tokens) -> None:
    link = tokens.login("page", "analyst", 600, NOW)
    sessions: list[str | None] = []
    threads = [
        threading.Thread(target=lambda: sessions.append(tokens.redeem(link, 60, NOW))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(session is not None for session in sessions) == 1
