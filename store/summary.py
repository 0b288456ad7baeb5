"""What an index says of itself beside its files, so that it need not be opened to be passed over."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
from msgspec import Struct

from event_model.ready import ready
from store.columns import fingerprint

FILE = "summary.json"
_STEP = 60_000_000  # bounds are kept in whole minutes, so that they rarely have to be written


class Summary(Struct, frozen=True):
    """`since` and `until` hold every event's time (microseconds since 1970), and perhaps more."""

    made: str = ""  # fingerprint of the columns
    since: int | None = None
    until: int | None = None
    complete: bool = False  # has all of its partition, to which nothing will be added

    def fits(self) -> bool:
        """Whether the index was made as this program would make it."""
        return self.made == fingerprint()

    def widened(self, time: int) -> Summary:
        """With this time inside."""
        since = time if self.since is None else min(time, self.since)
        until = time if self.until is None else max(time, self.until)
        return msgspec.structs.replace(self, since=since // _STEP * _STEP, until=-(-until // _STEP) * _STEP)

    def may_hold(self, since: int | None, until: int | None) -> bool:
        """Whether an event with since <= time < until can be in it."""
        if self.since is None or self.until is None:
            return False
        return (until is None or self.since < until) and (since is None or since <= self.until)


ready(Summary)


def load(folder: Path) -> Summary | None:
    """None where there is none, or none that can be read."""
    try:
        return msgspec.json.decode((folder / FILE).read_bytes(), type=Summary)
    except (OSError, msgspec.MsgspecError):
        return None


def save(folder: Path, summary: Summary) -> None:
    fresh = folder / (FILE + ".new")
    fresh.write_bytes(msgspec.json.encode(summary))
    os.replace(fresh, folder / FILE)
