"""Snapshots: plain data as MessagePack behind a name, a version and a checksum; never code."""

from __future__ import annotations

from typing import Any
from zlib import crc32

import msgspec
from msgspec import Struct

from detectors._watch.budget import Budget, Incident
from detectors._watch.verdicts import Scoped, Term, Verdicts

MOST_BYTES = 256 * 1024 * 1024
_SUM = 4  # bytes


def seal(name: str, version: int, state: Any) -> bytes:
    """The state as bytes that `unseal` takes back: one line of name and version, a checksum, MessagePack."""
    body = msgspec.msgpack.encode(state)
    return f"tallyman {name} {version}\n".encode() + crc32(body).to_bytes(_SUM, "big") + body


def unseal(name: str, version: int, data: bytes, type: Any) -> Any:
    """The state, as `type` has it. Raises ValueError with the reason where that is no whole snapshot of the kind."""
    head, _, rest = data.partition(b"\n")
    words = head[:100].decode("ascii", "replace").split(" ")
    if len(words) != 3 or words[:2] != ["tallyman", name]:
        raise ValueError(f"no snapshot of {name}, or cut short")
    if words[2] != str(version):
        raise ValueError(f"a snapshot of version {words[2]}; this is version {version}")
    if len(rest) > MOST_BYTES:
        raise ValueError(f"a snapshot of {len(rest)} bytes; at most {MOST_BYTES} are read")
    body = rest[_SUM:]
    if crc32(body).to_bytes(_SUM, "big") != rest[:_SUM]:
        raise ValueError("the snapshot is damaged or cut short: its checksum differs")
    try:
        return msgspec.msgpack.decode(body, type=type)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(f"the snapshot is of another shape: {error}") from None


class Purse(Struct, array_like=True):
    """A Pool: the threshold as well, so that a restart tells no more and no less."""

    past: list[tuple[float, float, str]]
    threshold: float
    learning: bool
    renewed: float
    left: float
    filled: float


class Kept(Struct, array_like=True):
    """What every detector keeps besides what it has learnt: its budget and the verdicts."""

    pools: dict[str, Purse]
    suppressed: list[tuple[Scoped, Term]]
    unlearned: list[tuple[Scoped, Term]]
    bucket: tuple[float, float]  # what is left of it, and the flow of then
    open: list[tuple[str, str, float, float, int, int, int]]  # incidents, so that none is told twice
    window: int


def keep(budget: Budget, verdicts: Verdicts) -> Kept:
    return Kept(
        {
            name: Purse(
                list(pool.past),
                pool.threshold,
                pool.learning,
                pool.renewed,
                pool.bucket.left,
                pool.bucket.filled,
            )
            for name, pool in budget.pools.items()
        },
        list(verdicts.suppressed.items()),
        list(verdicts.unlearned.items()),
        (budget.bucket.left, budget.bucket.filled),
        [
            (each.actor, each.group, each.start, each.score, each.window, each.alerted, each.told)
            for each in budget.open.values()
        ],
        budget.window,
    )


def give_back(kept: Kept, budget: Budget) -> Verdicts:
    """Fill a new budget as it was, and make the verdicts. Another budget than before counts within the hour."""
    for name, purse in kept.pools.items():
        pool = budget.pool(name)
        pool.past.extend(purse.past)
        pool.threshold, pool.learning, pool.renewed = purse.threshold, purse.learning, purse.renewed
        pool.bucket.left, pool.bucket.filled = purse.left, purse.filled
    budget.bucket.left, budget.bucket.filled = kept.bucket
    budget.open, budget.window = {each[0]: Incident(*each) for each in kept.open}, kept.window
    verdicts = Verdicts()
    verdicts.suppressed, verdicts.unlearned = dict(kept.suppressed), dict(kept.unlearned)
    return verdicts
