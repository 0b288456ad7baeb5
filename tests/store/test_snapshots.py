"""Snapshots of detectors: whole or refused, and never seen by anyone else."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from event_model.errors import StoreError
from store.snapshots import Snapshot, Snapshots, Stale, decode, encode

KEPT = Snapshot(1, "novelty", ("20261123-000", 65536), 1_795_435_200.0, b"\x93\x01\x02\x03")


def test_a_snapshot_comes_back_as_it_was() -> None:
    assert decode(encode(KEPT), "novelty") == KEPT


def test_every_cut_and_every_changed_byte_is_noticed() -> None:
    data = encode(KEPT)
    for length in range(len(data)):
        with pytest.raises(Stale):
            decode(data[:length], "novelty")
    for place in range(len(data)):
        with pytest.raises(Stale):
            decode(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :], "novelty")


def test_another_version_and_another_detectors_memory_are_refused_by_name() -> None:
    with pytest.raises(Stale, match="of version 7, ours is 1"):
        decode(encode(replace(KEPT, version=7)), "novelty")
    with pytest.raises(Stale, match="of the detector 'novelty'"):
        decode(encode(KEPT), "rate")


def test_a_newer_one_replaces_an_older_one_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    kept = Snapshots(tmp_path)
    assert kept.load("novelty") is None
    kept.save("novelty", KEPT.place, 1.0, b"old")
    size = kept.save("novelty", KEPT.place, 2.0, b"new")
    found = kept.load("novelty")
    assert found and (found.body, found.taken, kept.path("novelty").stat().st_size) == (b"new", 2.0, size)
    assert [each.name for each in kept.path("novelty").parent.iterdir()] == ["novelty.snapshot"]
    assert kept.path("novelty").stat().st_mode & 0o077 == 0


def test_where_it_cannot_be_written_the_old_one_stays(tmp_path: Path) -> None:
    kept = Snapshots(tmp_path)
    kept.save("novelty", KEPT.place, 1.0, b"old")
    (kept.path("novelty").with_name(".novelty.snapshot.new")).mkdir()  # nothing can be written there
    with pytest.raises(StoreError, match=r"novelty\.snapshot"):
        kept.save("novelty", KEPT.place, 2.0, b"new")
    found = kept.load("novelty")
    assert found and found.body == b"old"
