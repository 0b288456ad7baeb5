"""The time of the stream, in windows of five minutes; a clock that jumps neither stops it nor ages a memory."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

WINDOW = 5  # minutes
NEAR = 60  # minutes that time may leap at once: more must be confirmed
RUN = 5  # consecutive events that agree on another time: then it is the time
HOUR, DAY = 3_600.0, 86_400.0
HALF_LIFE = 4 * DAY  # of counts, by the stream's time


@lru_cache(maxsize=4096)
def minute_of(text: str) -> int | None:
    """Minutes since the epoch of `2026-03-10T03:12`; None for what is no time."""
    try:
        return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) // 60
    except (ValueError, OverflowError):
        return None


@dataclass(slots=True)
class Clock:
    """`minute` is the stream's own time, `flow` counts the seconds that passed in it.

    Half-lives and ages go by `flow`: time that nobody watched tells nothing, so a leap, once confirmed, counts for
    an hour, and a leap back for nothing.
    """

    minute: int = 0  # since the epoch
    flow: float = 0.0  # seconds
    day: int = 0  # of the stream, for ages
    odd: int = 0  # events whose time was not believed
    base: float = 0.0  # flow at which one more counts 1
    _other: int = 0  # the time that the last events agree on
    _run: int = 0

    def turn(self, text: str) -> bool:
        """Go by the time of one event, to the minute. Whether the time is now this event's."""
        minute = minute_of(text)
        if minute is None:
            self.odd += 1
            return False
        ahead = minute - self.minute
        if not self.minute:
            self.minute = minute
        elif 0 <= ahead <= NEAR:
            self.minute, self._run = minute, 0
            self.flow += ahead * 60.0
        elif -NEAR <= ahead < 0:  # lines are nearly, not strictly, in order
            self._run = 0
            return False
        elif not self._confirmed(minute):
            self.odd += 1
            return False
        else:
            self.minute, self._run = minute, 0
            self.flow += NEAR * 60.0 if ahead > 0 else 0.0
        self.day = int(self.flow // DAY)
        return True

    def _confirmed(self, minute: int) -> bool:
        self._run = self._run + 1 if abs(minute - self._other) <= NEAR else 1
        self._other = minute
        return self._run >= RUN

    @property
    def weight(self) -> float:
        """What one more counts now. Counts decay because what comes later weighs more: nobody has to go through them.

        Forward decay: Cormode, Shkapenyuk, Srivastava, Xu, ICDE 2009. A sum over the weight is the decayed count.
        """
        return float(2.0 ** ((self.flow - self.base) / HALF_LIFE))

    @property
    def window(self) -> int:
        return self.minute // WINDOW

    @property
    def hour(self) -> int:
        """Hour of the day, UTC."""
        return self.minute // 60 % 24

    @property
    def now(self) -> str:
        """RFC 3339, to the minute."""
        return datetime.fromtimestamp(self.minute * 60, UTC).strftime("%Y-%m-%dT%H:%M:00Z")


def fade(seconds: float, half_life: float) -> float:
    """What is left of 1 after `seconds`."""
    return 0.5 ** (seconds / half_life) if seconds > 0 else 1.0
