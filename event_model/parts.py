"""The six interfaces: whatever reads, understands, inspects, keeps or tells is one of these.

A part is one file, and the file's name is its `type` in the configuration: `type: webhook` is
sinks/webhook.py. The file's first docstring line is its help; it holds one dataclass named after the kind of
part (`Source`, `Format`, `Detector`, `Sink`) whose fields are its options.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from threading import Event as Flag
from typing import Any, Protocol

from msgspec import Struct

from event_model.alert import Match
from event_model.behaviour import Behaviour, Verdict
from event_model.event import Event, Origin, Record


class Batch(Struct, frozen=True):
    """Records that were read together, of one origin, in the order read.

    `key` names what was read from (one file, one partition) and `position` where to go on once these records
    are safe: plain data that MessagePack can hold. A batch may hold no records and only move the position.
    """

    origin: Origin
    records: list[Record]
    key: str
    position: Any
    received: float  # seconds since the epoch
    dead: list[
        tuple[Record, str]
    ] = []  # what could not even be cut into a record (too long), with the reason


class Source(Protocol):
    """Where records come from. One thread runs `read` to its end."""

    def read(self, positions: dict[str, Any], stop: Flag) -> Iterator[Batch]:
        """Yield batches, from `positions` (key -> the position of the last batch kept) on, until `stop` is set.

        A yield returns when the batch has been taken; what must wait, waits in there: that is the back-pressure.
        Raises OSError for what can't be read at all; what may come back (a file not there yet) is waited for.
        """
        ...


class Format(Protocol):
    """What a record means. Pure: no file, socket or clock."""

    def split(self, raw: bytes) -> Iterable[bytes]:
        """The records inside one line or document: the items of an envelope, or just `[raw]`. Raises Unreadable."""
        ...

    def normalize(self, record: Record, origin: Origin) -> Event:
        """The event that one record tells of. Raises Unreadable, and nothing else, whatever the bytes are."""
        ...

    def redact(self, record: Record, event: Event) -> Record:
        """The record with secret values replaced (`digest` keeps the hash of what was read), or itself."""
        ...


class Inspector(Protocol):
    """What looks at events as they pass: the rule engine, a detector."""

    def inspect(self, events: list[Event]) -> list[Match]:
        """What is to be said of these events, which come in order and once."""
        ...

    def retell(self, match: Match, event: Event) -> Match:
        """The same match, told of its event as it may be kept: with secrets replaced."""
        ...


class Detector(Inspector, Protocol):
    """What learns how somebody usually behaves, and tells of what is unlike it.

    Made with its options, then `attach(behaviour_of)` tells it which declaration each format has. Fed from one
    thread; what it remembers is bounded, whatever the events are.
    """

    def attach(self, behaviour_of: Callable[[str], Behaviour | None]) -> None:
        """Take the declaration of a format by the format's name; None where it has none."""
        ...

    def snapshot(self) -> bytes:
        """All that it has learnt: versioned MessagePack, never code."""
        ...

    def restore(self, data: bytes) -> None:
        """Go on from a snapshot. Raises ValueError with the reason (another version, cut short): then nothing has
        changed, and the caller learns again from history."""
        ...

    def usual(self, entity: str, cluster: str | None = None) -> dict[str, Any] | None:
        """What is usual for an entity, as data; None where it is not known. Of several clusters the one where it was
        seen last, unless one is named; `cluster` says which, `also_in` which others know it."""
        ...

    def judge(self, verdict: Verdict) -> None:
        """Take what triage said of a finding. One that has expired already takes an earlier one back."""
        ...

    def standing(self) -> dict[str, dict[str, float]]:
        """How it stands, for `tallyman status` and /metrics: under "" `learning` (1 while it knows too little),
        `entities`, `novelty_rate` (new values of an entity in an active window), `incidents_day`, `budget_used`
        (0 to 1), and what it could not look at (`unread`, `crowded` …). Of several that look together, under the name of each what is its own."""
        ...


class Found(Struct, frozen=True):
    """One page of a search."""

    events: list[Event]  # newest first unless asked otherwise
    total: int  # how many match; a lower bound where `exact` is False
    exact: bool
    after: Any = None  # give it back to get the next page; None at the end


class Store(Protocol):
    """What makes events searchable."""

    def search(
        self, query: Any, *, since: str | None, until: str | None, limit: int, after: Any, oldest_first: bool
    ) -> Found:
        """The events that meet `query` (an AST of store/query.py) with since <= time < until (RFC 3339)."""
        ...

    def top(
        self, query: Any, field: str, *, since: str | None, until: str | None, size: int
    ) -> list[tuple[Any, int]]:
        """The commonest values of `field`, with their counts, commonest first."""
        ...

    def histogram(
        self, query: Any, *, since: str | None, until: str | None, buckets: int
    ) -> list[tuple[str, int]]:
        """Counts over time: start of each bucket (RFC 3339), events in it."""
        ...

    def get(self, id: str) -> Event | None:
        """The event with this id (`tallyman.id`)."""
        ...


class Sink(Protocol):
    """Who is told of alerts."""

    def send(self, alerts: list[dict[str, Any]]) -> None:
        """Deliver these alert documents, or raise OSError: then they are offered again, later."""
        ...


Clock = Callable[[], float]
