"""Compile one condition into a test of one value: for events, and for the terms of an index."""

from __future__ import annotations

import operator
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from store.query.ast import MOST_CHARACTERS, Between, Condition, Equal, Exists, Like, Matches, Within
from store.query.globs import glob
from store.query.words import encodable
from store.times import micros

Test = Callable[[Any], bool]


def ready(value: Any, kind: str) -> Any:
    """A value of a field of this kind as conditions compare it."""
    if kind == "date":
        return moment(value)
    if kind == "any":
        value = _spell(value)
    return value[:MOST_CHARACTERS] if isinstance(value, str) else value


def moment(timestamp: str) -> int:
    """Microseconds since 1970; 0 for what is no time."""
    try:
        return micros(timestamp)
    except ValueError:
        return 0


def matcher(condition: Condition) -> Test:
    """Whether one value, made ready, meets the condition."""
    match condition:
        case Exists():
            return lambda value: True
        case Equal(_, wanted):
            wanted = ready(wanted, "keyword")
            return lambda value: bool(value == wanted)
        case Like(_, pattern):
            return _spelled(glob(pattern))
        case Matches(_, regex):
            return _spelled(_regex(regex))
        case Between():
            return _between(condition)
        case Within(_, network):
            return _within(network)
    raise TypeError(f"{type(condition).__name__} is no condition on a {condition.field.kind} field")


def _spell(value: Any) -> str:
    """A value as JSON spells it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _spelled(test: Callable[[str], bool]) -> Test:
    return lambda value: test(value if isinstance(value, str) else _spell(value))


def _regex(regex: str) -> Callable[[str], bool]:
    import re2

    whole = re2.compile(regex).fullmatch
    return lambda text: whole(encodable(text)) is not None


def _between(condition: Between) -> Test:
    kind = condition.field.kind
    key = _address_key if kind == "ip" else _any_key(condition) if kind == "any" else _itself
    low = None if condition.low is None else key(condition.low)
    high = None if condition.high is None else key(condition.high)
    above = operator.ge if condition.low_counts else operator.gt
    below = operator.le if condition.high_counts else operator.lt

    def inside(value: Any) -> bool:
        value = key(value)
        if value is None:
            return False
        return bool((low is None or above(value, low)) and (high is None or below(value, high)))

    return inside


def _itself(value: Any) -> Any:
    return value


def _address_key(text: Any) -> int:
    address = ip_address(text)
    return int(address) if isinstance(address, IPv6Address) else 0xFFFF << 32 | int(address)


def _any_key(condition: Between) -> Callable[[Any], Any]:
    """By number where the bounds are numbers; then text that is none is outside."""
    bounds = [str(bound) for bound in (condition.low, condition.high) if bound is not None]
    return _number if all(_number(bound) is not None for bound in bounds) else str


def _number(text: Any) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _within(network: str) -> Test:
    wanted = ip_network(network)
    return lambda value: ip_address(value) in wanted
