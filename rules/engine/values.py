"""What a Sigma value asks of a field's values: text, number, address range, pattern, time of day …"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING, Any

from rules.engine import texts

if TYPE_CHECKING:
    from sigma.types import SigmaRegularExpression, SigmaString, SigmaType

Check = Callable[[Any], bool]  # one value in, yes or no


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
    """`LT`, `LTE`, `GT`, `GTE` of a number, or of a part of a time."""
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

    @lru_cache(maxsize=512)  # the same addresses come again and again
    def inside(text: str) -> bool:
        found = _address(text)
        if found is None:
            return False
        version, place = found.version, int(found)
        return any(each == version and first <= place <= last for each, first, last in ranges)

    return lambda value: isinstance(value, str) and len(value) < 64 and inside(value)


def pattern(wanted: Iterable[str], flags: str = "") -> Check:
    """One of these regular expressions is found anywhere in the value. Raises ValueError."""
    find = texts.searcher(list(wanted), flags)

    def check(value: Any) -> bool:
        if isinstance(value, str):
            return find(value)
        return not isinstance(value, (dict, list)) and find(text_of(value))

    return check


def string(wanted: Iterable[SigmaString], cased: bool = False) -> Check:
    """The whole value is one of these texts with wildcards `*` and `?`; a lone `*` is whatever there is."""
    shapes = [texts.shape_of(value, cased) for value in wanted]
    if [texts.MANY] in shapes:
        return lambda value: True
    matches = texts.any_of(shapes)

    def check(value: Any) -> bool:
        if isinstance(value, str):
            return matches(value if cased else value.lower())
        return not isinstance(value, (dict, list)) and matches(text_of(value))

    return check


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


def check_any(wanted: Iterable[SigmaType]) -> Check:
    """The test that any of some Sigma values asks, those of one kind together. Raises ValueError."""
    from sigma import types

    strings: dict[bool, list[SigmaString]] = {}
    patterns: dict[str, list[str]] = {}
    networks: list[IPv4Network | IPv6Network] = []
    checks: list[Check] = []
    for value in wanted:
        match value:
            case types.SigmaExpansion():
                checks.append(check_any(value.values))
            case types.SigmaString():
                strings.setdefault(isinstance(value, types.SigmaCasedString), []).append(value)
            case types.SigmaRegularExpression():
                text, flags = regular(value)
                patterns.setdefault(flags, []).append(text)
            case types.SigmaCIDRExpression():
                networks.append(value.network)
            case _:
                checks.append(_single(value))
    checks += [string(some, cased) for cased, some in strings.items()]
    checks += [within(networks)] if networks else []
    checks += [pattern(some, flags) for flags, some in patterns.items()]
    if len(checks) == 1:
        return checks[0]
    return lambda found: any(check(found) for check in checks)


def _single(value: SigmaType) -> Check:
    from sigma import types

    match value:
        case types.SigmaTimestampPart():
            part, wanted = time_part(value.timestamp_part.name), value.number
            return lambda found: part(found) == wanted
        case types.SigmaNumber():
            return number(value.number)
        case types.SigmaBool():
            return boolean(value.boolean)
        case types.SigmaCompareExpression(number=types.SigmaTimestampPart() as bound, op=operator):
            return compared(operator.name, bound.number, time_part(bound.timestamp_part.name))
        case types.SigmaCompareExpression(number=bound, op=operator):
            return compared(operator.name, bound.number)
    raise ValueError(f"values of the kind {type(value).__name__} are not supported")


def keyword(value: SigmaType) -> texts.Matches:
    """Whether a lower-case text holds a value anywhere. Raises ValueError for a value that is no keyword."""
    from sigma import types

    match value:
        case types.SigmaExpansion(values=wanted):
            checks = [keyword(each) for each in wanted]
            return lambda text: any(check(text) for check in checks)
        case types.SigmaString():
            shape = texts.shape_of(value, cased=False)
            return texts.any_of([texts.tidy([texts.MANY, *shape, texts.MANY])])
        case types.SigmaNumber():
            return lambda text: str(value.number) in text
        case types.SigmaRegularExpression():
            text, flags = regular(value)
            return texts.searcher([text], flags if "i" in flags else flags + "i")  # the text is in lower case
    raise ValueError(f"values of the kind {type(value).__name__} can't be searched for in a whole record")


def shown(value: SigmaType) -> str:
    """A value as its rule writes it, to show why it was met."""
    from sigma import types

    if isinstance(value, types.SigmaExpansion):
        return ", ".join(shown(each) for each in value.values)
    return regular(value)[0] if isinstance(value, types.SigmaRegularExpression) else str(value)
