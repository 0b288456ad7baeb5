"""The time of the stream, in windows of five minutes; a clock that jumps neither stops it nor ages a memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache

WINDOW = 5  # minutes
NEAR = 60  # minutes that time may leap at once: more must be confirmed
RUN = 5  # events that agree on another time, one after the other: then it is a time of the stream
MOST_HANDS = 64
REMEMBERED = 7 * 24 * 60  # minutes that a source may be late; what is older is a time of its own
HOUR, DAY = 3_600.0, 86_400.0
LEAP = HOUR  # what a leap ahead counts for: nobody watched meanwhile
HALF_LIFE = 4 * DAY  # of counts, by the stream's time
LEAST_WEIGHT = -64.0  # as a power of two


@lru_cache(maxsize=4096)
def minute_of(text: str) -> int | None:
    """Minutes since the epoch of `2026-03-10T03:12`; None for what is no time."""
    try:
        return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) // 60
    except (ValueError, OverflowError):
        return None


@dataclass(slots=True, eq=False)
class Hand:
    """One time at which the stream is."""

    minute: int = 0  # since the epoch; 0: it has not begun
    flow: float = 0.0  # seconds
    ends: int = 0  # minute at which it ends the window that is open


@dataclass(slots=True)
class Clock:
    """`minute` is the time of the event that was looked at last, `flow` counts the seconds that were watched up to it.

    Half-lives and ages go by `flow`: time that nobody watched tells nothing, so a leap ahead, once confirmed, counts
    for an hour. Sources are read in turns, and some are hours late: each time at which the stream is has a hand of its
    own, so that going from one to the other is no leap. A minute that is watched again has the flow that it had before:
    hands that go through the same day age the memory by one day, however late some are.

        audit log    ──────────────────────► 12:05      flow 7.5 h
        old backlog  ─────────────► 09:40               flow 5.1 h

    All share the windows: one ends when the first hand has gone through five minutes of it, and its number only grows.
    """

    hands: list[Hand] = field(default_factory=lambda: [Hand()])  # the last is that of the last event
    window: int = 0
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
        hand: Hand | None = self.hand
        if -NEAR <= minute - self.minute <= NEAR:
            self._run = 0  # strays in between agree on nothing
        else:
            hand = self._another(minute)
        if hand is None:
            self.odd += 1
            return False
        if minute < hand.minute:  # lines are nearly, not strictly, in order
            return False
        self._move(hand, minute)
        return True

    def look_ahead(self, texts: list[str]) -> None:
        """Go by the times of the next events before these are looked at, where enough agree on one that is far: a source
        that is read for the first time begins at its own time."""
        minutes = [minute for text in texts if (minute := minute_of(text)) is not None]
        if len(minutes) < RUN or not self.minute or abs(minutes[0] - self.minute) <= NEAR:
            return
        if all(abs(minute - minutes[0]) <= NEAR for minute in minutes):
            self._run = RUN  # they confirm one another
            self._other = minutes[0]
            self.turn(texts[0])

    def _another(self, minute: int) -> Hand | None:
        """The hand of a time that is far from the present one; None where too few agree on it yet."""
        if not self.minute:
            self.hands = [Hand(minute, 0.0, _next(minute))]
            return self.hand
        hand = min(self.hands, key=lambda each: abs(minute - each.minute))
        if abs(minute - hand.minute) <= NEAR:
            self._run = 0
            self.hands.remove(hand)
        elif self._confirmed(minute):
            hand = self._new(minute)
        else:
            return None
        self.hands.append(hand)
        return hand

    def _confirmed(self, minute: int) -> bool:
        self._run = self._run + 1 if abs(minute - self._other) <= NEAR else 1
        self._other = minute
        return self._run >= RUN

    def _new(self, minute: int) -> Hand:
        """A hand of a time at which none was; makes room for it, and begins a window."""
        hand = Hand(minute, self._flow_at(minute))
        if len(self.hands) >= MOST_HANDS:
            kept = (max(self.hands, key=_minute), max(self.hands, key=_flow))
            self.hands.remove(next(each for each in self.hands if each not in kept))
        self._run = 0
        self._end_window(hand)
        return hand

    def _flow_at(self, minute: int) -> float:
        """The flow of a time at which no hand is: by the hands around it, for a time far from all is another stream's."""
        ahead = [each for each in self.hands if 0 <= each.minute - minute <= REMEMBERED]
        behind = [each.flow for each in self.hands if 0 < minute - each.minute <= REMEMBERED]
        if ahead:
            following = min(ahead, key=_minute)
            return max(0.0, following.flow - (following.minute - minute) * 60.0, *behind)
        most = max(behind or map(_flow, self.hands))
        return most + (LEAP if behind or minute > max(map(_minute, self.hands)) else 0.0)

    def _move(self, hand: Hand, minute: int) -> None:
        """Go on to the minute; a hand that is passed by on the way is one with it from now on."""
        before, hand.minute = hand.minute, minute
        hand.flow += (minute - before) * 60.0
        if len(self.hands) > 1 and minute > before:
            for each in [each for each in self.hands if each is not hand and before <= each.minute <= minute]:
                self.hands.remove(each)
                hand.flow = max(hand.flow, each.flow)
        if minute >= hand.ends:
            self._end_window(hand)

    def _end_window(self, hand: Hand) -> None:
        self.window += 1
        for each in self.hands:
            # a little longer than five minutes: where all go on, the same one ends the next
            each.ends = _next(each.minute + WINDOW)
        hand.ends = _next(hand.minute)

    @property
    def hand(self) -> Hand:
        return self.hands[-1]

    @property
    def minute(self) -> int:
        """Since the epoch; 0 before the first event."""
        return self.hands[-1].minute

    @property
    def flow(self) -> float:
        """Seconds."""
        return self.hands[-1].flow

    @property
    def day(self) -> int:
        """Of the stream, for ages."""
        return int(self.flow // DAY)

    @property
    def weight(self) -> float:
        """What one more counts now. Counts decay because what comes later weighs more: nobody has to go through them.

        Forward decay: Cormode, Shkapenyuk, Srivastava, Xu, ICDE 2009. A sum over the weight is the decayed count.
        Of a hand that is far behind the one that counts were scaled by, it is next to nothing, and never nothing.
        """
        return float(2.0 ** max(LEAST_WEIGHT, (self.flow - self.base) / HALF_LIFE))

    @property
    def hour(self) -> int:
        """Hour of the day, UTC."""
        return self.minute // 60 % 24

    @property
    def now(self) -> str:
        """RFC 3339, to the minute."""
        return datetime.fromtimestamp(self.minute * 60, UTC).strftime("%Y-%m-%dT%H:%M:00Z")


def _minute(hand: Hand) -> int:
    return hand.minute


def _flow(hand: Hand) -> float:
    return hand.flow


def _next(minute: int) -> int:
    """The minute at which the next window begins, of a day that is cut into windows."""
    return minute - minute % WINDOW + WINDOW


def fade(seconds: float, half_life: float) -> float:
    """What is left of 1 after `seconds`."""
    return 0.5 ** (seconds / half_life) if seconds > 0 else 1.0
