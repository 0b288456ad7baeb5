"""What changes, beside a journal that never does: alerts and decisions, tokens, own acts, counters.

Kept in a file on one machine (`store.database.Database`), in indices on a cluster
(`store.elastic.state.ClusterState`). One suite runs on both: tests/contract/.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from msgspec import Struct

from store.snapshots import Memories


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the alerts that were asked for."""

    alerts: list[dict[str, Any]]
    after: list[Any] | None  # give it back for the next page; None at the end


class AlertRecord(Struct, frozen=True):
    """An alert with all that belongs to it, on its way from one state to another. Times are seconds since the epoch.

    Its status is what the last step of its history made it; without a step it is open.
    """

    id: str
    document: dict[str, Any]  # as sinks are told of it, as it is now
    start: float  # of its first event
    end: float  # of its last event
    detected: float  # when the last match was found
    count: int  # of matches
    group: str  # hex digits: hash of what makes matches one group
    history: list[
        dict[str, Any]
    ]  # decisions, oldest first: time (RFC 3339), user, action, reason, note, scope


class Changes(Protocol):
    """A reader of new and changed alerts."""

    @property
    def at(self) -> int:
        """Where `Alerts.changes` goes on behind what was told; grows."""
        ...

    def look(self) -> list[dict[str, Any]]:
        """Alerts in short that are new or changed since the last look, oldest change first; some of them if many."""
        ...


class Alerts(Protocol):
    """What was found, and what people decided about it."""

    def listed(
        self, *, status: str | None = None, severity: str = "low", rule: str | None = None, user: str | None = None,
        since: str | None = None, until: str | None = None, limit: int = 50, after: Any = None,
    ) -> Page:  # fmt: skip
        """Newest first: of a status, of at least a severity, of a rule (id or file name), by whom, when.

        Raises ValueError for no such severity, QueryError for an `after` of somewhere else.
        """
        ...

    def show(self, id: str) -> dict[str, Any]:
        """One alert, with its document and history; the beginning of its id is enough. Raises Unknown."""
        ...

    def decide(
        self, ids: Iterable[str], action: str, *, user: str, reason: str | None = None, note: str = "",
        now: datetime, version: int | None = None, scope: str = "entity",
    ) -> int:  # fmt: skip
        """Acknowledge, close or reopen alerts, all of them or none; how many that changed.

        `version`: of the alerts as `user` saw them; `scope`: for whom a detector is to learn of it. Raises Unknown, Changed; ValueError for no such decision.
        """
        ...

    def open_by_severity(self) -> dict[str, int]:
        """How many alerts of each severity are open."""
        ...

    def changes(self, since: int | None = None) -> Changes:
        """What changes from now on, or what has changed since a reader was `at` there: that may come twice."""
        ...

    def records(self) -> Iterable[AlertRecord]:
        """All alerts, for a copy."""
        ...

    def take(self, records: Iterable[AlertRecord]) -> int:
        """Put in alerts of another state with their history; how many that were not there. Those there are left."""
        ...

    def prune(self, before: float) -> int:
        """Delete the alerts whose last event and last decision are older (seconds since the epoch); how many."""
        ...


class Token(Struct, frozen=True):
    """Who is asking, and what they may."""

    name: str
    role: str
    kind: str  # api, session or login
    expires: float | None


class Tokens(Protocol):
    """Tokens for the API: shown once, kept as hashes; links for one login, and the sessions they begin."""

    def create(self, name: str, role: str, expires: datetime | None, now: datetime) -> str:
        """A new token, in plain text for the only time."""
        ...

    def login(self, name: str, role: str, seconds: float, now: datetime) -> str:
        """A token that `redeem` takes once, within so many seconds."""
        ...

    def redeem(self, text: str, session_seconds: float, now: datetime) -> str | None:
        """A session's token for a login token, which ends by that; None if it is not valid (any more)."""
        ...

    def check(self, text: str, now: datetime) -> Token | None:
        """Whose token that is; None for one that is unknown, ended, or good for logging in only."""
        ...

    def end(self, text: str) -> bool:
        """End the session or token of this text; whether there was one."""
        ...

    def listed(self) -> list[dict[str, Any]]:
        """Names, roles and times, never the tokens."""
        ...

    def revoke(self, name: str) -> int:
        """End every token of this name, sessions too; how many."""
        ...


class Acts(Protocol):
    """What people did with this program itself: every search, export and decision, by whom and when."""

    def log(self, actor: str, action: str, detail: dict[str, Any], now: datetime) -> None:
        """Write one act down."""
        ...

    def listed(
        self,
        limit: int = 100,
        *,
        actor: str | None = None,
        action: str | None = None,
        after: int | None = None,
    ) -> list[dict[str, Any]]:
        """Newest first; `after` is the `number` of the last one of an earlier page."""
        ...

    def prune(self, before: float) -> int:
        """Delete what is older (seconds since the epoch); how many."""
        ...


class Numbers(Protocol):
    """What the collecting processes count, for `tallyman status` and /metrics."""

    def load(self) -> dict[str, float]:
        """By name what was saved last, of all who collect; empty if nothing ever was."""
        ...


class State(Protocol):
    """Everything that changes. All of it raises StoreError where it can't be reached."""

    @property
    def alerts(self) -> Alerts: ...

    @property
    def tokens(self) -> Tokens: ...

    @property
    def audit(self) -> Acts: ...

    @property
    def counters(self) -> Numbers: ...

    @property
    def memories(self) -> Memories: ...

    def sinks(self) -> Mapping[str, Mapping[str, int]]:
        """By sink: how many alerts wait for it (`pending`), and how many were given up (`failed`)."""
        ...

    def replayed(self) -> set[str]:
        """The ids of the dead letters that were read again with success."""
        ...

    def mark_replayed(self, ids: Iterable[str], now: float) -> None: ...

    def check(self) -> None:
        """Raises StoreError or OSError if it does not work."""
        ...

    def close(self) -> None: ...
