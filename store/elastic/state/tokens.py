"""Tokens for the API on a cluster: every replica knows them at once, and a login link is good for one of them."""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from store.elastic.state.index import Hit, Index
from store.grouping import iso
from store.state import Token
from store.tokens import USED_EVERY, hashed, new_text

KIND = "token"
_ID_DIGITS = 16  # of the hash: enough to find the one, and of no use to guess the rest
_BY_TIME = [{"number": {"order": "asc", "unmapped_type": "long"}}, {"hash": {"order": "asc"}}]


@dataclass(frozen=True, slots=True)
class TokenIndex:
    """As `store.state.Tokens` says. A token is asked for by its id: that answers as it was written last."""

    index: Index

    def create(self, name: str, role: str, expires: datetime | None, now: datetime) -> str:
        """A new token, in plain text for the only time."""
        return self._make("api", name, role, expires.timestamp() if expires else None, now.timestamp())

    def login(self, name: str, role: str, seconds: float, now: datetime) -> str:
        """A token that `redeem` takes once, within so many seconds."""
        return self._make("login", name, role, now.timestamp() + seconds, now.timestamp())

    def redeem(self, text: str, session_seconds: float, now: datetime) -> str | None:
        """A session's token for a login token, which ends by that; None if it is not valid (any more)."""
        moment = now.timestamp()
        hit, token = self._find(text, "login", moment)
        if (
            hit is None or token is None or not self.index.delete([hit])
        ):  # of two who come at one time, one gets it
            return None
        return self._make("session", token.name, token.role, moment + session_seconds, moment)

    def check(self, text: str, now: datetime) -> Token | None:
        """Whose token that is; None for one that is unknown, ended, or good for logging in only."""
        hit, token = self._find(text, "api", now.timestamp())
        if hit is not None:
            self._used(hit, now.timestamp())
        return token

    def end(self, text: str) -> bool:
        """End the session or token of this text; whether there was one."""
        while True:
            hit, _ = self._find(text, "api", 0.0)
            if hit is None:
                return False
            if self.index.delete([hit]):
                return True  # else its use was noted this moment

    def listed(self) -> list[dict[str, Any]]:
        """Names, roles and times, never the tokens."""
        times = ("created", "expires", "last_used")
        return [
            {name: hit.source["value"][name] for name in ("name", "role", "kind")}
            | {
                name: iso(moment) if (moment := hit.source["value"].get(name)) is not None else None
                for name in times
            }
            for hit in self._all()
        ]

    def revoke(self, name: str) -> int:
        """End every token of this name, sessions too; how many."""
        ended = 0
        while found := [hit for hit in self._all() if hit.source["value"]["name"] == name]:
            ended += self.index.delete(found)
        return ended

    def _all(self) -> Iterator[Hit]:
        self.index.refresh()
        for page in self.index.scan({"bool": {"filter": [{"term": {"kind": KIND}}]}}, _BY_TIME):
            yield from page

    def _make(self, kind: str, name: str, role: str, expires: float | None, now: float) -> str:
        self._clear(now)
        text = new_text()
        digits = hashed(text).hex()
        value = {
            "kind": kind, "name": name, "role": role, "created": now, "expires": expires, "hash": digits,
        }  # fmt: skip
        # searched are kind, hash and number; the name may be longer than a keyword
        told = {"kind": KIND, "hash": digits, "number": round(now * 1e6), "value": value}
        self.index.create(_id(digits), told)
        return text

    def _clear(self, now: float) -> None:
        """Delete the links and sessions that have ended."""
        ended = [
            hit for hit in self._all()
            if hit.source["value"]["kind"] != "api" and (hit.source["value"]["expires"] or now) < now
        ]  # fmt: skip
        self.index.delete(ended)

    def _find(self, text: str, kind: str, now: float) -> tuple[Hit | None, Token | None]:
        """The token of this text: for logging in if `kind` is login, else for everything but that."""
        given = hashed(text).hex()
        hit = self.index.get(_id(given))
        value = hit.source["value"] if hit else {}
        if not hmac.compare_digest(value.get("hash", ""), given):  # all of it, in constant time
            return None, None
        if (value["kind"] == "login") != (kind == "login"):
            return None, None
        if value["expires"] is not None and value["expires"] <= now:
            return None, None
        return hit, Token(value["name"], value["role"], value["kind"], value["expires"])

    def _used(self, hit: Hit, now: float) -> None:
        before = hit.source["value"].get("last_used")
        if before is None or now - before >= USED_EVERY:
            self.index.change(hit, {"value": {"last_used": now}})  # where it fails, another has just done so


def _id(digits: str) -> str:
    return f"{KIND}-{digits[:_ID_DIGITS]}"
