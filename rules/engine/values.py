"""What a Sigma value asks of a field's values: text, number, address range, pattern, time of day …"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING, Any

import re2

if TYPE_CHECKING:
    from sigma.types import SigmaRegularExpression, SigmaString, SigmaType

Check = Callable[[Any], bool]  # one value in, yes or no
LONGEST_PATTERN = 4096


def text_of(value: Any) -> str:
    """A single value as text; maps and lists have none."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (int, float)) else ""


def number_of(value: Any) -> float | int | None:
    """A single value as a number, where it is one or its text is."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and len(value) < 40:
        try:
            return int(value)
        except ValueError:
            try:
                return float(value)
            except ValueError:
                return None
    return None


def number(wanted: float) -> Check:
    return lambda value: number_of(value) == wanted


def boolean(wanted: bool) -> Check:
    word = "true" if wanted else "false"
    return lambda value: value is wanted or (isinstance(value, str) and value.lower() == word)


def compared(operator: str, wanted: float, part: Callable[[Any], int | None] | None = None) -> Check:
    """`lt`, `lte`, `gt`, `gte` of a number, or of a part of a time."""
    measure: Callable[[Any], float | int | None] = part or number_of
    compare: dict[str, Callable[[float], bool]] = {
        "LT": lambda found: found < wanted,
        "LTE": lambda found: found <= wanted,
        "GT": lambda found: found > wanted,
        "GTE": lambda found: found >= wanted,
        "NEQ": lambda found: found != wanted,
    }
    meets = compare[operator]
    return lambda value: (found := measure(value)) is not None and meets(found)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found


def within(networks: Iterable[IPv4Network | IPv6Network]) -> Check:
    """An address in any of these networks."""
    ranges = [(each.version, int(each.network_address), int(each.broadcast_address)) for each in networks]

    @lru_cache(maxsize=4096)
    def inside(text: str) -> bool:
        found = _address(text)
        if found is None:
            return False
        version, number = found.version, int(found)
        return any(each == version and first <= number <= last for each, first, last in ranges)

    return lambda value: isinstance(value, str) and len(value) < 64 and inside(value)


def pattern(text: str, flags: str = "") -> Check:
    """A regular expression found anywhere in the value, in time linear in its length. Raises ValueError."""
    find = searcher(text, flags)
    return lambda value: find(text_of(value)) if not isinstance(value, (dict, list)) else False


def searcher(text: str, flags: str = "") -> Callable[[str], bool]:
    if len(text) > LONGEST_PATTERN:
        raise ValueError(f"a pattern of more than {LONGEST_PATTERN} characters")
    options = re2.Options()
    options.log_errors = False
    try:
        compiled = re2.compile(f"(?{flags}){text}" if flags else text, options)
    except re2.error as error:
        reason = error.args[0].decode() if isinstance(error.args[0], bytes) else str(error)
        raise ValueError(f"the pattern {text!r} can't be run in bounded time: {reason}") from None
    search = compiled.search

    def find(value: str) -> bool:
        try:
            return search(value) is not None
        except UnicodeEncodeError:  # half of a surrogate pair
            return search(value.encode("utf-8", "replace").decode()) is not None

    return find


MANY, ONE = "*", "?"
Shape = list[str | tuple[str]]  # MANY, ONE and literal texts, in order


def string(value: SigmaString, cased: bool) -> Check:
    """Text with the wildcards `*` and `?`, matched as a whole."""
    shape = _shape(value, cased)
    if shape == [MANY]:
        return lambda value: True  # whatever there is
    matches = _matcher(shape)

    def check(found: Any) -> bool:
        if isinstance(found, str):
            return matches(found if cased else found.lower())
        return not isinstance(found, (dict, list)) and matches(text_of(found))

    return check


def found_in(value: SigmaString) -> Callable[[str], bool]:
    """A keyword, found anywhere in a text that comes in lower case."""
    return _matcher(_tidy([MANY, *_shape(value, cased=False), MANY]))


def _shape(value: SigmaString, cased: bool) -> Shape:
    from sigma.types import SpecialChars

    shape: Shape = []
    for part in value.s:
        if isinstance(part, str):
            shape.append((part if cased else part.lower(),))
        else:
            shape.append(MANY if part is SpecialChars.WILDCARD_MULTI else ONE)
    return _tidy(shape)


def _tidy(shape: Shape) -> Shape:
    """Neighbouring stars are one, neighbouring texts too."""
    tidy: Shape = []
    for part in shape:
        last = tidy[-1] if tidy else None
        if part == MANY and last == MANY:
            continue
        if isinstance(part, tuple) and isinstance(last, tuple):
            tidy[-1] = (last[0] + part[0],)
        else:
            tidy.append(part)
    return tidy


def _matcher(shape: Shape) -> Callable[[str], bool]:
    """A function of a whole text, the cheapest that does what the wildcards say."""
    if ONE in shape:
        wild = {MANY: ".*", ONE: "."}
        text = "".join(wild[part] if isinstance(part, str) else re2.escape(part[0]) for part in shape)
        return searcher(rf"\A(?:{text})\z", "s")
    texts = [part[0] for part in shape if isinstance(part, tuple)]
    match tuple(part == MANY for part in shape):
        case ():
            return lambda text: text == ""
        case (False,):
            return lambda text: text == texts[0]
        case (False, True):
            return lambda text: text.startswith(texts[0])
        case (True, False):
            return lambda text: text.endswith(texts[0])
        case (True, False, True):
            return lambda text: texts[0] in text
    return _pieces(texts, shape[0] != MANY, shape[-1] != MANY)


def _pieces(texts: list[str], at_start: bool, at_end: bool) -> Callable[[str], bool]:
    """Texts in this order with anything between: the leftmost will do, so nothing is tried twice."""

    def matches(text: str) -> bool:
        at, last = 0, len(text)
        middle = texts
        if at_start:
            if not text.startswith(texts[0]):
                return False
            at, middle = len(texts[0]), middle[1:]
        if at_end:
            last -= len(texts[-1])
            if last < at or not text.endswith(texts[-1]):
                return False
            middle = middle[:-1]
        for piece in middle:
            found = text.find(piece, at, last)
            if found < 0:
                return False
            at = found + len(piece)
        return at <= last

    return matches


def instant(value: Any) -> datetime | None:
    """A time in UTC, from RFC 3339 text or from seconds (milli-, micro-, nanoseconds) since the epoch."""
    try:
        if isinstance(value, str) and not value.isdigit():
            found = datetime.fromisoformat(value)
            return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
        count = number_of(value)
        if count is None:
            return None
        while abs(count) > 1e11:
            count /= 1000
        return datetime.fromtimestamp(count, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def time_part(unit: str) -> Callable[[Any], int | None]:
    """`MINUTE`, `HOUR`, `DAY`, `WEEK` (ISO), `MONTH` or `YEAR` of a time in UTC."""

    def measure(value: Any) -> int | None:
        moment = instant(value)
        if moment is None:
            return None
        return moment.isocalendar().week if unit == "WEEK" else int(getattr(moment, unit.lower()))

    return measure


def regular(value: SigmaRegularExpression) -> tuple[str, str]:
    """Pattern and flags as re2 takes them."""
    return str(value.regexp), "".join(sorted(value.sigma_to_re_flag[flag] for flag in value.flags))


def check_of(value: SigmaType) -> Check:
    """The test that one Sigma value asks of one value of a field. Raises ValueError."""
    from sigma import types

    match value:
        case types.SigmaExpansion(values=values):
            checks = [check_of(each) for each in values]
            return lambda found: any(check(found) for check in checks)
        case types.SigmaString():
            return string(value, isinstance(value, types.SigmaCasedString))
        case types.SigmaTimestampPart():
            part, wanted = time_part(value.timestamp_part.name), value.number
            return lambda found: part(found) == wanted
        case types.SigmaNumber():
            return number(value.number)
        case types.SigmaBool():
            return boolean(value.boolean)
        case types.SigmaRegularExpression():
            return pattern(*regular(value))
        case types.SigmaCIDRExpression():
            return within([value.network])
        case types.SigmaCompareExpression(number=bound, op=operator):
            measured = (
                time_part(bound.timestamp_part.name) if isinstance(bound, types.SigmaTimestampPart) else None
            )
            return compared(operator.name, bound.number, measured)
    raise ValueError(f"values of the kind {type(value).__name__} are not supported")


def check_any(wanted: list[SigmaType]) -> Check:
    """The test that any of some Sigma values asks; plain texts are looked up as one set."""
    from sigma import types

    plain: set[str] = set()
    checks: list[Check] = []
    networks = [value.network for value in wanted if isinstance(value, types.SigmaCIDRExpression)]
    if networks:
        checks.append(within(networks))
    for value in wanted:
        if isinstance(value, types.SigmaCIDRExpression):
            continue
        text = (
            "".join(part for part in value.s if isinstance(part, str))
            if type(value) is types.SigmaString
            else None
        )
        if text is not None and len(value.s) <= 1 and not value.contains_special():  # type: ignore[attr-defined]
            plain.add(text.lower())
        else:
            checks.append(check_of(value))
    if plain:
        checks.insert(0, _one_of(frozenset(plain)))
    if len(checks) == 1:
        return checks[0]
    return lambda found: any(check(found) for check in checks)


def _one_of(texts: frozenset[str]) -> Check:
    def check(found: Any) -> bool:
        if isinstance(found, str):
            return found.lower() in texts
        return not isinstance(found, (dict, list)) and text_of(found) in texts

    return check


def escape(text: str) -> str:
    """The text as a regular expression that finds it."""
    return str(re2.escape(text))


def keyword(value: SigmaType) -> Callable[[str], bool]:
    """Whether a lower-case text holds a value anywhere. Raises ValueError for a value that is no keyword."""
    from sigma import types

    match value:
        case types.SigmaExpansion(values=wanted):
            checks = [keyword(each) for each in wanted]
            return lambda text: any(check(text) for check in checks)
        case types.SigmaString():
            return found_in(value)
        case types.SigmaNumber():
            return lambda text: str(value.number) in text
        case types.SigmaRegularExpression():
            text, flags = regular(value)
            # the text comes in lower case
            return searcher(text, flags if "i" in flags else flags + "i")
    raise ValueError(f"values of the kind {type(value).__name__} can't be searched for in a whole record")


def shown(value: SigmaType) -> str:
    """A value as its rule writes it, to show why it was met."""
    from sigma import types

    if isinstance(value, types.SigmaExpansion):
        return ", ".join(shown(each) for each in value.values)
    return regular(value)[0] if isinstance(value, types.SigmaRegularExpression) else str(value)
