"""Tokens for the API: shown once, kept as hashes; links for one login, and the sessions they begin."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from store.grouping import iso
from store.sqlite import SqliteFile
from store.state import Token

__all__ = ["Token", "Tokens", "hashed", "new_text"]
PREFIX = "tm_"
_BYTES = 32
USED_EVERY = 60.0  # seconds between two notes of the last use


@dataclass(slots=True)
class Tokens:
    file: SqliteFile

    def create(self, name: str, role: str, expires: datetime | None, now: datetime) -> str:
        """A new token, in plain text for the only time."""
        return self._make("api", name, role, expires.timestamp() if expires else None, now.timestamp())

    def login(self, name: str, role: str, seconds: float, now: datetime) -> str:
        """A token that `redeem` takes once, within so many seconds."""
        return self._make("login", name, role, now.timestamp() + seconds, now.timestamp())

    def redeem(self, text: str, session_seconds: float, now: datetime) -> str | None:
        """A session's token for a login token, which ends by that; None if it is not valid (any more)."""
        moment = now.timestamp()
        number, token = self._find(text, "login", moment)
        if token is None:
            return None
        with self.file.transaction() as connection:  # of two who come at one time, one gets it
            used = connection.execute(
                "DELETE FROM tokens WHERE number = ? AND kind = 'login'", (number,)
            ).rowcount
            if not used:
                return None
        return self._make("session", token.name, token.role, moment + session_seconds, moment)

    def check(self, text: str, now: datetime) -> Token | None:
        """Whose token that is; None for one that is unknown, ended, or good for logging in only."""
        number, token = self._find(text, "api", now.timestamp())
        if token is not None:
            self._used(number, now.timestamp())
        return token

    def end(self, text: str) -> bool:
        """End the session or token of this text; whether there was one."""
        number, token = self._find(text, "api", 0.0)
        if token is None:
            return False
        with self.file.transaction() as connection:
            return bool(connection.execute("DELETE FROM tokens WHERE number = ?", (number,)).rowcount)

    def listed(self) -> list[dict[str, Any]]:
        """Names, roles and times, never the tokens."""
        rows = self.file.read("SELECT * FROM tokens ORDER BY number")
        times = ("created", "expires", "last_used")
        return [
            {name: row[name] for name in ("name", "role", "kind")}
            | {name: iso(row[name]) if row[name] is not None else None for name in times}
            for row in rows
        ]

    def revoke(self, name: str) -> int:
        """End every token of this name, sessions too; how many."""
        with self.file.transaction() as connection:
            return connection.execute("DELETE FROM tokens WHERE name = ?", (name,)).rowcount

    def _make(self, kind: str, name: str, role: str, expires: float | None, now: float) -> str:
        text = new_text()
        with self.file.transaction() as connection:
            connection.execute("DELETE FROM tokens WHERE kind != 'api' AND expires < ?", (now,))
            connection.execute(
                "INSERT INTO tokens (hash, kind, name, role, created, expires) VALUES (?, ?, ?, ?, ?, ?)",
                (hashed(text), kind, name, role, now, expires),
            )
        return text

    def _find(self, text: str, kind: str, now: float) -> tuple[int, Token | None]:
        """The token of this text: for logging in if `kind` is login, else for everything but that."""
        given, number, found = hashed(text), 0, None
        for row in self.file.read("SELECT * FROM tokens"):
            # all are compared, each in constant time
            if hmac.compare_digest(row["hash"], given):
                number, found = row["number"], Token(row["name"], row["role"], row["kind"], row["expires"])
        if found is None or (found.kind == "login") != (kind == "login"):
            return 0, None
        if found.expires is not None and found.expires <= now:
            return 0, None
        return number, found

    def _used(self, number: int, now: float) -> None:
        seen = self.file.read("SELECT last_used FROM tokens WHERE number = ?", (number,))
        if seen and (seen[0][0] is None or now - seen[0][0] >= USED_EVERY):
            with self.file.transaction() as connection:
                connection.execute("UPDATE tokens SET last_used = ? WHERE number = ?", (now, number))


def new_text() -> str:
    """A token that nobody can guess."""
    return PREFIX + secrets.token_urlsafe(_BYTES)


def hashed(text: str) -> bytes:
    """What is kept of a token: 32 bytes."""
    return sha256(text.encode("utf-8", "surrogatepass")).digest()
