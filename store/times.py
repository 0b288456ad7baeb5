"""Understand times as people type them: `1h`, `11:42`, `yesterday`, `now-1d/d`, `2026-11-23T14:10Z`."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

EXAMPLES = "1h, 90s, 7d, 11:42, today, yesterday, 2026-11-23, 2026-11-23T14:10:00Z, now-1d/d or 1795442400"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_second: tuple[str, int] = ("", 0)
_UNITS = {
    "ms": "ms", "msec": "ms", "millisecond": "ms",
    "s": "s", "sec": "s", "second": "s",
    "m": "m", "min": "m", "minute": "m",
    "h": "h", "hour": "h", "H": "h",
    "d": "d", "day": "d",
    "w": "w", "week": "w",
    "M": "M", "month": "M",
    "y": "y", "year": "y",
}  # fmt: skip
_AMOUNT = re.compile(r"\s*(\d{1,9}(?:\.\d{1,6})?)\s*([A-Za-z]+)")
_STEP = re.compile(r"([+-])(\d{1,9})([yMwdhHms])|/([yMwdhHms])")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")
_NUMBER = re.compile(r"(\d{9,19})(\.\d{1,9})?")
_CALENDAR = re.compile(r"(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?")
_MOMENT = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt ](\d{2})(?::?(\d{2}))?(?::?(\d{2}))?([.,]\d+)?([Zz]|[+-]\d{2}(?::?\d{2})?)?"
)


def parse_time(text: str, now: datetime) -> datetime:
    """The moment, in UTC, that the text means at `now`. Raises ValueError with examples.

    A day or a clock without a zone is in the zone of `now`.
    """
    return parse_span(text, now)[0]


def parse_span(text: str, now: datetime) -> tuple[datetime, datetime]:
    """The moment as first and end (exclusive): a whole day for `2026-11-23`, a minute for `11:42`."""
    try:
        found = _span(text.strip(), now)
        if found:
            return found[0].astimezone(UTC), found[1].astimezone(UTC)
    except (ValueError, OverflowError):  # such as the 31st of February
        found = None
    raise ValueError(f"{text!r} is no time; write {EXAMPLES}")


def parse_duration(text: str) -> timedelta:
    """`90s`, `1h30m`, `2 days`. Raises ValueError."""
    amounts = _amounts(text.strip())
    try:
        if amounts and not any(unit in "My" for _, unit in amounts):
            return sum((_length(amount, unit) for amount, unit in amounts), timedelta())
    except OverflowError:
        amounts = []
    raise ValueError(f"{text!r} is no length of time; write 90s, 15m, 1h30m, 7d or 2w")


def window(text: str, around: datetime) -> tuple[datetime, datetime]:
    """`±15m` (also `15m` or `+-15m`) around a moment; `-15m` is before it and `+15m` after it."""
    wanted = text.strip()
    sides = re.match(r"±|\+-|\+/-|[+-]?", wanted)
    sign = sides.group() if sides else ""
    length = parse_duration(wanted[len(sign) :])
    try:
        return (
            around if sign == "+" else around - length,
            around if sign == "-" else around + length,
        )
    except OverflowError:
        raise ValueError(f"{text!r} reaches beyond the years 1 to 9999") from None


def micros(text: str) -> int:
    """RFC 3339 as microseconds since 1970 in UTC; finer digits are cut off. Raises ValueError."""
    global _second
    second, start = _second  # one read: another thread may put its own there
    digits = text[20:-1]
    if text[:19] == second and text[19:20] == "." and text[-1] == "Z" and digits.isdecimal():
        return start + int((digits + "00000")[:6])  # most events share their second with the one before
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        if text[17:19] != "60":  # a leap second counts as the second before it
            raise
        moment = datetime.fromisoformat(text[:17] + "59" + text[19:])
    found = to_micros(moment)
    if text[-1] == "Z" and text[17:19] != "60":
        _second = (text[:19], found - moment.microsecond)
    return found


def to_micros(moment: datetime) -> int:
    """Microseconds since 1970; without a zone it is in UTC."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MICRO


def from_micros(micros: int) -> datetime:
    """The moment in UTC; beyond the years 1 to 9999 the first or last there is."""
    try:
        return _EPOCH + timedelta(microseconds=micros)
    except OverflowError:
        return (datetime.min if micros < 0 else datetime.max).replace(tzinfo=UTC)


def rfc3339(micros: int) -> str:
    """`2026-11-23T14:10:27.400908Z`, without a fraction where there is none."""
    return from_micros(micros).isoformat().replace("+00:00", "Z")


Span = tuple[datetime, datetime]


def _span(text: str, now: datetime) -> Span | None:
    for read in (_named, _math, _ago, _clock, _epoch, _calendar, _moment):
        found = read(text, now)
        if found:
            return found
    return None


def _named(text: str, now: datetime) -> Span | None:
    start = _floor(now, "d")
    if text.lower() == "today":
        return start, _later(start, 1, "d")
    if text.lower() == "yesterday":
        return _later(start, -1, "d"), start
    return (now, now + _MICRO) if text.lower() == "now" else None


