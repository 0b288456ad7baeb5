"""All that was learnt, as versioned MessagePack with a checksum; never code."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from detectors._watch.actors import SEPARATOR, Actor, Group, Known, Realm, Tally
from detectors._watch.aspects import NAMES
from detectors._watch.budget import Budget
from detectors._watch.case import Case
from detectors._watch.clock import DAY, Clock
from detectors._watch.evidence import Term
from detectors._watch.sealed import Kept, give_back, keep, seal, unseal
from detectors._watch.verdicts import Verdicts
from detectors._watch.watch import MOST_GROUPS, Watch

VERSION = 1
NAME = "behaviour"


class Counted(Struct, array_like=True):
    """A Tally."""

    kind: str
    total: float
    squares: float
    hours: dict[int, float]
    window: int
    count: int


class Opened(Struct, array_like=True):
    """A Case: what the window that is open has brought, without the events that brought it."""

    hours: float
    total: float
    sums: list[float]
    counts: list[int]
    terms: list[Term]
    new: list[tuple[int, str, bool]]
    told: float


class Member(Struct, array_like=True):
    """An Actor."""

    name: str
    group: str
    first: int
    seen: float
    aged: float
    windows: int
    m: float
    n: list[float]
    known: Known
    hours: list[float]
    tallies: list[Counted]
    carried: float
    gathered: float
    usual: float
    peak: float
    today: tuple[int, float]
    case: Opened | None


class Peers(Struct, array_like=True):
    """A Group, without what follows from its members."""

    realm: str
    name: str
    aged: float
    m: float
    n: list[float]
    young_m: float
    young_n: list[float]
    unseen: list[float]
    hours: list[float]
    tallies: dict[str, list[float]]


class State(Struct, array_like=True):
    facets: tuple[str, ...]
    minute: int
    flow: float
    members: list[Member]
    peers: list[Peers]
    kept: Kept


def pack(watch: Watch, budget: Budget, verdicts: Verdicts) -> bytes:
    """The state as bytes, with what the window that is open has brought, but not with its events: an alert that comes
    later in it rests on those after the snapshot."""
    state = State(
        NAMES,
        watch.clock.minute,
        watch.clock.flow,
        [_member(actor) for actor in watch.actors.values()],
        [_peers(realm.name, group) for realm in watch.realms.values() for group in realm.groups.values()],
        keep(budget, verdicts),
    )
    return seal(NAME, VERSION, state)


def unpack(data: bytes, watch: Watch, budget: Budget) -> Verdicts:
    """Fill a new watch and budget. Raises ValueError with the reason where that is no whole snapshot of ours."""
    state: State = unseal(NAME, VERSION, data, State)
    if state.facets != NAMES:
        raise ValueError(f"the snapshot has the facets {', '.join(state.facets)}")
    _fill(state, watch)
    return give_back(state.kept, budget)


def _member(actor: Actor) -> Member:
    tallies = [
        Counted(each.kind, each.total, each.squares, each.hours, each.window, each.count)
        for each in actor.tallies.values()
    ]
    return Member(
        actor.name, actor.group.name, actor.first, actor.seen, actor.aged, actor.windows, actor.m, actor.n,
        actor.known, actor.hours, tallies, actor.carried, actor.gathered, actor.usual, actor.peak, actor.today,
        _opened(actor.case),
    )  # fmt: skip


def _opened(case: Case | None) -> Opened | None:
    if case is None:
        return None
    new = [(*pair, fresh) for pair, fresh in case.new.items()]
    return Opened(case.hours, case.total, case.sums, case.counts, case.terms, new, case.told)


def _peers(realm: str, group: Group) -> Peers:
    return Peers(
        realm, group.name, group.aged, group.m, group.n, group.young_m, group.young_n, group.unseen, group.hours,
        group.tallies,
    )  # fmt: skip


def _fill(state: State, watch: Watch) -> None:
    watch.clock = Clock(state.minute, state.flow, int(state.flow // DAY))
    for peers in state.peers:
        realm = watch.realms.setdefault(peers.realm, Realm(peers.realm))
        group = realm.group(peers.name, MOST_GROUPS)
        for name in ("aged", "m", "n", "young_m", "young_n", "unseen", "hours", "tallies"):
            setattr(group, name, getattr(peers, name))
    for member in state.members:
        _add(member, watch)


def _add(member: Member, watch: Watch) -> None:
    realm = watch.realms.setdefault(
        member.name.partition(SEPARATOR)[0], Realm(member.name.partition(SEPARATOR)[0])
    )
    group = realm.group(member.group, MOST_GROUPS)
    fields: dict[str, Any] = {
        name: getattr(member, name)
        for name in (
            "seen",
            "aged",
            "windows",
            "m",
            "n",
            "hours",
            "carried",
            "gathered",
            "usual",
            "peak",
            "today",
        )
    }
    actor = watch.actors[member.name] = Actor(member.name, group, member.first, **fields)
    for each in member.tallies:
        tally = actor.tallies[each.kind] = Tally(
            actor, each.kind, each.window, each.count, each.count + 1, each.total, each.squares, each.hours
        )
        if each.window == watch.clock.window:
            watch.tallies.append(tally)
    if member.case is not None:
        opened = member.case
        new = {(aspect, value): fresh for aspect, value, fresh in opened.new}
        actor.case = Case(
            opened.hours, opened.total, opened.sums, opened.counts, opened.terms, [], new, opened.told
        )
    for each_group in actor.groups:
        each_group.members += 1
    realm.members += 1
    for aspect, known in enumerate(member.known):
        for value, day in known.items():
            realm.learn(actor, aspect, value, day)
