"""All that was learnt, as versioned MessagePack with a checksum; never code."""

from __future__ import annotations

from typing import Any
from zlib import crc32

import msgspec
from msgspec import Struct

from detectors._watch.actors import SEPARATOR, Actor, Group, Known, Realm, Tally
from detectors._watch.aspects import NAMES
from detectors._watch.budget import Budget, Pool
from detectors._watch.clock import Clock
from detectors._watch.verdicts import Verdicts
from detectors._watch.watch import MOST_GROUPS, Watch

VERSION = 1
MAGIC = b"tallyman behaviour"


class Counted(Struct, array_like=True):
    """A Tally."""

    kind: str
    total: float
    squares: float
    hours: dict[int, float]


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
    usual: float
    peak: float
    today: tuple[int, float]


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
    pools: dict[str, tuple[list[tuple[float, float, str]], float, float]]
    suppressed: list[tuple[str, str, str, int]]
    unlearned: list[tuple[str, str, str, int]]


def pack(watch: Watch, budget: Budget, verdicts: Verdicts) -> bytes:
    """The state as bytes: magic, version, checksum, MessagePack."""
    state = State(
        NAMES,
        watch.clock.minute,
        watch.clock.flow,
        [_member(actor) for actor in watch.actors.values()],
        [_peers(realm.name, group) for realm in watch.realms.values() for group in realm.groups.values()],
        {name: (list(pool.past), pool.tokens, pool.filled) for name, pool in budget.pools.items()},
        [(*scoped, ends) for scoped, ends in verdicts.suppressed.items()],
        [(*scoped, ends) for scoped, ends in verdicts.unlearned.items()],
    )
    body = msgspec.msgpack.encode(state)
    return MAGIC + bytes([VERSION]) + crc32(body).to_bytes(4, "big") + body


def unpack(data: bytes, watch: Watch, budget: Budget) -> Verdicts:
    """Fill a new watch and budget. Raises ValueError with the reason where that is no whole snapshot of ours."""
    head = len(MAGIC)
    if not data.startswith(MAGIC) or len(data) < head + 5:
        raise ValueError("no snapshot of a behaviour detector, or cut short")
    if data[head] != VERSION:
        raise ValueError(f"a snapshot of version {data[head]}; this is version {VERSION}")
    body = data[head + 5 :]
    if crc32(body).to_bytes(4, "big") != data[head + 1 : head + 5]:
        raise ValueError("the snapshot is damaged or cut short: its checksum differs")
    try:
        state = msgspec.msgpack.decode(body, type=State)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(f"the snapshot is of another shape: {error}") from None
    if state.facets != NAMES:
        raise ValueError(f"the snapshot has the facets {', '.join(state.facets)}")
    _fill(state, watch, budget)
    verdicts = Verdicts()
    verdicts.suppressed = {(scope, facet, value): ends for scope, facet, value, ends in state.suppressed}
    verdicts.unlearned = {(scope, facet, value): ends for scope, facet, value, ends in state.unlearned}
    return verdicts


def _member(actor: Actor) -> Member:
    tallies = [Counted(each.kind, each.total, each.squares, each.hours) for each in actor.tallies.values()]
    return Member(
        actor.name, actor.group.name, actor.first, actor.seen, actor.aged, actor.windows, actor.m, actor.n,
        actor.known, actor.hours, tallies, actor.carried, actor.usual, actor.peak, actor.today,
    )  # fmt: skip


def _peers(realm: str, group: Group) -> Peers:
    return Peers(
        realm, group.name, group.aged, group.m, group.n, group.young_m, group.young_n, group.unseen, group.hours,
        group.tallies,
    )  # fmt: skip


def _fill(state: State, watch: Watch, budget: Budget) -> None:
    watch.clock = Clock(state.minute, state.flow)
    for peers in state.peers:
        realm = watch.realms.setdefault(peers.realm, Realm(peers.realm))
        group = realm.group(peers.name, MOST_GROUPS)
        for name in ("aged", "m", "n", "young_m", "young_n", "unseen", "hours", "tallies"):
            setattr(group, name, getattr(peers, name))
    for member in state.members:
        _add(member, watch)
    for name, (past, tokens, filled) in state.pools.items():
        pool: Pool = budget.pool(name)
        pool.past.extend(past)
        pool.tokens, pool.filled = tokens, filled
        pool.renew(state.flow, budget.floor)


def _add(member: Member, watch: Watch) -> None:
    realm = watch.realms.setdefault(
        member.name.partition(SEPARATOR)[0], Realm(member.name.partition(SEPARATOR)[0])
    )
    group = realm.group(member.group, MOST_GROUPS)
    fields: dict[str, Any] = {
        name: getattr(member, name)
        for name in ("seen", "aged", "windows", "m", "n", "hours", "carried", "usual", "peak", "today")
    }
    actor = watch.actors[member.name] = Actor(member.name, group, member.first, **fields)
    for each in member.tallies:
        actor.tallies[each.kind] = Tally(
            actor, each.kind, total=each.total, squares=each.squares, hours=each.hours
        )
    for each_group in actor.groups:
        each_group.members += 1
    realm.members += 1
    for aspect, known in enumerate(member.known):
        for value, day in known.items():
            realm.learn(actor, aspect, value, day)
