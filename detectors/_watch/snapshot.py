"""All that was learnt, as versioned MessagePack with a checksum; never code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from detectors._watch.actors import SEPARATOR, Actor, Group, Known, Realm, Tally
from detectors._watch.aspects import NAMES
from detectors._watch.budget import Budget
from detectors._watch.case import Case
from detectors._watch.clock import Clock
from detectors._watch.evidence import Term
from detectors._watch.example import Example, example
from detectors._watch.example import event as event_of
from detectors._watch.lately import Lately
from detectors._watch.peers import Key
from detectors._watch.sealed import Kept, give_back, keep, seal, unseal
from detectors._watch.watch import Watch
from event_model.ready import ready

VERSION = 5
NAME = "behaviour"


class Counted(Struct, array_like=True):
    """A Tally."""

    kind: str
    total: float
    squares: float
    hours: dict[int, float]
    window: int
    count: int
    hour: int  # of the day, in which the window that is open was counted; -1: it was not


class Opened(Struct, array_like=True):
    """A Case: what the window that is open has brought, and which events did."""

    hours: float
    total: float
    sums: list[float]
    counts: list[int]
    terms: list[Term]
    events: list[Example]
    new: list[tuple[int, str, bool]]
    told: float
    minute: int


class Member(Struct, array_like=True):
    """An Actor."""

    name: str
    group: Key
    first: int
    met: float
    seen: float
    windows: int
    m: float
    n: list[float]
    known: Known
    hours: list[float]
    tallies: list[Counted]
    carried: float
    gathered: float
    weighed: int
    usual: float
    peak: float
    today: tuple[int, float]
    lately: Lately
    case: Opened | None


class Peers(Struct, array_like=True):
    """A Group, without what follows from its members."""

    realm: str
    key: Key
    m: float
    n: list[float]
    young_m: float
    young_n: list[float]
    unseen: list[float]
    hours: list[float]
    tallies: dict[str, list[float]]


class State(Struct, array_like=True):
    facets: tuple[str, ...]
    clock: Clock
    members: list[Member]
    peers: list[Peers]
    kept: dict[str, Kept]  # by detector


ready(State)


def pack(watch: Watch, budgets: Mapping[str, Budget]) -> bytes:
    """The state as bytes, with what the window that is open has brought."""
    hours = {id(tally): hour for hour, tallies in watch.tallies.items() for tally in tallies}
    state = State(
        NAMES,
        watch.clock,
        [_member(actor, hours) for actor in watch.actors.values()],
        [_peers(realm.name, group) for realm in watch.realms.values() for group in realm.groups.values()],
        {name: keep(budget, watch.verdicts) for name, budget in budgets.items()},
    )
    return seal(NAME, VERSION, state)


def unpack(data: bytes, watch: Watch, budgets: Mapping[str, Budget]) -> None:
    """Fill a new watch and new budgets: a detector that has joined since begins with none of it spent.

    Raises ValueError with the reason where that is no whole snapshot of ours.
    """
    state: State = unseal(NAME, VERSION, data, State)
    if state.facets != NAMES:
        raise ValueError(f"the snapshot has the facets {', '.join(state.facets)}")
    _fill(state, watch)
    for name, kept in state.kept.items():
        if name in budgets:
            watch.verdicts = give_back(kept, budgets[name])


def _member(actor: Actor, hours: Mapping[int, int]) -> Member:
    tallies = [
        Counted(
            each.kind, each.total, each.squares, each.hours, each.window, each.count, hours.get(id(each), -1)
        )
        for each in actor.tallies.values()
    ]
    return Member(
        actor.name, actor.group.key, actor.first, actor.met, actor.seen, actor.windows, actor.m, actor.n,
        actor.known, actor.hours, tallies, actor.carried, actor.gathered, actor.weighed, actor.usual, actor.peak,
        actor.today, actor.lately, _opened(actor.case),
    )  # fmt: skip


def _opened(case: Case | None) -> Opened | None:
    if case is None:
        return None
    new = [(*pair, fresh) for pair, fresh in case.new.items()]
    events = [example(each) for each in case.events]
    return Opened(
        case.hours, case.total, case.sums, case.counts, case.terms, events, new, case.told, case.minute
    )


def _peers(realm: str, group: Group) -> Peers:
    return Peers(
        realm, group.key, group.m, group.n, group.young_m, group.young_n, group.unseen, group.hours,
        group.tallies,
    )  # fmt: skip


def _fill(state: State, watch: Watch) -> None:
    watch.clock = state.clock
    for peers in state.peers:
        realm = watch.realms.setdefault(peers.realm, Realm(peers.realm))
        group = realm.group(peers.key)
        for name in ("m", "n", "young_m", "young_n", "unseen", "hours", "tallies"):
            setattr(group, name, getattr(peers, name))
    for member in state.members:
        _add(member, watch)


def _add(member: Member, watch: Watch) -> None:
    realm = watch.realms.setdefault(
        member.name.partition(SEPARATOR)[0], Realm(member.name.partition(SEPARATOR)[0])
    )
    group = realm.group(member.group)
    fields: dict[str, Any] = {
        name: getattr(member, name)
        for name in (
            "met",
            "seen",
            "windows",
            "m",
            "n",
            "hours",
            "carried",
            "gathered",
            "weighed",
            "usual",
            "peak",
            "today",
            "lately",
        )
    }
    actor = watch.actors[member.name] = Actor(member.name, realm, group, member.first, **fields)
    for each in member.tallies:
        tally = actor.tallies[each.kind] = Tally(
            actor, each.kind, each.window, each.count, each.count + 1,
            total=each.total, squares=each.squares, hours=each.hours,
        )  # fmt: skip
        if each.hour >= 0:
            watch.tallies.setdefault(each.hour, []).append(tally)
    if member.case is not None:
        opened = member.case
        new = {(aspect, value): fresh for aspect, value, fresh in opened.new}
        actor.case = Case(
            opened.hours,
            opened.total,
            opened.sums,
            opened.counts,
            opened.terms,
            [event_of(each) for each in opened.events],
            new,
            opened.told,
            opened.minute,
        )
    for each_group in actor.groups:
        each_group.members += 1
    realm.members += 1
    for aspect, known in enumerate(member.known):
        for value, day in known.items():
            realm.learn(actor, aspect, value, day)
