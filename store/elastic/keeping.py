"""How long the cluster keeps what it has: as whoever set it up said, until `tallyman store setup` says otherwise.

Many machines write to one cluster, each with a configuration of its own. One that starts with a shorter
`store.retention` must not delete what the others keep.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from msgspec.structs import replace

from store.elastic.change import Change, same
from store.elastic.names import Names
from store.elastic.server import look
from store.times import parse_duration

POLICY, TEMPLATE, STREAM = (
    "lifecycle policy",
    "index template",
    "retention of data stream",
)  # kinds of changes
_PLACES = {POLICY: ("policy", "phases", "delete"), TEMPLATE: ("template", "lifecycle"), STREAM: ()}


class Kept(NamedTuple):
    """A retention that stays as it is."""

    name: str
    there: str  # 90d
    here: str  # as this machine would have it


def spare(changes: Iterable[Change]) -> tuple[list[Change], list[Kept]]:
    """The changes without what they would do to a retention that is there, and those that are left so."""
    left, kept = list[Change](), list[Kept]()
    for change in changes:
        place = _PLACES.get(change.kind)
        if change.before is None or place is None:
            left.append(change)
            continue
        before, after = _at(change.before, place), _at(change.after, place)
        # without one of its own, as where a policy of before 8.14 said it, it is given the one that is wanted
        if same(before, after) or (change.kind != POLICY and not before):
            left.append(change)
            continue
        kept.append(Kept(change.name, _told(before), _told(after)))
        spared = replace(change, after=_put(change.after, place, before))
        if not same(change.before, spared.after):
            left.append(spared)
    return left, kept


def age(client: Any, ours: Names, own: timedelta | None) -> timedelta | None:
    """How long alerts are kept: as this machine's setting says, or as events are, if that is longer; None is for ever.

    Needs no more than view_index_metadata. Raises the client's exceptions.
    """
    found = (look(client, f"/_data_stream/logs-*-{ours.namespace}") or {}).get("data_streams", [])
    lives = [each["lifecycle"] for each in found if each["name"] in ours.streams and each.get("lifecycle")]
    ages = [own, *map(_length, lives)]
    return None if None in ages else max(each for each in ages if each is not None)


def _length(lifecycle: Mapping[str, Any]) -> timedelta | None:
    """How long a data stream's events are kept; None is for ever."""
    try:
        return parse_duration(lifecycle["data_retention"]) if lifecycle.get("enabled", True) else None
    except (KeyError, ValueError):  # servers know units, such as nanoseconds, that nobody means
        return None


def _at(value: Mapping[str, Any], place: tuple[str, ...]) -> dict[str, Any]:
    """What stands there; empty where nothing does."""
    found: Any = value
    for name in place:
        found = found.get(name) or {}
    return dict(found)


def _put(value: Mapping[str, Any], place: tuple[str, ...], given: dict[str, Any]) -> dict[str, Any]:
    """The same with this in its place; nothing where it is empty."""
    if not place:
        return given
    name, *rest = place
    below = _put(value.get(name) or {}, tuple(rest), given)
    return {**{each: value[each] for each in value if each != name}, **({name: below} if below else {})}


def _told(retention: Mapping[str, Any]) -> str:
    return str(retention.get("data_retention") or retention.get("min_age") or "forever")