def _math(text: str, now: datetime) -> Span | None:
    """Elastic's date math: `now-1d/d`, `2026-11-23||+1M/d`."""
    if text.startswith("now"):
        moment, steps = now, text[3:]
    elif "||" in text:
        anchor, _, steps = text.partition("||")
        moment = parse_time(anchor, now)
    else:
        return None
    if _STEP.sub("", steps):
        return None
    end = moment + _MICRO
    for sign, amount, unit, rounding in _STEP.findall(steps):
        if rounding:
            moment = _floor(moment, _UNITS[rounding])
            end = _end(moment, _UNITS[rounding])
        else:
            moment = _later(moment, int(sign + amount), _UNITS[unit])
            end = moment + _MICRO
    return moment, end


def _ago(text: str, now: datetime) -> Span | None:
    amounts = _amounts(text.removesuffix("ago").strip())
    if not amounts:
        return None
    moment = now
    for amount, unit in amounts:
        moment = _later(moment, -amount, unit)
    return moment, moment + _MICRO


def _clock(text: str, now: datetime) -> Span | None:
    clock = _CLOCK.fullmatch(text)
    if not clock:
        return None
    hour, minute, second = (int(part or 0) for part in clock.groups())
    moment = now.replace(hour=hour, minute=minute, second=second, microsecond=0)
    if moment > now:
        moment = _later(moment, -1, "d")
    return moment, _later(moment, 1, "s" if clock[3] else "m")


def _epoch(text: str, now: datetime) -> Span | None:
    number = _NUMBER.fullmatch(text)
    if not number:
        return None
    digits = len(number[1])
    scale = 1 if digits < 12 else 1_000 if digits < 15 else 1_000_000 if digits < 18 else 1_000_000_000
    unit = timedelta(seconds=1) / scale if scale <= 1_000_000 else _MICRO
    if number[2]:
        fraction = float(number[2]) * 1_000_000 / scale
        moment = from_micros(int(number[1]) * 1_000_000 // scale + int(fraction))
        return moment, moment + _MICRO
    moment = from_micros(int(number[1]) * 1_000_000 // scale)
    return moment, moment + unit


def _calendar(text: str, now: datetime) -> Span | None:
    parts = _CALENDAR.fullmatch(text)
    if not parts:
        return None
    year, month, day = (int(part or 1) for part in parts.groups())
    moment = datetime(year, month, day, tzinfo=now.tzinfo or UTC)
    return moment, _end(moment, "d" if parts[3] else "M" if parts[2] else "y")


def _moment(text: str, now: datetime) -> Span | None:
    parts = _MOMENT.fullmatch(text)
    if not parts:
        return None
    moment = datetime.fromisoformat(text.replace(",", ".").upper())
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=now.tzinfo or UTC)
    if parts[4]:
        digits = min(len(parts[4]) - 1, 6)
        return moment, _end(moment, 10 ** (6 - digits))
    return moment, _end(moment, "s" if parts[3] else "m" if parts[2] else "h")


def _amounts(text: str) -> list[tuple[float, str]]:
    """`1h30m` as [(1, "h"), (30, "m")]; nothing where the text is anything else."""
    found = []
    place = 0
    while place < len(text):
        amount = _AMOUNT.match(text, place)
        unit = amount and (_UNITS.get(amount[2]) or _UNITS.get(amount[2].lower().removesuffix("s")))
        if not amount or not unit:
            return []
        found.append((float(amount[1]), unit))
        place = amount.end()
    return found


def _length(amount: float, unit: str) -> timedelta:
    return timedelta(milliseconds=amount) if unit == "ms" else timedelta(seconds=amount * _SECONDS[unit])


def _later(moment: datetime, amount: float, unit: str) -> datetime:
    """So much later, by the calendar for months and years: the last day of a month that is too short."""
    if unit not in "My":
        return moment + _length(amount, unit)
    months = moment.year * 12 + moment.month - 1 + int(amount * (12 if unit == "y" else 1))
    year, month = divmod(months, 12)
    first_after = datetime(year + (month == 11), (month + 1) % 12 + 1, 1)
    last_day = (first_after - timedelta(days=1)).day
    return moment.replace(year=year, month=month + 1, day=min(moment.day, last_day))


def _end(moment: datetime, length: str | int) -> datetime:
    """Where what begins at `moment` ends: a unit or microseconds later, or at the last moment there is."""
    try:
        return _later(moment, 1, length) if isinstance(length, str) else moment + length * _MICRO
    except (OverflowError, ValueError):
        return datetime.max.replace(tzinfo=moment.tzinfo)


_FLOORS: dict[str, Callable[[datetime], datetime]] = {
    "s": lambda moment: moment.replace(microsecond=0),
    "m": lambda moment: moment.replace(second=0, microsecond=0),
    "h": lambda moment: moment.replace(minute=0, second=0, microsecond=0),
    "d": lambda moment: moment.replace(hour=0, minute=0, second=0, microsecond=0),
    "w": lambda moment: _FLOORS["d"](moment) - timedelta(days=moment.weekday()),
    "M": lambda moment: _FLOORS["d"](moment).replace(day=1),
    "y": lambda moment: _FLOORS["d"](moment).replace(month=1, day=1),
}


def _floor(moment: datetime, unit: str) -> datetime:
    return _FLOORS[unit](moment)


def moments(since: str | None, until: str | None) -> tuple[int | None, int | None]:
    """Bounds in RFC 3339 as microseconds since 1970; None is no bound. Raises ValueError."""
    return (None if since is None else micros(since), None if until is None else micros(until))
