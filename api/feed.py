"""What one listener of the live stream is told next."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from msgspec import Struct

from api.services import Following, Place, Services
from event_model.event import Event
from event_model.fields import document

_MARK = re.compile(r"(\d{8}-\d{3}|\d{13,17})?:(-?\d{1,19}):(\d{1,19})")
_encode = msgspec.json.Encoder(enc_hook=str).encode


class Mark(Struct, frozen=True):
    """How far a listener has been told: the `id` of a message, to go on from after a break."""

    place: Place
    change: int  # of the alerts

    def __str__(self) -> str:
        return f"{self.place[0]}:{self.place[1]}:{self.change}"


def mark(text: str) -> Mark:
    """The mark of this text. Raises ValueError for what is none."""
    parts = _MARK.fullmatch(text)
    if not parts:
        raise ValueError(f"{text!r} is not the id of a message of this stream")
    return Mark((parts[1] or "", int(parts[2])), int(parts[3]))


class Feed:
    """Events and alerts behind a mark, or from now on. Nothing is left out: a slow listener is told later."""

    def __init__(
        self, serve: Services, since: Mark | None, meets: Callable[[Event], bool] | None, alerts: bool
    ) -> None:
        """`meets`: which events are wanted, None for none."""
        self._meets, self._alerts = meets, alerts
        self._events: Following = serve.follow(since.place if since else None)
        self._changes = serve.book.changes(since.change if since else None)
        self._change = self._changes.at

    @property
    def mark(self) -> Mark:
        return Mark(self._events.place, self._change)

    def opening(self) -> Iterator[bytes]:
        """The first message: says that this listens, and from where on it can be gone on."""
        yield message("ready", {"gone": self._events.gone}, self.mark)

    def look(self) -> Iterator[bytes]:
        """What has come since the last look."""
        if self._meets:
            for place, event in self._events.look():
                if self._meets(event):
                    yield message("event", document(event), Mark(place, self._change))
        if self._alerts:
            changed = self._changes.look()
            for number, alert in enumerate(changed, 1):
                if number == len(changed):
                    self._change = self._changes.at  # after a break in between, all of them come again
                yield message("alert", alert, self.mark)
            self._change = self._changes.at


def message(kind: str, data: Any, mark: Mark) -> bytes:
    """One server-sent event; JSON has no line ends in it."""
    return b"event: %b\nid: %b\ndata: %b\n\n" % (kind.encode(), str(mark).encode(), _encode(data))


def still_there(mark: Mark) -> bytes:
    """Something to send where there is nothing to tell: it keeps the connection open, and the place."""
    return b": still there\nid: %b\n\n" % str(mark).encode()
