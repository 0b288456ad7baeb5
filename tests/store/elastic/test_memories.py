"""What detectors remember, shared in a cluster: whole or not at all, whoever else writes."""

from __future__ import annotations

from random import Random

import pytest
from msgspec.structs import replace

from store.elastic.state import memories as shared
from store.elastic.state.memories import KIND, PART, PART_BYTES, MemoryIndex
from store.snapshots import Kept, Snapshot, Stale
from tests.contract import states

SMALL = Snapshot(1, "actors", ("20261123-000", 7), 1000.5, b"what is usual")
LARGE = replace(SMALL, taken=2000.0, body=Random(1).randbytes(2 * PART_BYTES + 1))  # nothing to compress


cluster, kept = states.cluster, states.clustered  # fixtures


@pytest.fixture
def memories(kept: states.ClusterKeeping) -> MemoryIndex:
    return kept.state.memories  # type: ignore[no-any-return]


def held(memories: MemoryIndex) -> list[Kept]:
    memories.index.refresh()
    return memories.kept()


def test_a_memory_of_many_parts_comes_back_as_it_was(memories: MemoryIndex) -> None:
    memories.save("host-a", LARGE)
    (kept,) = held(memories)
    assert kept == Kept("actors", "host-a", 2000.0)
    assert memories.read(kept) == LARGE
    assert memories.index.get(f"{PART}-host-a/actors-2") and not memories.index.get(f"{PART}-host-a/actors-3")


def test_each_machine_and_detector_has_its_own_and_the_newest_comes_first(memories: MemoryIndex) -> None:
    memories.save("host-a", replace(SMALL, taken=1.0))
    memories.save("host-b", replace(SMALL, taken=3.0, body=b"of b"))
    memories.save("host-a", replace(SMALL, detector="log_template", taken=2.0))
    found = held(memories)
    assert found == [
        Kept("actors", "host-b", 3.0), Kept("log_template", "host-a", 2.0), Kept("actors", "host-a", 1.0),
    ]  # fmt: skip
    first = memories.read(found[0])
    assert first and first.body == b"of b"


def test_a_later_writing_takes_the_place_of_an_earlier_one(memories: MemoryIndex) -> None:
    memories.save("host-a", LARGE)
    memories.save("host-a", replace(SMALL, taken=3000.0))
    (kept,) = held(memories)
    found = memories.read(kept)
    assert (kept.written, found and found.body) == (3000.0, SMALL.body)


def test_one_that_is_half_replaced_is_not_read(memories: MemoryIndex) -> None:
    memories.save("host-a", LARGE)
    (kept,) = held(memories)
    part = memories.index.get(f"{PART}-host-a/actors-1")
    assert part
    memories.index.put(part.id, {**part.source, "number": part.source["number"] + 1})
    assert memories.read(kept) is None
    memories.index.delete([hit for hit in [memories.index.get(part.id)] if hit])
    assert memories.read(kept) is None


def test_one_that_somebody_changed_is_refused_with_a_reason(memories: MemoryIndex) -> None:
    memories.save("host-a", SMALL)
    (kept,) = held(memories)
    part = memories.index.get(f"{PART}-host-a/actors-0")
    assert part
    memories.index.put(part.id, {**part.source, "value": {"data": "AAAA"}})
    with pytest.raises(Stale, match="can't be unpacked"):
        memories.read(kept)


def test_one_that_is_too_large_is_refused(memories: MemoryIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "MOST_BYTES", 1 << 20)
    with pytest.raises(ValueError, match=r"too large for the cluster: 6 MB, at most 1"):
        memories.save("host-a", LARGE)
    assert held(memories) == []


def test_what_is_unpacked_is_bounded(memories: MemoryIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    memories.save("host-a", replace(SMALL, body=bytes(4 << 20)))  # a few hundred bytes when compressed
    (kept,) = held(memories)
    monkeypatch.setattr(shared, "MOST_BYTES", 1 << 20)
    with pytest.raises(Stale, match="larger than 1 MB"):
        memories.read(kept)


def test_what_is_old_is_forgotten_with_its_parts(memories: MemoryIndex) -> None:
    memories.save("host-a", LARGE)
    memories.save("host-b", replace(SMALL, taken=5000.0))
    memories.index.refresh()
    assert memories.prune(3000.0) == 4
    assert [kept.owner for kept in held(memories)] == ["host-b"]
    left = memories.index.search({"terms": {"kind": [KIND, PART]}}, source=False)
    assert len(left) == 2
