"""Snapshots of what was learnt of numbers. Models are not in it: they are fitted again on the rows that they had."""

from __future__ import annotations

from msgspec import Struct

from detectors._numbers.forest import Model
from detectors._numbers.realm import FITTED, REFERENCE, Realm, packed, unpacked
from detectors._numbers.usual import KEPT, POOLED, Habit, Sample, settle
from detectors._numbers.window import Dumped, Window
from detectors._watch.budget import Budget
from detectors._watch.clock import Clock
from detectors._watch.lately import Lately
from detectors._watch.peers import Key
from detectors._watch.sealed import Kept, give_back, keep, seal, unseal
from detectors._watch.verdicts import Verdicts
from event_model.ready import ready

VERSION = 4
NAME = "isolation_forest"
MOST_REALMS = 200


class Sampled(Struct, array_like=True):
    """A Sample."""

    seen: int
    rows: bytes


class Member(Struct, array_like=True):
    """An Entity."""

    cluster: str
    name: str
    group: Key
    first: int
    seen: float
    sample: Sampled
    told: dict[str, int]
    lately: Lately
    window: Dumped | None


class Known(Struct, array_like=True):
    """A Realm."""

    name: str
    numbers: list[str]
    kinds: list[str]
    groups: list[tuple[Key, Sampled]]
    members: list[Member]
    reference: Sampled
    fresh: int
    fitted: bytes | None
    pending: bytes | None


class State(Struct, array_like=True):
    clock: Clock
    realms: list[Known]
    kept: Kept


ready(State)


def pack(clock: Clock, realms: dict[str, Realm], budget: Budget, verdicts: Verdicts) -> bytes:
    known = [_known(realm) for realm in realms.values()]
    return seal(NAME, VERSION, State(clock, known, keep(budget, verdicts)))


def unpack(data: bytes, budget: Budget, most: int) -> tuple[Clock, dict[str, Realm], Verdicts]:
    """What `pack` kept; the budget is filled. Raises ValueError with the reason."""
    state: State = unseal(NAME, VERSION, data, State)
    realms = {known.name: _realm(known, most) for known in state.realms[:MOST_REALMS]}
    return state.clock, realms, give_back(state.kept, budget)


def _known(realm: Realm) -> Known:
    members = [
        Member(
            each.cluster,
            each.entity,
            each.group.key,
            each.first,
            each.seen,
            _sampled(each.habit.sample),
            each.told,
            each.lately,
            each.window.dump() if each.window else None,
        )
        for each in realm.entities.values()
    ]
    pending = realm.pending()
    return Known(
        realm.name,
        realm.shape.names,
        list(realm.shape.kinds),
        [(key, _sampled(group.habit.sample)) for key, group in realm.groups.items()],
        members,
        _sampled(realm.reference),
        realm.fresh,
        packed(realm.model.rows) if realm.model else None,
        None if pending is None else packed(pending),
    )


def _sampled(sample: Sample) -> Sampled:
    return Sampled(sample.seen, packed(sample.known()))


def _realm(known: Known, most: int) -> Realm:
    realm = Realm(known.name, known.numbers, most)
    for kind in known.kinds:
        realm.shape.kind(kind)
    for key, sampled in known.groups:
        _habit(realm.group(key).habit, sampled, POOLED, realm.width)
    for member in known.members:
        _enter(realm, member)
    realm.shed()
    _fill(realm.reference, known.reference, REFERENCE, realm.width)
    realm.fresh = known.fresh
    if known.fitted is not None:
        realm.model = Model(unpacked(known.fitted, realm.width)[:FITTED])
    if known.pending is not None:
        realm.begin(unpacked(known.pending, realm.width)[:FITTED])
    return realm


def _enter(realm: Realm, member: Member) -> None:
    entity = realm.add(member.cluster, member.name, member.group, member.first, member.seen)
    _habit(entity.habit, member.sample, KEPT, realm.width)
    entity.told, entity.lately = member.told, member.lately
    if member.window is not None:
        entity.window = Window.load(member.window, realm.shape.names)
        realm.active[entity.name] = entity


def _habit(habit: Habit, sampled: Sampled, size: int, width: int) -> None:
    _fill(habit.sample, sampled, size, width)
    if len(habit.sample):
        settle([habit])


def _fill(sample: Sample, sampled: Sampled, size: int, width: int) -> None:
    rows = unpacked(sampled.rows, width)
    if len(rows) != min(sampled.seen, size):
        raise ValueError("a sample of another size")
    sample.seen = sampled.seen
    sample.rows[: len(rows)] = rows
